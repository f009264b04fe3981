"""How much a network computes for a row: counted and not timed, so that it is the same on every machine."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from assay.model.neural_network import NeuralNetwork

# Of one thread, measured on recurrent, attention and convolutional networks of the usual sizes; and what a row costs beside them.
MULTIPLY_ADDS_A_SECOND, SECONDS_A_ROW = 1e10, 1e-6
CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)


def forward_seconds(network: NeuralNetwork, batches: Sequence[Any]) -> float:
    """About how long one thread takes for the forward pass of a row like those of these `Inputs`, from `multiply_adds`."""
    rows = sum(int(inputs.rows) for inputs in batches)
    done = sum(multiply_adds(network, inputs) for inputs in batches)
    return SECONDS_A_ROW + done / max(1, rows) / MULTIPLY_ADDS_A_SECOND


def multiply_adds(network: nn.Module, inputs: Any) -> float:
    """Multiplications with a weight in one forward pass: the weights of each layer times the places that it is used at.

    Padding counts, for it is computed. Tables that are only looked up in do not, and neither do scores between words, which are
    few beside the maps of the words where texts have a few hundred.

    Example:
        >>> multiply_adds(nn.Sequential(nn.Linear(3, 5), nn.ReLU(), nn.Linear(5, 2)), torch.zeros(4, 3))
        100.0
    """
    found = 0.0

    def count(layer: nn.Module, _: object, output: object) -> None:
        nonlocal found
        first = output if isinstance(output, Tensor) else output[0] if isinstance(output, tuple) else None
        weights = [p for p in layer.parameters(recurse=False) if p.ndim > 1]
        if isinstance(layer, nn.Embedding) or not isinstance(first, Tensor) or not weights:
            return
        if isinstance(layer, CONVOLUTIONS):
            places = first.shape[0] * math.prod(first.shape[2:])
        else:
            # a third axis of the weights is that of the places themselves
            places = math.prod(first.shape[: first.ndim + 1 - weights[0].ndim])
        found += float(places) * sum(p.numel() for p in weights)

    hooks = [layer.register_forward_hook(count) for layer in network.modules()]
    try:
        with torch.no_grad():
            network(inputs)
    finally:
        for hook in hooks:
            hook.remove()
    return found
