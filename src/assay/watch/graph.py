"""What the graph of a loss tells once it was carried back: which loss it is, what it was made from, which tensors it reaches."""

from __future__ import annotations

import re
from collections import deque
from dataclasses import dataclass
from typing import Any

from torch import Tensor

MOST_NODES = 20_000
MOST_LINKS = 40
NAMES = {
    "NllLoss": "nll",
    "NllLoss2D": "nll",
    "NllLossNd": "nll",
    "LogSoftmax": "log-softmax",
    "Softmax": "softmax",
    "BinaryCrossEntropy": "binary",
    "BinaryCrossEntropyWithLogits": "binary-logits",
    "MseLoss": "squared",
    "L1Loss": "absolute",
    "SmoothL1Loss": "huber",
    "HuberLoss": "huber",
    "KlDiv": "kl",
    "LogSigmoid": "log-sigmoid",
    "Sigmoid": "sigmoid",
    "Tanh": "tanh",
    "Relu": "relu",
    "Threshold": "relu",
    "LeakyRelu": "leaky_relu",
    "Elu": "elu",
    "Softplus": "softplus",
    "Addmm": "linear",
    "Mm": "linear",
    "Convolution": "conv",
    "Bmm": "matmul",
    "Log": "log",
    "Log2": "log",
    "Log1P": "log",
    "Exp": "exp",
    "Sub": "sub",
    "Rsub": "sub",
    "Pow": "pow",
    "Abs": "abs",
    "Neg": "neg",
    "Mean": "mean",
    "Sum": "sum",
    "Mul": "mul",
    "Div": "div",
    "Add": "add",
    "Gather": "pick",
    "Index": "pick",
    "Clamp": "clamp",
    "ClampMin": "clamp",
    "Squeeze": "shape",
    "Unsqueeze": "shape",
    "View": "shape",
    "UnsafeView": "shape",
    "Reshape": "shape",
    "Permute": "shape",
    "Transpose": "shape",
    "T": "shape",
    "Slice": "shape",
    "Select": "shape",
    "Expand": "expand",
}
WITH_WEIGHTS = ("linear", "conv", "matmul")
SIDEWAYS = ("shape", "expand", "mean", "sum", "mul", "div", "neg", "add", "clamp")


@dataclass(frozen=True)
class Graph:
    """What was read.

    Attributes:
        chain: Operations from the loss inwards, along the way that carries a gradient.
        leaves: Tensors that the graph ends in.
        widest: Shape of the largest tensor between the loss and the outputs; () where unknown.
        is_whole: All of the graph was seen.
        outputs_size: Numbers in the outputs; 0 where unknown.
        is_summed: The loss is a sum over the batch, no mean.
    """

    chain: tuple[str, ...]
    leaves: tuple[Tensor, ...]
    widest: tuple[int, ...]
    is_whole: bool
    outputs_size: int = 0
    is_summed: bool = False


def read_graph(loss: Tensor, outputs: Tensor | None = None, *, leaves: bool = True) -> Graph | None:
    """Read a loss's graph; None where it has none.

    Args:
        loss: As it was carried back.
        outputs: Of the model; the chain goes at least as far.
        leaves: Walk the whole of it for the tensors that it reaches.

    Example:
        >>> import torch
        >>> x = torch.zeros(4, 3, requires_grad=True)
        >>> loss = torch.nn.functional.cross_entropy(x.softmax(1), torch.zeros(4, dtype=torch.long))
        >>> read_graph(loss).chain
        ('nll', 'log-softmax', 'softmax')
    """
    root = loss.grad_fn
    if root is None:
        return None
    ends = outputs.grad_fn if isinstance(outputs, Tensor) else None
    chain, widest = _chain(root, ends)
    found, is_whole = _leaves(root) if leaves else ((), False)
    size = outputs.numel() if isinstance(outputs, Tensor) else 0
    is_summed = getattr(root, "_saved_reduction", 1) == 2 or chain[:1] == ("sum",)
    return Graph(chain, found, widest, is_whole, size, is_summed)


def _name(node: Any) -> str:
    raw = re.sub(r"Backward\d*$", "", type(node).__name__)
    return NAMES.get(raw, raw[:1].lower() + raw[1:])


def _chain(root: Any, ends: Any) -> tuple[tuple[str, ...], tuple[int, ...]]:
    """The way inwards: at a fork the branch that leads to the outputs, else the first that carries a gradient."""
    names: list[str] = []
    widest: tuple[int, ...] = ()
    node, beyond, compares = root, 0, True
    while node is not None and len(names) < MOST_LINKS and beyond < 3:
        name = _name(node)
        if name == "accumulateGrad":
            break
        names.append(name)
        if node is ends or beyond:
            beyond += 1
        if not beyond:
            compares = compares and name not in WITH_WEIGHTS  # what another layer makes of the outputs is not what a loss compares
            widest = max(widest, _shape(node), key=_size) if compares else ()
        following = [n for n, _ in node.next_functions if n is not None]
        node = next((n for n in following if ends is not None and not beyond and _reaches(n, ends)), following[0] if following else None)
    return tuple(names), widest


def _reaches(node: Any, ends: Any) -> bool:
    seen, front = {node}, deque([node])
    while front and len(seen) < 200:
        here = front.popleft()
        if here is ends:
            return True
        for following, _ in here.next_functions:
            if following is not None and following not in seen:
                seen.add(following)
                front.append(following)
    return False


def _shape(node: Any) -> tuple[int, ...]:
    about = getattr(node, "_input_metadata", None)
    try:
        return tuple(int(n) for n in about[0].shape) if about else ()
    except (RuntimeError, AttributeError, IndexError):  # nested and symbolic shapes have no numbers
        return ()


def _size(shape: tuple[int, ...]) -> int:
    size = 1
    for n in shape:
        size *= n
    return size if shape else 0


def _leaves(root: Any) -> tuple[tuple[Tensor, ...], bool]:
    seen, front, leaves = {root}, deque([root]), []
    while front and len(seen) < MOST_NODES:
        node = front.popleft()
        variable = getattr(node, "variable", None)
        if isinstance(variable, Tensor):
            leaves.append(variable)
        for following, _ in node.next_functions:
            if following is not None and following not in seen:
                seen.add(following)
                front.append(following)
    return tuple(leaves), not front


def loss_kind(chain: tuple[str, ...]) -> str:
    """The loss that a chain is, as `OutputFacts.loss` names it.

    Example:
        >>> loss_kind(("nll", "log-softmax", "linear")), loss_kind(("mean", "pow", "sub")), loss_kind(("mean", "tanh"))
        ('cross-entropy', 'squared', 'own')
    """
    core = [name for name in chain if name not in SIDEWAYS]
    first = core[0] if core else ""
    second = core[1] if len(core) > 1 else ""
    if first == "nll":
        return "cross-entropy" if second == "log-softmax" else "nll"
    if first in ("binary", "binary-logits", "squared", "absolute", "huber", "kl"):
        return first
    if first == "log-softmax" or (first == "pick" and second == "log-softmax"):
        return "cross-entropy"
    if first == "log-sigmoid":
        return "binary-logits"
    if first == "pow" and second == "sub":
        return "squared"
    if first == "abs" and second == "sub":
        return "absolute"
    if first == "sub" and second in ("softmax", "log-softmax") and chain[chain.index("sub") :][1:2] == ("mul",):
        return "kl"
    return "own" if core else ""
