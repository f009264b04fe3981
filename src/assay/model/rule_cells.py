"""Partitions of rows into cells by one column, and how well the cells' best constants predict."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
    """Rows ready to be cut: what the loss needs of each row, summed quickly by cell.

    Absolute error is cut by squared error, which has sums; its cells still predict their medians.
    """

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

    def best(self, kind: str, place: int) -> tuple[float, Partition]:
        """The best partition by one column on these rows, after what it leaves."""
        data = self.rows.data
        if kind == "threshold":
            return self._best_threshold(data.numbers[:, place], data.number_names[place], place)
        if kind == "table":
            name, size = data.code_names[place], data.code_sizes[place]
            left = self.impurity(self.sums(data.codes[:, place].astype(np.intp), size))
            return float(left), Partition("table", name, place, n_cells=size)
        present = np.asarray((data.bags[place] > 0).astype(np.float64).T @ self.sides)
        left = self.impurity(np.stack([self.sides.sum(axis=0) - present, present], axis=1))
        term = int(np.argmin(left))
        return float(left[term]), Partition("term", data.bag_names[place], place, term=term, n_cells=2)

    def best_of_each(self) -> list[Partition]:
        """The best partition of each column, the one that leaves least first."""
        data = self.rows.data
        places = [("threshold", i) for i in range(len(data.number_names)) if not np.isnan(data.numbers[:, i]).all()]
        places += [("table", i) for i in range(len(data.code_names))]
        places += [("term", i) for i in range(len(data.bag_names))]
        return [partition for _, partition in sorted((self.best(*one) for one in places), key=lambda found: found[0])]

    def _best_threshold(self, values: NDArray[np.float64], name: str, place: int) -> tuple[float, Partition]:
        edges = _thresholds(values[~np.isnan(values)])
        # Bin b holds the values in (edge b-1, edge b]; the last but one those above all edges, the last the missing ones.
        bins = np.where(np.isnan(values), len(edges) + 1, np.searchsorted(edges, values, side="left"))
        sums = self.sums(bins.astype(np.intp), len(edges) + 2)
        below = np.cumsum(sums[:-2], axis=0)
        above = sums[:-1].sum(axis=0) - below
        missing = np.broadcast_to(sums[-1], below.shape)
        left = self.impurity(np.stack([below, above, missing], axis=1))
        at = int(np.argmin(left))
        return float(left[at]), Partition("threshold", name, place, threshold=float(edges[at]), n_cells=3)


def cross_fitted(
    rows: Rows, partitions: Sequence[Partition], folds: NDArray[np.intp], loss: Loss, classes: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Loss of each row when threshold, word and cell values were learned from the other folds.

    Returns:
        Losses by the column of each partition (partitions, rows), and by the best constant of the other folds (rows,).
    """
    losses, constant = np.zeros((len(partitions), rows.size)), np.zeros(rows.size)
    for fold in np.unique(folds):
        here, rest = np.flatnonzero(folds == fold), rows.take(np.flatnonzero(folds != fold))
        cells, shown = Cells(rest, loss, classes), rows.take(here)
        prior = loss.best_constant(rest.target, rest.weight, classes=classes)
        constant[here] = loss.per_row(shown.target, np.repeat(prior[None], len(here), axis=0))
        for number, partition in enumerate(partitions):
            _, learned = cells.best(partition.kind, partition.place)
            values = fit_values(rest, learned.cells(rest.data), learned.n_cells, loss, prior)
            losses[number, here] = loss.per_row(shown.target, values[learned.cells(shown.data)])
    return losses, constant


def _thresholds(present: NDArray[np.float64]) -> NDArray[np.float64]:
    """Where a number may be cut: between its values, or at its quantiles where there are many."""
    if len(present) == 0:
        return np.zeros(1)
    distinct = np.unique(present)
    if len(distinct) > MAX_THRESHOLDS + 1:
        edges = np.unique(np.quantile(present, np.arange(1, MAX_THRESHOLDS + 1) / (MAX_THRESHOLDS + 1)))
        edges = edges[edges < distinct[-1]]
    else:
        edges = (distinct[:-1] + distinct[1:]) / 2
    # One value and missing rows: the cut between present and missing remains.
    return np.asarray(edges if len(edges) else distinct[:1])


def fit_values(rows: Rows, cells: NDArray[np.intp], n_cells: int, loss: Loss, prior: NDArray[np.float64]) -> NDArray[np.float64]:
    """The prediction of each cell: its best constant mixed with `PRIOR_ROWS` rows of the prior; (cells, classes) or (cells,)."""
    return cell_values(rows.target, rows.weight, cells, n_cells, loss, prior, PRIOR_ROWS)


def cell_values(
    target: NDArray[Any],
    weight: NDArray[np.float64] | None,
    cells: NDArray[np.intp],
    n_cells: int,
    loss: Loss,
    prior: NDArray[np.float64],
    prior_rows: float,
) -> NDArray[np.float64]:
    """`fit_values` for targets and weights alone, mixed with so many rows of the prior."""
    if weight is None:
        weight = np.ones(len(target))
    mass = np.bincount(cells, weights=weight, minlength=n_cells)
    if loss.elicits == "probability":
        classes = len(prior)
        counts = np.bincount(cells * classes + target, weights=weight, minlength=n_cells * classes).reshape(n_cells, classes)
        return np.asarray((counts + prior_rows * prior) / (mass + prior_rows)[:, None])
    if loss.elicits == "mean":
        total = np.bincount(cells, weights=weight * target, minlength=n_cells)
        return np.asarray((total + prior_rows * prior) / (mass + prior_rows))
    values = np.full(n_cells, float(prior))
    order = np.argsort(cells, kind="stable")
    bounds = np.searchsorted(cells[order], np.arange(n_cells + 1))
    for cell in np.flatnonzero(mass > 0):
        members = order[bounds[cell] : bounds[cell + 1]]
        best = float(loss.best_constant(target[members], weight[members]))
        values[cell] = (len(members) * best + prior_rows * float(prior)) / (len(members) + prior_rows)
    return values
