"""Convolutions that are not drawn yet, and a plain convolutional network of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional

from assay.model.activation import activation
from assay.model.dropout import Dropout
from assay.model.initialise import initialise
from assay.model.norm import Norm, norm
from assay.model.shape import ACTIVATION_NAMES, BIRTHS, check_name, check_share, check_sizes
from assay.model.unborn import unborn_linear

if TYPE_CHECKING:
    from jaxtyping import Float


class PointConv(nn.Conv2d):
    """A 1 x 1 convolution that takes every stride-th pixel first, then mixes channels: the same numbers as a strided one.

    oneDNN 3.12, as torch 2.13 has it, writes past its buffers in the backward pass of a strided 1 x 1 convolution on AVX2 where channels
    are last and fewer than 8 come in.

    Example:
        >>> PointConv(3, 8, 1, stride=2)(torch.ones(1, 3, 9, 9)).shape
        torch.Size([1, 8, 5, 5])
    """

    def forward(self, input: Float[Tensor, "batch channels height width"]) -> Tensor:  # noqa: A002
        """Images of mixed channels, every stride-th pixel of each side."""
        down, across = self.stride
        mixed: Tensor = functional.conv2d(input[:, :, ::down, ::across], self.weight, self.bias)
        return mixed


def unborn_conv(inputs: int, outputs: int, kernel: int, *, stride: int = 1, bias: bool = False) -> nn.Conv2d:
    """A convolution of zeros that keeps an image's size up to its stride; a network's `be_born` draws its weights.

    Each output channel slides one window of kernel x kernel over all input channels (LeCun et al. 1989). Weights are stored with channels
    last: on a CPU the small networks here then train in half the time.

    Example:
        >>> unborn_conv(3, 8, 5, stride=2)(torch.ones(1, 3, 9, 9)).shape
        torch.Size([1, 8, 5, 5])
    """
    kind = PointConv if kernel == 1 else nn.Conv2d
    made = kind(inputs, outputs, kernel, stride=stride, padding=kernel // 2, bias=bias, device="meta").to_empty(device="cpu")
    made.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    for parameter in made.parameters():
        initialise(parameter, "zeros")
    return made


def draw_convolutions(network: nn.Module, activation_name: str, generator: torch.Generator) -> None:
    """Draw all convolutions as suits the activation between them, biases 0; set all norms to gain 1 and bias 0."""
    for part in network.modules():
        if isinstance(part, nn.Conv2d):
            initialise(part.weight, BIRTHS[activation_name], generator)
            if part.bias is not None:
                initialise(part.bias, "zeros")
        elif isinstance(part, Norm):
            part.be_born()


def channels_last(images: Tensor) -> Tensor:
    """Images (batch, channels, height, width), stored with channels last; the fast way on a CPU, and the same numbers."""
    return images.contiguous(memory_format=torch.channels_last)


@dataclass(frozen=True)
class ConvShape:
    """How a plain convolutional network is built.

    Attributes:
        classes: Numbers that it makes of an image.
        channels: Of the image.
        widths: Channels of each convolution; each but the first halves the image before it.
        kernel: Side of the window.
        norm, activation: Behind each convolution.
        dropout: Share of the pooled features silenced while training.

    Example:
        >>> ConvShape(classes=10).widths
        (16, 32, 64)
    """

    classes: int
    channels: int = 1
    widths: tuple[int, ...] = (16, 32, 64)
    kernel: int = 3
    norm: str = "batch"
    activation: str = "relu"
    dropout: float = 0.0

    def __post_init__(self) -> None:
        """Refuse what no network could be."""
        check_sizes("classes, channels, widths or kernel", (self.classes, self.channels, *self.widths, self.kernel))
        check_name("activation", self.activation, ACTIVATION_NAMES)
        check_share("dropout", self.dropout)


class ConvNetwork(nn.Module):
    """Convolutions with norm and activation, a maximum over 2x2 places between them, the mean over places, and a linear output.

    The plain peer of `ResidualNetwork`. Born with a silent output, so that all classes are equally likely.

    Source: LeCun et al. 1998; the mean over places Lin, Chen & Yan 2014.

    Example:
        >>> network = ConvNetwork(ConvShape(classes=10))
        >>> network.be_born(torch.Generator().manual_seed(0))
        >>> network(torch.ones(2, 1, 28, 28)).shape
        torch.Size([2, 10])
    """

    def __init__(self, shape: ConvShape) -> None:
        super().__init__()
        self.shape = shape
        self.convolutions = nn.ModuleList()
        self.norms = nn.ModuleList()
        at = shape.channels
        for width in shape.widths:
            self.convolutions.append(unborn_conv(at, width, shape.kernel, bias=shape.norm == "none"))
            self.norms.append(norm(shape.norm, width, images=True))
            at = width
        self.activation, self.pool = activation(shape.activation), nn.MaxPool2d(2, ceil_mode=True)
        self.dropout = Dropout(shape.dropout)
        self.output = unborn_linear(at, shape.classes)

    def be_born(self, generator: torch.Generator) -> None:
        """Draw all weights anew, the output silent."""
        draw_convolutions(self, self.shape.activation, generator)
        for parameter in self.output.parameters():
            initialise(parameter, "zeros")

    def groups(self) -> dict[str, list[str]]:
        """Layer name for people -> its parameter names, in the order of the data's way."""
        layers = range(len(self.convolutions))
        parts = {f"convolution {i + 1}": (f"convolutions.{i}.", f"norms.{i}.") for i in layers} | {"output": ("output.",)}
        names = [name for name, _ in self.named_parameters()]
        return {layer: [name for name in names if name.startswith(heads)] for layer, heads in parts.items()}

    def forward(self, x: Float[Tensor, "batch channels height width"]) -> Float[Tensor, "batch classes"]:
        """Scores of each class."""
        x = channels_last(x)
        for i, (convolution, scale) in enumerate(zip(self.convolutions, self.norms, strict=True)):
            x = self.activation(scale(convolution(x if i == 0 else self.pool(x))))
        scores: Tensor = self.output(self.dropout(x.mean(dim=(2, 3))))
        return scores
