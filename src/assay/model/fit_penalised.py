"""Fitting with a penalty on the sizes of coefficients, which sets many of them to exactly zero."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from assay.model.fit_linear import REWEIGHTINGS, Fitted, fit_median, only_class, probabilities, spread

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from assay.model.contract import Rows
    from assay.objective.loss import Loss

# Strengths on the way from the first one that leaves a coefficient, and how weak the last one is beside it.
PATH_STRENGTHS = 14
WEAKEST_SHARE = 1e-4
ROUGH_NEWTON_STEPS, NEWTON_STEPS = 3, 100
# Of a large matrix the last digits cost ten times the rest and change no prediction by a thousandth.
ROUGH_TOLERANCE, LARGE_TOLERANCE, TOLERANCE = 1e-3, 1e-4, 1e-8
LARGE_CELLS = 1_000_000
SWEEPS = 2_000
# Of a chance's p (1 - p): a row that is as good as certain would else have an unbounded working response.
FLATTEST = 1e-5


@dataclass(frozen=True)
class PenalisedFit:
    """Minimises the loss plus strength * (l1_share * |w|_1 + (1 - l1_share) * |w|^2), the intercept left out of the penalty.

    The loss is the sum over rows of the squared error in standard deviations of the target, or of twice the log loss in nats, or of
    reweighted squares that stand for the absolute error. Counted in those deviations, the least-squares coefficients of columns
    of length 1 that are orthogonal to each other are therefore drawn towards zero by strength * l1_share / 2.

    Attributes:
        l1_share: 1 for the lasso, in between for the elastic net.

    Source: Tibshirani 1996; Zou and Hastie 2005; for log loss Friedman, Hastie and Tibshirani 2010, section 3.
    """

    l1_share: float

    def strengths(self, rows: Rows, matrix: Any, loss: Loss, classes: int) -> tuple[float, ...]:
        """From the weakest strength at which every coefficient is zero (for the absolute error about so) to a ten-thousandth of it."""
        weight = np.ones(rows.size) if rows.weight is None else rows.weight
        if classes:
            hot = (rows.target[:, None] == np.arange(classes)).astype(np.float64)
            pull = (hot - np.average(hot, axis=0, weights=weight)) * weight[:, None]
        else:
            off = (rows.target.astype(np.float64) - float(loss.best_constant(rows.target, rows.weight))) / _deviation(rows)
            pull = (weight * (off if loss.name == "squared" else np.sign(off) * np.average(np.abs(off), weights=weight)))[:, None]
        steepest = float(np.abs(np.asarray(matrix.T @ pull)).max(initial=0.0))
        strongest = 2.0 * steepest / self.l1_share if steepest > 0 else 1.0
        return tuple((strongest * np.geomspace(1.0, WEAKEST_SHARE, PATH_STRENGTHS)).tolist())

    def __call__(
        self,
        rows: Rows,
        matrix: Any,
        loss: Loss,
        classes: int,
        strength: float,
        *,
        start: Fitted | None = None,
        rough: bool = False,
        steps: int | None = None,
    ) -> Fitted:
        """Coefficients at this strength; `start`, `rough` and `steps` are as in `fit_linear.fit_once`."""
        columns = _by_column(matrix)
        if loss.name == "log":
            return self._logistic(rows, columns, classes, strength, start, rough)
        unit = _deviation(rows)
        target, before = rows.target.astype(np.float64) / unit, None if start is None else start.times(1 / unit)

        def solve(weight: NDArray[np.float64] | None) -> Fitted:
            return self._least_squares(columns, target, weight, strength, before, rough).times(unit)

        return solve(rows.weight) if loss.name == "squared" else fit_median(rows, columns, solve, 5 if rough else REWEIGHTINGS)

    def _least_squares(
        self,
        matrix: Any,
        target: NDArray[np.float64],
        weight: NDArray[np.float64] | None,
        strength: float,
        start: Fitted | None,
        rough: bool,
    ) -> Fitted:
        from sklearn.exceptions import ConvergenceWarning
        from sklearn.linear_model import ElasticNet

        # scikit-learn minimises the mean of half the squares plus alpha * (l1_ratio * |w|_1 + (1 - l1_ratio) / 2 * |w|^2).
        total = len(target) if weight is None else float(weight.sum())
        absolute, square = strength * self.l1_share / 2 / total, strength * (1 - self.l1_share) / total
        solver = ElasticNet(
            alpha=absolute + square,
            l1_ratio=absolute / (absolute + square),
            tol=_tolerance(matrix, rough),
            max_iter=SWEEPS,
            warm_start=True,
        )
        if start is not None:
            solver.coef_ = np.ascontiguousarray(start.coefficients[:, 0])
        with warnings.catch_warnings(record=True) as heard:
            warnings.simplefilter("always", ConvergenceWarning)
            solver.fit(matrix, target, sample_weight=weight)
        return Fitted(np.asarray(solver.coef_, dtype=np.float64)[:, None], np.array([float(solver.intercept_)]), not heard)

    def _logistic(self, rows: Rows, matrix: Any, classes: int, strength: float, start: Fitted | None, rough: bool) -> Fitted:
        """Newton's method, class by class: penalised least squares on working responses."""
        seen = np.unique(rows.target)
        outputs = 1 if classes == 2 else classes
        if len(seen) < 2:
            return only_class(int(seen[0]), matrix.shape[1], outputs, rows.size)
        hot = (rows.target[:, None] == seen).astype(np.float64)
        weight = np.ones(rows.size) if rows.weight is None else rows.weight
        now = _Scores.at(matrix, hot, weight, start)
        last, converged = self._cost(now, hot, weight, strength), False
        for _ in range(ROUGH_NEWTON_STEPS if rough else NEWTON_STEPS):
            moved = self._newton_step(now, matrix, hot, weight, strength, rough)
            cost = self._cost(moved, hot, weight, strength)
            while cost > last * (1 + 1e-12) and not moved.is_near(now):
                moved = moved.halfway_to(now)
                cost = self._cost(moved, hot, weight, strength)
            converged = last - cost <= _tolerance(matrix, rough) * last
            now, last = moved, cost
            if converged:
                break
        return spread(now.coefficients, now.intercept, seen, outputs, rows=rows.size, converged=converged)

    def _newton_step(
        self, now: _Scores, matrix: Any, hot: NDArray[np.float64], weight: NDArray[np.float64], strength: float, rough: bool
    ) -> _Scores:
        moved = _Scores(now.coefficients.copy(), now.intercept.copy(), now.scores.copy())
        for output in range(moved.scores.shape[1]):
            # Two classes have one output, the score of the second.
            place = output - moved.scores.shape[1]
            chance = probabilities(moved.scores)[:, place]
            curve = np.maximum(chance * (1 - chance), FLATTEST)
            response = moved.scores[:, output] + (hot[:, place] - chance) / curve
            before = Fitted(moved.coefficients[:, [output]], moved.intercept[[output]])
            fitted = self._least_squares(matrix, response, weight * curve, strength, before, rough)
            moved.coefficients[:, output], moved.intercept[output] = fitted.coefficients[:, 0], fitted.intercept[0]
            moved.scores[:, output] = matrix @ fitted.coefficients[:, 0] + fitted.intercept[0]
        return moved

    def _cost(self, at: _Scores, hot: NDArray[np.float64], weight: NDArray[np.float64], strength: float) -> float:
        chance = (probabilities(at.scores) * hot).sum(axis=1)
        sizes = self.l1_share * np.abs(at.coefficients).sum() + (1 - self.l1_share) * np.square(at.coefficients).sum()
        return float(-2.0 * weight @ np.log(np.maximum(chance, 1e-300)) + strength * sizes)


@dataclass(frozen=True)
class _Scores:
    """Coefficients (columns, outputs), intercept (outputs,) and the scores (rows, outputs) that they give."""

    coefficients: NDArray[np.float64]
    intercept: NDArray[np.float64]
    scores: NDArray[np.float64]

    @classmethod
    def at(cls, matrix: Any, hot: NDArray[np.float64], weight: NDArray[np.float64], start: Fitted | None) -> _Scores:
        """Where a fit ended before, else no coefficients and the shares of the classes."""
        outputs = 1 if hot.shape[1] == 2 else hot.shape[1]
        if start is not None and start.coefficients.shape[1] == outputs:
            return cls(start.coefficients, start.intercept, matrix @ start.coefficients + start.intercept)
        logs = np.log(np.average(hot, axis=0, weights=weight))
        intercept = logs[1:] - logs[:1] if outputs == 1 else logs - logs.mean()
        return cls(np.zeros((matrix.shape[1], outputs)), intercept, np.repeat(intercept[None], hot.shape[0], axis=0))

    def halfway_to(self, other: _Scores) -> _Scores:
        """The mean of both."""
        return _Scores(
            (self.coefficients + other.coefficients) / 2, (self.intercept + other.intercept) / 2, (self.scores + other.scores) / 2
        )

    def is_near(self, other: _Scores) -> bool:
        """Whether no score differs by more than rounding."""
        return bool(np.abs(self.scores - other.scores).max(initial=0.0) < 1e-9)


def _tolerance(matrix: Any, rough: bool) -> float:
    if rough:
        return ROUGH_TOLERANCE
    return TOLERANCE if isinstance(matrix, np.ndarray) and matrix.size <= LARGE_CELLS else LARGE_TOLERANCE


def _by_column(matrix: Any) -> Any:
    """The matrix as coordinate descent walks it; scikit-learn takes 32-bit indices alone."""
    if isinstance(matrix, np.ndarray):
        return np.asfortranarray(matrix)
    columns = matrix.tocsc()
    columns.indices, columns.indptr = columns.indices.astype(np.int32), columns.indptr.astype(np.int32)
    return columns


def _deviation(rows: Rows) -> float:
    """Standard deviation of the target; 1 where it does not vary."""
    target = rows.target.astype(np.float64)
    mean = np.average(target, weights=rows.weight)
    return float(np.sqrt(np.average(np.square(target - mean), weights=rows.weight))) or 1.0


def effective_coefficients(matrix: NDArray[np.float64], weight: NDArray[np.float64], strength: float) -> float:
    """How many free coefficients a ridge of this strength leaves: the sum of d^2 / (d^2 + strength) over the singular values d.

    Args:
        matrix: (rows, columns).
        weight: Of the rows.
        strength: Of the penalty on the sum of squares.

    Source: Hastie, Tibshirani and Friedman 2009, equation 3.50.

    Example:
        >>> effective_coefficients(np.array([[1.0], [-1.0]]), np.ones(2), strength=2.0)
        0.5
    """
    centred = (matrix - np.average(matrix, axis=0, weights=weight)) * np.sqrt(weight)[:, None]
    squares = np.maximum(np.linalg.eigvalsh(centred.T @ centred), 0.0)
    return float((squares / (squares + strength)).sum())
