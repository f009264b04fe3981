"""One direction of one recurrent layer: a sequence in, the hidden state at each token out; fused, or step by step where it is watched."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from assay.model.initialise import initialise
from assay.model.recurrent_cell import CELLS, Gates, State, Weights

if TYPE_CHECKING:
    from jaxtyping import Bool, Float, Int

FORGET, FORGET_ROW = 1000.0, 1  # a sigmoid of this is 1 in any precision; the forget gate is the second of four


class RecurrentLayer(nn.Module):
    """Reads a sequence from its first token to its last, or backwards.

    Example:
        >>> layer = RecurrentLayer("gru", 3, 4)
        >>> layer.be_born(torch.Generator().manual_seed(0))
        >>> outputs, state = layer(torch.ones(2, 5, 3), layer.no_state(2))
        >>> outputs.shape, bool((outputs[:, -1] == state[0]).all())
        (torch.Size([2, 5, 4]), True)
    """

    def __init__(self, kind: str, inputs: int, width: int, *, forget_bias: float = 1.0, backwards: bool = False) -> None:
        super().__init__()
        self.kind, self.cell = kind, CELLS[kind]
        self.inputs, self.width, self.forget_bias, self.backwards = inputs, width, forget_bias, backwards
        rows = self.cell.gates * width
        self.input_weight = nn.Parameter(torch.zeros(rows, inputs))
        self.state_weight = nn.Parameter(torch.zeros(rows, width))
        self.input_bias = nn.Parameter(torch.zeros(rows))
        self.state_bias = nn.Parameter(torch.zeros(rows))

    @torch.no_grad()
    def be_born(self, generator: torch.Generator) -> None:
        """Draw the weights anew: inputs by Xavier, states orthogonal, gate by gate; biases 0, but that of an LSTM's forget gate.

        An orthogonal matrix neither stretches nor shrinks what passes through it many times (Saxe et al. 2014). The forget gate is
        born open (Jozefowicz, Zaremba & Sutskever 2015): at bias 0 it halves the memory at each token, so 13 tokens later 1e-4 of the
        gradient is left; at bias 1 it is 0.73^13, 2 %, at bias 3 half of it.
        """
        for weight, how in ((self.input_weight, "xavier_uniform"), (self.state_weight, "orthogonal")):
            for gate in weight.chunk(self.cell.gates):
                initialise(gate, how, generator)
        self.input_bias.zero_()
        self.state_bias.zero_()
        if self.kind == "lstm":
            self.input_bias.chunk(4)[FORGET_ROW].fill_(self.forget_bias)

    def no_state(self, batch: int) -> State:
        """The state before the first token: zeros."""
        return tuple(self.state_weight.new_zeros(batch, self.width) for _ in range(self.cell.states))

    def forward(
        self, x: Float[Tensor, "batch tokens inputs"], state: State, lengths: Int[Tensor, " batch"] | None = None
    ) -> tuple[Float[Tensor, "batch tokens width"], State]:
        """The hidden state at each token, zeros at padding, and the state after the last token, by fused kernels.

        Args:
            x: Sequences, padded behind their ends.
            state: Before the first token.
            lengths: How many tokens each sequence has; None for all.
        """
        if x.shape[1] == 0:
            return x.new_zeros(len(x), 0, self.width), state
        if lengths is None:
            outputs, last = self._fused(self._turned(x, None), state, self.input_weight)
            return self._turned(outputs, None), last
        outside = _outside(x, lengths)
        turned = self._turned(x.masked_fill(outside[:, :, None], 0.0), lengths)
        outputs, last = self._held(turned, state, outside) if self.kind == "lstm" else self._fused(turned, state, self.input_weight)
        ends = (lengths - 1).clamp(min=0)[:, None, None].expand(-1, 1, self.width)
        hidden = torch.where((lengths == 0)[:, None], state[0], outputs.gather(1, ends)[:, 0])
        return self._turned(outputs, lengths).masked_fill(outside[:, :, None], 0.0), (hidden, *last[1:])

    def _fused(self, x: Tensor, state: State, input_weight: Tensor) -> tuple[Tensor, State]:
        weights = [input_weight, self.state_weight, self.input_bias, self.state_bias]
        before = tuple(part[None].contiguous() for part in state)
        # biases, one layer, no dropout in it, whether what a gradient needs is kept, one direction, batch first
        layers = (True, 1, 0.0, torch.is_grad_enabled(), False, True)
        if self.kind == "lstm":
            outputs, hidden, memory = torch.lstm(x, before, weights, *layers)
            return outputs, (hidden[0], memory[0])
        fused = torch.gru if self.kind == "gru" else torch.rnn_tanh
        outputs, hidden = fused(x, before[0], weights, *layers)
        return outputs, (hidden[0],)

    def _held(self, x: Tensor, state: State, outside: Tensor) -> tuple[Tensor, State]:
        """An LSTM whose memory stays as it is over padding: one more input, 1 there, opens the forget gate and shuts the input gate.

        So the memory after the last kernel step is that after the last token. Packed sequences would give it too, at up to three times the
        time on a CPU.
        """
        gates = torch.zeros(4, self.width, 1, dtype=x.dtype, device=x.device)
        gates[0], gates[FORGET_ROW] = -FORGET, FORGET
        flag = outside[:, :, None].to(x.dtype)
        return self._fused(torch.cat([x, flag], dim=2), state, torch.cat([self.input_weight, gates.flatten(0, 1)], dim=1))

    def step_by_step(
        self, x: Float[Tensor, "batch tokens inputs"], state: State, lengths: Int[Tensor, " batch"] | None = None
    ) -> tuple[Float[Tensor, "batch tokens width"], State, Gates]:
        """The same by one call of the cell a token, and the gates at each token, (batch, tokens, width) each."""
        weights = Weights(self.input_weight, self.state_weight, self.input_bias, self.state_bias)
        inside = torch.ones(x.shape[:2], dtype=torch.bool, device=x.device) if lengths is None else ~_outside(x, lengths)
        x = x.masked_fill(~inside[:, :, None], 0.0)
        told: list[Gates] = []
        order = range(x.shape[1])
        for t in reversed(order) if self.backwards else order:
            new, gates = self.cell.step(x[:, t], state, weights)
            is_token = inside[:, t, None]
            state = tuple(torch.where(is_token, after, before) for after, before in zip(new, state, strict=True))
            told.append({name: torch.where(is_token, gate, 0.0) for name, gate in gates.items()})
        if self.backwards:
            told.reverse()
        empty = x.new_zeros(len(x), 0, self.width)
        stacked = {name: torch.stack([gates[name] for gates in told], dim=1) for name in told[0]} if told else {"hidden": empty}
        return stacked["hidden"], state, stacked

    def _turned(self, x: Tensor, lengths: Tensor | None) -> Tensor:
        """The sequences back to front for a layer that reads backwards, padding still behind; else as they are."""
        if not self.backwards:
            return x
        if lengths is None:
            return x.flip(1)
        places = torch.arange(x.shape[1], device=x.device).expand(len(x), -1)
        mirrored = torch.where(_outside(x, lengths), places, lengths[:, None] - 1 - places)
        return x.gather(1, mirrored[:, :, None].expand_as(x))

    def extra_repr(self) -> str:
        """Kind and sizes, for printing."""
        return f"{self.kind}, {self.inputs} -> {self.width}" + (", backwards" if self.backwards else "")


def _outside(x: Tensor, lengths: Tensor) -> Bool[Tensor, "batch tokens"]:
    """True at padding."""
    return torch.arange(x.shape[1], device=x.device) >= lengths[:, None]
