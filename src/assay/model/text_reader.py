"""What reads the words of a text: a recurrent network, an encoder of attention layers, or nothing but the words themselves."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, ClassVar

import torch
from torch import Tensor, nn

from assay.core.errors import AssayError
from assay.model.feature_network import encoder_layer
from assay.model.recurrent import Recurrent
from assay.model.transformer import Encoder

if TYPE_CHECKING:
    from jaxtyping import Bool, Float

    from assay.model.transformer_shape import TransformerShape


class Reader(nn.Module, ABC):
    """Features of each word of a text, made of the words' vectors.

    Attributes:
        kind: Of its layers, for people.
        features: How many a word.
    """

    kind: ClassVar[str]
    features: int

    @abstractmethod
    def be_born(self, generator: torch.Generator) -> None:
        """Draw all weights anew."""

    @abstractmethod
    def forward(self, x: Float[Tensor, "batch tokens width"], mask: Bool[Tensor, "batch tokens"]) -> Float[Tensor, "batch tokens outputs"]:
        """Features of each word; the mask is True at words, False at padding."""

    @abstractmethod
    def layer_of(self, parameter: str) -> str:
        """Layer name for people of a parameter."""


class RecurrentReader(Reader):
    """A recurrent network from the first word to the last, perhaps also back.

    Args:
        how: "rnn", "gru" or "lstm".
        width: Of the words' vectors and of the state.
        layers: One upon the other.
        both: Also from the last word to the first; features are then twice as wide.
        dropout: Share silenced between layers while training.
    """

    kind: ClassVar[str] = "recurrent"

    def __init__(self, how: str, width: int, *, layers: int, both: bool, dropout: float) -> None:
        super().__init__()
        self.layers = Recurrent(how, width, width, layers=layers, bidirectional=both, dropout=dropout)
        self.features = width * (2 if both else 1)

    def be_born(self, generator: torch.Generator) -> None:
        self.layers.be_born(generator)

    def forward(self, x: Float[Tensor, "batch tokens width"], mask: Bool[Tensor, "batch tokens"]) -> Float[Tensor, "batch tokens outputs"]:
        """What the network knows after it, and after all that follow where it reads both ways."""
        outputs: Tensor = self.layers(x, lengths=mask.sum(dim=1))[0]
        return outputs

    def layer_of(self, parameter: str) -> str:
        named = next(layer for layer, names in self.layers.groups().items() if parameter.removeprefix("layers.") in names)
        return named.replace("layer", "recurrent")


class EncoderReader(Reader):
    """An encoder whose every word sees all others."""

    kind: ClassVar[str] = "attention"

    def __init__(self, shape: TransformerShape) -> None:
        super().__init__()
        self.encoder = Encoder(shape)
        self.features = shape.width

    def be_born(self, generator: torch.Generator) -> None:
        self.encoder.be_born(generator)

    def forward(self, x: Float[Tensor, "batch tokens width"], mask: Bool[Tensor, "batch tokens"]) -> Float[Tensor, "batch tokens width"]:
        features: Tensor = self.encoder(x, mask)
        return features

    def layer_of(self, parameter: str) -> str:
        return encoder_layer(parameter.partition(".")[2])


class PlainReader(Reader):
    """The words' vectors as they are, in no order.

    Args:
        width: Of the words' vectors.
    """

    kind: ClassVar[str] = "embedding"

    def __init__(self, width: int) -> None:
        super().__init__()
        self.features = width

    def be_born(self, generator: torch.Generator) -> None:
        """It has no weights."""

    def forward(self, x: Float[Tensor, "batch tokens width"], mask: Bool[Tensor, "batch tokens"]) -> Float[Tensor, "batch tokens width"]:
        return x

    def layer_of(self, parameter: str) -> str:
        raise AssayError(f"the words as they are have 0 weights, so no layer is that of {parameter!r}")
