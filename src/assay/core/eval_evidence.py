"""Evidence from a finished model: the ladder it was chosen from, its held-out predictions, its ledger."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from assay.core.evidence import Evidence
from assay.core.ledger import Ledger, Side


@dataclass(frozen=True, slots=True)
class Rung:
    """One model of the ladder, all trained on the same rows.

    Attributes:
        name: "constant", "one-rule", "linear", "boosting" or "mlp".
        train_loss, held_out_loss: Mean loss a row, in the ladder's unit.
        se: Standard error of the held-out loss over rows.
        reduction, reduction_se: Held-out loss of the constant minus this one's, and the standard error of that paired difference.
        seconds: Training time.
        complexity: Place on the ladder, 0 the simplest.
        note: What a person should know, such as the rule of the one-rule.
    """

    name: str
    train_loss: float
    held_out_loss: float
    se: float
    reduction: float = 0.0
    reduction_se: float = 0.0
    seconds: float = 0.0
    complexity: int = 0
    note: str = ""


@dataclass(frozen=True, slots=True)
class Calibration:
    """How far predicted probabilities are from what happens (classification only).

    Attributes:
        error: Debiased expected calibration error, in probability (may be slightly negative).
        gain: Loss that recalibration wins back on held-out rows, cross-fitted, in the ledger's unit; gain_se its standard error.
        method: The recalibration that won most: "temperature" or "platt".
        temperature: Its temperature (above 1: the model was overconfident).
        p: Of the gain under the null that there is none.
        bins: Reliability curve: (mean predicted, share observed, rows, low, high), low and high the 95 % band of a calibrated model.
    """

    error: float
    gain: float
    gain_se: float
    method: str
    temperature: float
    p: float
    bins: tuple[tuple[float, float, int, float, float], ...] = ()


@dataclass(frozen=True, slots=True)
class Slice:
    """A part of the held-out rows with its loss.

    Attributes:
        rule: The part in words, such as "workclass = 'Private'".
        excess: Mean loss of the slice minus that of all held-out rows.
        p: Of no excess, two-sided, before control.
    """

    rule: str
    column: str
    rows: int
    loss: float
    excess: float
    p: float


@dataclass(frozen=True, slots=True)
class EvalEvidence(Evidence):
    """A model on held-out rows.

    Attributes:
        model: The recommended (or the only) model.
        ladder: All rungs, the simplest first.
        layers: The learner side of the watched network, also when another model is recommended.
        watched: The name of that network.
        metrics: For people, by name: accuracy, AUC, R2 and so on.
        confusion: Counts by true class (row) and predicted class (column); classes names both.
        residuals: Predicted and true values of at most 500 held-out rows (regression).
        target_std: Standard deviation of the true values (regression).
    """

    model: str
    task: str
    unit: str
    rows: int
    opening: float
    ladder: tuple[Rung, ...]
    metrics: dict[str, float]
    ledger: Ledger | None = None
    layers: Side | None = None
    calibration: Calibration | None = None
    slices: tuple[Slice, ...] = ()
    classes: tuple[str, ...] = ()
    confusion: tuple[tuple[int, ...], ...] = ()
    residuals: tuple[tuple[float, float], ...] = ()
    target_std: float = 0.0
    watched: str = ""

    absent: ClassVar[str] = "no model was evaluated"

    @property
    def looks(self) -> int:
        """One look a rung."""
        return max(1, len(self.ladder))

    def rung(self, name: str) -> Rung | None:
        """The rung of that name, or None if it was not trained."""
        return next((r for r in self.ladder if r.name == name), None)
