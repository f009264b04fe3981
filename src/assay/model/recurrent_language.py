"""A language model that reads from the left and keeps what it read in one state of fixed size."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional

from assay.core.errors import InputError, OptionError
from assay.model.dropout import Dropout
from assay.model.initialise import initialise
from assay.model.recurrent import Recurrent
from assay.model.unborn import unborn_linear, unborn_table

if TYPE_CHECKING:
    from jaxtyping import Float, Int

    from assay.model.recurrent_cell import State


class StateCache:
    """What a recurrent language model keeps of past tokens: its state, however many they were.

    Example:
        >>> cache = StateCache()
        >>> cache.state = (torch.tensor([[[1.0], [2.0]]]),)
        >>> cache.take(torch.tensor([1, 1]))
        >>> cache.state[0].tolist()
        [[[2.0], [2.0]]]
    """

    def __init__(self) -> None:
        self.length = 0
        self.state: State | None = None

    def take(self, rows: Int[Tensor, " rows"]) -> None:
        """Keep these rows of the batch, in this order; a row may be taken twice."""
        if self.state is not None:
            self.state = tuple(part[:, rows] for part in self.state)


class RecurrentLanguageModel(nn.Module):
    """Predicts each next token from a state of all those before it.

    Source: Mikolov et al. 2010 for the RNN, Sundermeyer, Schlueter & Ney 2012 for the LSTM; tied output Press & Wolf 2017.

    Example:
        >>> model = RecurrentLanguageModel("gru", vocab=9, width=8)
        >>> model.be_born(torch.Generator().manual_seed(0))
        >>> model(torch.tensor([[1, 2, 0]])).shape
        torch.Size([1, 3, 9])
    """

    longest: int | None = None

    def __init__(
        self,
        kind: str,
        *,
        vocab: int,
        width: int = 128,
        layers: int = 1,
        dropout: float = 0.0,
        tied: bool = True,
        forget_bias: float = 1.0,
    ) -> None:
        """Lay out the weights, undrawn.

        Args:
            kind: "rnn", "gru" or "lstm".
            vocab: Tokens there are.
            width: Features of a token and units of a layer.
            layers: How many, one upon the other.
            dropout: Share dropped of embeddings, between layers, and of what the output reads.
            tied: Whether the output's weights are the token table.
            forget_bias: Of an LSTM's forget gate at birth.

        Raises:
            OptionError: there is no such kind, or a size is none.
        """
        super().__init__()
        if vocab < 1:
            raise OptionError(f"a language model with vocab = {vocab}; give the number of tokens there are")
        self.vocab, self.width = vocab, width
        self.recurrent = Recurrent(kind, width, width, layers, dropout=dropout, forget_bias=forget_bias)
        self.tokens = unborn_table(vocab, width)
        self.dropout = Dropout(dropout)
        self.output = None if tied else unborn_linear(width, vocab)
        # Cells want numbers of about 1, an output numbers that keep all tokens about equally likely: one table serves both by this
        # factor. States of an RNN are born larger than gated ones, so its table is born smaller.
        self.scale = (2.0 if kind == "rnn" else 1.0) * math.sqrt(width) if tied else 1.0

    def be_born(self, generator: torch.Generator) -> None:
        """Draw all weights anew, such that the loss at birth is log2 of the vocabulary; an output of its own is born silent."""
        initialise(self.tokens.weight, "normal", generator, std=1.0 / self.scale)
        self.recurrent.be_born(generator)
        for parameter in () if self.output is None else self.output.parameters():
            initialise(parameter, "zeros")

    def groups(self) -> dict[str, list[str]]:
        """Layer name for people -> its parameter names, in the order of the data's way."""
        found = {"embeddings": ["tokens.weight"]}
        found |= {layer: [f"recurrent.{name}" for name in names] for layer, names in self.recurrent.groups().items()}
        return found if self.output is None else {**found, "output": ["output.weight", "output.bias"]}

    def new_cache(self) -> StateCache:
        """The state before the first token."""
        return StateCache()

    def forward(self, tokens: Int[Tensor, "batch tokens"], *, cache: StateCache | None = None) -> Float[Tensor, "batch tokens vocab"]:
        """Scores of each next token.

        Args:
            tokens: Tokens, with a cache only those that are new.
            cache: The state after the tokens before, in whose place that after the new ones is put, without its gradient.

        Raises:
            InputError: a token is not in the vocabulary.
        """
        before = None if cache is None else cache.state
        features, after = self.recurrent(self.dropout(self._looked_up(tokens) * self.scale), before)
        if cache is not None:
            cache.state, cache.length = tuple(part.detach() for part in after), cache.length + tokens.shape[1]
        features = self.dropout(features)
        scores: Tensor = functional.linear(features, self.tokens.weight) if self.output is None else self.output(features)
        return scores

    def _looked_up(self, tokens: Tensor) -> Tensor:
        try:
            return functional.embedding(tokens, self.tokens.weight)
        except IndexError:
            seen = f"{int(tokens.min())} to {int(tokens.max())}"
            raise InputError(f"tokens {seen} are not all in a vocabulary of {self.vocab}; give 0 to {self.vocab - 1}") from None
