"""The loss of each row from the best constant to the finished model: the columns that every side of the ledger sums."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from assay.evaluate.row_sample import unit_weights

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


def row_losses(
    rows: Rows, loss: Loss, opening_prediction: NDArray[np.float64], raw: NDArray[np.float64], final: NDArray[np.float64]
) -> RowLosses:
    """The losses of these rows under the constant, the raw and the final predictions.

    Example:
        >>> from types import SimpleNamespace
        >>> from assay.objective import loss_for
        >>> two = SimpleNamespace(target=np.array([0.0, 2.0]), weight=None)
        >>> row_losses(two, loss_for("regression"), np.array(1.0), np.array([0.0, 1.0]), np.array([0.0, 2.0])).reduction
        1.0
    """
    weight = unit_weights(rows.weight, len(rows.target))
    constant = np.broadcast_to(opening_prediction, (len(rows.target), *np.shape(opening_prediction)))
    opening, before, closing = (weight * loss.per_row(rows.target, one) for one in (constant, raw, final))
    return RowLosses(opening, before, closing)
