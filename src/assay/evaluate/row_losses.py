"""The loss of each row from the best constant to the finished model: the columns that every side of the ledger sums."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from assay.evaluate.row_sample import unit_weights
from assay.objective.calibration import apply_temperature

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from assay.model.contract import Rows
    from assay.objective.loss import Loss


@dataclass(frozen=True)
class RowLosses:
    """Losses of the same rows, each times the row's weight (of mean 1), so that plain means are the ledger's balances.

    Attributes:
        opening: Under the best constant of the training rows.
        raw: Under the model before its output is recalibrated.
        closing: Under the model as it predicts.
    """

    opening: NDArray[np.float64]
    raw: NDArray[np.float64]
    closing: NDArray[np.float64]

    @property
    def reduction(self) -> float:
        """Opening minus closing."""
        return float((self.opening - self.closing).mean())


def row_losses(rows: Rows, loss: Loss, constant: NDArray[np.float64], raw: NDArray[np.float64], temperature: float) -> RowLosses:
    """The losses of these rows under the best constant, the model and the model at its temperature.

    Args:
        rows: Encoded rows with targets.
        loss: What the ledger counts in.
        constant: The best constant of the training rows.
        raw: The model's predictions for these rows before its temperature.
        temperature: 1 where it is used as it is.
    """
    final = apply_temperature(raw, temperature)
    weight = unit_weights(rows.weight, len(rows.target))
    start = np.broadcast_to(constant, (len(rows.target), *np.shape(constant)))
    opening, before, closing = (weight * loss.per_row(rows.target, one) for one in (start, raw, final))
    return RowLosses(opening, before, closing)
