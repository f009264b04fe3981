"""Training of any model of the ladder: classical ones by themselves, neural ones by the watched, resumable loop."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from assay.train.settings import Settings

if TYPE_CHECKING:
    from assay.core.trace_evidence import TraceEvidence
    from assay.model.contract import Model, Rows
    from assay.model.snapshots import Snapshots
    from assay.objective.loss import Loss
    from assay.train.loop import Loop


@dataclass(frozen=True)
class Training:
    """A finished (or interrupted) training.

    Attributes:
        model: Trained.
        trace: What the probes saw; None for classical models, which have no steps to watch.
        snapshots: Weights from birth to the kept epoch; None for classical models.
        seconds: Training time.
    """

    model: Model
    trace: TraceEvidence | None
    snapshots: Snapshots | None
    seconds: float

    @property
    def stopped(self) -> str:
        """Why a neural training ended ("patience", "epochs", "budget", "nonfinite", "interrupted").

        Of a classical model "budget" where that cut it, else "".
        """
        return self.trace.stopped if self.trace else "budget" if self.model.is_cut else ""


def fit(
    model: Model,
    train: Rows,
    valid: Rows,
    *,
    loss: Loss,
    classes: int,
    seed: int,
    budget_seconds: float | None = None,
    epochs: int | None = None,
    on_epoch: Callable[[int, float, float, float], None] | None = None,
    checkpoint: Path | None = None,
    settings: Settings | None = None,
    watched: bool = True,
) -> Training:
    """Train a model on its training rows; the validation rows are for early stopping only.

    Args:
        model: Any model of the ladder; a neural one that is already built keeps its weights and its scaling.
        train: Encoded rows with their targets.
        valid: Rows that early stopping looks at; without any the last epoch is kept.
        loss: What is minimised.
        seed: Fixes the weights drawn, the order of rows and the dropout.
        classes: Number of classes, 0 for regression.
        budget_seconds: A neural training ends, with its best weights so far, when they are used up; boosting adds as many
            trees, and a logistic fit takes as many steps, as fit in; the simpler models pay no heed.
        epochs: At most so many epochs.
        on_epoch: Called after each epoch with its number (from 1), training loss, validation loss and the seconds left.
        checkpoint: Folder for the state after each epoch; a later call with the same arguments goes on from there, bit for bit.
        settings: The loop's knobs; by the number of rows if None.
        watched: Record a trace from inside.

    Returns:
        The training; after Ctrl-C with `stopped` "interrupted" and the best weights so far.

    Raises:
        ExtraMissing: the model is neural and torch is not installed.
        RunError: the checkpoint is of another training, or cannot be written.
    """
    from assay.model.neural import NeuralModel

    started = time.perf_counter()
    if not isinstance(model, NeuralModel):
        model.fit(train, valid, loss=loss, classes=classes, seed=seed, budget_seconds=budget_seconds)
        return Training(model, None, None, time.perf_counter() - started)
    if not model.is_built:
        model.build(train, loss=loss, classes=classes, seed=seed)
    knobs = settings or Settings()
    knobs = replace(knobs, epochs=epochs or knobs.epochs).filled(train.data.rows)
    from assay.train.loop import Loop

    trace, snapshots = _fit_network(
        lambda: Loop(model, train, valid, settings=knobs, seed=seed, watched=watched),
        seed,
        budget_seconds=budget_seconds,
        on_epoch=on_epoch,
        checkpoint=checkpoint,
    )
    return Training(model, trace, snapshots, time.perf_counter() - started)


def _fit_network(
    make: Callable[[], Loop],
    seed: int,
    *,
    budget_seconds: float | None,
    on_epoch: Callable[[int, float, float, float], None] | None,
    checkpoint: Path | None,
) -> tuple[TraceEvidence, Snapshots]:
    import torch

    from assay.train.checkpoint import Checkpoint

    threads = torch.get_num_threads()
    # steps are so small that a second thread costs more than it brings, and one thread adds in one order
    torch.set_num_threads(1)
    try:
        loop = make()
        saved = Checkpoint(checkpoint, loop, seed) if checkpoint is not None else None
        if saved is not None:
            saved.resume()
        loop.run(budget_seconds=budget_seconds, on_epoch=on_epoch, save=saved.after_epoch if saved is not None else _nowhere)
        if saved is not None:
            saved.flush()
        snapshots = loop.snapshots()
        loop.finish()
        return loop.trace(), snapshots
    finally:
        torch.set_num_threads(threads)


def _nowhere(_ends: bool) -> None:
    """Save nothing."""
