"""Fitting linear models: the penalty's strength chosen on validation rows, and one fit at a strength."""

from __future__ import annotations

import math
import time
import warnings
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from assay.model.cross_fit import each_fold, folds_of
from assay.model.term_evidence import scaled

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from assay.model.contract import Rows
    from assay.model.design import Design
    from assay.objective.loss import Loss

# From strong to weak; the walk stops at the first strength that serves the validation rows worse.
STRENGTHS = {"log": (1000.0, 100.0, 10.0, 1.0, 0.1, 0.01, 0.001), "other": (10_000.0, 1000.0, 100.0, 10.0, 1.0, 0.1, 0.01)}
# A Newton step costs columns^2 * rows and columns^3: beyond this many coefficients L-BFGS is the faster way.
MAX_NEWTON_COEFFICIENTS = 600
REWEIGHTINGS = 50
# Rows times coefficients, above which five fits a strength would take minutes (4,000 rows of MNIST have 31 million).
MAX_CROSS_FITTED_CELLS = 10_000_000
ROUGH_STEPS, LAST_STEPS = 100, 500
MEASURED_STEPS, LEAST_STEPS = 3, 10


@dataclass(frozen=True)
class Fitted:
    """Coefficients (columns, outputs), intercept (outputs,), and whether the solver reached its tolerance."""

    coefficients: NDArray[np.float64]
    intercept: NDArray[np.float64]
    converged: bool = True

    def times(self, unit: float) -> Fitted:
        """The fit of a target that is counted in a unit so many times smaller."""
        return Fitted(self.coefficients * unit, self.intercept * unit, self.converged)

    def unscaled(self, scale: NDArray[np.float64] | None) -> Fitted:
        """The fit for columns as they are, from that for columns multiplied by `scale`."""
        return self if scale is None else replace(self, coefficients=self.coefficients * scale[:, None])


@dataclass(frozen=True)
class Limits:
    """Steps of the logistic solver in a fit that chooses a strength and in the last fit, and when choosing must end (monotonic)."""

    rough: int = ROUGH_STEPS
    last: int = LAST_STEPS
    until: float = math.inf

    @property
    def is_tight(self) -> bool:
        """The last fit may have to end before it converges."""
        return self.last < LAST_STEPS


def limits_within(seconds: float | None, rows: Rows, matrix: Any, loss: Loss, classes: int) -> Limits:
    """What fits into these seconds, half of them for choosing the strength, by the time that a few steps take.

    Only the logistic solver goes by steps: without a budget, or for another loss, there is no limit.
    """
    if seconds is None or loss.name != "log":
        return Limits()
    started = time.monotonic()
    _fit_logistic(rows, matrix, classes, 1.0, None, rough=True, steps=MEASURED_STEPS)
    took = time.monotonic() - started
    steps = int((seconds - took) * MEASURED_STEPS / max(took, 1e-6))
    rough, last = (min(most, max(LEAST_STEPS, part)) for most, part in ((ROUGH_STEPS, steps // 8), (LAST_STEPS, steps // 2)))
    return Limits(rough, last, started + seconds / 2)


@dataclass(frozen=True)
class Chosen:
    """A penalty's strength and how it was chosen.

    Attributes:
        strength: Of the penalty.
        valid_prediction: Predictions for the validation rows while they were not fitted.
        start: A fit to start from.
        is_cut: The limits ended the choosing.
        loss: Mean loss on the rows not fitted.
    """

    strength: float
    valid_prediction: NDArray[np.float64] | None = None
    start: Fitted | None = None
    is_cut: bool = False
    loss: float = math.inf


class ScaleOf(Protocol):
    """What the columns of a design matrix are multiplied by before they are fitted, as `term_scale` does; None for nothing."""

    def __call__(self, design: Design, matrix: Any, rows: Rows, classes: int) -> NDArray[np.float64] | None:
        """The scale by these rows."""


class FitAt(Protocol):
    """Fits coefficients at one strength of a penalty, as `fit_once` does."""

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
        """Coefficients at this strength."""


def choose_strength(
    train: Rows,
    valid: Rows,
    design: Design,
    loss: Loss,
    classes: int,
    limits: Limits,
    *,
    fit_at: FitAt | None = None,
    scale_of: ScaleOf | None = None,
    strengths: Sequence[float] | None = None,
    patience: int = 1,
) -> Chosen:
    """The strength with the lowest loss on rows not fitted, and what was predicted for the validation rows while so unfitted.

    Small tables are cross-fitted over all rows, since on 50 validation rows the lowest loss is mostly luck; large ones take the
    validation rows. Without validation rows: 1. Beyond the limits the best so far is taken.

    Args:
        train, valid: Rows to learn from, and rows kept apart.
        design: Of both.
        loss: What is lowered.
        classes: Number of classes, 0 for regression.
        limits: Of steps and time.
        fit_at: How coefficients are fitted at a strength; `fit_once` if None.
        scale_of: What columns are multiplied by before they are fitted, learned from the fitted rows alone; nothing if None.
        strengths: From strong to weak; decades if None.
        patience: The walk stops at so many strengths in a row that serve the rows worse.
    """
    if valid.size == 0:
        return Chosen(1.0)
    fitter = fit_at or fit_once
    both = train.followed_by(valid)
    matrix = design.matrix(both.data)
    is_cheap = isinstance(matrix, np.ndarray) and matrix.size * max(classes, 1) <= MAX_CROSS_FITTED_CELLS
    fold_of = folds_of(train, valid, is_cheap=is_cheap)
    best, n_worse = Chosen(1.0), 0
    starts: dict[int, Fitted] = {}
    scales = [scale_of(design, matrix[kept], both.take(kept), classes) if scale_of else None for kept, _ in each_fold(fold_of)]
    judged = np.flatnonzero(fold_of >= 0)
    for strength in strengths or STRENGTHS["log" if loss.name == "log" else "other"]:
        if time.monotonic() > limits.until and best.start is not None:
            return replace(best, is_cut=True)
        prediction = np.empty((both.size, classes) if classes else both.size)
        for fold, (kept, asked) in enumerate(each_fold(fold_of)):
            fed = scaled(matrix[kept], scales[fold])
            starts[fold] = fitter(both.take(kept), fed, loss, classes, strength, start=starts.get(fold), steps=limits.rough, rough=True)
            fitted = starts[fold].unscaled(scales[fold])
            scores = matrix[asked] @ fitted.coefficients + fitted.intercept
            prediction[asked] = probabilities(scores) if classes else scores[:, 0]
        per_row = loss.per_row(both.target[judged], prediction[judged])
        now = float(np.average(per_row, weights=None if both.weight is None else both.weight[judged]))
        if now < best.loss:
            best, n_worse = Chosen(strength, prediction[train.size :], starts[0], loss=now), 0
        else:
            n_worse += 1
        if n_worse >= patience:
            break
    return best


def fit_once(
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
    """The coefficients that minimise the summed loss plus a penalty of this strength on their squares.

    Log loss counts in nats and is penalised by strength / 2 * |w|^2; squared error by strength * |w|^2; absolute error by
    that of its reweighted squares. The intercept is not penalised.

    `start` holds coefficients to start from; `rough` asks for a tolerance that is enough to choose a strength;
    `steps` bounds the logistic solver.
    """
    if loss.name == "log":
        return _fit_logistic(rows, matrix, classes, strength, start, rough, steps)
    target = rows.target.astype(np.float64)
    if loss.name == "squared":
        return _fit_ridge(matrix, target, strength, rows.weight)
    return fit_median(rows, matrix, lambda weight: _fit_ridge(matrix, target, strength, weight), 5 if rough else REWEIGHTINGS)


def probabilities(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Class probabilities from scores (rows, 1) of two classes or (rows, classes)."""
    full = np.column_stack([np.zeros(len(scores)), scores]) if scores.shape[1] == 1 else scores
    grown = np.exp(full - full.max(axis=1, keepdims=True))
    return np.asarray(grown / grown.sum(axis=1, keepdims=True), dtype=np.float64)


def _fit_logistic(
    rows: Rows, matrix: Any, classes: int, strength: float, start: Fitted | None, rough: bool, steps: int | None = None
) -> Fitted:
    from scipy.linalg import LinAlgWarning
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    seen = np.unique(rows.target)
    outputs = 1 if classes == 2 else classes
    if len(seen) < 2:
        return only_class(int(seen[0]), matrix.shape[1], outputs, rows.size)
    n_fitted = matrix.shape[1] * (1 if len(seen) == 2 else len(seen))
    is_newton = n_fitted <= MAX_NEWTON_COEFFICIENTS and isinstance(matrix, np.ndarray)
    solver = LogisticRegression(
        C=1.0 / strength,
        solver="newton-cholesky" if is_newton else "lbfgs",
        tol=1e-4 if rough or not is_newton else 1e-8,
        max_iter=steps or (ROUGH_STEPS if rough else LAST_STEPS),
        warm_start=True,
    )
    if start is not None and len(seen) == classes:
        solver.coef_, solver.intercept_ = start.coefficients.T.copy(), start.intercept.copy()
    with warnings.catch_warnings(record=True) as heard:
        for doubt in (ConvergenceWarning, LinAlgWarning):
            warnings.simplefilter("always", doubt)
        solver.fit(matrix, rows.target, sample_weight=rows.weight)
    return spread(solver.coef_.T, solver.intercept_, seen, outputs, rows=rows.size, converged=not heard)


def spread(
    coefficients: NDArray[np.float64], intercept: NDArray[np.float64], seen: NDArray[Any], outputs: int, *, rows: int, converged: bool
) -> Fitted:
    """Coefficients for all classes from those of the classes that were seen; an unseen one keeps the score of half a row."""
    if coefficients.shape[1] == outputs:
        return Fitted(np.ascontiguousarray(coefficients), np.asarray(intercept, dtype=np.float64), converged)
    full, base = np.zeros((coefficients.shape[0], outputs)), np.full(outputs, np.log(0.5 / rows))
    if coefficients.shape[1] == 1:
        full[:, seen] = np.column_stack([-coefficients[:, 0] / 2, coefficients[:, 0] / 2])
        base[seen] = np.array([-intercept[0] / 2, intercept[0] / 2])
    else:
        full[:, seen], base[seen] = coefficients, intercept
    return Fitted(full, base, converged)


def only_class(seen: int, n_columns: int, outputs: int, rows: int) -> Fitted:
    """No coefficients, and an intercept that makes the one class there is as sure as so many rows can."""
    base = np.full(outputs, np.log(0.5 / rows))
    if outputs == 1:
        base[0] = -base[0] if seen == 1 else base[0]
    else:
        base[seen] = 0.0
    return Fitted(np.zeros((n_columns, outputs)), base)


def _fit_ridge(matrix: Any, target: NDArray[np.float64], strength: float, weight: NDArray[np.float64] | None) -> Fitted:
    from sklearn.linear_model import Ridge

    # A sparse matrix of many terms has no room for its square; the iterative solver needs only products with it.
    solver = Ridge(alpha=strength, solver="cholesky" if isinstance(matrix, np.ndarray) else "sparse_cg", tol=1e-8)
    solver.fit(matrix, target, sample_weight=weight)
    return Fitted(np.asarray(solver.coef_, dtype=np.float64)[:, None], np.array([float(solver.intercept_)]))


def fit_median(rows: Rows, matrix: Any, solve: Callable[[NDArray[np.float64]], Fitted], rounds: int) -> Fitted:
    """Least absolute error by iteratively reweighted squares: |r| is about r^2 / |r| at the last residual r.

    `solve` fits least squares to the rows at these weights.

    Source: Schlossmacher 1973; the floor under |r| keeps the weights finite.
    """
    target = rows.target.astype(np.float64)
    weight = np.ones(len(target)) if rows.weight is None else rows.weight
    spread = float(np.average(np.abs(target - np.median(target)), weights=weight)) or 1.0
    # Penalise in the unit of the reweighted rows, so that a strength means about the same as for squared error.
    fitted, last = solve(weight), np.inf
    for _ in range(rounds):
        residual = np.abs(target - (matrix @ fitted.coefficients)[:, 0] - fitted.intercept[0])
        now = float(np.average(residual, weights=weight))
        if now > last * (1 - 1e-6):
            break
        last = now
        fitted = solve(weight * spread / np.maximum(residual, 1e-4 * spread))
    return fitted
