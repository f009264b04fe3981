"""One step of a recurrent network, written to be read: what becomes of the state when the next token comes.

The fused kernels in `recurrent_layer` compute the same numbers faster; these are their meaning, and what is watched.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import NamedTuple

from torch import Tensor
from torch.nn.functional import linear

State = tuple[Tensor, ...]
"""The hidden state, (batch, width), and of an LSTM its memory cell as the second."""
Gates = dict[str, Tensor]
"""What happened inside a step, (batch, width) each, by name."""


class Weights(NamedTuple):
    """The weights of a cell; its gates stand one upon the other, (gates * width, ...), in the order in which PyTorch has them."""

    input: Tensor
    state: Tensor
    input_bias: Tensor
    state_bias: Tensor


def rnn_step(x: Tensor, state: State, weights: Weights) -> tuple[State, Gates]:
    """One tanh layer of input and state together: h' = tanh(W x + b + U h + c).

    Two full matrices, so d inputs and d units have 2 d^2 + 2 d weights; the form with one multiplier a dimension is `DiagonalRnn`.

    Source: Elman 1990.
    """
    hidden = (linear(x, weights.input, weights.input_bias) + linear(state[0], weights.state, weights.state_bias)).tanh()
    return (hidden,), {"hidden": hidden}


def gru_step(x: Tensor, state: State, weights: Weights) -> tuple[State, Gates]:
    """r, z = sigmoid(...), n = tanh(W x + b + r * (U h + c)), h' = (1 - z) * n + z * h.

    The reset gate acts on the product U h, as in PyTorch and cuDNN; in the first paper it acts on h before the product.

    Source: Cho et al. 2014.
    """
    (hidden,) = state
    from_input = linear(x, weights.input, weights.input_bias).chunk(3, dim=1)
    from_state = linear(hidden, weights.state, weights.state_bias).chunk(3, dim=1)
    reset = (from_input[0] + from_state[0]).sigmoid()
    update = (from_input[1] + from_state[1]).sigmoid()
    candidate = (from_input[2] + reset * from_state[2]).tanh()
    hidden = (1 - update) * candidate + update * hidden
    return (hidden,), {"reset": reset, "update": update, "candidate": candidate, "hidden": hidden}


def lstm_step(x: Tensor, state: State, weights: Weights) -> tuple[State, Gates]:
    """i, f, o = sigmoid(...), g = tanh(...), all of W x + b + U h + c; memory m' = f * m + i * g; h' = o * tanh(m').

    The gradient of m' by m is f, not a product of matrices: memory lasts where the forget gate is open, f^k after k steps.

    Source: Hochreiter & Schmidhuber 1997; the forget gate Gers, Schmidhuber & Cummins 2000.
    """
    hidden, memory = state
    gates = linear(x, weights.input, weights.input_bias) + linear(hidden, weights.state, weights.state_bias)
    into, forget, candidate, out = gates.chunk(4, dim=1)
    into, forget, candidate, out = into.sigmoid(), forget.sigmoid(), candidate.tanh(), out.sigmoid()
    memory = forget * memory + into * candidate
    hidden = out * memory.tanh()
    told = {"input": into, "forget": forget, "candidate": candidate, "output": out, "memory": memory, "hidden": hidden}
    return (hidden, memory), told


class Cell(NamedTuple):
    """A kind of cell: its step, how many gates stand in its weights, and how many tensors its state has."""

    step: Callable[[Tensor, State, Weights], tuple[State, Gates]]
    gates: int
    states: int


CELLS: Mapping[str, Cell] = MappingProxyType({"rnn": Cell(rnn_step, 1, 1), "gru": Cell(gru_step, 3, 1), "lstm": Cell(lstm_step, 4, 2)})
