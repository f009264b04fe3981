"""A network that reads texts word by word: embeddings, a recurrent or attention reader, a pool, and an MLP upon what comes out."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from assay.core.errors import OptionError, nearest
from assay.model.dropout import Dropout
from assay.model.mlp_network import Network
from assay.model.neural_network import NeuralNetwork
from assay.model.shape import POOLS
from assay.model.transformer import mean_of_tokens
from assay.model.unborn import unborn_linear, unborn_table

if TYPE_CHECKING:
    from jaxtyping import Bool, Float

    from assay.model.text_input import TextInput, TextTensors
    from assay.model.text_reader import Reader


class Pool(nn.Module):
    """One vector a text from those of its words: their maximum, mean, learned weighted mean, or the last one's.

    max: each feature where it is strongest (Collobert et al. 2011). attention: softmax of a learned score of each word (Bahdanau et
    al. 2015, without a query). last: a recurrent state is told everything by then; of a network that reads both ways, the last
    of the way on and the first of the way back.

    Example:
        >>> words, there = torch.tensor([[[1.0], [3.0], [9.0]]]), torch.tensor([[True, True, False]])
        >>> [Pool(how, 1)(words, there).item() for how in ("max", "mean", "last")]
        [3.0, 2.0, 3.0]
    """

    def __init__(self, how: str, width: int, *, both: bool = False) -> None:
        super().__init__()
        if how not in POOLS:
            raise OptionError(f"no pool {how!r}; {nearest(how, POOLS)}")
        self.how, self.both = how, both
        self.score = unborn_linear(width, 1) if how == "attention" else None

    def forward(self, x: Float[Tensor, "batch tokens width"], mask: Bool[Tensor, "batch tokens"]) -> Float[Tensor, "batch width"]:
        """The vector of each text; each has one word at least.

        Args:
            x: Features of each word.
            mask: True at words, False at padding.
        """
        if self.how == "mean":
            return mean_of_tokens(x, mask)
        if self.how == "max":
            return x.masked_fill(~mask[:, :, None], -torch.inf).amax(dim=1)
        if self.score is not None:
            weight = self.score(x)[:, :, 0].masked_fill(~mask, -torch.inf).softmax(dim=1)
            weighted: Tensor = (weight[:, :, None] * x).sum(dim=1)
            return weighted
        last = x[torch.arange(len(x)), mask.sum(dim=1) - 1]
        half = x.shape[2] // 2
        return torch.cat([last[:, :half], x[:, 0, half:]], dim=1) if self.both else last


class TextNetwork(NeuralNetwork):
    """Words -> vectors -> reader -> pool of each text column; their vectors, beside numbers and categories, are fed to an MLP.

    All text columns share words and reader; where there are several, a learned vector says which one a word stands in.

    Args:
        reader: What makes features of the words' vectors.
        fed: What its input learned.
        outputs: Classes, or 1 for a value.
        width: Of the words' vectors.
        pool: From words to a text.
        both: Whether the reader reads both ways.
        dropout: Share of the words' vectors, and of the pooled ones, silenced while training.
        hidden: Units of the MLP's hidden layers; None for one of `width` where there are numbers or categories.
    """

    def __init__(
        self,
        reader: Reader,
        fed: TextInput,
        outputs: int,
        *,
        width: int,
        pool: str,
        dropout: float,
        both: bool = False,
        hidden: tuple[int, ...] | None = None,
    ) -> None:
        super().__init__()
        self.n_columns, features = len(fed.columns), reader.features
        self.words = unborn_table(fed.vocab, width)
        self.column = unborn_table(self.n_columns, width) if self.n_columns > 1 else None
        self.reader, self.pool, self.dropout = reader, Pool(pool, features, both=both), Dropout(dropout)
        table = fed.table
        beside = () if hidden is None and not (table.scaling.width or table.code_sizes) else (width,) if hidden is None else hidden
        self.head = Network(
            table.scaling,
            code_sizes=table.code_sizes,
            terms=(),
            hidden=beside,
            outputs=outputs,
            dropout=dropout,
            extra=self.n_columns * features,
        )

    @torch.no_grad()
    def be_born(self, generator: torch.Generator) -> None:
        """Draw all weights anew; the unknown word and the empty text are born neutral, the output silent."""
        self.words.weight.normal_(0.0, 1.0 / math.sqrt(self.words.embedding_dim), generator=generator)
        self.words.weight[:3] = 0.0
        if self.column is not None:
            self.column.weight.normal_(0.0, 0.1 / math.sqrt(self.words.embedding_dim), generator=generator)
        self.reader.be_born(generator)
        if self.pool.score is not None:
            self.pool.score.weight.zero_()
            self.pool.score.bias.zero_()
        self.head.be_born(generator)

    def forward(self, inputs: TextTensors) -> Float[Tensor, "batch outputs"]:
        added: Tensor = self.head(inputs.table, self.dropout(self.read(inputs)))
        return added

    def read(self, inputs: TextTensors) -> Float[Tensor, "batch features"]:
        """The pooled vectors of all text columns, one beside the other."""
        # padded to the longest text of these rows, columns one below the other, so that the reader runs once
        longest = max((int(text.lengths.max()) for text in inputs.texts if inputs.rows), default=1)
        words = torch.cat([text.padded(longest) for text in inputs.texts])
        mask = words != 0
        vectors = self.words(words)
        if self.column is not None:
            vectors = vectors + self.column(torch.arange(self.n_columns).repeat_interleave(inputs.rows))[:, None]
        pooled = self.pool(self.reader(self.dropout(vectors), mask), mask)
        return torch.cat(pooled.split(inputs.rows), dim=1)

    def groups(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for name, _ in self.named_parameters():
            head, _, rest = name.partition(".")
            layer = {"column": "words", "pool": "pool", "words": "words"}.get(head)
            if layer is None and head == "reader":
                layer = self.reader.layer_of(rest)
            elif layer is None:
                layer = self._head_layers[rest]
            found.setdefault(str(layer), []).append(name)
        return found

    @property
    def _head_layers(self) -> dict[str, str]:
        return {name: layer for layer, names in self.head.groups().items() for name in names}

    def layer_kind(self, layer: str) -> str:
        if layer == "words":
            return "embedding"
        if layer in self.head.groups():
            return self.head.layer_kind(layer)
        return self.reader.kind

    def activation_of(self, layer: str) -> nn.Module | None:
        return self.head.activation_of(layer) if layer in self.head.groups() else None
