"""Layers whose weights are not drawn yet: drawing them when they are made would disturb torch's global stream."""

from __future__ import annotations

import torch
from torch import nn


def unborn_linear(inputs: int, outputs: int, *, bias: bool = True) -> nn.Linear:
    """A linear layer of zeros; the network's `be_born` draws its weights from an explicit generator.

    Example:
        >>> unborn_linear(2, 3).weight.tolist()
        [[0.0, 0.0], [0.0, 0.0], [0.0, 0.0]]
    """
    layer = nn.Linear(inputs, outputs, bias=bias, device="meta").to_empty(device="cpu")
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.zero_()
    return layer


def unborn_table(rows: int, width: int) -> nn.Embedding:
    """A lookup table of zeros; the network's `be_born` draws it from an explicit generator.

    Example:
        >>> unborn_table(2, 3).weight.shape
        torch.Size([2, 3])
    """
    return nn.Embedding(rows, width, _weight=torch.zeros(rows, width))
