"""A training as evidence for rules, and what its loss is to be compared with."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import torch

from assay.core.trace_evidence import TraceEvidence
from assay.core.units import entropy_bits
from assay.objective.loss import LOSSES
from assay.watch.probe import PROBE_ROWS, input_traces

if TYPE_CHECKING:
    from assay.objective.training_loss import TrainingLoss
    from assay.train.data import Data
    from assay.train.loop import Loop

MOST_INPUTS_TOLD = 1_000


def trace_of(loop: Loop, opening: float) -> TraceEvidence:
    """The training as evidence; `opening` is the loss of the best constant on its training rows, nan where that is not known."""
    history, probe, data = loop.history, loop.probe, loop.data
    sample = loop.task.numbers(next(iter(data.in_order(min(PROBE_ROWS, data.rows_at_once(loop.batch_rows))))))
    told = sample if sample.shape[1] <= MOST_INPUTS_TOLD else sample[:, :0]
    return TraceEvidence(
        model=loop.task.name,
        unit=loop.task.unit,
        opening=opening,
        train_loss=tuple(history.train_loss),
        valid_loss=tuple(history.valid_loss),
        valid_loss_se=history.best_se,
        step_loss=tuple(history.step_loss),
        step_number=tuple(history.step_number),
        learning_rate=tuple(history.learning_rate),
        layers=probe.traces() if probe else (),
        inputs=input_traces(loop.task.input_names(told.shape[1]), told),
        steps_per_epoch=loop.window_steps,
        train_rows=data.rows,
        valid_rows=loop.valid.rows if loop.valid is not None else 0,
        nonfinite_step=history.nonfinite_step,
        nonfinite_where=history.nonfinite_where,
        nonfinite_rows=_nonfinite_rows(loop) if sample.shape[1] else 0,
        best_epoch=history.best - 1,
        stopped=history.stopped,
        train_loss_se=history.best_train_se,
        restored=loop.settings.restore,
    )


def _nonfinite_rows(loop: Loop) -> int:
    batches = loop.data.in_order(loop.data.rows_at_once(loop.batch_rows))
    return sum(int((~torch.isfinite(loop.task.numbers(batch))).any(dim=1).sum()) for batch in batches)


def opening_loss(objective: TrainingLoss, data: Data) -> float:
    """The loss of the best constant prediction on these targets, nan where targets are not in memory or the loss is an own one.

    Example:
        >>> from assay.objective.training_loss import training_loss
        >>> from assay.train.data import TensorData
        >>> opening_loss(training_loss("log"), TensorData(torch.zeros(4, 1), torch.tensor([0, 1, 1, 0])))
        1.0
    """
    targets = data.all_targets()
    if targets is None or not targets.numel():
        return math.nan
    if objective.name in ("log", "next-token", "binary"):
        if targets.is_floating_point() and not bool(((targets == 0) | (targets == 1)).all()):
            share = float(targets.double().mean())
            return entropy_bits([share, 1.0 - share])
        counts = torch.bincount(targets.long()[targets >= 0].reshape(-1).cpu())
        return entropy_bits(counts.tolist())
    if objective.name not in LOSSES:
        return math.nan
    loss, columns = LOSSES[objective.name], targets.reshape(len(targets), -1).double().cpu().numpy()
    means: list[float] = [loss.mean(c, np.broadcast_to(loss.best_constant(c), c.shape)) for c in columns.T]
    return math.fsum(means) / len(means)
