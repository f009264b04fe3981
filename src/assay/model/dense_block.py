"""Dense blocks of images: every layer reads what all before it made, side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from assay.model.activation import activation
from assay.model.conv import unborn_conv
from assay.model.dropout import Dropout
from assay.model.norm import norm
from assay.model.residual import USUAL, BlockForm
from assay.model.residual_shape import EXPANSION

if TYPE_CHECKING:
    from jaxtyping import Float


class DenseLayer(nn.Module):
    """The input and beside it `growth` new channels: norm, activation, 1x1 convolution to 4 * growth, norm, activation, 3x3 to growth.

    So layer l of a block reads c0 + l * growth channels.

    Source: Huang et al. 2017, section 3, DenseNet-B.

    Example:
        >>> DenseLayer(4, 3)(torch.ones(1, 4, 2, 2)).shape
        torch.Size([1, 7, 2, 2])
    """

    def __init__(self, inputs: int, growth: int, form: BlockForm = USUAL) -> None:
        super().__init__()
        bias, squeezed = form.norm == "none", EXPANSION * growth
        self.outputs = inputs + growth
        self.first_norm, self.first = norm(form.norm, inputs, images=True), unborn_conv(inputs, squeezed, 1, bias=bias)
        self.inner_norm, self.last = norm(form.norm, squeezed, images=True), unborn_conv(squeezed, growth, 3, bias=bias)
        self.activation, self.inner_activation = activation(form.activation), activation(form.activation)
        self.dropout = Dropout(form.dropout, whole_channels=True)

    def forward(self, x: Float[Tensor, "batch inputs height width"]) -> Float[Tensor, "batch outputs height width"]:
        """All channels so far."""
        inner = self.first(self.activation(self.first_norm(x)))
        new = self.dropout(self.last(self.inner_activation(self.inner_norm(inner))))
        return torch.cat([x, new], dim=1)


class Transition(nn.Module):
    """Between dense stages: norm, activation, 1x1 convolution to half the channels, the mean over 2x2 places.

    Source: Huang et al. 2017, section 3, DenseNet-C with compression 0.5.

    Example:
        >>> Transition(4)(torch.ones(1, 4, 6, 6)).shape
        torch.Size([1, 2, 3, 3])
    """

    def __init__(self, inputs: int, form: BlockForm = USUAL) -> None:
        super().__init__()
        self.outputs = inputs // 2
        self.first_norm = norm(form.norm, inputs, images=True)
        self.activation = activation(form.activation)
        self.first = unborn_conv(inputs, self.outputs, 1, bias=form.norm == "none")
        self.pool = nn.AvgPool2d(2, ceil_mode=True)

    def forward(self, x: Float[Tensor, "batch inputs height width"]) -> Float[Tensor, "batch outputs _height _width"]:
        """Half the channels at half the places a way."""
        pooled: Tensor = self.pool(self.first(self.activation(self.first_norm(x))))
        return pooled
