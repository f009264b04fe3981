"""Nearest neighbours: a row is predicted by the rows that were most like it; nothing is learned but what to keep."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from assay.core.seeds import seed_for
from assay.model.contract import Model, Rows
from assay.model.cross_fit import each_fold, folds_of
from assay.model.design import Design

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from assay.model.encoded import Encoded
    from assay.objective.loss import Loss

MAX_KEPT_ROWS = 10_000
MAX_ASKED_ROWS = 1_000
COUNTS = (1, 2, 3, 5, 8, 13, 21, 34, 55, 89, 144, 233)
USUAL_COUNT = 13
# Rows of the class shares that the neighbours are mixed with: a class that none of them has keeps a chance.
PRIOR_ROWS = {"log": (0.3, 1.0, 3.0), "squared": (1e-9,), "absolute": (1e-9,)}
# Distances held at once.
BLOCK_CELLS = 2_000_000
# Distances of equal rows differ by rounding alone; relative to the largest square.
SAME_SHARE = 1e-12


@dataclass(frozen=True)
class Memory:
    """The rows that are remembered, in order of their target.

    Attributes:
        matrix: (rows, columns), float32; dense or sparse.
        target: Class numbers or values (rows,).
        weight: Of each row (rows,).
    """

    matrix: Any
    target: NDArray[Any]
    weight: NDArray[np.float64]

    @classmethod
    def of(cls, matrix: Any, rows: Rows) -> Self:
        """These rows, in order of their target, which medians need."""
        order = np.argsort(rows.target, kind="stable")
        weight = np.ones(rows.size) if rows.weight is None else rows.weight
        return cls(matrix[order].astype(np.float32), rows.target[order], weight[order])

    @cached_property
    def _wide(self) -> Any:
        return self.matrix.astype(np.float64)

    @cached_property
    def _squares(self) -> NDArray[np.float64]:
        return _squares(self._wide)

    def distances(self, asked: Any) -> Iterator[tuple[slice, NDArray[np.float64]]]:
        """Squared Euclidean distances from the asked rows (rows, columns) to all that are kept, block by block."""
        n_block = max(1, BLOCK_CELLS // max(1, len(self.target)))
        for start in range(0, asked.shape[0], n_block):
            here = slice(start, min(start + n_block, asked.shape[0]))
            # As the kept rows were rounded, so that a row that is kept is at distance zero from itself.
            block = asked[here].astype(np.float32).astype(np.float64)
            product = block @ self._wide.T
            squares = product if isinstance(product, np.ndarray) else product.toarray()
            squares *= -2.0
            squares += _squares(block)[:, None]
            squares += self._squares
            yield here, np.maximum(squares, 0.0, out=squares)

    def votes(self, squares: NDArray[np.float64], count: int) -> Votes:
        """Which kept rows count how much for each asked one: `count` rows in all, those that tie for the last place share it.

        Times the rows' weights. Shared places make the result independent of the order in which rows were kept.
        """
        last = np.partition(squares, count - 1, axis=1)[:, count - 1]
        same = SAME_SHARE * float(squares.max(initial=0.0)) + 1e-9 * last
        asked, kept = np.nonzero(squares <= (last + same)[:, None])
        is_tied = squares[asked, kept] >= (last - same)[asked]
        tied = np.bincount(asked, weights=is_tied, minlength=len(squares))
        near = np.bincount(asked, minlength=len(squares)) - tied
        share = np.where(is_tied, ((count - near) / tied)[asked], 1.0)
        return Votes(asked, kept, share * self.weight[kept], len(squares))

    def predict(self, votes: Votes, loss_name: str, prior: NDArray[np.float64], prior_rows: float) -> NDArray[np.float64]:
        """Class shares, mean or median of the neighbours, mixed with `prior_rows` rows of the prior."""
        target, total = self.target[votes.kept], votes.sums(votes.share)
        if loss_name == "absolute":
            return votes.medians(target.astype(np.float64), total)
        if loss_name == "squared":
            return np.asarray((votes.sums(votes.share * target) + prior_rows * prior) / (total + prior_rows))
        classes = len(prior)
        counts = np.bincount(votes.asked * classes + target, weights=votes.share, minlength=votes.n_asked * classes)
        return np.asarray((counts.reshape(-1, classes) + prior_rows * prior) / (total + prior_rows)[:, None])


@dataclass(frozen=True)
class Votes:
    """The neighbours of all asked rows, one after the other, each asked row's in order of their target.

    Attributes:
        asked: The asked row of each vote.
        kept: The kept row that votes.
        share: How much it counts.
        n_asked: Number of asked rows.
    """

    asked: NDArray[np.intp]
    kept: NDArray[np.intp]
    share: NDArray[np.float64]
    n_asked: int

    def sums(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Sums over the votes of each asked row (n_asked,)."""
        return np.asarray(np.bincount(self.asked, weights=values, minlength=self.n_asked), dtype=np.float64)

    def medians(self, values: NDArray[np.float64], total: NDArray[np.float64]) -> NDArray[np.float64]:
        """The first value of each asked row at which half of its votes are passed (n_asked,)."""
        passed = np.cumsum(self.share) - (np.cumsum(total) - total)[self.asked]
        # Of sums in two orders one may fall short of a half by rounding.
        beyond = np.flatnonzero(passed >= (total / 2)[self.asked] * (1 - 1e-9))
        first = np.zeros(self.n_asked, dtype=np.intp)
        first[self.asked[beyond][::-1]] = beyond[::-1]
        return np.asarray(values[first])


class Neighbours(Model):
    """The rows nearest by Euclidean distance vote; numbers are scaled by their deviation, codes are one-hot.

    Two rows that differ in a category are as far apart as two that differ by 1.4 deviations in a number; texts differ by at most
    that, by the angle between their TF-IDF vectors. Of a large table a random part is kept.

    Source: Fix and Hodges 1951; Cover and Hart 1967.
    """

    name: ClassVar[str] = "k-nn"
    complexity: ClassVar[int] = 4

    def __init__(self) -> None:
        self.loss_name = "log"
        self.start: NDArray[np.float64] = np.zeros(())
        self.count, self.prior_rows = USUAL_COUNT, 1.0
        self.seen_rows = 0
        self.design: Design | None = None
        self.memory: Memory | None = None

    def fit(self, train: Rows, valid: Rows, *, loss: Loss, classes: int, seed: int, budget_seconds: float | None = None) -> None:
        self.loss_name = loss.name
        self.prior_rows = PRIOR_ROWS[loss.name][len(PRIOR_ROWS[loss.name]) // 2]
        if valid.size:
            self._choose(train, valid, loss, classes, seed)
        self._remember(train.followed_by(valid), loss, classes, seed)

    def _remember(self, rows: Rows, loss: Loss, classes: int, seed: int) -> None:
        self.start, self.seen_rows = loss.best_constant(rows.target, rows.weight, classes=classes), rows.size
        kept = _kept(rows, seed)
        self.design = Design.fit(rows.data, rows.weight)
        self.memory = Memory.of(self.design.matrix(kept.data), kept)
        self.count = min(self.count, kept.size)

    def _choose(self, train: Rows, valid: Rows, loss: Loss, classes: int, seed: int) -> None:
        """Take the number of neighbours, and how much they are smoothed, with the lowest loss on rows not kept."""
        both, fold_of = train.followed_by(valid), folds_of(train, valid)
        fold_of = _at_most(fold_of, MAX_ASKED_ROWS, seed)
        tried = [(count, m) for count in COUNTS for m in PRIOR_ROWS[loss.name]]
        total = np.zeros(len(tried))
        for learned, asked in each_fold(fold_of):
            rows = _kept(both.take(learned), seed)
            design = Design.fit(rows.data, rows.weight)
            memory = Memory.of(design.matrix(rows.data), rows)
            prior = loss.best_constant(rows.target, rows.weight, classes=classes)
            target, weight = both.take_targets(asked)
            for here, squares in memory.distances(design.matrix(both.data.take(asked))):
                for place, (count, prior_rows) in enumerate(tried):
                    if place == 0 or count != tried[place - 1][0]:
                        votes = memory.votes(squares, min(count, rows.size))
                    per_row = loss.per_row(target[here], memory.predict(votes, loss.name, prior, prior_rows))
                    total[place] += per_row.sum() if weight is None else per_row @ weight[here]
        self.count, self.prior_rows = tried[int(total.argmin())]
        fresh = Neighbours()
        fresh.loss_name, fresh.count, fresh.prior_rows = loss.name, self.count, self.prior_rows
        fresh._remember(train, loss, classes, seed)
        self.valid_prediction = fresh.predict(valid.data)

    def predict(self, data: Encoded) -> NDArray[np.float64]:
        design, memory = self._fitted
        prediction = np.zeros((data.rows, *self.start.shape))
        for here, squares in memory.distances(design.matrix(data)):
            prediction[here] = memory.predict(memory.votes(squares, self.count), self.loss_name, self.start, self.prior_rows)
        return prediction

    def row_seconds(self, data: Encoded) -> float:
        return 1e-6 + 2e-8 * len(self._fitted[1].target)

    def stages(self, data: Encoded) -> Iterator[tuple[str, NDArray[np.float64]]]:
        yield "constant", np.repeat(self.start[None], data.rows, axis=0)
        yield "neighbours", self.predict(data)

    def state(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        design, memory = self._fitted
        data, arrays = design.state()
        own = {"loss": self.loss_name, "count": self.count, "prior_rows": self.prior_rows, "seen_rows": self.seen_rows}
        kept, is_dense = memory.matrix, isinstance(memory.matrix, np.ndarray)
        parts = {"kept": kept} if is_dense else {"kept": kept.data, "kept_columns": kept.indices, "kept_starts": kept.indptr}
        stored = {**parts, "target": memory.target, "row_weight": memory.weight, "start": self.start}
        return {**data, **own, "dense": is_dense, "width": int(kept.shape[1])}, {**arrays, **stored}

    @classmethod
    def from_state(cls, data: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> Self:
        model = cls()
        model.loss_name, model.count, model.prior_rows = data["loss"], int(data["count"]), float(data["prior_rows"])
        model.seen_rows, model.start = int(data["seen_rows"]), np.asarray(arrays["start"])
        matrix: Any = np.asarray(arrays["kept"])
        if not data["dense"]:
            from scipy.sparse import csr_array

            shape = (len(arrays["target"]), int(data["width"]))
            matrix = csr_array((matrix, arrays["kept_columns"], arrays["kept_starts"]), shape=shape)
        model.design = Design.from_state(data, arrays)
        model.memory = Memory(matrix, np.asarray(arrays["target"]), np.asarray(arrays["row_weight"]))
        return model

    def describe(self) -> str:
        if self.memory is None:
            return ""
        kept = len(self.memory.target)
        drawn = f" drawn from {self.seen_rows:,}" if kept < self.seen_rows else ""
        smoothed = f", smoothed by {self.prior_rows:g} rows of the class shares" if self.loss_name == "log" else ""
        return f"the {self.count} nearest of {kept:,} rows{drawn}, numbers scaled by their deviation{smoothed}"

    @property
    def _fitted(self) -> tuple[Design, Memory]:
        assert self.design is not None and self.memory is not None, "the model was not fitted"  # noqa: S101
        return self.design, self.memory


def _kept(rows: Rows, seed: int) -> Rows:
    """The rows that are remembered, a random part where there are too many."""
    if rows.size <= MAX_KEPT_ROWS:
        return rows
    return rows.take(np.sort(np.random.default_rng(seed_for(seed, "k-nn")).permutation(rows.size)[:MAX_KEPT_ROWS]))


def _at_most(fold_of: NDArray[np.intp], most: int, seed: int) -> NDArray[np.intp]:
    """The same folds with at most so many rows asked; the others are learned from."""
    asked = np.flatnonzero(fold_of >= 0)
    if len(asked) <= most:
        return fold_of
    left = fold_of.copy()
    left[np.random.default_rng(seed_for(seed, "k-nn asked")).permutation(asked)[most:]] = -1
    return left


def _squares(matrix: Any) -> NDArray[np.float64]:
    if isinstance(matrix, np.ndarray):
        return np.asarray(np.einsum("ij,ij->i", matrix, matrix))
    return np.asarray(matrix.multiply(matrix).sum(axis=1)).ravel()
