"""Tokenisers: text to numbers and back, learned from the training part alone, kept as JSON."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from assay.core.errors import OptionError, RunError, nearest

if TYPE_CHECKING:
    from numpy.typing import NDArray

KINDS = ("byte", "char", "word", "bpe")
USUAL_WORDS = 10_000
FEWEST_TIMES = 2
UNKNOWN = 0
UNKNOWN_SIGN = "\ufffd"

_PIECES = re.compile(r" ?\w+| ?[^\w\s]+|\s")
_PIECE_CHARACTERS = 1 << 20


class Tokenizer(ABC):
    """Text as a sequence of token numbers in [0, size).

    Attributes:
        kind: "byte", "char", "word" or "bpe".
        noun: What one token is called in words and in units, such as "character".
        unknown: The number that stands for everything outside the vocabulary; None where nothing is.
    """

    kind: ClassVar[str]
    noun: ClassVar[str]
    unknown: ClassVar[int | None] = None

    @property
    @abstractmethod
    def size(self) -> int:
        """How many token numbers there are."""

    @abstractmethod
    def encode(self, text: str) -> NDArray[np.int32]:
        """The tokens of a text, shape (tokens,); what is outside the vocabulary becomes `unknown`."""

    @abstractmethod
    def decode(self, tokens: Iterable[int]) -> str:
        """The text of these tokens; `unknown` and bytes that are no UTF-8 become U+FFFD."""

    @abstractmethod
    def widths(self, text: str, tokens: NDArray[np.int32]) -> NDArray[np.int32]:
        """UTF-8 bytes of each of the tokens that `encode` made of the text, shape (tokens,)."""

    @abstractmethod
    def state(self) -> dict[str, Any]:
        """The tokeniser as JSON data, from which `tokenizer_from_state` makes an equal one."""

    @classmethod
    @abstractmethod
    def from_state(cls, data: Mapping[str, Any]) -> Self:
        """The tokeniser that `state` described."""

    def spelled_bits(self, tokens: NDArray[np.int32], widths: NDArray[np.int32]) -> float:
        """Bits to spell what is unknown: 8 for each of its bytes and 8 for its end.

        Naming a token `unknown` does not say what it was; without this a small vocabulary would look like a good model.
        Source: definition.
        """
        if self.unknown is None:
            return 0.0
        strange = tokens == self.unknown
        return 8.0 * (float(widths[strange].sum()) + float(np.count_nonzero(strange)))


class ByteTokenizer(Tokenizer):
    """One token a byte of UTF-8; nothing is unknown and the round trip is exact.

    Example:
        >>> ByteTokenizer().encode("é").tolist(), ByteTokenizer().decode([195, 169])
        ([195, 169], 'é')
    """

    kind, noun = "byte", "byte"

    @property
    def size(self) -> int:
        return 256

    def encode(self, text: str) -> NDArray[np.int32]:
        return np.frombuffer(text.encode(), dtype=np.uint8).astype(np.int32)

    def decode(self, tokens: Iterable[int]) -> str:
        return bytes(int(t) for t in tokens).decode("utf-8", "replace")

    def widths(self, text: str, tokens: NDArray[np.int32]) -> NDArray[np.int32]:
        return np.ones(len(tokens), dtype=np.int32)

    def state(self) -> dict[str, Any]:
        return {"kind": self.kind}

    @classmethod
    def from_state(cls, data: Mapping[str, Any]) -> Self:
        return cls()


class CharTokenizer(Tokenizer):
    """One token a character of the training part, in the order of their code points, after the token for unknown ones.

    The round trip is exact for texts of known characters.

    Args:
        characters: The vocabulary without the unknown.

    Example:
        >>> tokens = CharTokenizer("abc").encode("cabx")
        >>> tokens.tolist(), CharTokenizer("abc").decode(tokens)
        ([3, 1, 2, 0], 'cab\ufffd')
    """

    kind, noun, unknown = "char", "character", UNKNOWN

    def __init__(self, characters: str) -> None:
        self.characters = "".join(sorted(set(characters)))
        self._codes = _code_points(self.characters)

    @property
    def size(self) -> int:
        return 1 + len(self.characters)

    def encode(self, text: str) -> NDArray[np.int32]:
        codes = _code_points(text)
        if not len(self._codes):
            return np.zeros(len(codes), dtype=np.int32)
        place = np.minimum(np.searchsorted(self._codes, codes), len(self._codes) - 1)
        return np.where(self._codes[place] == codes, place + 1, UNKNOWN).astype(np.int32)

    def decode(self, tokens: Iterable[int]) -> str:
        signs = UNKNOWN_SIGN + self.characters
        return "".join(signs[int(t)] for t in tokens)

    def widths(self, text: str, tokens: NDArray[np.int32]) -> NDArray[np.int32]:
        codes = _code_points(text)
        return (1 + (codes >= 0x80).astype(np.int32) + (codes >= 0x800) + (codes >= 0x10000)).astype(np.int32)

    def state(self) -> dict[str, Any]:
        return {"kind": self.kind, "characters": self.characters}

    @classmethod
    def from_state(cls, data: Mapping[str, Any]) -> Self:
        return cls(str(data["characters"]))


class WordTokenizer(Tokenizer):
    r"""One token a word or a run of punctuation, with the blank before it, or a single white character.

    The pieces join to the text again without loss; those outside the vocabulary are unknown.

    Args:
        words: The vocabulary without the unknown, in the order of the token numbers.

    Example:
        >>> words = WordTokenizer(["To", " be", ","])
        >>> words.encode("To be, so").tolist(), words.decode([1, 2, 3])
        ([1, 2, 3, 0], 'To be,')
    """

    kind, noun, unknown = "word", "word", UNKNOWN

    def __init__(self, words: Sequence[str]) -> None:
        self.words = tuple(words)
        self._numbers = {word: i + 1 for i, word in enumerate(self.words)}

    @property
    def size(self) -> int:
        return 1 + len(self.words)

    def encode(self, text: str) -> NDArray[np.int32]:
        numbers = self._numbers
        parts = [np.array([numbers.get(p, UNKNOWN) for p in _PIECES.findall(part)], dtype=np.int32) for part in pieces_of(text)]
        return np.concatenate(parts) if parts else np.zeros(0, dtype=np.int32)

    def decode(self, tokens: Iterable[int]) -> str:
        signs = (UNKNOWN_SIGN, *self.words)
        return "".join(signs[int(t)] for t in tokens)

    def widths(self, text: str, tokens: NDArray[np.int32]) -> NDArray[np.int32]:
        parts = [np.array([len(p.encode()) for p in _PIECES.findall(part)], dtype=np.int32) for part in pieces_of(text)]
        return np.concatenate(parts) if parts else np.zeros(0, dtype=np.int32)

    def state(self) -> dict[str, Any]:
        return {"kind": self.kind, "words": list(self.words)}

    @classmethod
    def from_state(cls, data: Mapping[str, Any]) -> Self:
        return cls([str(word) for word in data["words"]])

    @classmethod
    def learned(cls, texts: Iterable[str], size: int | None) -> Self:
        """The most frequent words of the texts that occur at least twice, `size` with the unknown among them."""
        counts: Counter[str] = Counter()
        for text in texts:
            for part in pieces_of(text):
                counts.update(_PIECES.findall(part))
        ranked = sorted((-n, word) for word, n in counts.items() if n >= FEWEST_TIMES)
        return cls([word for _, word in ranked[: (size or USUAL_WORDS) - 1]])


def pieces_of(text: str) -> list[str]:
    r"""The text in pieces of about a million characters, each but the last ending in a line feed; lists of words stay short.

    A text of one endless line is cut before a blank instead.

    Example:
        >>> pieces_of("a\nb")
        ['a\nb']
    """
    pieces, start = [], 0
    while start < len(text):
        end = start + _PIECE_CHARACTERS
        if end < len(text):
            line = text.rfind("\n", start, end) + 1
            blank = text.rfind(" ", start + 1, end)
            end = line if line > start else blank if blank > start else end
        pieces.append(text[start:end])
        start = end
    return pieces


def fit_tokenizer(kind: str, texts: Iterable[str], size: int | None = None) -> Tokenizer:
    """The tokeniser of that kind, learned from the texts: give it the training part alone.

    Args:
        kind: "byte", "char", "word" or "bpe".
        texts: To learn the vocabulary from.
        size: Of the vocabulary; for words and BPE only. None for what is usual.

    Raises:
        OptionError: there is no such kind, or a size for it.
        ExtraMissing: BPE without the extra "text".

    Example:
        >>> fit_tokenizer("char", ["abba"]).size
        3
    """
    if kind not in KINDS:
        raise OptionError(f"no tokeniser {kind!r}; {nearest(kind, KINDS)}")
    if size is not None and kind in ("byte", "char"):
        raise OptionError(f"a vocabulary of {size} was asked for, but {kind} tokens have the one that they have; leave --vocab out")
    if kind == "byte":
        return ByteTokenizer()
    if kind == "char":
        return CharTokenizer("".join(sorted(set().union(*texts))))
    if kind == "word":
        if size is not None and size < 2:
            raise OptionError(f"a vocabulary of {size} words leaves no word beside the unknown; give at least 2")
        return WordTokenizer.learned(texts, size)
    from assay.model.bpe import BpeTokenizer

    return BpeTokenizer.learned(texts, size)


def tokenizer_from_state(data: Mapping[str, Any]) -> Tokenizer:
    """The tokeniser that `Tokenizer.state` described; nothing is unpickled.

    Raises:
        RunError: the data are of no known kind, or cut.
        ExtraMissing: BPE without the extra "text".
    """
    kind = data.get("kind")
    known: dict[str, type[Tokenizer]] = {"byte": ByteTokenizer, "char": CharTokenizer, "word": WordTokenizer}
    try:
        if kind == "bpe":
            from assay.model.bpe import BpeTokenizer

            return BpeTokenizer.from_state(data)
        return known[str(kind)].from_state(data)
    except (KeyError, TypeError) as problem:
        raise RunError(f"tokeniser {kind!r} cannot be read: {problem!r}; it was written by another version, or cut") from problem


def _code_points(text: str) -> NDArray[np.uint32]:
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype="<u4")
