"""Losses of examples from which nothing is learned, with their standard error, over all processes."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    from assay.train.crew import Crew
    from assay.train.data import Batch
    from assay.train.task import Task


@torch.no_grad()
def mean_loss(task: Task, batches: Iterable[Batch], crew: Crew, *, in_step: bool = False) -> tuple[float, float]:
    """The weighted mean loss of all examples and its standard error, in the task's unit; (nan, 0) without an example.

    The standard error is that of a ratio of sums, sqrt(sum w^2 (l - mean)^2) / sum w, over examples as independent draws.

    Args:
        task: Whose losses.
        batches: All examples, of which each process measures its share of batches.
        crew: The processes.
        in_step: Every process calls the network equally often, as a sharded one must be.
    """
    losses: list[Tensor] = []
    weights: list[Tensor] = []
    place, last = -1, None
    for place, batch in enumerate(batches):
        last = batch
        if place % crew.world == crew.rank:
            loss, weight = task.measure(batch)
            losses.append(loss)
            weights.append(torch.ones_like(loss) if weight is None else weight.double())
    if in_step and last is not None and 0 < (place + 1) % crew.world <= crew.rank:
        task.measure(last)
    device = losses[0].device if losses else next(task.network.parameters()).device
    loss = torch.cat(losses) if losses else torch.zeros(0, dtype=torch.float64, device=device)
    weight = torch.cat(weights) if weights else torch.zeros(0, dtype=torch.float64, device=device)
    total, weighted = crew.sum(torch.stack([weight.sum(), (weight * loss).sum()])).tolist()
    if total <= 0:
        return math.nan, 0.0
    mean = weighted / total
    squares = float(crew.sum((weight * (loss - mean)).square().sum()))
    return mean, math.sqrt(squares) / total
