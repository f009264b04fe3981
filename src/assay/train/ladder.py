"""Training of any model of the ladder: classical ones by themselves, neural ones by the watched, resumable loop."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from assay.train.crew import crew_here
from assay.train.settings import Settings

if TYPE_CHECKING:
    from assay.core.trace_evidence import TraceEvidence
    from assay.model.contract import Model, Rows
    from assay.model.neural import NeuralModel
    from assay.model.snapshots import Snapshots
    from assay.objective.loss import Loss
    from assay.train.run import Moment
    from assay.train.session import Plan


@dataclass(frozen=True)
class Training:
    """A finished (or interrupted) training.

    Attributes:
        model: Trained.
        trace: What the probes saw; None for classical models, which have no steps to watch.
        snapshots: Weights from birth to the kept epoch; None for classical models.
        seconds: Training time.
        notes: What a person should know, such as the learning rate that a range test picked.
    """

    model: Model
    trace: TraceEvidence | None
    snapshots: Snapshots | None
    seconds: float
    notes: tuple[str, ...] = ()

    @property
    def stopped(self) -> str:
        """Why a neural training ended ("patience", "epochs", "budget", "nonfinite", "interrupted").

        Of a classical model "budget" where that cut it, else "".
        """
        return self.trace.stopped if self.trace else "budget" if self.model.is_cut else ""


def fit_model(
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
        settings: The loop's knobs; the model's usual ones if None, and what those leave open by the number of rows.
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
    knobs = settings or Settings(**model.usual_settings)
    open_ones = {name: value for name, value in model.usual_lengths(train.size).items() if getattr(knobs, name) is None}
    knobs = replace(knobs, **open_ones)
    knobs = replace(knobs, epochs=epochs or knobs.epochs).filled(train.data.rows)
    if knobs.threads == "auto":
        # a table's run is to be the same on a busy machine; one thread adds in one order
        knobs = replace(knobs, threads=1)
    from assay.train.session import carry_out

    plan = _plan(model, train, valid, knobs, seed, watched=watched)
    plan = replace(plan, folder=checkpoint, budget_seconds=budget_seconds, callbacks=(_told(on_epoch),) if on_epoch is not None else ())
    outcome = carry_out(plan)
    from assay.train.evidence import trace_of

    history = outcome.loop.history
    model.kept = f"kept epoch {history.best if knobs.restore else history.evaluations} of {history.evaluations}"
    return Training(model, trace_of(outcome.loop, _opening(model, train)), outcome.snapshots, time.perf_counter() - started, outcome.notes)


def _plan(model: NeuralModel, train: Rows, valid: Rows, settings: Settings, seed: int, *, watched: bool) -> Plan:
    from assay.train.layers import layers_of
    from assay.train.rows import ModelTask, RowsData
    from assay.train.session import Plan

    return Plan(
        ModelTask(model, json.dumps(asdict(model.shape), sort_keys=True)),
        RowsData.of(model, train),
        RowsData.of(model, valid),
        settings=settings,
        seed=seed,
        layers=lambda: layers_of(model.network, model.groups()),
        watched=watched,
        again=False,
        crew=crew_here(),
    )


def _told(on_epoch: Callable[[int, float, float, float], None]) -> Callable[[Moment], None]:
    return lambda moment: on_epoch(moment.epoch, moment.train_loss, moment.valid_loss, moment.seconds_left)


def _opening(model: NeuralModel, train: Rows) -> float:
    """The loss of the constant that the model was born as, on its training rows."""
    import numpy as np

    constant = model.loss.best_constant(train.target, train.weight, len(model.start))
    return model.loss.mean(train.target, np.broadcast_to(constant, (len(train.target), *constant.shape)), train.weight)
