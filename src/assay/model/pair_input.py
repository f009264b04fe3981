"""The input of a siamese network: both items of each pair, encoded by what was learned from all of them together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import numpy as np

from assay.core.errors import OptionError
from assay.model.contract import Rows
from assay.model.encoded import Encoded
from assay.model.network_input import NetworkInput
from assay.model.pair_columns import PairColumns, pair_columns, same_class
from assay.model.text_input import TextInput, TextTensors, batches_of_like_length

if TYPE_CHECKING:
    import torch
    from numpy.typing import NDArray
    from torch import Tensor

    from assay.model.text_words import Texts

SCORE = -1


class PairTensors(NamedTuple):
    """Both items of each row as tensors."""

    left: TextTensors
    right: TextTensors

    @property
    def rows(self) -> int:
        """Number of pairs."""
        return self.left.rows

    @property
    def numbers(self) -> Tensor:
        """The number inputs of the left items, (rows, numbers)."""
        return self.left.numbers

    def take(self, rows: Tensor) -> PairTensors:
        """These rows (positions), in this order."""
        return PairTensors(self.left.take(rows), self.right.take(rows))

    def tensors(self) -> tuple[Tensor, ...]:
        """All that it holds."""
        return (*self.left.tensors(), *self.right.tensors())

    @property
    def lengths(self) -> Tensor:
        """Words of the longest text of each row, (rows,); 0 where there is none."""
        import torch

        if not self.left.texts:
            return torch.zeros(self.rows, dtype=torch.int64)
        return torch.maximum(self.left.lengths, self.right.lengths)

    def batches(self, order: Tensor, batch_rows: int) -> Iterator[Tensor]:
        """The rows of `order`, each once, in batches of texts of like length, so that little padding is computed."""
        import torch

        return batches_of_like_length(self.lengths, order, batch_rows) if self.left.texts else iter(torch.split(order, batch_rows))


@dataclass(frozen=True)
class PairInput(NetworkInput):
    """How the items of pairs are fed.

    Attributes:
        item: Learned from left and right items together, so that both are read alike.
        pair: The columns of both.
        same: Class of pairs that belong together; `SCORE` where the target is a score, higher for more alike.
        lowest, highest: Of the scores.
        rarity: How loud each word of the vocabulary is born, see `word_rarity`; nothing afterwards.
    """

    item: TextInput
    pair: PairColumns
    same: int
    lowest: float = 0.0
    highest: float = 1.0
    rarity: tuple[float, ...] = ()

    @classmethod
    def fit(cls, train: Rows, shape: Any) -> Self:
        """Find the columns of the pair, and learn words, levels and scaling from both sides.

        Raises:
            OptionError: no columns stand for two items that can be compared, there are not two classes, or their names do not tell.
        """
        data = train.data
        texts = data.bag_names if data.texts else ()
        pair = pair_columns(_names(data), texts=texts, asked=shape.pair)
        left, right = items(data, pair)
        both = Rows(left.followed_by(right), np.concatenate([train.target, train.target]))
        item = TextInput.fit(both, shape)
        rarity = word_rarity(both.data.texts, item.vocabulary)
        if np.issubdtype(train.target.dtype, np.integer):
            return cls(item, pair, same_class(train.class_names), rarity=rarity)
        return cls(item, pair, SCORE, float(train.target.min()), float(train.target.max()), rarity)

    @property
    def number_names(self) -> tuple[str, ...]:  # type: ignore[override]
        """Names of the number columns of the left item."""
        return self.item.number_names

    def read(self, data: Encoded, dtype: torch.dtype) -> PairTensors:
        left, right = items(data, self.pair)
        return PairTensors(self.item.read(left, dtype), self.item.read(right, dtype))

    def order(self, inputs: PairTensors) -> Tensor:
        return inputs.lengths.sort(stable=True).indices

    def alike(self, target: Tensor) -> Tensor:
        """How alike each pair is by its target, from 0 for different to 1 for the same, float32."""
        if self.same != SCORE:
            return (target == self.same).float()
        return ((target - self.lowest) / ((self.highest - self.lowest) or 1.0)).clamp(0.0, 1.0).float()

    def state(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        told, arrays = self.item.state()
        own = {"left": list(self.pair.left), "right": list(self.pair.right), "same": self.same}
        return {**told, "pair": {**own, "lowest": self.lowest, "highest": self.highest}}, arrays

    @classmethod
    def from_state(cls, data: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> Self:
        own = data["pair"]
        pair = PairColumns(tuple(own["left"]), tuple(own["right"]))
        return cls(TextInput.from_state(data, arrays), pair, int(own["same"]), float(own["lowest"]), float(own["highest"]))


def items(data: Encoded, pair: PairColumns) -> tuple[Encoded, Encoded]:
    """Left and right items, as rows of one and the same encoding.

    Raises:
        OptionError: a column and its mate are of kinds that cannot be compared.
    """
    for a, b in zip(pair.left, pair.right, strict=True):
        kinds = [_kind(data, name) for name in (a, b)]
        if kinds[0] != kinds[1]:
            raise OptionError(
                f"column {a!r} is read as {kinds[0]} and {b!r} as {kinds[1]}, which cannot be compared; "
                f"give both one kind, as with --type {a}=text --type {b}=text"
            )
    levels = [_levels(data, a, b) for a, b in zip(pair.left, pair.right, strict=True) if _kind(data, a) == "category"]
    return _side(data, pair.left, pair, levels), _side(data, pair.right, pair, levels)


def word_rarity(texts: Sequence[Texts], vocabulary: Sequence[str]) -> tuple[float, ...]:
    """How rare each word is: log(1 + texts / texts with it), as a share of the mean.

    Source: Sparck Jones 1972, smoothed.

    Example:
        >>> import polars as pl
        >>> from assay.model.text_words import Texts
        >>> [round(rare, 2) for rare in word_rarity([Texts.of(pl.Series(["the cat", "the dog"]))], ["the", "cat"])]
        [0.77, 1.23]
    """
    found = dict.fromkeys(vocabulary, 0)
    n_texts = 0
    for text in texts:
        starts, places, words = text.words()
        n_texts += len(starts) - 1
        row = np.repeat(np.arange(len(starts) - 1), np.diff(starts))
        once = np.unique(np.stack([row, places]), axis=1)[1]
        for place, n in enumerate(np.bincount(once, minlength=len(words)).tolist()):
            if words[place] in found:
                found[words[place]] += n
    rare = np.log1p(n_texts / np.maximum(np.array(list(found.values()), dtype=np.float64), 1.0))
    return tuple((rare / rare.mean()).tolist()) if found else ()


def _names(data: Encoded) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*data.number_sources, *data.code_names, *data.bag_names)))


def _kind(data: Encoded, name: str) -> str:
    return "text" if name in data.bag_names else "category" if name in data.code_names else "number"


def _levels(data: Encoded, left: str, right: str) -> tuple[str, ...]:
    """The levels of a category column and its mate, each once."""
    known = [data.code_levels[data.code_names.index(name)] for name in (left, right)]
    return tuple(dict.fromkeys((*known[0], *known[1])))


def _side(data: Encoded, names: Sequence[str], pair: PairColumns, levels: Sequence[tuple[str, ...]]) -> Encoded:
    """The items of one side; its columns are called as those of the left."""
    numbers = [place for name, mate in zip(names, _mates(names, pair), strict=True) for place in _places(data, name, mate)]
    coded = [data.code_names.index(name) for name in names if name in data.code_names]
    written = [data.bag_names.index(name) for name in names if name in data.bag_names]
    called = dict(zip(names, pair.left, strict=True))
    codes = [_renumbered(data, place, known) for place, known in zip(coded, levels, strict=True)]
    return Encoded(
        numbers=data.numbers[:, numbers],
        number_names=tuple(data.number_names[place] for place in numbers),
        number_sources=tuple(called[data.number_sources[place]] for place in numbers),
        codes=np.column_stack(codes) if codes else data.codes[:, :0],
        code_names=tuple(called[data.code_names[place]] for place in coded),
        code_sizes=tuple(len(known) + 2 for known in levels),
        bag_names=tuple(called[data.bag_names[place]] for place in written),
        code_levels=tuple(levels),
        texts=tuple(data.texts[place] for place in written),
    )


def _mates(names: Sequence[str], pair: PairColumns) -> tuple[str, ...]:
    return pair.right if tuple(names) == pair.left else pair.left


def _places(data: Encoded, name: str, mate: str) -> list[int]:
    """Of a column, the encoded numbers that its mate has too, such as the parts of a date."""
    named = [
        {n.removeprefix(s): i for i, (n, s) in enumerate(zip(data.number_names, data.number_sources, strict=True)) if s == one}
        for one in (name, mate)
    ]
    return [place for part, place in named[0].items() if part in named[1]]


def _renumbered(data: Encoded, place: int, levels: tuple[str, ...]) -> NDArray[np.int32]:
    """Codes of one column by the levels of both; what is missing or unknown stays so."""
    number = {level: code for code, level in enumerate(levels, 2)}
    table = np.array([0, 1, *(number[level] for level in data.code_levels[place])], dtype=np.int32)
    return np.asarray(table[data.codes[:, place]])
