"""Transformers on tables: over the words of each text, or over the columns where there is no text."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Self

from assay.core.errors import OptionError
from assay.model.neural import NeuralModel
from assay.model.shape import ACTIVATION_NAMES, POOLS, TextShape, check_name, check_share, check_sizes
from assay.model.text_input import TextInput, told_of_texts
from assay.model.transformer_shape import TransformerShape

if TYPE_CHECKING:
    from assay.model.contract import Rows
    from assay.model.neural_network import NeuralNetwork

MOST_COLUMNS = 512
FEWEST_EPOCHS, MOST_EPOCHS = 10, 60
USUAL_ROWS_READ = 25_000


@dataclass(frozen=True)
class EncoderShape(TextShape):
    """What a transformer on rows is built like.

    Attributes:
        layers: Blocks of attention and feed-forward.
        width: Features of a word or column.
        heads: Attention heads; they divide the width.
        activation: Of the feed-forward parts, see `assay.model.activation`.
        position: How the order of words is told: "rope", "learned", "sinusoidal", "relative", "alibi" or "none". Columns have no order.
        pool: How the words' features become one vector a text: "max", "mean", "attention" or "last".
        dropout: Share of vectors, attention weights and what blocks add silenced at each training step.
    """

    layers: int = 2
    width: int = 64
    heads: int = 4
    activation: str = "gelu"
    position: str = "rope"
    pool: str = "mean"
    dropout: float = 0.2

    def __post_init__(self) -> None:
        """Refuse what no network could be."""
        check_sizes("layers, width, heads or longest", (self.layers, self.width, self.heads, self.longest))
        if self.width % self.heads:
            raise OptionError(
                f"{self.heads} heads do not divide a width of {self.width}; give a width of {self.heads} times a whole number"
            )
        check_name("activation", self.activation, ACTIVATION_NAMES)
        check_name("pool", self.pool, POOLS)
        check_share("dropout", self.dropout)


@dataclass(frozen=True)
class RowInput(TextInput):
    """The input of a transformer: words where there is a text, else columns."""

    @classmethod
    def fit(cls, train: Rows, shape: Any) -> Self:
        """As for texts.

        Raises:
            OptionError: without a text there are more columns than attention can go over.
        """
        fed = super().fit(train, shape)
        n_tokens = len(fed.number_names) + len(fed.table.code_sizes)
        if not fed.columns and n_tokens > MOST_COLUMNS:
            raise OptionError(
                f"a transformer on {n_tokens} columns without a text would let each see each other; "
                f"give at most {MOST_COLUMNS}, or take --model mlp"
            )
        return fed


class Transformer(NeuralModel):
    """A transformer encoder over the words of each text, or over the columns, born as the best constant of its training rows."""

    name: ClassVar[str] = "transformer"
    complexity: ClassVar[int] = 8
    shape_type = EncoderShape
    input_type = RowInput
    rows_at_once = 64
    shape: EncoderShape

    @classmethod
    def usual_lengths(cls, rows: int) -> Mapping[str, Any]:
        # few rows are few steps an epoch, and stopping after two epochs then stops on noise
        epochs = min(MOST_EPOCHS, max(FEWEST_EPOCHS, math.ceil(USUAL_ROWS_READ / max(rows, 1))))
        return {"epochs": epochs, "patience": max(2, epochs // 4)}

    def make_network(self, fed: RowInput, outputs: int) -> NeuralNetwork:
        shape = self.shape
        encoder = TransformerShape(
            vocab=0,
            layers=shape.layers,
            width=shape.width,
            heads=shape.heads,
            block=fed.longest,
            position=shape.position if fed.columns else "none",
            activation=shape.activation,
            dropout=shape.dropout,
        )
        if not fed.columns:
            from assay.model.feature_network import FeatureNetwork

            return FeatureNetwork(fed.table, encoder, outputs)
        from assay.model.text_network import TextNetwork
        from assay.model.text_reader import EncoderReader

        reader = EncoderReader(encoder)
        return TextNetwork(reader, fed, outputs, width=shape.width, pool=shape.pool, dropout=shape.dropout, hidden=shape.hidden)

    def describe(self) -> str:
        if not self.is_built:
            return ""
        shape = self.shape
        blocks = f"{shape.layers} blocks" if shape.layers > 1 else "1 block"
        seen = told_of_texts(self.fed) if self.fed.columns else "columns as tokens"
        kept = self.kept and ", " + self.kept
        return f"{blocks} of {shape.width}, {shape.heads} heads, {seen}; {self.n_weights:,} weights{kept}"
