"""A network's side of learners: the weight-path integral over the snapshots of its training, by layer and epoch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from assay.core.ledger import Booking
from assay.evaluate.weight_path import N_NODES, book_path
from assay.model.snapshots import thin

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import nn

    from assay.evaluate.learner_side import Sampled
    from assay.evaluate.weight_path import LossAndGradient, Losses
    from assay.model.contract import Model
    from assay.model.neural import NeuralModel
    from assay.model.snapshots import Snapshots

FEWEST_ROWS = 64
FEWEST_SEGMENTS = 8
MOST_GRADIENTS = 400


@dataclass(frozen=True)
class PathPlan:
    """How closely the path of a network's weights is followed.

    Attributes:
        rows: Held-out, and as many training, rows.
        segments: At most so many stretches of training.
        gradients: At most so many, on all of these rows.
    """

    rows: int
    segments: int
    gradients: int


def path_plan(n_segments: int, n_layers: int, most_rows: int, seconds: float, row_seconds: float) -> PathPlan:
    """Rows and gradients such that the path takes about so many seconds at most.

    A gradient costs three predictions. First there are fewer gradients, then fewer rows, then fewer stretches of training, for each
    stretch takes three gradients and perhaps its layers moved one by one, forwards and back.

    Args:
        n_segments: Stretches between snapshots.
        n_layers: Groups of weights that are booked.
        most_rows: Rows that there are, or that suffice.
        seconds: By `row_seconds`.
        row_seconds: What a prediction takes, as the model's `row_seconds` has it.

    Example:
        >>> path_plan(29, 4, 2048, seconds=15.0, row_seconds=1e-6), path_plan(8, 4, 2048, seconds=15.0, row_seconds=1e-4)
        (PathPlan(rows=2048, segments=29, gradients=400), PathPlan(rows=581, segments=8, gradients=33))
    """
    affordable = seconds / (3.0 * row_seconds)

    def needed(segments: int) -> float:
        return (segments + 1) / 3.0 + segments * (N_NODES + 2.0 * (n_layers - 1) / 3.0)

    rows = min(most_rows, max(FEWEST_ROWS, int(affordable / (2 * needed(n_segments)))))
    segments = n_segments
    while segments > FEWEST_SEGMENTS and 2 * rows * needed(segments) > affordable:
        segments -= 1
    spare = max(0.0, affordable / (2 * max(rows, 1)) - needed(segments))
    return PathPlan(rows, segments, int(min(MOST_GRADIENTS, segments + 1 + N_NODES * segments + spare)))


def network_bookings(
    model: Model, snapshots: Snapshots, part: Sampled, practised: Sampled, remainder_share: float, plan: PathPlan
) -> tuple[list[Booking], str]:
    """One line a layer, by epoch, on held-out and on training rows; and what the birth costs against the best constant.

    Args:
        model: The trained network.
        snapshots: From birth to the weights kept.
        part: Held-out rows.
        practised: Training rows.
        remainder_share: Largest share of the fall that quadrature may leave over.
        plan: How closely the path is followed; its rows are those of the samples.
    """
    from assay.evaluate.learner_side import start_booking
    from assay.model.neural import NeuralModel

    if not isinstance(model, NeuralModel):
        raise TypeError(f"weight snapshots were given for {type(model).__name__}; only a NeuralModel has layers to book them to")
    kept = model.flat()
    chosen = thin(list(snapshots.epochs), plan.segments + 1)
    points = [np.asarray(snapshots.weights[i], dtype=np.float64) for i in chosen]
    try:
        groups = {name: np.arange(span.start, span.stop) for name, span in model.spans().items()}
        measure, losses_at = measure_network(model, (part, practised))
        books = book_path(points, groups, measure, remainder_share=remainder_share, most_gradients=plan.gradients, losses_at=losses_at)
    finally:
        model.load_parameters(kept)
    at_birth = books.losses[:, 0]
    bookings = start_booking(part, practised, lambda one: float(at_birth[0 if one is part else 1]))
    for place, name in enumerate(books.groups):
        held_out, train = books.booked[:, :, place]
        bookings.append(
            Booking(
                name,
                float(held_out.sum()),
                train=float(train.sum()),
                by_epoch=tuple(held_out.tolist()),
                by_epoch_train=tuple(train.tolist()),
            )
        )
    left = float(books.worst_remainder[0])
    moved = f"{books.n_moved} stretches booked by moving layer after layer, both ways; " if books.n_moved else ""
    method = (
        f"weight path over {len(points)} snapshots (epochs {snapshots.epochs[0]}-{snapshots.epochs[-1]}), "
        f"{books.n_gradients} gradients on {len(part.rows.target):,} held-out and {len(practised.rows.target):,} training rows; {moved}"
        f"remainders of the pieces add up to {left:.2g}"
    )
    return bookings, method


def measure_network(model: NeuralModel, samples: Sequence[Sampled]) -> tuple[LossAndGradient, Losses]:
    """Losses with gradients, and losses alone, of a network on several sets of rows, as functions of its flat weights.

    Parameters that no optimiser moves, such as running statistics of batch norm, are booked like weights, for the loss hangs on
    them too. The functions leave the network at the weights they were last asked for; the caller puts the kept ones back.
    """
    import torch

    parameters = list(model.network.parameters())
    still = [p for p in parameters if not p.requires_grad]
    sets = [(model.inputs(s.rows.data), model.targets(s.rows.target), torch.as_tensor(s.weight)) for s in samples]

    def losses_at(point: NDArray[np.float64]) -> NDArray[np.float64]:
        model.load_parameters(point)
        losses = np.zeros(len(sets))
        with torch.inference_mode():
            for place, (inputs, target, weight) in enumerate(sets):
                for rows in model.pieces(inputs):
                    losses[place] += (model.losses(inputs.take(rows), target[rows]) * weight[rows]).sum().item() / inputs.rows
        return losses

    def measure(point: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        model.load_parameters(point)
        losses, gradients = np.zeros(len(sets)), np.zeros((len(sets), len(point)))
        with _differentiable(still):
            for place, (inputs, target, weight) in enumerate(sets):
                # in pieces, for all activations of a piece are held for its gradient
                for rows in model.pieces(inputs):
                    loss = (model.losses(inputs.take(rows), target[rows]) * weight[rows]).sum() / inputs.rows
                    slopes = torch.autograd.grad(loss, parameters, allow_unused=True, materialize_grads=True)
                    losses[place] += loss.item()
                    gradients[place] += np.concatenate([slope.numpy().ravel() for slope in slopes])
        return losses, gradients

    return measure, losses_at


@contextmanager
def _differentiable(parameters: Sequence[nn.Parameter]) -> Iterator[None]:
    """The parameters with gradients for the time of a `with`."""
    for parameter in parameters:
        parameter.requires_grad_(True)
    try:
        yield
    finally:
        for parameter in parameters:
            parameter.requires_grad_(False)
