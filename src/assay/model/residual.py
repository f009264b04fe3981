"""Residual blocks of images: what is learned is added to what came in, or stands beside it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional

from assay.model.activation import activation
from assay.model.conv import unborn_conv
from assay.model.dropout import Dropout
from assay.model.norm import Norm, norm
from assay.model.residual_shape import EXPANSION, SHORTCUTS
from assay.model.shape import check_name

if TYPE_CHECKING:
    from jaxtyping import Float


@dataclass(frozen=True)
class BlockForm:
    """What a block is made of.

    Attributes:
        norm: Of each convolution, see `assay.model.norm`; with "none" convolutions have biases.
        activation: See `assay.model.activation`.
        shortcut: What stands for x where sizes differ: "projection" or "zeros".
        dropout: Share of channels silenced before the last convolution while training.
    """

    norm: str = "batch"
    activation: str = "relu"
    shortcut: str = "projection"
    dropout: float = 0.0


USUAL = BlockForm()


class Shortcut(nn.Module):
    """x where the sizes agree; else a 1x1 convolution of it, or x itself at every stride-th place with channels of zeros behind it.

    Source: He et al. 2016a, section 3.3, options A ("zeros") and B ("projection").

    Example:
        >>> Shortcut(2, 3, 2, how="zeros")(torch.ones(1, 2, 3, 3)).sum(dim=(2, 3)).tolist()
        [[4.0, 4.0, 0.0]]
    """

    def __init__(
        self, inputs: int, outputs: int, stride: int = 1, *, how: str = "projection", norm_name: str = "none", bias: bool = False
    ) -> None:
        """Lay out what stands for x; norm and bias are those of a projection.

        Raises:
            OptionError: there is no such shortcut.
        """
        super().__init__()
        check_name("shortcut", how, SHORTCUTS)
        self.inputs, self.outputs, self.stride = inputs, outputs, stride
        is_projected = how == "projection" and (inputs != outputs or stride > 1)
        self.projection = unborn_conv(inputs, outputs, 1, stride=stride, bias=bias) if is_projected else None
        self.norm = norm(norm_name if is_projected else "none", outputs, images=True)

    def forward(self, x: Float[Tensor, "batch inputs height width"]) -> Float[Tensor, "batch outputs _height _width"]:
        """What F(x) is added to."""
        if self.projection is not None:
            projected: Tensor = self.norm(self.projection(x))
            return projected
        thinned = x if self.stride == 1 else x[:, : self.outputs, :: self.stride, :: self.stride]
        added = self.outputs - self.inputs
        return functional.pad(thinned, (0, 0, 0, 0, 0, added)) if added > 0 else thinned


class Block(nn.Module):
    """What every block has: channels in and out, a stride, and a last layer of its branch that decides how loud it is born."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.inputs, self.outputs, self.stride = inputs, outputs, stride

    @torch.no_grad()
    def soften(self, gain: float) -> None:
        """Multiply what the branch adds by a gain: 0 and the block is its shortcut; for a block fresh from its drawing.

        Source: the gain of the last norm Goyal et al. 2017, the last convolution Zhang, Dauphin & Ma 2019.
        """
        last_norm = getattr(self, "last_norm", None)
        if isinstance(last_norm, Norm):
            last_norm.weight.mul_(gain)
        else:
            self.last.weight.mul_(gain)  # type: ignore[union-attr, operator]


class BasicBlock(Block):
    """activation(F(x) + shortcut(x)), F: 3x3 convolution, norm, activation, 3x3 convolution, norm.

    Where F is zero the block is ReLU(x), not x.

    Source: He et al. 2016a, figure 2.

    Example:
        >>> BasicBlock(4, 8, 2)(torch.ones(1, 4, 6, 6)).shape
        torch.Size([1, 8, 3, 3])
    """

    def __init__(self, inputs: int, outputs: int, stride: int = 1, form: BlockForm = USUAL) -> None:
        super().__init__(inputs, outputs, stride)
        bias = form.norm == "none"
        self.first, self.first_norm = unborn_conv(inputs, outputs, 3, stride=stride, bias=bias), norm(form.norm, outputs, images=True)
        self.last, self.last_norm = unborn_conv(outputs, outputs, 3, bias=bias), norm(form.norm, outputs, images=True)
        self.shortcut = Shortcut(inputs, outputs, stride, how=form.shortcut, norm_name=form.norm, bias=bias)
        self.activation, self.last_activation = activation(form.activation), activation(form.activation)
        self.dropout = Dropout(form.dropout, whole_channels=True)

    def forward(self, x: Float[Tensor, "batch inputs height width"]) -> Float[Tensor, "batch outputs _height _width"]:
        """Features that are F(x) + shortcut(x), and then bent."""
        inner = self.dropout(self.activation(self.first_norm(self.first(x))))
        bent: Tensor = self.last_activation(self.last_norm(self.last(inner)) + self.shortcut(x))
        return bent


class BottleneckBlock(Block):
    """activation(F(x) + shortcut(x)), F: 1x1 convolution to a quarter of the channels, 3x3, 1x1 back, each normed.

    On 256 channels its convolutions have 69,632 weights, one 3x3 convolution 589,824. The stride is the 3x3's, as in common
    implementations; the paper has it at the first 1x1.

    Source: He et al. 2016a, figure 5.

    Example:
        >>> BottleneckBlock(4, 8, 2)(torch.ones(1, 4, 6, 6)).shape
        torch.Size([1, 8, 3, 3])
    """

    def __init__(self, inputs: int, outputs: int, stride: int = 1, form: BlockForm = USUAL) -> None:
        super().__init__(inputs, outputs, stride)
        bias, middle = form.norm == "none", max(1, outputs // EXPANSION)
        self.first, self.first_norm = unborn_conv(inputs, middle, 1, bias=bias), norm(form.norm, middle, images=True)
        self.middle, self.middle_norm = unborn_conv(middle, middle, 3, stride=stride, bias=bias), norm(form.norm, middle, images=True)
        self.last, self.last_norm = unborn_conv(middle, outputs, 1, bias=bias), norm(form.norm, outputs, images=True)
        self.shortcut = Shortcut(inputs, outputs, stride, how=form.shortcut, norm_name=form.norm, bias=bias)
        self.activation, self.last_activation = activation(form.activation), activation(form.activation)
        self.dropout = Dropout(form.dropout, whole_channels=True)

    def forward(self, x: Float[Tensor, "batch inputs height width"]) -> Float[Tensor, "batch outputs _height _width"]:
        """Features that are F(x) + shortcut(x), and then bent."""
        inner = self.activation(self.first_norm(self.first(x)))
        inner = self.dropout(self.activation(self.middle_norm(self.middle(inner))))
        bent: Tensor = self.last_activation(self.last_norm(self.last(inner)) + self.shortcut(x))
        return bent


class PreActivationBlock(Block):
    """x + F(x), F: norm, activation, 3x3 convolution, norm, activation, 3x3 convolution; nothing follows the sum.

    Where F is zero the block is exactly x, so signals and gradients pass untouched. Where sizes differ, the shortcut is fed what the first
    norm and activation made of x. The wide block is the same with more channels and dropout between its convolutions.

    Source: He et al. 2016b, figure 1b; Zagoruyko & Komodakis 2016.

    Example:
        >>> PreActivationBlock(4, 4)(torch.full((1, 4, 2, 2), -3.0)).unique().tolist()
        [-3.0]
    """

    def __init__(self, inputs: int, outputs: int, stride: int = 1, form: BlockForm = USUAL) -> None:
        super().__init__(inputs, outputs, stride)
        bias = form.norm == "none"
        self.is_same = inputs == outputs and stride == 1
        self.first_norm, self.first = norm(form.norm, inputs, images=True), unborn_conv(inputs, outputs, 3, stride=stride, bias=bias)
        self.inner_norm, self.last = norm(form.norm, outputs, images=True), unborn_conv(outputs, outputs, 3, bias=bias)
        self.shortcut = Shortcut(inputs, outputs, stride, how=form.shortcut, bias=bias)
        self.activation, self.inner_activation = activation(form.activation), activation(form.activation)
        self.dropout = Dropout(form.dropout, whole_channels=True)

    def forward(self, x: Float[Tensor, "batch inputs height width"]) -> Float[Tensor, "batch outputs _height _width"]:
        """The sum x + F(x)."""
        bent = self.activation(self.first_norm(x))
        inner = self.dropout(self.inner_activation(self.inner_norm(self.first(bent))))
        total: Tensor = self.last(inner) + self.shortcut(x if self.is_same else bent)
        return total


BLOCK_TYPES: dict[str, type[BasicBlock | BottleneckBlock | PreActivationBlock]] = {
    "basic": BasicBlock,
    "bottleneck": BottleneckBlock,
    "pre-activation": PreActivationBlock,
    "wide": PreActivationBlock,
}


def block(kind: str, inputs: int, outputs: int, stride: int = 1, form: BlockForm = USUAL) -> Block:
    """A residual block of that kind from `inputs` to `outputs` channels, undrawn; dense ones stand in `dense_block`.

    Raises:
        OptionError: there is no such kind.

    Example:
        >>> type(block("wide", 4, 8)).__name__
        'PreActivationBlock'
    """
    check_name("residual block", kind, BLOCK_TYPES)
    return BLOCK_TYPES[kind](inputs, outputs, stride, form)
