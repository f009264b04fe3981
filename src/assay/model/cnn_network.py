"""The torch module of the convolutional family: stem, stages of residual blocks, a mean over places, and an MLP upon it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from assay.model.activation import activation
from assay.model.conv import unborn_conv
from assay.model.dropout import Dropout
from assay.model.image_size import stage_blocks, stem_halvings
from assay.model.initialise import initialise
from assay.model.mlp_network import Network
from assay.model.neural_network import NeuralNetwork
from assay.model.norm import Norm, keep_statistics_as_parameters, norm
from assay.model.shape import BIRTHS

if TYPE_CHECKING:
    from jaxtyping import Float

    from assay.model.cnn import CnnShape
    from assay.model.image_input import ImageInput, ImageScale, ImageTensors

SHIFT_SHARE = 14  # a training image is shifted by at most one part in so many of its side
USUAL_HIDDEN = 64


class Stem(nn.Module):
    """Convolutions that bring an image to `width` channels, each of which may halve it.

    Args:
        channels: Of the image.
        width: Channels made.
        halvings: Convolutions of stride 2; 0 for one that keeps the size.
        norm_name, activation_name: Behind each.
    """

    def __init__(self, channels: int, width: int, halvings: int, *, norm_name: str, activation_name: str) -> None:
        super().__init__()
        sizes = [(channels, 5 if halvings else 3), *[(width, 3)] * max(0, halvings - 1)]
        bare = norm_name == "none"
        self.convolutions = nn.ModuleList(unborn_conv(i, width, k, stride=2 if halvings else 1, bias=bare) for i, k in sizes)
        self.norms = nn.ModuleList(norm(norm_name, width, images=True) for _ in sizes)
        self.bends = nn.ModuleList(activation(activation_name) for _ in sizes)

    def forward(self, x: Float[Tensor, "batch channels height width"]) -> Tensor:
        """Features, (batch, width, places down, places across)."""
        for convolution, scale, bend in zip(self.convolutions, self.norms, self.bends, strict=True):
            x = bend(scale(convolution(x)))
        return x


class Block(nn.Module):
    """activation(F(x) + x), F two 3x3 convolutions, each normed; a 1x1 convolution takes the place of x where sizes differ.

    Source: He, Zhang, Ren & Sun 2016, figure 2.
    """

    def __init__(self, inputs: int, outputs: int, stride: int, norm_name: str, activation_name: str) -> None:
        super().__init__()
        bare = norm_name == "none"
        self.first, self.first_norm = unborn_conv(inputs, outputs, 3, stride=stride, bias=bare), norm(norm_name, outputs, images=True)
        self.last, self.last_norm = unborn_conv(outputs, outputs, 3, stride=1, bias=bare), norm(norm_name, outputs, images=True)
        self.shortcut = None if inputs == outputs and stride == 1 else unborn_conv(inputs, outputs, 1, stride=stride, bias=True)
        self.first_bend, self.last_bend = activation(activation_name), activation(activation_name)

    def forward(self, x: Float[Tensor, "batch channels height width"]) -> Tensor:
        """Features, (batch, outputs, places down, places across)."""
        residual = self.last_norm(self.last(self.first_bend(self.first_norm(self.first(x)))))
        bent: Tensor = self.last_bend(residual + (x if self.shortcut is None else self.shortcut(x)))
        return bent


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
        self.stem = Stem(scale.channels, shape.width, halvings, norm_name=shape.norm, activation_name=shape.activation)
        blocks = stage_blocks(down, across, shape.layers)
        self.stages = nn.ModuleList()
        features = shape.width
        for place, n in enumerate(blocks):
            made = [Block(features, shape.width * 2**place, 1 if place == 0 else 2, shape.norm, shape.activation)]
            features = shape.width * 2**place
            made += [Block(features, features, 1, shape.norm, shape.activation) for _ in range(n - 1)]
            self.stages.append(nn.Sequential(*made))
        self.features = features
        self.channels = tuple(shape.width * 2**place for place in range(len(blocks)))
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
        self.birth = BIRTHS[shape.activation]
        keep_statistics_as_parameters(self)

    @torch.no_grad()
    def be_born(self, generator: torch.Generator) -> None:
        """Draw all weights anew: convolutions as suits their activation, a silent output."""
        for module in self.trunks.modules():
            if isinstance(module, nn.Conv2d):
                initialise(module.weight, self.birth, generator)
                if module.bias is not None:
                    module.bias.zero_()
            elif isinstance(module, Norm):
                module.be_born()
        for module in self.trunks.modules():
            if isinstance(module, Block):
                (module.last_norm if isinstance(module.last_norm, Norm) else module.last).weight.zero_()
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
