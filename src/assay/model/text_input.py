"""The input of networks that read texts word by word, beside a table's numbers and categories."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, NamedTuple, Self
from weakref import WeakKeyDictionary

import numpy as np

from assay.model.network_input import NetworkInput
from assay.model.table_input import TableInput, TableTensors, gathered

if TYPE_CHECKING:
    import torch
    from numpy.typing import NDArray
    from torch import Tensor

    from assay.model.contract import Rows
    from assay.model.encoded import Encoded
    from assay.model.text_words import Pool, Texts

PADDING, UNKNOWN, EMPTY = 0, 1, 2
FIRST_WORD = 3
FEWEST_ROWS = 2
LENGTH_QUANTILE = 0.98
BATCHES_SORTED = 32


class Words(NamedTuple):
    """Word numbers of the texts of one column, one row after the other; each row has one at least."""

    starts: Tensor
    numbers: Tensor

    def take(self, rows: Tensor) -> Words:
        """The words of these rows."""
        starts, places = gathered(self.starts, rows)
        return Words(starts, self.numbers[places])

    @property
    def lengths(self) -> Tensor:
        """Words of each row, (rows,)."""
        return self.starts[1:] - self.starts[:-1]

    def padded(self, tokens: int) -> Tensor:
        """Word numbers (rows, tokens), PADDING behind the end of each row."""
        import torch

        along = torch.arange(tokens)
        inside = along < self.lengths[:, None]
        places = torch.where(inside, self.starts[:-1, None] + along, 0)
        return torch.where(inside, self.numbers[places], PADDING)


class TextTensors(NamedTuple):
    """Encoded rows as tensors: a table's, and the words of each text column."""

    table: TableTensors
    texts: tuple[Words, ...]

    @property
    def rows(self) -> int:
        """Number of rows."""
        return self.table.rows

    @property
    def numbers(self) -> Tensor:
        """The number inputs, (rows, numbers)."""
        return self.table.numbers

    def take(self, rows: Tensor) -> TextTensors:
        """These rows (positions), in this order."""
        return TextTensors(self.table.take(rows), tuple(text.take(rows) for text in self.texts))

    def tensors(self) -> tuple[Tensor, ...]:
        """All that it holds."""
        return (*self.table.tensors(), *(part for text in self.texts for part in text))

    @property
    def lengths(self) -> Tensor:
        """Words of the longest text of each row, (rows,)."""
        import torch

        return torch.stack([text.lengths for text in self.texts]).amax(dim=0)

    def batches(self, order: Tensor, batch_rows: int) -> Iterator[Tensor]:
        """The rows of `order`, each once, in batches of texts of like length, so that little padding is computed."""
        import torch

        return batches_of_like_length(self.lengths, order, batch_rows) if self.texts else iter(torch.split(order, batch_rows))


def batches_of_like_length(lengths: Tensor, order: Tensor, batch_rows: int) -> Iterator[Tensor]:
    """The rows of `order`, each once, in batches of like length.

    Some batches' worth of rows at a time are sorted by length and cut; which of those batches comes when is as random as `order`.
    """
    import torch

    for rows in torch.split(order, batch_rows * BATCHES_SORTED):
        by_length = lengths[rows].sort(stable=True).indices
        batches = torch.split(by_length, batch_rows)
        # a place in `order` tells nothing of length
        for batch in sorted(batches, key=lambda one: int(one[len(one) // 2])):
            yield rows[batch]


@dataclass(frozen=True)
class TextInput(NetworkInput):
    """How texts, and the numbers and categories beside them, are fed.

    Attributes:
        table: Of numbers and categories.
        vocabulary: The words that are told apart, the most frequent first; all others are one unknown word.
        longest: Words of a text that are read; the rest is cut.
        columns: Names of the text columns.
        n_cut: Training rows of which something was cut.
    """

    table: TableInput
    vocabulary: tuple[str, ...]
    longest: int
    columns: tuple[str, ...]
    n_cut: int = 0
    _known: WeakKeyDictionary[Pool, NDArray[np.int64]] = field(default_factory=WeakKeyDictionary, repr=False, compare=False)

    @classmethod
    def fit(cls, train: Rows, shape: Any) -> Self:
        """Learn the vocabulary and how long texts are; `shape` says at most how many words of each (`vocab`, `longest`)."""
        data = train.data
        lengths = np.stack([np.diff(text.words()[0]) for text in data.texts]) if data.texts else np.zeros((1, data.rows), np.int64)
        usual = int(np.ceil(np.quantile(lengths, LENGTH_QUANTILE))) if lengths.size else 0
        longest = max(1, min(shape.longest, usual))
        # bags tell of the texts a second time
        table = replace(TableInput.fit(train, shape), terms=())
        words = frequent_words(data.texts, shape.vocab - FIRST_WORD)
        return cls(table, words, longest, tuple(data.bag_names), int((lengths > longest).any(axis=0).sum()))

    @property
    def number_names(self) -> tuple[str, ...]:  # type: ignore[override]
        """Names of the number columns."""
        return self.table.number_names

    @property
    def vocab(self) -> int:
        """How many word numbers there are."""
        return FIRST_WORD + len(self.vocabulary)

    def read(self, data: Encoded, dtype: torch.dtype) -> TextTensors:
        return TextTensors(self.table.read(data, dtype), tuple(self._words(text) for text in data.texts))

    def _words(self, text: Texts) -> Words:
        import torch

        starts, places, words = text.words()
        lengths = np.diff(starts)
        kept = np.clip(lengths, 1, self.longest)
        ends = np.cumsum(kept)
        # the place in its row of every word that is kept
        along = np.arange(ends[-1] if len(ends) else 0) - np.repeat(ends - kept, kept)
        numbers = np.full(len(along), EMPTY, dtype=np.int64)
        filled = np.repeat(lengths > 0, kept)
        numbers[filled] = self._numbers(text.pool, words)[places[(np.repeat(starts[:-1], kept) + along)[filled]]]
        return Words(torch.as_tensor(np.concatenate([[0], ends])), torch.as_tensor(numbers))

    def _numbers(self, pool: Pool, words: Sequence[str]) -> NDArray[np.int64]:
        """Number of each distinct word of a pool."""
        if pool not in self._known:
            numbers = {word: number for number, word in enumerate(self.vocabulary, FIRST_WORD)}
            self._known[pool] = np.array([numbers.get(word, UNKNOWN) for word in words], dtype=np.int64)
        return self._known[pool]

    def order(self, inputs: TextTensors) -> Tensor:
        import torch

        return inputs.lengths.sort(stable=True).indices if inputs.texts else torch.arange(inputs.rows)

    def state(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        told, arrays = self.table.state()
        own = {"vocabulary": list(self.vocabulary), "longest": self.longest, "columns": list(self.columns), "cut": self.n_cut}
        return {**told, "texts": own}, arrays

    @classmethod
    def from_state(cls, data: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> Self:
        own = data["texts"]
        table = TableInput.from_state(data, arrays)
        return cls(table, tuple(own["vocabulary"]), int(own["longest"]), tuple(own["columns"]), int(own["cut"]))


def frequent_words(texts: Sequence[Texts], most: int) -> tuple[str, ...]:
    """The most frequent words that stand in these texts twice at least, ties by the alphabet.

    Example:
        >>> import polars as pl
        >>> from assay.model.text_words import Texts
        >>> frequent_words([Texts.of(pl.Series(["to be or not to be", "not so"]))], 2)
        ('be', 'not')
    """
    counts: Counter[str] = Counter()
    for text in texts:
        _, places, words = text.words()
        for place in np.flatnonzero(found := np.bincount(places, minlength=len(words))):
            counts[words[place]] += int(found[place])
    ranked = sorted((word for word, n in counts.items() if n >= FEWEST_ROWS), key=lambda word: (-counts[word], word))
    return tuple(ranked[:most])


def told_of_texts(fed: TextInput) -> str:
    """How many words are known and how far texts are read, in a few words."""
    return f"{len(fed.vocabulary):,} words, texts to {fed.longest}"
