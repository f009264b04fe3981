"""Recurrent networks: RNN, GRU and LSTM, of any depth, in one direction or both, fused or step by step."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from assay.core.errors import InputError, OptionError, nearest
from assay.model.dropout import Dropout
from assay.model.recurrent_cell import CELLS, Gates, State
from assay.model.recurrent_layer import RecurrentLayer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jaxtyping import Float, Int


class Recurrent(nn.Module):
    """Layers of recurrent cells; each reads the outputs of the one before it, those of both directions side by side.

    Padding changes nothing: outputs there are zero and the last state is that after the last token.

    Attributes:
        watch: Compute step by step and keep the gates of the last call.
        gates: Of the last call while watched, by layer ("layer 1", "layer 1 backwards", ...): gate name -> (batch, tokens, width).

    Example:
        >>> network = Recurrent("lstm", 3, 4)
        >>> network.be_born(torch.Generator().manual_seed(0))
        >>> network.watch = True
        >>> outputs, (hidden, memory) = network(torch.ones(2, 5, 3))
        >>> outputs.shape, sorted(network.gates["layer 1"])
        (torch.Size([2, 5, 4]), ['candidate', 'forget', 'hidden', 'input', 'memory', 'output'])
    """

    def __init__(
        self,
        kind: str,
        inputs: int,
        width: int,
        layers: int = 1,
        bidirectional: bool = False,
        dropout: float = 0.0,
        *,
        forget_bias: float = 1.0,
    ) -> None:
        """Lay out the layers, undrawn.

        Args:
            kind: "rnn", "gru" or "lstm".
            inputs: Features of a token.
            width: Units of a layer and direction.
            layers: How many, one upon the other.
            bidirectional: Read each layer's sequence backwards too.
            dropout: Share dropped between layers.
            forget_bias: Of an LSTM's forget gate at birth.

        Raises:
            OptionError: there is no such kind, or a size is none.
        """
        super().__init__()
        if kind not in CELLS:
            raise OptionError(f"no recurrent network {kind!r}; {nearest(kind, CELLS)}")
        if min(inputs, width, layers) < 1:
            raise OptionError(f"a recurrent network of {inputs} inputs, {width} units and {layers} layers; give 1 or more of each")
        self.kind, self.inputs, self.width, self.bidirectional = kind, inputs, width, bidirectional
        self.directions = (False, True) if bidirectional else (False,)
        sizes = [inputs] + [width * len(self.directions)] * (layers - 1)
        self.parts = [
            RecurrentLayer(kind, size, width, forget_bias=forget_bias, backwards=backwards)
            for size in sizes
            for backwards in self.directions
        ]
        self.layers = nn.ModuleList(self.parts)
        self.dropout = Dropout(dropout)
        self.watch = False
        self.gates: dict[str, Gates] = {}

    @property
    def outputs(self) -> int:
        """Features of an output: units of all directions."""
        return self.width * len(self.directions)

    def be_born(self, generator: torch.Generator) -> None:
        """Draw all weights anew."""
        for part in self.parts:
            part.be_born(generator)

    def groups(self) -> dict[str, list[str]]:
        """Layer name for people -> its parameter names, in the order of the data's way."""
        return {name: [f"layers.{i}.{p}" for p, _ in part.named_parameters()] for i, (name, part) in enumerate(self.named_layers())}

    def named_layers(self) -> Iterator[tuple[str, RecurrentLayer]]:
        """Every layer and direction with its name for people."""
        for i, part in enumerate(self.parts):
            yield f"layer {i // len(self.directions) + 1}" + (" backwards" if part.backwards else ""), part

    def forward(
        self, x: Float[Tensor, "batch tokens inputs"], state: State | None = None, lengths: Int[Tensor, " batch"] | None = None
    ) -> tuple[Float[Tensor, "batch tokens outputs"], State]:
        """The outputs of the last layer at each token, and the state after the last one.

        Args:
            x: Sequences, padded behind their ends.
            state: (layers times directions, batch, width) a tensor: hidden, and for an LSTM memory; None for zeros.
            lengths: How many tokens each sequence has; None for all.

        Raises:
            InputError: a length is not between 0 and the number of tokens, or the state is of another network.
        """
        if lengths is not None and len(lengths) and (int(lengths.min()) < 0 or int(lengths.max()) > x.shape[1]):
            seen = f"{int(lengths.min())} to {int(lengths.max())}"
            raise InputError(f"lengths {seen} of sequences of {x.shape[1]} tokens; give 0 to {x.shape[1]}")
        befores = self._befores(len(x), state)
        self.gates = {}
        afters: list[State] = []
        sides: list[Tensor] = []
        for (name, part), before in zip(self.named_layers(), befores, strict=True):
            if self.watch:
                output, after, self.gates[name] = part.step_by_step(x, before, lengths)
            else:
                output, after = part(x, before, lengths)
            afters.append(after)
            sides.append(output)
            if len(sides) == len(self.directions):
                x = torch.cat(sides, dim=2) if len(sides) > 1 else output
                x = x if part is self.parts[-1] else self.dropout(x)
                sides = []
        return x, tuple(torch.stack(parts) for parts in zip(*afters, strict=True))

    def summary(self, state: State) -> Tensor:
        """What the last layer made of each whole sequence, both directions side by side, (batch, outputs), from the state after it."""
        return torch.cat(list(state[0][-len(self.directions) :]), dim=1)

    def _befores(self, batch: int, state: State | None) -> list[State]:
        if state is None:
            return [part.no_state(batch) for part in self.parts]
        wanted = (len(self.parts), batch, self.width)
        states = CELLS[self.kind].states
        if len(state) != states or any(tuple(part.shape) != wanted for part in state):
            raise InputError(f"a state of {[tuple(part.shape) for part in state]} for this {self.kind}; give {states} of {wanted}")
        return list(zip(*(part.unbind(0) for part in state), strict=True))
