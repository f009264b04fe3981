"""Closing the books of one model: both sides of the double entry, the adjustments, and the balances."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from assay.core.ledger import Ledger
from assay.evaluate.adjustment import leaked, memorised, miscalibrated
from assay.evaluate.learner_side import learner_side
from assay.evaluate.row_losses import row_losses
from assay.evaluate.row_sample import mean_and_se, unit_weights
from assay.evaluate.source_side import source_side

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from assay.core.eval_evidence import Calibration
    from assay.evaluate.coalition import Predict
    from assay.model.contract import Model, Rows
    from assay.objective.loss import Loss


def account(
    *,
    model_name: str,
    model: Model,
    predict: Predict,
    loss: Loss,
    train: Rows,
    test: Rows,
    opening_prediction: NDArray[np.float64],
    training: Any | None = None,
    temperature: float = 1.0,
    leak_free_per_row: NDArray[np.float64] | None = None,
    leaking: Sequence[str] = (),
    calibration: Calibration | None = None,
    seconds: float = 10.0,
    seed: int = 0,
    association_order: Sequence[str] = (),
) -> Ledger:
    """The ledger of a trained model on held-out rows.

    Args:
        model_name: As on the ladder.
        model: The trained model, before its temperature.
        predict: The model as it is used, its temperature applied.
        loss: What the ledger counts in.
        train: The rows that it learned from.
        test: Rows that it never saw.
        opening_prediction: The best constant of the training rows, shape (classes,) or ().
        training: What training left behind, if it has `snapshots` of a network's weights; or these snapshots; else None.
        temperature: Applied by `predict`; 1 for none.
        leak_free_per_row: Loss of each test row under a model trained without the leaking columns; None where none leaks.
        leaking: The leaking columns.
        calibration: Measured on the test rows; None for regression.
        seconds: What the side of sources may take.
        seed: Of the run.
        association_order: Columns, the most telling first; says who is booked alone where there are more than 40.

    Returns:
        Opening and closing balance in the loss's unit, two sides with their remainders, and the adjustments.
    """
    losses = []
    for rows in (test, train):
        final = predict(rows.data)
        raw = final if temperature == 1.0 else model.predict(rows.data)
        losses.append(row_losses(rows, loss, opening_prediction, raw, final))
    held_out, trained = losses
    closing, closing_se = mean_and_se(held_out.closing)
    adjustments = [memorised(held_out.closing, trained.closing)]
    if calibration is not None:
        adjustments.append(miscalibrated(calibration))
    if leak_free_per_row is not None:
        weighted = unit_weights(test.weight, len(test.target)) * leak_free_per_row
        adjustments.append(leaked(held_out.closing, weighted, tuple(leaking)))
    return Ledger(
        model=model_name,
        unit=loss.unit,
        rows=len(test.target),
        opening=float(held_out.opening.mean()),
        closing=closing,
        closing_se=closing_se,
        train_closing=float(trained.closing.mean()),
        sources=source_side(
            predict=predict,
            loss=loss,
            train=train,
            test=test,
            opening_prediction=opening_prediction,
            seconds=seconds,
            seed=seed,
            association_order=association_order,
        ),
        learners=learner_side(
            model=model,
            loss=loss,
            train=train,
            test=test,
            held_out=held_out,
            trained=trained,
            snapshots=getattr(training, "snapshots", training),
            seed=seed,
        ),
        adjustments=tuple(adjustments),
    )
