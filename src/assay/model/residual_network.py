"""Residual networks on images: a stem, stages of blocks that each halve the image, the mean over its places, a linear output."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from assay.model.activation import activation
from assay.model.conv import channels_last, draw_convolutions, unborn_conv
from assay.model.dense_block import DenseLayer, Transition
from assay.model.dropout import Noisy
from assay.model.image_shift import shifted
from assay.model.initialise import initialise, residual_gain
from assay.model.norm import norm
from assay.model.residual import Block, BlockForm, block
from assay.model.residual_shape import STEMS
from assay.model.unborn import unborn_linear

if TYPE_CHECKING:
    from jaxtyping import Float

    from assay.model.residual_shape import ResidualShape


class ResidualNetwork(Noisy):
    """Images to scores of each class, born with a silent output, so that all classes are equally likely.

    Source: He et al. 2016a; the other forms are named in `ResidualShape`.

    Example:
        >>> from assay.model.residual_shape import ResidualShape
        >>> network = ResidualNetwork(ResidualShape(classes=10))
        >>> network.be_born(torch.Generator().manual_seed(0))
        >>> network(torch.ones(2, 1, 28, 28)).shape
        torch.Size([2, 10])
    """

    def __init__(self, shape: ResidualShape) -> None:
        super().__init__()
        self.shape = shape
        form = BlockForm(shape.norm, shape.activation, shape.shortcut, shape.dropout)
        strided = 1 if shape.stem == "small" else 2
        self.stem = nn.Sequential(
            unborn_conv(shape.channels, shape.stem_width, STEMS[shape.stem], stride=strided, bias=shape.norm == "none"),
            *([norm(shape.norm, shape.stem_width, images=True), activation(shape.activation)] if shape.norms_stem else []),
            *([nn.MaxPool2d(3, stride=2, padding=1)] if shape.stem == "large" else []),
        )
        self.stages = nn.ModuleList(_dense_stages(shape, form) if shape.block == "dense" else _stages(shape, form))
        self.features = shape.stage_outputs[-1]
        bent = [norm(shape.norm, self.features, images=True), activation(shape.activation)]
        self.end = nn.Sequential(*(bent if shape.norms_before else []))
        self.output = unborn_linear(self.features, shape.classes)

    def be_born(self, generator: torch.Generator) -> None:
        """Draw all weights anew: He's or what suits the activation, blocks as their shortcuts (see `ResidualShape.silent`), no output."""
        draw_convolutions(self, self.shape.activation, generator)
        for part in self.modules():
            if isinstance(part, Block):
                part.soften(0.0 if self.shape.silent else residual_gain(self.shape.blocks))
        for parameter in self.output.parameters():
            initialise(parameter, "zeros")

    def groups(self) -> dict[str, list[str]]:
        """Layer name for people -> its parameter names, in the order of the data's way."""
        found: dict[str, list[str]] = {}
        for name, _ in self.named_parameters():
            head, number, *_ = name.split(".")
            layer = f"stage {int(number) + 1}" if head == "stages" else {"end": "output"}.get(head, head)
            found.setdefault(layer, []).append(name)
        return found

    def forward(self, x: Float[Tensor, "batch channels height width"]) -> Float[Tensor, "batch classes"]:
        """Scores of each class."""
        if self.training and self.shape.shift:
            if self._noise is None:
                self._noise = torch.Generator().manual_seed(0)
            x = shifted(x, self.shape.shift, self._noise)
        x = self.stem(channels_last(x))
        for stage in self.stages:
            x = stage(x)
        scores: Tensor = self.output(self.end(x).mean(dim=(2, 3)))
        return scores


def _stages(shape: ResidualShape, form: BlockForm) -> list[nn.Sequential]:
    stages = [nn.Sequential() for _ in shape.depths]
    for stage, inputs, outputs, stride in shape.planned():
        stages[stage].append(block(shape.block, inputs, outputs, stride, form))
    return stages


def _dense_stages(shape: ResidualShape, form: BlockForm) -> list[nn.Sequential]:
    stages, at = [], shape.stem_width
    for stage, depth in enumerate(shape.depths):
        layers = [DenseLayer(at + i * shape.growth, shape.growth, form) for i in range(depth)]
        at = layers[-1].outputs
        stages.append(nn.Sequential(*layers))
        if stage < len(shape.depths) - 1:
            between = Transition(at, form)
            stages[-1].append(between)
            at = between.outputs
    return stages
