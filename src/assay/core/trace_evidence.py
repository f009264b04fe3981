"""Evidence from inside a training: losses, layers and inputs, as the probes recorded them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from assay.core.evidence import Evidence


@dataclass(frozen=True, slots=True)
class LayerTrace:
    """One layer over the epochs; each tuple has one number an epoch.

    Attributes:
        name: Layer name, such as "hidden 1".
        kind: "linear", "embedding", ...
        activation: Name of the activation behind it, "" if none.
        units: Output units.
        gradient_norm: Mean 2-norm of the layer's gradient.
        weight_norm: 2-norm of its weights at the epoch's end.
        update_ratio: Mean of |update| / |weight| a step.
        dead_share: Share of units that were never active on the probe rows at the epoch's end (ReLU-like only; else 0).
    """

    name: str
    kind: str
    units: int
    activation: str = ""
    gradient_norm: tuple[float, ...] = ()
    weight_norm: tuple[float, ...] = ()
    update_ratio: tuple[float, ...] = ()
    dead_share: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class InputTrace:
    """What the first layer was fed: one numeric input column."""

    name: str
    mean: float
    std: float
    minimum: float
    maximum: float


@dataclass(frozen=True, slots=True)
class TraceEvidence(Evidence):
    """One training from inside.

    Attributes:
        model: Name of the model.
        unit: Unit of the losses.
        opening: Loss of the best constant on the training rows.
        birth: Loss before the first step, of a network that is not born at the best constant; None where it is.
        train_loss, valid_loss: One number an epoch.
        train_loss_se, valid_loss_se: Standard errors over rows of the kept epoch's training and validation loss.
        step_loss: Batch losses, thinned evenly to at most 500; step_number are their steps.
        learning_rate: One number an epoch.
        nonfinite_step: First step with a NaN or infinite loss or gradient, -1 if none.
        nonfinite_where: What it was in: "loss", "gradient of hidden 1", "input column 'fare'".
        nonfinite_rows: Rows with a non-finite input value.
        best_epoch: Epoch (0-based) with the lowest validation loss; -1 for the birth.
        restored: The best epoch's weights were put back at the end; False: the last epoch's are kept.
        stopped: Why the training ended: "patience", "epochs", "budget", "nonfinite", "interrupted".
    """

    model: str
    unit: str
    opening: float
    train_loss: tuple[float, ...]
    valid_loss: tuple[float, ...] = ()
    valid_loss_se: float = 0.0
    step_loss: tuple[float, ...] = ()
    step_number: tuple[int, ...] = ()
    learning_rate: tuple[float, ...] = ()
    layers: tuple[LayerTrace, ...] = ()
    inputs: tuple[InputTrace, ...] = ()
    steps_per_epoch: int = 0
    train_rows: int = 0
    valid_rows: int = 0
    nonfinite_step: int = -1
    nonfinite_where: str = ""
    nonfinite_rows: int = 0
    best_epoch: int = -1
    stopped: str = "epochs"
    train_loss_se: float = 0.0
    restored: bool = True
    birth: float | None = None

    absent: ClassVar[str] = "no neural training was watched"

    @property
    def looks(self) -> int:
        """One look a layer."""
        return max(1, len(self.layers))
