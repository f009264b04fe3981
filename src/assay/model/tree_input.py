"""The matrix that trees read: category codes first, then numbers, then the terms of texts that tell most of the target."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from assay.model.contract import Rows
    from assay.model.encoded import Encoded

MAX_TERMS = 300


@dataclass(frozen=True)
class TreeInput:
    """How encoded rows become the trees' matrix.

    Attributes:
        code_maps: For each category column, code -> 0.. over the codes seen in the fitting rows, NaN for the others; in the order
            of the codes, or of what the target is in their rows, so that trees which cut numbers cut sets of like categories.
        terms: For each bag, the positions of the terms that are read.
    """

    code_maps: tuple[NDArray[np.float64], ...]
    terms: tuple[NDArray[np.intp], ...]

    @classmethod
    def fit(cls, rows: Rows, classes: int, *, is_ranked: bool = False) -> Self:
        """Learn from these rows which codes occur and which terms tell most; `is_ranked` orders codes by the target.

        Source: for two classes and for the mean the best set of categories is one cut in that order, Fisher 1958; Breiman et al.
        1984, section 4.2.2.
        """
        level = _target_level(rows, classes) if is_ranked else None
        maps = []
        for column, size in enumerate(rows.data.code_sizes):
            codes = rows.data.codes[:, column]
            seen = np.unique(codes)
            code_map = np.full(size, np.nan)
            code_map[seen if level is None else _ranked(codes, seen, level, rows.weight)] = np.arange(len(seen))
            maps.append(code_map)
        return cls(tuple(maps), tuple(_strongest_terms(bag, rows.target, classes) for bag in rows.data.bags))

    @property
    def n_categories(self) -> int:
        """How many of the first columns are categories."""
        return len(self.code_maps)

    def matrix(self, data: Encoded) -> NDArray[np.float64]:
        """Float64 (rows, columns), C-contiguous, NaN where missing."""
        codes = [m[data.codes[:, i]][:, None] for i, m in enumerate(self.code_maps)]
        words = [bag[:, kept].toarray().astype(np.float64) for bag, kept in zip(data.bags, self.terms, strict=True)]
        return np.ascontiguousarray(np.concatenate([*codes, data.numbers, *words], axis=1))

    def sources(self, data: Encoded) -> tuple[str, ...]:
        """The table column behind each column of the matrix."""
        words = [name for name, kept in zip(data.bag_names, self.terms, strict=True) for _ in kept]
        return (*data.code_names, *data.number_sources, *words)

    def state(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        """JSON-able data and plain arrays."""
        maps = {f"code_map_{i}": m for i, m in enumerate(self.code_maps)}
        words = {f"terms_{i}": t for i, t in enumerate(self.terms)}
        return {"code_maps": len(maps), "bags": len(words)}, {**maps, **words}

    @classmethod
    def from_state(cls, data: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> Self:
        """What `state` described."""
        return cls(
            tuple(arrays[f"code_map_{i}"] for i in range(data["code_maps"])),
            tuple(arrays[f"terms_{i}"] for i in range(data["bags"])),
        )


def _target_level(rows: Rows, classes: int) -> NDArray[np.float64]:
    """One number a row that grows with the target: the value, or 1 for the second of two classes.

    Of more classes none is between the others: 1 for the rows of the commonest, 0 for the rest.
    """
    if not classes:
        return rows.target.astype(np.float64)
    common = int(np.bincount(rows.target, weights=rows.weight, minlength=classes).argmax()) if classes > 2 else 1
    return np.asarray((rows.target == common).astype(np.float64), dtype=np.float64)


def _ranked(
    codes: NDArray[np.int32], seen: NDArray[np.int32], level: NDArray[np.float64], weight: NDArray[np.float64] | None
) -> NDArray[np.int32]:
    """The seen codes by the mean level of their rows, the lowest first; equal ones by code."""
    total = np.bincount(codes, weights=weight)[seen]
    sums = np.bincount(codes, weights=level if weight is None else level * weight)[seen]
    mean = np.divide(sums, total, out=np.full(len(seen), float(level.mean())), where=total > 0)
    return np.asarray(seen[np.argsort(mean, kind="stable")])


def _strongest_terms(bag: Any, target: NDArray[Any], classes: int) -> NDArray[np.intp]:
    """Positions of the terms whose weight varies most with the target, relative to its spread, ascending."""
    rows, width = bag.shape
    if width <= MAX_TERMS:
        return np.arange(width)
    sides = (target[:, None] == np.arange(classes)).astype(np.float64) if classes else target[:, None].astype(np.float64)
    sides -= sides.mean(axis=0)
    mean = np.asarray(bag.mean(axis=0), dtype=np.float64).ravel()
    spread = np.sqrt(np.maximum(np.asarray(bag.multiply(bag).mean(axis=0), dtype=np.float64).ravel() - mean**2, 1e-12))
    deviation = np.sqrt(np.maximum(np.square(sides).mean(axis=0), 1e-12))
    correlation = np.abs(np.asarray(bag.T @ sides) / rows) / spread[:, None] / deviation
    return np.sort(np.argsort(-correlation.max(axis=1), kind="stable")[:MAX_TERMS])
