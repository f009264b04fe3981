"""A multi-layer perceptron in PyTorch: embeddings for categories, straightened and binned numbers, bags of n-grams for text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

from assay.model.neural import NeuralModel
from assay.model.shape import ACTIVATION_NAMES, check_name, check_share, check_sizes
from assay.model.table_input import TableInput

if TYPE_CHECKING:
    from assay.model.mlp_network import Network

NORM_NAMES = ("none", "layer", "rms")


@dataclass(frozen=True)
class Shape:
    """What the network is built like.

    Attributes:
        hidden: Units of each hidden layer.
        dropout: Share of hidden units silenced at each training step.
        activation: Of the hidden layers, see `assay.model.activation`.
        norm: "layer", "rms" or "none": of what comes before each activation.
        bins: At most so many piecewise-linear bins a number column.
        scaled: False feeds numbers as they are, to show what that costs.
    """

    hidden: tuple[int, ...] = (128, 64)
    dropout: float = 0.2
    bins: int = 64
    scaled: bool = True
    activation: str = "relu"
    norm: str = "none"

    def __post_init__(self) -> None:
        """Refuse what no network could be."""
        check_sizes("a hidden layer", self.hidden)
        check_name("activation", self.activation, ACTIVATION_NAMES)
        check_name("norm", self.norm, NORM_NAMES)
        check_share("dropout", self.dropout)


class Mlp(NeuralModel):
    """A multi-layer perceptron, born as the best constant of its training rows."""

    name: ClassVar[str] = "mlp"
    complexity: ClassVar[int] = 7
    shape_type = Shape
    input_type = TableInput
    # against AdamW's usual 0.05: lower losses on California housing, bike hire, adult, churn, breast cancer and Titanic, elsewhere the same
    usual_settings: ClassVar[Mapping[str, Any]] = {"weight_decay": 0.3}
    shape: Shape

    @classmethod
    def knobs(cls) -> tuple[str, ...]:
        return ("layers", "width", "activation", "dropout")

    @classmethod
    def shaped(cls, knobs: Mapping[str, Any]) -> Shape:
        """The usual shape, or so many hidden layers of one width."""
        own = {name: value for name, value in knobs.items() if name in {"activation", "dropout"}}
        usual = Shape()
        if "layers" in knobs or "width" in knobs:
            layers, width = knobs.get("layers", len(usual.hidden)), knobs.get("width", usual.hidden[0])
            check_sizes("layers", (layers,))
            own["hidden"] = (width,) * layers
        return replace(usual, **own)

    def make_network(self, fed: TableInput, outputs: int) -> Network:
        from assay.model.mlp_network import Network

        return Network(
            fed.scaling,
            code_sizes=fed.code_sizes,
            terms=fed.terms,
            hidden=self.shape.hidden,
            outputs=outputs,
            dropout=self.shape.dropout,
            activation_name=self.shape.activation,
            norm_name=self.shape.norm,
        )

    def describe(self) -> str:
        if not self.is_built:
            return ""
        layers = "-".join(str(u) for u in self.shape.hidden)
        return f"{layers} {self.shape.activation.replace('relu', 'ReLU')}, {self.n_weights:,} weights{self.kept and ', ' + self.kept}"
