"""What models read: a table's features as numbers, category codes and bags of n-grams, each tied to its source column."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from scipy.sparse import csr_array


@dataclass(frozen=True)
class Encoded:
    """Encoded rows.

    Attributes:
        numbers: Float64 (rows, p); NaN where missing. Not scaled: a model that needs scaling scales.
        number_names: Names of its columns, such as "age" or "date: weekday".
        number_sources: The table column behind each.
        codes: Int32 (rows, c): 0 = missing, 1 = rare or never seen in training, 2.. = known levels.
        code_names: The table column behind each.
        code_sizes: Number of codes of each column, the two special ones included.
        bags: One sparse float32 matrix (rows, terms) a text column, TF-IDF weighted.
        bag_names: The table column behind each.
    """

    numbers: NDArray[np.float64]
    number_names: tuple[str, ...]
    number_sources: tuple[str, ...]
    codes: NDArray[np.int32]
    code_names: tuple[str, ...]
    code_sizes: tuple[int, ...]
    bags: tuple[csr_array, ...] = ()
    bag_names: tuple[str, ...] = ()

    @property
    def rows(self) -> int:
        """Number of rows."""
        return int(self.numbers.shape[0])

    @property
    def sources(self) -> tuple[str, ...]:
        """The table columns that the encoding reads, each once."""
        return tuple(dict.fromkeys((*self.number_sources, *self.code_names, *self.bag_names)))

    def take(self, rows: NDArray[np.intp]) -> Encoded:
        """The encoding of these rows (positions), in this order."""
        return replace(self, numbers=self.numbers[rows], codes=self.codes[rows], bags=tuple(bag[rows] for bag in self.bags))
