"""The words of texts: a vocabulary by falling frequency, and the texts as one stream of word numbers."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from assay.core.errors import InputError, OptionError, nearest

if TYPE_CHECKING:
    from numpy.typing import NDArray

WORD = re.compile(r"[^\W_]+(?:['_][^\W_]+)*")
PIECE_CHARACTERS = 1 << 20
MOST_COMPARED = 20_000
"""Spelling is compared with so many of the most frequent words; with all of a large vocabulary it would take seconds."""


def words_of(text: str) -> list[str]:
    """The words of a text in lower case: runs of letters and digits, with apostrophes and underscores inside.

    Example:
        >>> words_of("Don't panic: the new_york trains, 42 of them, _run_.")
        ["don't", 'panic', 'the', 'new_york', 'trains', '42', 'of', 'them', 'run']
    """
    return WORD.findall(text.lower().replace("’", "'"))


def sliding_windows(words: Sequence[str], width: int) -> list[tuple[str, ...]]:
    """All runs of so many words, each begun one word after the last.

    Example:
        >>> [" ".join(w) for w in sliding_windows("the cat sat on the mat".split(), 3)]
        ['the cat sat', 'cat sat on', 'sat on the', 'on the mat']
    """
    if width < 1:
        raise OptionError(f"a window of {width} words holds nothing; give 1 or more")
    return [tuple(words[i : i + width]) for i in range(len(words) - width + 1)]


@dataclass(frozen=True)
class Vocabulary:
    """The words that are known, the most frequent first.

    Attributes:
        words: As written, each once.
        counts: Occurrences of each, (vocab,) int64, falling.
    """

    words: tuple[str, ...]
    counts: NDArray[np.int64]

    @cached_property
    def index(self) -> dict[str, int]:
        """Word -> its number."""
        return {word: i for i, word in enumerate(self.words)}

    def __len__(self) -> int:
        return len(self.words)

    def number_of(self, word: str) -> int:
        """The number of a word, as it is written or else in lower case.

        Raises:
            InputError: the word is unknown; the nearest known ones are offered.
        """
        found = self.index.get(word)
        if found is None:
            found = self.index.get(word.lower())
        if found is None:
            raise InputError(f"no word {word!r} among the {len(self):,} known; {nearest(word, self.words[:MOST_COMPARED])}")
        return found


@dataclass(frozen=True)
class WordStream:
    """Texts as word numbers, one text after the other; rare words are left out.

    Attributes:
        ids: Word numbers, (tokens,) int32.
        starts: Where each text begins, and the end, (documents + 1,) int64.
        raw_words: Words before rare ones were left out.
    """

    ids: NDArray[np.int32]
    starts: NDArray[np.int64]
    raw_words: int

    @property
    def documents(self) -> Iterator[NDArray[np.int32]]:
        """The word numbers of each text."""
        for low, high in zip(self.starts[:-1], self.starts[1:], strict=True):
            yield self.ids[low:high]

    def passages(self, words: int) -> WordStream:
        """The same words with every text cut into passages of equal length, about so many words each; empty texts are left out.

        Example:
            >>> WordStream(np.arange(10), np.array([0, 7, 7, 10]), 10).passages(3).starts.tolist()
            [0, 4, 7, 10]
        """
        starts = [0]
        for low, high in zip(self.starts[:-1], self.starts[1:], strict=True):
            n = max(1, round((high - low) / words))
            starts += [int(low) + -(-int(high - low) * i // n) for i in range(1, n + 1)] if high > low else []
        return WordStream(self.ids, np.array(starts, dtype=np.int64), self.raw_words)


def read_words(documents: Iterable[str], *, min_count: int = 5, most_words: int | None = None) -> tuple[Vocabulary, WordStream]:
    """Count the words of texts, and number those that are frequent enough.

    Args:
        documents: One text each; no window of words reaches from one into another.
        min_count: Words with fewer occurrences are left out, and their neighbours move together.
        most_words: Keep at most so many of the most frequent words.

    Raises:
        OptionError: `min_count` is below 1.
        InputError: fewer than two words are left, so that there is nothing to tell apart.

    Example:
        >>> vocabulary, stream = read_words(["a b a", "b c"], min_count=2)
        >>> vocabulary.words, stream.ids.tolist(), stream.starts.tolist(), stream.raw_words
        (('a', 'b'), [0, 1, 0, 1], [0, 3, 4], 5)
    """
    if min_count < 1:
        raise OptionError(f"min count is {min_count}, it must be 1 or more")
    numbers: defaultdict[str, int] = defaultdict()
    numbers.default_factory = numbers.__len__  # an unseen word gets the next number
    pieces: list[NDArray[np.int32]] = []
    lengths = [0]
    for text in documents:
        read = 0
        for piece in _pieces(text):
            ids = np.fromiter(map(numbers.__getitem__, words_of(piece)), dtype=np.int32)
            pieces.append(ids)
            read += len(ids)
        lengths.append(read)
    first = np.concatenate(pieces) if pieces else np.zeros(0, np.int32)
    counts = np.bincount(first, minlength=len(numbers))
    order = np.argsort(-counts, kind="stable")
    kept = order[: int((counts >= min_count).sum())][:most_words]
    if len(kept) < 2:
        raise InputError(_too_few(len(first), len(numbers), len(kept), min_count))
    renumbered = np.full(len(numbers), -1, dtype=np.int32)
    renumbered[kept] = np.arange(len(kept), dtype=np.int32)
    stream = renumbered[first]
    known = stream >= 0
    kept_before = np.concatenate([[0], np.cumsum(known)])
    names = list(numbers)
    vocabulary = Vocabulary(tuple(names[i] for i in kept), counts[kept].astype(np.int64))
    return vocabulary, WordStream(stream[known], kept_before[np.cumsum(lengths)].astype(np.int64), len(first))


def _pieces(text: str) -> Iterator[str]:
    """A long text in pieces that end at blanks, so that its words never lie in memory all at once."""
    start = 0
    while len(text) - start > PIECE_CHARACTERS:
        end = next((i for i in range(start + PIECE_CHARACTERS, len(text)) if text[i].isspace()), len(text))
        yield text[start:end]
        start = end
    yield text[start:]


def _too_few(words: int, distinct: int, kept: int, min_count: int) -> str:
    if distinct < 2:
        return f"the text holds {words:,} words, {distinct} of them distinct; vectors need at least 2 distinct words: give more text"
    return (
        f"{kept} of {distinct:,} distinct words occur at least {min_count} times (--min-count {min_count}) in {words:,} words;"
        " give more text, or a smaller --min-count"
    )
