"""The input of networks on tables: numbers straightened, scaled and binned, category codes, bags of n-grams."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import numpy as np

from assay.model.mlp_scaling import NumberScaling, fit_scaling
from assay.model.network_input import NetworkInput

if TYPE_CHECKING:
    import torch
    from numpy.typing import NDArray
    from torch import Tensor

    from assay.model.contract import Rows
    from assay.model.encoded import Encoded


class Bag(NamedTuple):
    """Sparse rows of one text column: each row's terms and their weights, one row after the other."""

    starts: Tensor
    terms: Tensor
    weights: Tensor

    def take(self, rows: Tensor) -> Bag:
        """The bags of these rows."""
        starts, places = gathered(self.starts, rows)
        return Bag(starts, self.terms[places], self.weights[places])


class TableTensors(NamedTuple):
    """Encoded rows as tensors, numbers scaled."""

    numbers: Tensor
    gaps: Tensor
    codes: Tensor
    bags: tuple[Bag, ...]

    @property
    def rows(self) -> int:
        """Number of rows."""
        return int(self.numbers.shape[0])

    def take(self, rows: Tensor) -> TableTensors:
        """These rows (positions), in this order."""
        return TableTensors(self.numbers[rows], self.gaps[rows], self.codes[rows], tuple(bag.take(rows) for bag in self.bags))

    def tensors(self) -> tuple[Tensor, ...]:
        """All that it holds."""
        return (self.numbers, self.gaps, self.codes, *(part for bag in self.bags for part in bag))


@dataclass(frozen=True)
class TableInput(NetworkInput):
    """How a table's numbers, categories and bags are fed.

    Attributes:
        scaling: Of the numbers.
        code_sizes: Codes of each category column.
        terms: Terms of each bag.
        number_names: Names of the number columns.
    """

    scaling: NumberScaling
    code_sizes: tuple[int, ...]
    terms: tuple[int, ...]
    number_names: tuple[str, ...]

    @classmethod
    def fit(cls, train: Rows, shape: Any) -> Self:
        """Take the scaling from the training rows; `shape` says with how many `bins`, and whether numbers are `scaled`."""
        data = train.data
        scaling = fit_scaling(data.numbers, scaled=shape.scaled, bins=shape.bins)
        return cls(scaling, tuple(data.code_sizes), tuple(int(bag.shape[1]) for bag in data.bags), tuple(data.number_names))

    def read(self, data: Encoded, dtype: torch.dtype) -> TableTensors:
        import torch

        numbers, gaps = self.scaling.apply(data.numbers)
        bags = []
        for bag in data.bags[: len(self.terms)]:
            starts, terms = (torch.as_tensor(np.asarray(a, np.int64)) for a in (bag.indptr, bag.indices))
            bags.append(Bag(starts, terms, torch.as_tensor(bag.data)))
        codes = np.minimum(data.codes, np.asarray(self.code_sizes or [1]) - 1).astype(np.int64) if data.codes.size else data.codes
        return TableTensors(torch.as_tensor(numbers, dtype=dtype), torch.as_tensor(gaps, dtype=dtype), torch.as_tensor(codes), tuple(bags))

    def state(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        told, arrays = self.scaling.state()
        sizes = {"codes": list(self.code_sizes), "terms": list(self.terms), "numbers": list(self.number_names)}
        return {"sizes": sizes, "scaling": told}, {f"scaling.{n}": a for n, a in arrays.items()}

    @classmethod
    def from_state(cls, data: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> Self:
        scaling = {n.removeprefix("scaling."): np.asarray(a) for n, a in arrays.items() if n.startswith("scaling.")}
        sizes = data["sizes"]
        return cls(
            NumberScaling.from_state(data["scaling"], scaling), tuple(sizes["codes"]), tuple(sizes["terms"]), tuple(sizes["numbers"])
        )


def gathered(starts: Tensor, rows: Tensor) -> tuple[Tensor, Tensor]:
    """Where each of these rows starts once they stand one after the other, and the places of their parts.

    Example:
        >>> import torch
        >>> [part.tolist() for part in gathered(torch.tensor([0, 2, 2, 5]), torch.tensor([2, 0]))]
        [[0, 3, 5], [2, 3, 4, 0, 1]]
    """
    import torch

    low = starts[rows]
    lengths = starts[rows + 1] - low
    ends = lengths.cumsum(0)
    moved = torch.cat([ends.new_zeros(1), ends])
    total = int(ends[-1]) if len(rows) else 0
    return moved, torch.arange(total) + torch.repeat_interleave(low - moved[:-1], lengths)
