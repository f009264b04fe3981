"""Adjustments: what part of the reduction is not honest, was lost to memorising, or could be won back."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from assay.core.ledger import Adjustment
from assay.evaluate.row_sample import mean_and_se

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from assay.core.eval_evidence import Calibration
    from assay.core.ledger import Ledger


def memorised(held_out: NDArray[np.float64], train: NDArray[np.float64]) -> Adjustment:
    """The held-out loss less the training loss, told beside the reduction; negative where there is no such gap.

    Args:
        held_out: Closing loss of each held-out row, times its weight.
        train: Closing loss of each training row, likewise.

    Example:
        >>> memorised(np.array([2.0, 2.0]), np.array([1.0, 1.0])).amount
        1.0
    """
    (mean_held_out, se_held_out), (mean_train, se_train) = mean_and_se(held_out), mean_and_se(train)
    se = float(np.hypot(se_held_out, se_train))
    because = f"held-out loss {mean_held_out:.4g} less training loss {mean_train:.4g}"
    return Adjustment("memorised", mean_held_out - mean_train, se=se, because=because)


def miscalibrated(calibration: Calibration) -> Adjustment:
    """What recalibration alone wins back on held-out rows, told beside the reduction; 0 where it wins nothing."""
    because = f"{calibration.method} scaling, cross-fitted on held-out rows; temperature {calibration.temperature:.3g} (EVL101)"
    if calibration.gain <= 0:
        because = f"recalibration wins nothing: cross-fitted {calibration.method} scaling changes the loss by {-calibration.gain:+.2g}"
    return Adjustment("miscalibrated", max(0.0, calibration.gain), se=calibration.gain_se, because=because)


def leaked(closing: NDArray[np.float64], without_leaks: NDArray[np.float64], columns: tuple[str, ...] = ()) -> Adjustment:
    """What the model loses when it is trained anew without the leaking columns: taken off the reduction.

    Args:
        closing: Closing loss of each held-out row, times its weight.
        without_leaks: The same rows under the model that never saw the leaking columns.
        columns: Their names.

    Example:
        >>> leaked(np.array([0.5, 0.5]), np.array([1.0, 0.5])).amount
        0.25
    """
    amount, se = mean_and_se(without_leaks - closing)
    named = "without " + ", ".join(columns) if columns else "without the leaking columns"
    return Adjustment("leaked", amount, se=se, counts=True, because=f"trained anew {named} (SPL101, SPL102)")


def with_calibration(ledger: Ledger, calibration: Calibration) -> Ledger:
    """The ledger with the adjustment "miscalibrated", if it has none yet."""
    if any(a.kind == "miscalibrated" for a in ledger.adjustments):
        return ledger
    return replace(ledger, adjustments=(*ledger.adjustments, miscalibrated(calibration)))
