"""What a training leaves behind, and what its callbacks are told on the way."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import nn

    from assay.core.trace_evidence import TraceEvidence
    from assay.model.snapshots import Snapshots
    from assay.train.history import History
    from assay.train.settings import Settings


@dataclass(frozen=True)
class Moment:
    """Where a training is, as its callbacks are told after each evaluation.

    Attributes:
        epoch: The epoch that ends or runs, from 1.
        step: Steps done.
        train_loss, valid_loss: In the objective's unit; nan where not measured.
        learning_rate: Of the last step.
        seconds: Since this process began to train.
        seconds_left: Until the planned end, or the budget's, at the pace so far.
    """

    epoch: int
    step: int
    train_loss: float
    valid_loss: float
    learning_rate: float
    seconds: float
    seconds_left: float


@dataclass(frozen=True)
class Run:
    """A finished or interrupted training of a network.

    Attributes:
        network: The module that was given, with the best weights, in evaluation mode.
        unit: Of all losses, "bits/row" for one.
        history: Losses and rates by evaluation, losses by step.
        settings: As the training went by: every knob filled.
        trace: What the probes saw; None where not watched.
        snapshots: Weights from birth to those kept, in the order of `named_parameters`; None where they would take too much memory.
        seconds: Of this process's share of the training.
        folder: Where history and checkpoint are, None for nowhere.
        notes: What a person should know: what was chosen, what was not possible.
    """

    network: nn.Module
    unit: str
    history: History
    settings: Settings
    trace: TraceEvidence | None
    snapshots: Snapshots | None
    seconds: float
    folder: Path | None = None
    notes: tuple[str, ...] = ()

    @property
    def stopped(self) -> str:
        """Why it ended: "patience", "epochs", "steps", "budget", "callback", "nonfinite" or "interrupted"."""
        return self.history.stopped

    @property
    def best_loss(self) -> float:
        """The validation loss of the weights kept; the training loss where there were no validation examples."""
        history, best = self.history, self.history.best
        losses = history.valid_loss or history.train_loss
        if self.settings.restore and 0 < best <= len(losses):
            return losses[best - 1]
        return losses[-1] if losses and not (self.settings.restore and best == 0) else history.best_loss
