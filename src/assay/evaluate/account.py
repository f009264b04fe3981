"""Closing the books of one model: both sides of the double entry, the adjustments, and the balances."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from assay.core.ledger import Ledger
from assay.evaluate.adjustment import leaked, memorised, miscalibrated
from assay.evaluate.learner_side import book_learners
from assay.evaluate.row_losses import row_losses
from assay.evaluate.row_sample import mean_and_se, unit_weights
from assay.evaluate.source_side import source_side
from assay.objective.calibration import apply_temperature

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from assay.core.eval_evidence import Calibration
    from assay.evaluate.coalition import Predict
    from assay.model.contract import Model, Rows
    from assay.model.snapshots import Snapshots
    from assay.objective.loss import Loss


def account(
    name: str,
    model: Model,
    predict: Predict,
    *,
    loss: Loss,
    classes: int,
    train: Rows,
    test: Rows,
    snapshots: Snapshots | None = None,
    temperature: float = 1.0,
    leaks: Sequence[str] = (),
    leak_free_per_row: NDArray[np.float64] | None = None,
    calibration: Calibration | None = None,
    raw: tuple[NDArray[np.float64], NDArray[np.float64]] | None = None,
    seconds: float = 20.0,
    seed: int = 0,
    association_order: Sequence[str] = (),
) -> Ledger:
    """The ledger of a trained model on held-out rows.

    Args:
        name: As on the ladder.
        model: The trained model, before its temperature.
        predict: The model as it is used, its temperature applied.
        loss: What the ledger counts in.
        classes: Number of classes, 0 for regression.
        train: The rows that it learned from; their best constant opens the books.
        test: Rows that it never saw.
        snapshots: A network's weights from birth to those kept; None for other models.
        temperature: Applied by `predict`; 1 for none.
        leaks: The leaking columns.
        leak_free_per_row: Loss of each test row under a model trained without the leaking columns; None where none leaks.
        calibration: Measured on the test rows; None for regression.
        raw: The model's predictions for the test and the training rows, where they are known already.
        seconds: What both sides together may take, by the model's `row_seconds`.
        seed: Of the run.
        association_order: Columns, the most telling first; says who is booked alone where there are more than 40.

    Returns:
        Opening and closing balance in the loss's unit, two sides with their remainders, and the adjustments.
    """
    constant = loss.best_constant(train.target, train.weight, classes)
    known = raw or (model.predict(test.data), model.predict(train.data))
    held_out, trained = (row_losses(rows, loss, constant, one, temperature) for rows, one in zip((test, train), known, strict=True))
    closing, closing_se = mean_and_se(held_out.closing)
    adjustments = [memorised(held_out.closing, trained.closing), *([] if calibration is None else [miscalibrated(calibration)])]
    if leak_free_per_row is not None:
        weighted = unit_weights(test.weight, len(test.target)) * leak_free_per_row
        adjustments.append(leaked(held_out.closing, weighted, tuple(leaks)))
    return Ledger(
        model=name,
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
            opening_prediction=constant,
            seconds=seconds / 2,
            row_seconds=model.row_seconds(test.data),
            prediction=apply_temperature(known[0], temperature),
            seed=seed,
            association_order=association_order,
        ),
        learners=book_learners(model, loss, (test, held_out), (train, trained), snapshots=snapshots, seconds=seconds / 2, seed=seed),
        adjustments=tuple(adjustments),
    )
