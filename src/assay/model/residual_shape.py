"""The shape of a residual network, and how many weights it has: a calculator that needs no PyTorch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from assay.core.errors import OptionError
from assay.model.shape import ACTIVATION_NAMES, check_name, check_share, check_sizes

BLOCKS = ("basic", "bottleneck", "pre-activation", "wide", "dense")
STEMS = {"small": 3, "strided": 5, "large": 7}  # side of the first kernel
SHORTCUTS = ("projection", "zeros")
IMAGE_NORMS = ("batch", "group", "layer", "rms", "instance", "none")
EXPANSION = 4  # a bottleneck hands on so many times the channels of its middle; a dense layer squeezes to so many times its growth


@dataclass(frozen=True)
class ResidualShape:
    """How a residual network is built; the usual one suits small images on one processor core.

    Attributes:
        classes: Numbers that it makes of an image.
        channels: Of the image.
        block: "basic" and "bottleneck" (He et al. 2016a), "pre-activation" (He et al. 2016b), "wide" (the same with dropout between its
            convolutions and every width times `widen`, Zagoruyko & Komodakis 2016), or "dense" (Huang et al. 2017).
        widths: Channels of each stage; of a bottleneck those of its middle; of a dense network only the first counts, the stem's.
        depths: Blocks, or dense layers, of each stage; every stage but the first halves the image.
        stem: "small" 3x3, "strided" 5x5 that halves the image, "large" 7x7 that halves it and then pools it to half again.
        widen: Factor on the widths of wide blocks.
        growth: Channels that each dense layer adds.
        shortcut: What stands for x where sizes differ: a 1x1 convolution ("projection") or x itself, thinned and padded ("zeros").
        norm: Of each convolution: "batch", "group", "layer", "rms", "instance" or "none" (then convolutions have biases).
        activation: See `assay.model.activation`.
        dropout: Share of channels silenced in each block while training.
        shift: Training images are shifted by up to so many pixels a way.
        silent: Whether each block is born as its shortcut; else branches are born with the gain of residual depth.

    Example:
        >>> ResidualShape(classes=10).stage_outputs
        (16, 32, 64)
    """

    classes: int
    channels: int = 1
    block: str = "basic"
    widths: tuple[int, ...] = (16, 32, 64)
    depths: tuple[int, ...] = (1, 1, 1)
    stem: str = "strided"
    widen: int = 1
    growth: int = 12
    shortcut: str = "projection"
    norm: str = "batch"
    activation: str = "relu"
    dropout: float = 0.0
    shift: int = 0
    silent: bool = True

    def __post_init__(self) -> None:
        """Refuse what no network could be."""
        check_sizes("classes, channels, widen or growth", (self.classes, self.channels, self.widen, self.growth))
        check_sizes("widths or depths", (*self.widths, *self.depths))
        if len(self.widths) != len(self.depths) or not self.widths:
            raise OptionError(f"{len(self.widths)} widths and {len(self.depths)} depths; give one of each a stage, for 1 stage or more")
        check_name("block", self.block, BLOCKS)
        check_name("stem", self.stem, STEMS)
        check_name("shortcut", self.shortcut, SHORTCUTS)
        check_name("norm", self.norm, IMAGE_NORMS)
        check_name("activation", self.activation, ACTIVATION_NAMES)
        check_share("dropout", self.dropout)
        if self.shift < 0:
            raise OptionError(f"a shift of {self.shift} pixels; give 0 or more")

    @property
    def norms_before(self) -> bool:
        """Whether blocks normalise before each convolution; what the last one hands on is then normed once more."""
        return self.block in {"pre-activation", "wide", "dense"}

    @property
    def norms_stem(self) -> bool:
        """Whether the stem norms what it hands on; DenseNet does so before it pools (Huang et al. 2017, table 1)."""
        return not self.norms_before or (self.block == "dense" and self.stem == "large")

    @property
    def stem_width(self) -> int:
        """Channels of the stem: those of the first stage, in wide networks before they were widened."""
        return self.widths[0]

    @property
    def stage_outputs(self) -> tuple[int, ...]:
        """Channels that each stage hands on; of a dense one before they are squeezed."""
        if self.block == "dense":
            outputs, at = [], self.stem_width
            for layers in self.depths:
                outputs.append(at + layers * self.growth)
                at = outputs[-1] // 2
            return tuple(outputs)
        factor = {"bottleneck": EXPANSION, "wide": self.widen}.get(self.block, 1)
        return tuple(width * factor for width in self.widths)

    @property
    def blocks(self) -> int:
        """Blocks in all."""
        return sum(self.depths)

    def planned(self) -> Iterator[tuple[int, int, int, int]]:
        """Stage, channels in, channels out and stride of every block that is not dense, in the order of the data's way."""
        at = self.stem_width
        for stage, (outputs, depth) in enumerate(zip(self.stage_outputs, self.depths, strict=True)):
            for place in range(depth):
                yield stage, at, outputs, 2 if stage > 0 and place == 0 else 1
                at = outputs


def parameter_count(shape: ResidualShape) -> int:
    """How many weights a residual network of this shape has, in closed form.

    A k x k convolution has k^2 * in * out, a norm 2 * channels, the output (channels + 1) * classes. A bottleneck on 256 channels has
    69,632 in its convolutions, an eighth of one 3x3 convolution on all 256.

    Source: He et al. 2016a, table 1; the counts are those of common implementations.

    Example:
        >>> parameter_count(residual_shape("resnet-50")), parameter_count(residual_shape("resnet-152"))
        (25557032, 60192808)
    """
    kernel = STEMS[shape.stem]
    dense = shape.block == "dense"
    total = _conv(shape, shape.channels, shape.stem_width, kernel) + (_norm(shape, shape.stem_width) if shape.norms_stem else 0)
    total += sum(_dense_stages(shape)) if dense else sum(_block(shape, i, o, stride) for _, i, o, stride in shape.planned())
    last = shape.stage_outputs[-1]
    return total + (_norm(shape, last) if shape.norms_before else 0) + (last + 1) * shape.classes


def _norm(shape: ResidualShape, channels: int) -> int:
    return {"none": 0, "rms": channels}.get(shape.norm, 2 * channels)


def _conv(shape: ResidualShape, inputs: int, outputs: int, kernel: int) -> int:
    return kernel**2 * inputs * outputs + (outputs if shape.norm == "none" else 0)


def _block(shape: ResidualShape, inputs: int, outputs: int, stride: int) -> int:
    is_projected = shape.shortcut == "projection" and (inputs != outputs or stride > 1)
    projection = _conv(shape, inputs, outputs, 1) if is_projected else 0
    if shape.block in {"pre-activation", "wide"}:
        both = _conv(shape, inputs, outputs, 3) + _conv(shape, outputs, outputs, 3)
        return both + _norm(shape, inputs) + _norm(shape, outputs) + projection
    projection += _norm(shape, outputs) if is_projected else 0
    if shape.block == "basic":
        return _conv(shape, inputs, outputs, 3) + _conv(shape, outputs, outputs, 3) + 2 * _norm(shape, outputs) + projection
    middle = outputs // EXPANSION
    three = _conv(shape, inputs, middle, 1) + _conv(shape, middle, middle, 3) + _conv(shape, middle, outputs, 1)
    return three + 2 * _norm(shape, middle) + _norm(shape, outputs) + projection


def _dense_stages(shape: ResidualShape) -> Iterator[int]:
    at, squeezed = shape.stem_width, EXPANSION * shape.growth
    for stage, depth in enumerate(shape.depths):
        for _ in range(depth):
            yield _norm(shape, at) + _conv(shape, at, squeezed, 1)
            yield _norm(shape, squeezed) + _conv(shape, squeezed, shape.growth, 3)
            at += shape.growth
        if stage < len(shape.depths) - 1:
            yield _norm(shape, at) + _conv(shape, at, at // 2, 1)
            at //= 2


_LARGE = ResidualShape(classes=1000, channels=3, widths=(64, 128, 256, 512), depths=(2, 2, 2, 2), stem="large")
_SMALL = ResidualShape(classes=10, channels=3, stem="small")
NAMED: Mapping[str, ResidualShape] = MappingProxyType(
    {
        "resnet-18": _LARGE,
        "resnet-34": replace(_LARGE, depths=(3, 4, 6, 3)),
        "resnet-50": replace(_LARGE, block="bottleneck", depths=(3, 4, 6, 3)),
        "resnet-101": replace(_LARGE, block="bottleneck", depths=(3, 4, 23, 3)),
        "resnet-152": replace(_LARGE, block="bottleneck", depths=(3, 8, 36, 3)),
        "resnet-20-small": replace(_SMALL, depths=(3, 3, 3), shortcut="zeros"),
        "resnet-56-small": replace(_SMALL, depths=(9, 9, 9), shortcut="zeros"),
        "wide-28-10": replace(_SMALL, block="wide", depths=(4, 4, 4), widen=10, dropout=0.3),
        "wide-40-8": replace(_SMALL, block="wide", depths=(6, 6, 6), widen=8, dropout=0.3),
        "densenet-121": replace(_LARGE, block="dense", depths=(6, 12, 24, 16), growth=32),
    }
)


def residual_shape(name: str, *, classes: int | None = None, channels: int | None = None) -> ResidualShape:
    """The shape of a published network, for images of its paper or for other classes and channels.

    Raises:
        OptionError: there is no network of that name.

    Example:
        >>> residual_shape("resnet-18", classes=10).depths
        (2, 2, 2, 2)
    """
    check_name("residual network", name, NAMED)
    shape = NAMED[name]
    return replace(shape, classes=classes or shape.classes, channels=channels or shape.channels)
