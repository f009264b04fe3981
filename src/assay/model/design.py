"""The design matrix of linear models: standardised numbers, missing indicators, one-hot codes and n-grams, each with its source."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from scipy.sparse import csr_array

    from assay.model.encoded import Encoded


@dataclass(frozen=True)
class Design:
    """How encoded rows become one matrix: dense columns first, then one-hot codes, then terms.

    Attributes:
        mean, scale: Of each number over the fitting rows, missing ones left out; scale is 1 where it does not vary.
        indicated: Positions of the numbers that have a missing indicator.
        code_sizes: Codes of each category column.
        bag_sizes: Terms of each bag.
        sources: The table column behind each column of the matrix.
    """

    mean: NDArray[np.float64]
    scale: NDArray[np.float64]
    indicated: NDArray[np.intp]
    code_sizes: tuple[int, ...]
    bag_sizes: tuple[int, ...]
    sources: tuple[str, ...]

    @classmethod
    def fit(cls, data: Encoded, weight: NDArray[np.float64] | None = None) -> Self:
        """Learn means and scales from these rows."""
        present = ~np.isnan(data.numbers)
        share = present.astype(np.float64) if weight is None else present * weight[:, None]
        total = np.maximum(share.sum(axis=0), 1e-300)
        filled = np.where(present, data.numbers, 0.0)
        mean = (share * filled).sum(axis=0) / total
        variance = (share * np.square(filled - mean)).sum(axis=0) / total
        scale = np.sqrt(variance)
        scale[scale <= 1e-12 * np.maximum(1.0, np.abs(mean))] = 1.0
        indicated = np.flatnonzero(~present.all(axis=0))
        sources = [*data.number_sources, *(data.number_sources[i] for i in indicated)]
        for name, size in zip(data.code_names, data.code_sizes, strict=True):
            sources += [name] * size
        for name, bag in zip(data.bag_names, data.bags, strict=True):
            sources += [name] * bag.shape[1]
        return cls(mean, scale, indicated, data.code_sizes, tuple(int(b.shape[1]) for b in data.bags), tuple(sources))

    def label(self, column: int, data: Encoded) -> str:
        """What a column of the matrix is called: "age", "age missing", "town=oslo" or "'free'"; `data` knows the names."""
        place = column - len(self.mean)
        if place < 0:
            return data.number_names[column]
        if place < len(self.indicated):
            return f"{data.number_names[self.indicated[place]]} missing"
        place -= len(self.indicated)
        for i, size in enumerate(self.code_sizes):
            if place < size:
                levels = data.code_levels[i] if data.code_levels else ()
                told = ("missing", "rare", *levels)
                return f"{data.code_names[i]}={told[place] if place < len(told) else place}"
            place -= size
        for i, size in enumerate(self.bag_sizes):
            if place < size:
                return repr(data.bag_terms[i][place]) if data.bag_terms else f"{data.bag_names[i]} term {place}"
            place -= size
        raise IndexError(column)

    @property
    def n_dense(self) -> int:
        """Columns of numbers and missing indicators."""
        return len(self.mean) + len(self.indicated)

    def matrix(self, data: Encoded) -> NDArray[np.float64] | csr_array:
        """The matrix: dense where it is small, else sparse."""
        dense = self._dense(data)
        width = sum(self.code_sizes)
        if not self.bag_sizes and (width <= 64 or data.rows * width <= 20_000_000):
            return np.concatenate([dense, *(self._one_hot(data, i) for i in range(len(self.code_sizes)))], axis=1)
        from scipy.sparse import csr_array, hstack

        hot = [csr_array(self._sparse_one_hot(data, i)) for i in range(len(self.code_sizes))]
        bags = [csr_array(bag, dtype=np.float64) for bag in data.bags]
        return csr_array(hstack([csr_array(dense), *hot, *bags], format="csr"))

    def transposed_product(self, data: Encoded, right: NDArray[np.float64]) -> NDArray[np.float64]:
        """The matrix transposed times `right` (rows, outputs): (columns, outputs), without making the matrix."""
        blocks = [self._dense(data).T @ right]
        for i, size in enumerate(self.code_sizes):
            codes = data.codes[:, i]
            blocks.append(np.column_stack([np.bincount(codes, weights=right[:, k], minlength=size) for k in range(right.shape[1])]))
        blocks += [np.asarray(bag.T @ right) for bag in data.bags]
        return np.concatenate(blocks)

    def by_source(self, column_values: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
        """Values of the columns, shape (columns, ...), summed over the columns of each source."""
        order = {source: number for number, source in enumerate(dict.fromkeys(self.sources))}
        sums = np.zeros((len(order), *column_values.shape[1:]))
        np.add.at(sums, [order[source] for source in self.sources], column_values)
        return dict(zip(order, sums, strict=True))

    def scores(self, data: Encoded, coefficients: NDArray[np.float64]) -> NDArray[np.float64]:
        """Matrix times coefficients (columns, outputs), without making the matrix."""
        total = self._dense(data) @ coefficients[: self.n_dense]
        start = self.n_dense
        for i, size in enumerate(self.code_sizes):
            total += coefficients[start : start + size][data.codes[:, i]]
            start += size
        for bag, size in zip(data.bags, self.bag_sizes, strict=True):
            total += bag @ coefficients[start : start + size]
            start += size
        return np.asarray(total, dtype=np.float64)

    def _dense(self, data: Encoded) -> NDArray[np.float64]:
        missing = np.isnan(data.numbers)
        scaled = np.where(missing, 0.0, (data.numbers - self.mean) / self.scale)
        # A value far outside training would let one cell outvote all others.
        np.clip(scaled, -20.0, 20.0, out=scaled)
        return np.concatenate([scaled, missing[:, self.indicated].astype(np.float64)], axis=1)

    def _one_hot(self, data: Encoded, column: int) -> NDArray[np.float64]:
        return np.asarray(data.codes[:, column, None] == np.arange(self.code_sizes[column]), dtype=np.float64)

    def _sparse_one_hot(self, data: Encoded, column: int) -> csr_array:
        from scipy.sparse import csr_array

        shape = (data.rows, self.code_sizes[column])
        return csr_array((np.ones(data.rows), data.codes[:, column], np.arange(data.rows + 1)), shape=shape)

    def state(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        """JSON-able data and plain arrays."""
        data = {"code_sizes": list(self.code_sizes), "bag_sizes": list(self.bag_sizes), "sources": list(self.sources)}
        return data, {"mean": self.mean, "scale": self.scale, "indicated": self.indicated}

    @classmethod
    def from_state(cls, data: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> Self:
        """The design that `state` described."""
        return cls(
            np.asarray(arrays["mean"]),
            np.asarray(arrays["scale"]),
            np.asarray(arrays["indicated"]),
            tuple(data["code_sizes"]),
            tuple(data["bag_sizes"]),
            tuple(data["sources"]),
        )
