"""The evidence of an evaluation: the ladder, the recommended model's metrics, calibration, confusion, residuals and slices."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from assay.core.eval_evidence import Calibration, EvalEvidence
from assay.core.seeds import seed_for
from assay.evaluate.adjustment import with_calibration
from assay.evaluate.ladder import Candidate, rungs_of
from assay.evaluate.slices import worst_slices

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from assay.core.ledger import Ledger, Side
    from assay.objective.loss import Loss
    from assay.table.table import Table

MOST_RESIDUALS = 500


def evaluate(
    candidates: Sequence[Candidate],
    chosen: str,
    *,
    target: NDArray[np.generic],
    classes: tuple[str, ...],
    loss: Loss,
    table: Table | None = None,
    ledger: Ledger | None = None,
    layers: Side | None = None,
    watched: str = "",
    seed: int = 0,
) -> EvalEvidence:
    """All that held-out rows say about the trained models, and in detail about the chosen one.

    Args:
        candidates: The trained models' predictions for the held-out rows.
        chosen: Name of the one to look at in detail, such as `recommend` gives.
        target: Of the held-out rows.
        classes: Class labels; empty for regression.
        loss: What the ledger counts in.
        table: The held-out rows as a table, for slices; None leaves them out.
        ledger: Of the chosen model; the adjustment "miscalibrated" is added where it lacks it.
        layers: The learner side of the watched network.
        watched: Its name.
        seed: Of the run.
    """
    from assay.objective.metrics import metrics_for

    one = next(c for c in candidates if c.name == chosen)
    rungs = rungs_of(candidates, target, loss)
    calibration = _calibration(one, target, seed) if classes else None
    per_row = loss.per_row(target, one.prediction)
    base = next((r for r in rungs if r.name == "constant"), rungs[0])
    return EvalEvidence(
        model=chosen,
        task=loss.task,
        unit=loss.unit,
        rows=len(target),
        opening=ledger.opening if ledger else base.held_out_loss,
        ladder=rungs,
        metrics=metrics_for(loss.task, target, one.prediction, classes),
        ledger=with_calibration(ledger, calibration) if ledger and calibration else ledger,
        layers=layers,
        watched=watched,
        calibration=calibration,
        slices=worst_slices(table, per_row, one.weight) if table is not None else (),
        classes=classes,
        confusion=confusion(target, one.prediction) if classes else (),
        residuals=() if classes else residuals(target, one.prediction, seed_for(seed, "residuals")),
        target_std=0.0 if classes else float(np.std(target.astype(np.float64))),
    )


def _calibration(one: Candidate, target: NDArray[np.generic], seed: int) -> Calibration:
    from assay.objective.calibration import measure_calibration

    return measure_calibration(one.prediction, target, seed_for(seed, "calibration"))


def confusion(target: NDArray[np.generic], probability: NDArray[np.float64]) -> tuple[tuple[int, ...], ...]:
    """Rows by true class (row) and most probable class (column).

    Example:
        >>> confusion(np.array([0, 1, 1]), np.array([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4]]))
        ((1, 0), (1, 1))
    """
    n_classes = probability.shape[1]
    counts = np.bincount(target.astype(np.intp) * n_classes + probability.argmax(axis=1), minlength=n_classes**2)
    return tuple(tuple(int(n) for n in row) for row in counts.reshape(n_classes, n_classes))


def residuals(target: NDArray[np.generic], prediction: NDArray[np.float64], seed: int) -> tuple[tuple[float, float], ...]:
    """Predicted and true value of at most 500 rows, drawn at random."""
    rows = np.arange(len(target))
    if len(rows) > MOST_RESIDUALS:
        rows = np.sort(np.random.default_rng(seed).choice(rows, MOST_RESIDUALS, replace=False))
    return tuple((float(prediction[i]), float(target[i])) for i in rows)
