"""The torch module of the convolutional family: stem, stages of residual blocks, a mean over places, and an MLP upon it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from assay.model.activation import activation
from assay.model.conv import draw_convolutions, unborn_conv
from assay.model.dense_block import DenseLayer, Transition
from assay.model.dropout import Dropout
from assay.model.image_size import stage_blocks, stem_halvings
from assay.model.mlp_network import Network
from assay.model.neural_network import NeuralNetwork
from assay.model.norm import keep_statistics_as_parameters, norm
from assay.model.residual import Block, BlockForm, block

if TYPE_CHECKING:
    from jaxtyping import Float

    from assay.model.cnn import CnnShape
    from assay.model.image_input import ImageInput, ImageScale, ImageTensors

SHIFT_SHARE = 14  # a training image is shifted by at most one part in so many of its side
USUAL_HIDDEN = 64
NORMS_BEFORE = ("pre-activation", "wide", "dense")  # kinds of blocks that norm and bend what they read, not what they hand on


class Stem(nn.Module):
    """Convolutions that bring an image to `width` channels, each of which may halve it.

    Args:
        channels: Of the image.
        width: Channels made.
        halvings: Convolutions of stride 2; 0 for one that keeps the size.
        norm_name, activation_name: Behind each.
        bare_end: Leave the last convolution without them, for blocks that begin with their own.
    """

    def __init__(self, channels: int, width: int, halvings: int, *, norm_name: str, activation_name: str, bare_end: bool) -> None:
        super().__init__()
        sizes = [(channels, 5 if halvings else 3), *[(width, 3)] * max(0, halvings - 1)]
        bent = [*[True] * (len(sizes) - 1), not bare_end]
        bias = norm_name == "none"
        self.convolutions = nn.ModuleList(unborn_conv(i, width, k, stride=2 if halvings else 1, bias=bias) for i, k in sizes)
        self.norms = nn.ModuleList(norm(norm_name if bends else "none", width, images=True) for bends in bent)
        self.bends = nn.ModuleList(activation(activation_name if bends else "linear") for bends in bent)

    def forward(self, x: Float[Tensor, "batch channels height width"]) -> Tensor:
        """Features, (batch, width, places down, places across)."""
        for convolution, scale, bend in zip(self.convolutions, self.norms, self.bends, strict=True):
            x = bend(scale(convolution(x)))
        return x


def make_stages(shape: CnnShape, blocks: tuple[int, ...]) -> tuple[list[nn.Sequential], tuple[int, ...]]:
    """Stages of so many blocks each, all but the first of which halve the image, and the channels that each makes.

    Dense stages grow by the width with each block, and hand on half of what they made; the others have twice the channels of the last.

    Example:
        >>> from assay.model.cnn import CnnShape
        >>> make_stages(CnnShape(width=8), (1, 1, 1))[1], make_stages(CnnShape(width=8, block="dense"), (1, 1, 1))[1]
        ((8, 16, 32), (16, 16, 16))
    """
    form = BlockForm(shape.norm, shape.activation, dropout=shape.dropout if shape.block == "wide" else 0.0)
    stages, channels, at = [], [], shape.width
    for place, n in enumerate(blocks):
        made: list[nn.Module] = []
        if shape.block == "dense":
            if place > 0:
                made.append(Transition(at, form))
                at //= 2
            made += [DenseLayer(at + i * shape.width, shape.width, form) for i in range(n)]
            at += n * shape.width
        else:
            outputs = shape.width * 2**place
            made += [block(shape.block, at, outputs, 1 if place == 0 else 2, form)]
            made += [block(shape.block, outputs, outputs, 1, form) for _ in range(n - 1)]
            at = outputs
        channels.append(at)
        if shape.block in NORMS_BEFORE and place == len(blocks) - 1:
            made += [norm(shape.norm, at, images=True), activation(shape.activation)]
        stages.append(nn.Sequential(*made))
    return stages, tuple(channels)


class Trunk(nn.Module):
    """One image to the features that are left when the mean over its places is taken.

    Args:
        shape: Of the network.
        scale: The image, and its values over the training rows.
    """

    mean: Tensor
    spread: Tensor

    def __init__(self, shape: CnnShape, scale: ImageScale) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor(scale.mean))
        self.register_buffer("spread", torch.tensor(scale.spread))
        self.shape = shape
        halvings = stem_halvings(scale.height, scale.width)
        down, across = (math.ceil(side / 2**halvings) for side in (scale.height, scale.width))
        self.stem = Stem(
            scale.channels,
            shape.width,
            halvings,
            norm_name=shape.norm,
            activation_name=shape.activation,
            bare_end=shape.block in NORMS_BEFORE,
        )
        stages, self.channels = make_stages(shape, stage_blocks(down, across, shape.layers))
        self.stages, self.features = nn.ModuleList(stages), self.channels[-1]
        self.most_shift = tuple(side // SHIFT_SHARE for side in (scale.height, scale.width))

    def forward(self, pixels: Tensor, present: Tensor, noise: torch.Generator | None) -> Float[Tensor, "batch features"]:
        """Features (batch, features) of images (batch, height, width, channels) as they are stored."""
        if self.training and self.shape.augment != "none":
            pixels = augmented(pixels, self.most_shift, flip=self.shape.augment == "flip", generator=noise)
        x = ((pixels.to(self.mean.dtype) - self.mean) / self.spread).nan_to_num(0.0)
        # stored with channels last, which is how convolutions are fastest on a CPU
        x = (x * present[:, None, None, None]).permute(0, 3, 1, 2)
        x = self.stem(x)
        for stage in self.stages:
            x = stage(x)
        pooled: Tensor = x.mean(dim=(2, 3))
        return pooled


class CnnNetwork(NeuralNetwork):
    """A trunk an image; their features, beside numbers and categories, are fed to an MLP.

    Args:
        shape: What it is built like.
        fed: What its input learned.
        outputs: Classes, or 1 for a value.

    Attributes:
        stage_channels: Channels of the stages of the first image.
    """

    def __init__(self, shape: CnnShape, fed: ImageInput, outputs: int) -> None:
        super().__init__()
        self.names = tuple(image.name for image in fed.images)
        trunks = [Trunk(shape, image) for image in fed.images]
        self.trunks, self.stage_channels = nn.ModuleList(trunks), trunks[0].channels
        self.dropout = Dropout(shape.dropout)
        table = fed.table
        has_others = bool(table.scaling.width or table.code_sizes or table.terms)
        hidden = shape.hidden if shape.hidden is not None else (USUAL_HIDDEN,) if has_others else ()
        self.head = Network(
            table.scaling,
            code_sizes=table.code_sizes,
            terms=table.terms,
            hidden=hidden,
            outputs=outputs,
            dropout=shape.dropout,
            extra=sum(trunk.features for trunk in trunks),
        )
        self.activation_name = shape.activation
        keep_statistics_as_parameters(self)

    @torch.no_grad()
    def be_born(self, generator: torch.Generator) -> None:
        """Draw all weights anew: convolutions as suits their activation, blocks as their shortcuts, a silent output."""
        draw_convolutions(self.trunks, self.activation_name, generator)
        for module in self.trunks.modules():
            if isinstance(module, Block):
                module.soften(0.0)
        self.head.be_born(generator)

    def forward(self, inputs: ImageTensors) -> Float[Tensor, "batch outputs"]:
        seen = [
            trunk(pixels, present, self._noise) for trunk, pixels, present in zip(self.trunks, inputs.pixels, inputs.present, strict=True)
        ]
        added: Tensor = self.head(inputs.table, self.dropout(torch.cat(seen, dim=1)))
        return added

    def groups(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        head = {name: layer for layer, names in self.head.groups().items() for name in names}
        for name, _ in self.named_parameters():
            found.setdefault(self._layer(name, head), []).append(name)
        return found

    def _layer(self, parameter: str, head: dict[str, str]) -> str:
        first, _, rest = parameter.partition(".")
        if first == "head":
            return head[rest]
        trunk, part, number = rest.split(".")[:3]
        layer = "stem" if part == "stem" else f"stage {int(number) + 1}"
        return layer if len(self.names) == 1 else f"{self.names[int(trunk)]} {layer}"

    def layer_kind(self, layer: str) -> str:
        return self.head.layer_kind(layer) if layer in self.head.groups() else "convolution"

    def activation_of(self, layer: str) -> nn.Module | None:
        return self.head.activation_of(layer) if layer in self.head.groups() else None


def augmented(pixels: Tensor, most: tuple[int, ...], *, flip: bool, generator: torch.Generator | None) -> Tensor:
    """Images (batch, height, width, channels), each shifted by its own few pixels, edges repeated; half of them mirrored if `flip`.

    Example:
        >>> image = torch.arange(3).reshape(1, 1, 3, 1)
        >>> augmented(image, (0, 1), flip=False, generator=torch.Generator().manual_seed(1)).flatten().tolist()
        [1, 2, 2]
    """
    batch, height, width, _ = pixels.shape
    by = [torch.randint(-m, m + 1, (batch, 1), generator=generator) for m in most]
    rows = (torch.arange(height) + by[0]).clamp_(0, height - 1)
    columns = (torch.arange(width) + by[1]).clamp_(0, width - 1)
    if flip:
        turned = torch.rand((batch, 1), generator=generator) < 0.5
        columns = torch.where(turned, columns.flip(1), columns)
    return pixels[torch.arange(batch)[:, None, None], rows[:, :, None], columns[:, None, :]]
