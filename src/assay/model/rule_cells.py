"""Partitions of rows into cells by one column, and how well the cells' best constants predict."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from assay.model.contract import Rows
    from assay.model.encoded import Encoded
    from assay.objective.loss import Loss

MAX_THRESHOLDS = 64
# Rows of the overall constant that each cell is mixed with: a cell of few rows promises little.
PRIOR_ROWS = 2.0


@dataclass(frozen=True)
class Partition:
    """Rows told apart by one column.

    Attributes:
        kind: "threshold" (cells: at most, above, missing), "table" (one cell a code), "term" (absent, present), "nothing".
        column: Its name, as encoded.
        place: Position among the numbers, the codes or the bags.
        threshold: Of a number.
        term: Position of the term in its bag.
        n_cells: Number of cells.
    """

    kind: str
    column: str
    place: int
    threshold: float = 0.0
    term: int = 0
    n_cells: int = 1

    def cells(self, data: Encoded) -> NDArray[np.intp]:
        """The cell of each row."""
        if self.kind == "threshold":
            values = data.numbers[:, self.place]
            return np.where(np.isnan(values), 2, values > self.threshold).astype(np.intp)
        if self.kind == "table":
            return data.codes[:, self.place].astype(np.intp)
        if self.kind == "term":
            return np.asarray((data.bags[self.place][:, [self.term]].toarray()[:, 0] > 0), dtype=np.intp)
        return np.zeros(data.rows, dtype=np.intp)

    def labels(self, data: Encoded) -> tuple[str, ...]:
        """What each cell is called; "" for a cell with no row here."""
        if self.kind == "nothing":
            return ("always",)
        if self.kind == "threshold":
            names = [f"<= {self.threshold:.6g}", f"> {self.threshold:.6g}", "missing"]
        elif self.kind == "table":
            levels = data.code_levels[self.place] if data.code_levels else tuple(str(i) for i in range(2, self.n_cells))
            names = ["missing", "rare", *levels]
        else:
            word = data.bag_terms[self.place][self.term] if data.bag_terms else str(self.term)
            names = [f"without {word!r}", f"with {word!r}"]
        occurs = np.bincount(self.cells(data), minlength=self.n_cells) > 0
        return tuple(name if there else "" for name, there in zip(names, occurs, strict=True))

    def state(self) -> dict[str, Any]:
        """JSON-able data."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}

    @classmethod
    def from_state(cls, data: Mapping[str, Any]) -> Self:
        """The partition that `state` described."""
        return cls(**{name: data[name] for name in cls.__dataclass_fields__})


class Cells:
    """Rows ready to be cut: what the loss needs of each row, summed quickly by cell."""

    def __init__(self, rows: Rows, loss: Loss, classes: int) -> None:
        self.rows, self.loss, self.classes = rows, loss, classes
        self.weight = np.ones(rows.size) if rows.weight is None else rows.weight
        if classes:
            self.sides = (rows.target[:, None] == np.arange(classes)) * self.weight[:, None]
        else:
            centred = rows.target.astype(np.float64) - np.average(rows.target, weights=self.weight)
            self.sides = np.column_stack([self.weight, self.weight * centred])

    def impurity(self, sums: NDArray[np.float64]) -> NDArray[np.float64]:
        """What the cells' best constants leave, up to a constant: sums over cells (..., cells, sides) -> (...)."""
        if self.classes:
            total = sums.sum(axis=-1, keepdims=True)
            share = np.divide(sums, total, out=np.ones_like(sums), where=(total > 0) & (sums > 0))
            return np.asarray(-(sums * np.log(share)).sum(axis=(-1, -2)))
        return np.asarray(-np.divide(sums[..., 1] ** 2, sums[..., 0], out=np.zeros(sums.shape[:-1]), where=sums[..., 0] > 0).sum(-1))

    def sums(self, cells: NDArray[np.intp], n_cells: int) -> NDArray[np.float64]:
        """Sums of the sides by cell: (cells, sides)."""
        columns = [np.bincount(cells, weights=self.sides[:, k], minlength=n_cells) for k in range(self.sides.shape[1])]
        return np.column_stack(columns)

    def cross_fitted(self, partition: Partition, folds: NDArray[np.intp]) -> float:
        """Mean loss of rows whose cell's constant was learned from the other folds."""
        cells = partition.cells(self.rows.data)
        losses = np.zeros(self.rows.size)
        for fold in np.unique(folds):
            here, rest = np.flatnonzero(folds == fold), np.flatnonzero(folds != fold)
            if len(rest) == 0:
                rest = here
            learned = self.rows.take_targets(rest)
            prior = self.loss.best_constant(*learned, classes=self.classes)
            values = _values(*learned, cells[rest], partition.n_cells, self.loss, prior)
            losses[here] = self.loss.per_row(self.rows.target[here], values[cells[here]])
        return float(np.average(losses, weights=self.weight))


def candidate_partitions(rows: Rows, cells: Cells, at_most: int) -> Iterator[Partition]:
    """The best partition of each column, those that look best on these rows first, `at_most` of them."""
    found: list[tuple[float, Partition]] = []
    data = rows.data
    for place, name in enumerate(data.number_names):
        found += _best_threshold(data.numbers[:, place], name, place, cells)
    for place, (name, size) in enumerate(zip(data.code_names, data.code_sizes, strict=True)):
        sums = cells.sums(data.codes[:, place].astype(np.intp), size)
        found.append((float(cells.impurity(sums)), Partition("table", name, place, n_cells=size)))
    for place, (name, bag) in enumerate(zip(data.bag_names, data.bags, strict=True)):
        present = np.asarray((bag > 0).astype(np.float64).T @ cells.sides)
        both = np.stack([cells.sides.sum(axis=0) - present, present], axis=1)
        impurity = cells.impurity(both)
        term = int(np.argmin(impurity))
        found.append((float(impurity[term]), Partition("term", name, place, term=term, n_cells=2)))
    yield from (partition for _, partition in sorted(found, key=lambda one: one[0])[:at_most])


def fit_values(rows: Rows, cells: NDArray[np.intp], n_cells: int, loss: Loss, prior: NDArray[np.float64]) -> NDArray[np.float64]:
    """The prediction of each cell: its best constant mixed with `PRIOR_ROWS` rows of the prior; (cells, classes) or (cells,)."""
    weight = np.ones(rows.size) if rows.weight is None else rows.weight
    return _values(rows.target, weight, cells, n_cells, loss, prior)


def _values(
    target: NDArray[Any],
    weight: NDArray[np.float64] | None,
    cells: NDArray[np.intp],
    n_cells: int,
    loss: Loss,
    prior: NDArray[np.float64],
) -> NDArray[np.float64]:
    if weight is None:
        weight = np.ones(len(target))
    mass = np.bincount(cells, weights=weight, minlength=n_cells)
    if loss.elicits == "probability":
        classes = len(prior)
        counts = np.bincount(cells * classes + target, weights=weight, minlength=n_cells * classes).reshape(n_cells, classes)
        return np.asarray((counts + PRIOR_ROWS * prior) / (mass + PRIOR_ROWS)[:, None])
    if loss.elicits == "mean":
        total = np.bincount(cells, weights=weight * target, minlength=n_cells)
        return np.asarray((total + PRIOR_ROWS * prior) / (mass + PRIOR_ROWS))
    values = np.full(n_cells, float(prior))
    order = np.argsort(cells, kind="stable")
    bounds = np.searchsorted(cells[order], np.arange(n_cells + 1))
    for cell in np.flatnonzero(mass > 0):
        members = order[bounds[cell] : bounds[cell + 1]]
        best = float(loss.best_constant(target[members], weight[members]))
        values[cell] = (len(members) * best + PRIOR_ROWS * float(prior)) / (len(members) + PRIOR_ROWS)
    return values


def _best_threshold(values: NDArray[np.float64], name: str, place: int, cells: Cells) -> list[tuple[float, Partition]]:
    present = values[~np.isnan(values)]
    if len(present) == 0:
        return []
    distinct = np.unique(present)
    if len(distinct) > MAX_THRESHOLDS + 1:
        edges = np.unique(np.quantile(present, np.arange(1, MAX_THRESHOLDS + 1) / (MAX_THRESHOLDS + 1)))
        edges = edges[edges < distinct[-1]]
    else:
        edges = (distinct[:-1] + distinct[1:]) / 2
    if len(edges) == 0:
        # One value and missing rows: the cut between present and missing remains.
        edges = distinct[:1]
    # Bin b holds the values in (edge b-1, edge b]; the last but one those above all edges, the last the missing ones.
    bins = np.where(np.isnan(values), len(edges) + 1, np.searchsorted(edges, values, side="left"))
    sums = cells.sums(bins.astype(np.intp), len(edges) + 2)
    below = np.cumsum(sums[:-2], axis=0)
    above = sums[:-1].sum(axis=0) - below
    missing = np.broadcast_to(sums[-1], below.shape)
    impurity = cells.impurity(np.stack([below, above, missing], axis=1))
    at = int(np.argmin(impurity))
    return [(float(impurity[at]), Partition("threshold", name, place, threshold=float(edges[at]), n_cells=3))]
