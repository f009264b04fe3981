"""Recurrent networks on tables with texts: each text read word by word, both ways, before an MLP takes over."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Self

from assay.core.errors import OptionError
from assay.model.neural import NeuralModel
from assay.model.shape import POOLS, TextShape, check_name, check_share, check_sizes
from assay.model.text_input import TextInput, told_of_texts

if TYPE_CHECKING:
    from assay.model.contract import Rows
    from assay.model.text_network import TextNetwork

# Measured on messages and sentences: best after 9 to 25 epochs of 200 texts, 4 to 13 of 1,000, 6 of 4,000, 3 of 7,500.
FEWEST_EPOCHS, MOST_EPOCHS = 8, 40
USUAL_ROWS_READ = 16_000


@dataclass(frozen=True)
class RecurrentShape(TextShape):
    """What a recurrent network on texts is built like.

    Attributes:
        layers: Recurrent layers, one upon the other.
        width: Of the words' vectors, and of the state of each layer and direction.
        both: Read from the last word to the first too.
        pool: How the words' features become one vector a text: "max", "mean", "attention" or "last".
        dropout: Share of words' vectors and of pooled features silenced at each training step.
    """

    layers: int = 1
    width: int = 64
    both: bool = True
    pool: str = "max"
    dropout: float = 0.3

    def __post_init__(self) -> None:
        """Refuse what no network could be."""
        check_sizes("layers, width or longest", (self.layers, self.width, self.longest))
        check_name("pool", self.pool, POOLS)
        check_share("dropout", self.dropout)


@dataclass(frozen=True)
class WordsInput(TextInput):
    """The input of a recurrent network, which has nothing to read where there is no text."""

    @classmethod
    def fit(cls, train: Rows, shape: Any) -> Self:
        """As for texts.

        Raises:
            OptionError: there is no text column.
        """
        if not train.data.texts:
            raise OptionError(
                f"a recurrent network reads texts word by word, and the {len(train.data.sources)} columns read here hold no text; "
                "name one with --type COLUMN=text, or take --model mlp"
            )
        return super().fit(train, shape)


class RecurrentModel(NeuralModel):
    """A recurrent network on texts, born as the best constant of its training rows.

    Attributes:
        cell: "rnn", "gru" or "lstm".
    """

    complexity: ClassVar[int] = 8
    shape_type = RecurrentShape
    input_type = WordsInput
    rows_at_once = 64
    shape: RecurrentShape

    @classmethod
    def usual_lengths(cls, rows: int) -> Mapping[str, Any]:
        # the schedule falls to the last epoch, so that too many would waste the rate on texts known by heart
        epochs = min(MOST_EPOCHS, max(FEWEST_EPOCHS, math.ceil(USUAL_ROWS_READ / max(rows, 1))))
        return {"epochs": epochs, "patience": max(2, epochs // 4)}

    def make_network(self, fed: WordsInput, outputs: int) -> TextNetwork:
        from assay.model.text_network import TextNetwork
        from assay.model.text_reader import RecurrentReader

        shape = self.shape
        reader = RecurrentReader(self.name, shape.width, layers=shape.layers, both=shape.both, dropout=shape.dropout)
        return TextNetwork(
            reader, fed, outputs, pool=shape.pool, both=shape.both, width=shape.width, dropout=shape.dropout, hidden=shape.hidden
        )

    def describe(self) -> str:
        if not self.is_built:
            return ""
        shape = self.shape
        layers = f"{shape.layers} layers" if shape.layers > 1 else "1 layer"
        ways = ", both ways" if shape.both else ""
        kept = self.kept and ", " + self.kept
        return f"{layers} of {shape.width}{ways}, {told_of_texts(self.fed)}; {self.n_weights:,} weights{kept}"


class Rnn(RecurrentModel):
    """The plain recurrent network: a state that is the tanh of what it was and what is read."""

    name: ClassVar[str] = "rnn"


class Gru(RecurrentModel):
    """A recurrent network that learns how much of its state to renew at each word (Cho et al. 2014)."""

    name: ClassVar[str] = "gru"


class Lstm(RecurrentModel):
    """A recurrent network with a memory that gates write, keep and show (Hochreiter & Schmidhuber 1997)."""

    name: ClassVar[str] = "lstm"
