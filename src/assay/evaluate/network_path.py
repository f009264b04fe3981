"""A network's side of learners: the weight-path integral over the snapshots of its training, by layer and epoch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np

from assay.core.ledger import Booking
from assay.evaluate.weight_path import LossAndGradient, book_path

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import nn

    from assay.evaluate.learner_side import Sampled
    from assay.model.contract import Model
    from assay.model.neural import NeuralModel
    from assay.model.snapshots import Snapshots


def network_bookings(
    model: Model, snapshots: Snapshots, part: Sampled, practised: Sampled, remainder_share: float
) -> tuple[list[Booking], str]:
    """One line a layer, by epoch, on held-out and on training rows; and what the birth costs against the best constant.

    Args:
        model: The trained network.
        snapshots: From birth to the weights kept.
        part: Held-out rows.
        practised: Training rows.
        remainder_share: Largest share of the fall that quadrature may leave over.
    """
    from assay.evaluate.learner_side import start_booking
    from assay.model.neural import NeuralModel

    if not isinstance(model, NeuralModel):
        raise TypeError(f"weight snapshots were given for {type(model).__name__}; only a NeuralModel has layers to book them to")
    kept = model.flat()
    points = [np.asarray(weights, dtype=np.float64) for weights in snapshots.weights]
    try:
        groups = {name: np.arange(span.start, span.stop) for name, span in model.spans().items()}
        books = book_path(points, groups, measure_network(model, (part, practised)), remainder_share=remainder_share)
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
    method = (
        f"weight path over {len(points)} snapshots (epochs {snapshots.epochs[0]}-{snapshots.epochs[-1]}), "
        f"{books.n_gradients} gradients on {len(part.rows.target):,} held-out and {len(practised.rows.target):,} training rows; "
        f"remainders of the pieces add up to {left:.2g}"
    )
    return bookings, method


def measure_network(model: NeuralModel, samples: Sequence[Sampled]) -> LossAndGradient:
    """Losses and gradients of a network on several sets of rows, as a function of its flat weights.

    Parameters that no optimiser moves, such as running statistics of batch norm, are booked like weights, for the loss hangs on
    them too. The function leaves the network at the weights it was last asked for; the caller puts the kept ones back.
    """
    import torch

    parameters = list(model.network.parameters())
    still = [p for p in parameters if not p.requires_grad]
    sets = [(model.inputs(s.rows.data), model.targets(s.rows.target), torch.as_tensor(s.weight)) for s in samples]

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

    return measure


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
