"""A convolutional network on images: residual blocks in stages that halve the image and double the channels."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from assay.model.image_input import ImageInput
from assay.model.neural import NeuralModel
from assay.model.shape import ACTIVATION_NAMES, check_name, check_share, check_sizes

if TYPE_CHECKING:
    from assay.model.cnn_network import CnnNetwork

AUGMENTATIONS = ("none", "shift", "flip")
NORMS = ("batch", "group", "layer", "none")
BLOCKS = ("basic", "bottleneck", "pre-activation", "wide", "dense")
# Of images that go through the network together: 512 of 64x64, 42 of 224x224.
PLACES_AT_ONCE, FEWEST_ROWS_AT_ONCE = 1 << 21, 16
LEDGER_PLACES, FEWEST_LEDGER_ROWS = 1 << 19, 128
# 10,000 digits are learned in 16 epochs; few images are seen more often, many at least so often.
USUAL_STEPS, FEWEST_EPOCHS, MOST_EPOCHS = 1_100, 8, 60
# Of one thread, measured for the usual shape on images of 28x28 grey and 48x48 colour: by places behind the stem, and by pixels before it.
SECONDS_A_PLACE, SECONDS_A_VALUE = 2.5e-6, 1e-7


@dataclass(frozen=True)
class CnnShape:
    """What a convolutional network is built like.

    Attributes:
        layers: Residual blocks, shared out among the stages.
        width: Channels of the stem and the first stage; each further stage has twice as many.
        block: Kind of the residual blocks, see `assay.model.residual`; a wide one is silenced as `dropout` says, a dense one adds `width`.
        norm: Behind each convolution.
        activation: Between convolutions.
        augment: What is done to training images at each step: "shift" by up to a fourteenth of a side, "flip" also mirrors half of
            them (for photographs, never for writing), or "none".
        dropout: Share of the pooled features silenced at each training step.
        hidden: Units of the layers between the pooled features and the output; None for one of 64 where there are other columns.
        bins, scaled: Of the numbers beside the images, as the MLP's.
    """

    layers: int = 3
    width: int = 16
    block: str = "basic"
    norm: str = "batch"
    activation: str = "relu"
    augment: str = "shift"
    dropout: float = 0.0
    hidden: tuple[int, ...] | None = None
    bins: int = 64
    scaled: bool = True

    def __post_init__(self) -> None:
        """Refuse what no network could be."""
        check_sizes("layers or width", (self.layers, self.width))
        check_name("block", self.block, BLOCKS)
        check_name("norm", self.norm, NORMS)
        check_name("activation", self.activation, ACTIVATION_NAMES)
        check_name("augmentation", self.augment, AUGMENTATIONS)
        check_share("dropout", self.dropout)


class Cnn(NeuralModel):
    """A convolutional network, born as the best constant of its training rows."""

    name: ClassVar[str] = "cnn"
    complexity: ClassVar[int] = 8
    shape_type = CnnShape
    input_type = ImageInput
    usual_settings: ClassVar[Mapping[str, Any]] = {"learning_rate": 8e-3}
    shape: CnnShape

    @classmethod
    def usual_lengths(cls, rows: int) -> Mapping[str, Any]:
        batch = 128 if rows >= 4_000 else 64 if rows >= 1_000 else 32
        epochs = min(MOST_EPOCHS, max(FEWEST_EPOCHS, math.ceil(USUAL_STEPS * batch / max(rows, 1))))
        return {"batch_rows": batch, "epochs": epochs, "patience": max(5, epochs // 4)}

    def make_network(self, fed: ImageInput, outputs: int) -> CnnNetwork:
        from assay.model.cnn_network import CnnNetwork

        largest = max(image.height * image.width for image in fed.images)
        self.rows_at_once = max(FEWEST_ROWS_AT_ONCE, min(512, PLACES_AT_ONCE // largest))
        self.ledger_rows = max(FEWEST_LEDGER_ROWS, min(512, LEDGER_PLACES // largest))
        return CnnNetwork(self.shape, fed, outputs)

    def describe(self) -> str:
        if not self.is_built:
            return ""
        from assay.model.cnn_network import CnnNetwork

        network = self.network
        stages = "-".join(map(str, network.stage_channels)) if isinstance(network, CnnNetwork) else ""
        blocks = f"{self.shape.layers} {self.shape.block} block{'s' if self.shape.layers > 1 else ''}"
        return f"{blocks} of {stages} channels, {self.n_weights:,} weights{self.kept and ', ' + self.kept}"


def expected_seconds(rows: int, height: int, width: int, channels: int) -> float:
    """About how long the usual network takes to learn from so many images, in seconds of one thread.

    Example:
        >>> round(expected_seconds(10_000, 28, 28, 1))
        85
    """
    from assay.model.image_size import stem_halvings

    places = height * width / 4.0 ** stem_halvings(height, width)
    epochs = int(Cnn.usual_lengths(rows)["epochs"])
    return float(rows * epochs) * (SECONDS_A_PLACE * places + SECONDS_A_VALUE * height * width * channels)
