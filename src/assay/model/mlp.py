"""A multi-layer perceptron in PyTorch: embeddings for categories, straightened and binned numbers, bags of n-grams for text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from assay.model.neural import NeuralModel
from assay.model.table_input import TableInput

if TYPE_CHECKING:
    from assay.model.mlp_network import Network


@dataclass(frozen=True)
class Shape:
    """What the network is built like.

    Attributes:
        hidden: Units of each hidden layer.
        dropout: Share of hidden units silenced at each training step.
        bins: At most so many piecewise-linear bins a number column.
        scaled: False feeds numbers as they are, to show what that costs.
    """

    hidden: tuple[int, ...] = (128, 64)
    dropout: float = 0.2
    bins: int = 64
    scaled: bool = True


class Mlp(NeuralModel):
    """A multi-layer perceptron, born as the best constant of its training rows."""

    name: ClassVar[str] = "mlp"
    complexity: ClassVar[int] = 7
    shape_type = Shape
    input_type = TableInput
    shape: Shape

    def make_network(self, fed: TableInput, outputs: int) -> Network:
        from assay.model.mlp_network import Network

        return Network(
            fed.scaling,
            code_sizes=fed.code_sizes,
            terms=fed.terms,
            hidden=self.shape.hidden,
            outputs=outputs,
            dropout=self.shape.dropout,
        )

    def describe(self) -> str:
        if not self.is_built:
            return ""
        layers = "-".join(str(u) for u in self.shape.hidden)
        return f"{layers} ReLU, {self.n_weights:,} weights{self.kept and ', ' + self.kept}"
