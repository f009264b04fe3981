"""A network's trained weights in a few contiguous buffers, their gradients in as many, so that a step is one kernel each."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from assay.core.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Group:
    """Parameters that are stepped alike.

    Attributes:
        decays: Whether weight decay is for them: matrices yes, vectors (biases, norms) no.
        parameters: The network's own.
        stepped: What the optimiser is given: the one buffer that they are views of, or themselves.
    """

    decays: bool
    parameters: tuple[nn.Parameter, ...]
    stepped: tuple[Tensor, ...]


class Weights:
    """The trainable parameters of a network, made views of one buffer a kind while it trains.

    Parameters keep their identity, so tied weights stay tied and `state_dict` works as ever; `release` gives each its own
    memory back. Parameters that do not train (no gradient, or no floating type) are left alone.

    Args:
        network: Whose parameters.
        apart: Parameters that must stay themselves, such as the matrices that Muon steps.
        flat: False leaves all of them themselves.
        decays: Whether anything decays; if nothing does, vectors need no buffer of their own.

    Raises:
        InputError: nothing trains, or an embedding makes sparse gradients.

    Attributes:
        is_sharded: Whether each process holds a part of every weight.

    Example:
        >>> network = nn.Linear(2, 3)
        >>> weights = Weights(network)
        >>> [group.stepped[0].shape[0] for group in weights.groups], network.weight.grad.tolist()[0]
        ([6, 3], [0.0, 0.0])
    """

    is_sharded = False

    def __init__(self, network: nn.Module, *, apart: tuple[nn.Parameter, ...] = (), flat: bool = True, decays: bool = True) -> None:
        self.network = network
        self.all = tuple(network.parameters())
        self.trained = tuple(p for p in self.all if p.requires_grad and p.is_floating_point())
        _check(network, self.trained)
        kept = {id(p) for p in apart} if flat else {id(p) for p in self.trained}
        # a cuDNN network keeps pointers of its own to its weights, which moving them would break
        if any(isinstance(m, nn.RNNBase) for m in network.modules()) and any(p.is_cuda for p in self.trained):
            kept = {id(p) for p in self.trained}
        kinds: dict[tuple[Any, ...], list[nn.Parameter]] = {}
        for p in self.trained:
            kinds.setdefault((decays and p.ndim > 1, p.dtype, p.device, id(p) in kept), []).append(p)
        self.groups = tuple(
            Group(kind[0], tuple(members), tuple(members) if kind[3] else (_joined(members),)) for kind, members in kinds.items()
        )
        self.stepped = tuple(t for group in self.groups for t in group.stepped)
        self.is_flat = not any(kind[3] for kind in kinds)

    @property
    def device(self) -> torch.device:
        """Where they are."""
        return self.trained[0].device

    def are_finite(self) -> bool:
        """Whether every trained weight is."""
        return all(bool(torch.isfinite(t).all()) for t in self.stepped)

    def whole(self, values: list[Tensor]) -> list[Tensor]:
        """These tensors, each of a weight's shape, as a checkpoint keeps them."""
        return values

    def zero_gradients(self) -> None:
        """Make all gradients zero, in place where they are views."""
        for group in self.groups:
            if group.stepped[0] is group.parameters[0]:
                for p in group.parameters:
                    p.grad = None
            else:
                _gradient(group.stepped[0]).zero_()

    def gradients(self) -> list[Tensor]:
        """The gradients, one a buffer."""
        return [t.grad for t in self.stepped if t.grad is not None]

    def gradient_norm(self) -> Tensor:
        """The 2-norm of all gradients together."""
        gradients = self.gradients()
        if self.is_flat and len(gradients) == 1:
            return gradients[0].dot(gradients[0]).sqrt()  # half the time of a norm
        norms = [torch.linalg.vector_norm(g) for g in gradients]
        whole: Tensor = torch.linalg.vector_norm(torch.stack(norms)) if norms else torch.zeros(())
        return whole

    def buffers(self) -> list[Tensor]:
        """The network's buffers that its state holds, such as running means."""
        known = dict(self.network.named_buffers())
        return [known[name] for name in self.network.state_dict() if name in known]

    @torch.no_grad()
    def copy(self) -> list[Tensor]:
        """Copies of all parameters and buffers."""
        return [t.detach().clone() for t in (*self.all, *self.buffers())]

    @torch.no_grad()
    def load(self, values: list[Tensor]) -> None:
        """Put what `copy` gave back in place."""
        for place, value in zip((*self.all, *self.buffers()), values, strict=True):
            place.copy_(value)

    def flat(self) -> NDArray[Any]:
        """A copy of all parameters as one vector, in the order of `named_parameters`."""
        parts = [p.detach().reshape(-1) for p in self.all]
        joined = [p.float() if p.dtype in (torch.bfloat16, torch.float16) else p for p in parts]
        return np.concatenate([p.cpu().numpy() for p in joined])

    def release(self) -> None:
        """Give every parameter its own memory again and drop the gradients: the network is an ordinary module."""
        for group in self.groups:
            for p in group.parameters:
                if group.stepped[0] is not group.parameters[0]:
                    p.data = p.data.clone()
                p.grad = None


class Average:
    """An exponential moving average of the trained weights, warmed up so that the first steps do not weigh for ever.

    a <- d a + (1 - d) w with d = min(decay, (1 + t) / (10 + t)) after t steps.

    Source: Polyak and Juditsky 1992 for averaging; the warm-up as in TensorFlow's ExponentialMovingAverage.
    """

    def __init__(self, weights: Weights, decay: float) -> None:
        self.weights, self.decay, self.steps = weights, decay, 0
        self.values = [t.detach().clone() for t in weights.stepped]

    @torch.no_grad()
    def update(self) -> None:
        """Take the weights of now in."""
        decay = min(self.decay, (1 + self.steps) / (10 + self.steps))
        self.steps += 1
        torch._foreach_lerp_(self.values, [t.detach() for t in self.weights.stepped], 1.0 - decay)

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """The network with its average in place of its weights, for the time of a `with`."""
        self._swap()
        try:
            yield
        finally:
            self._swap()

    @torch.no_grad()
    def _swap(self) -> None:
        for value, t in zip(self.values, self.weights.stepped, strict=True):
            held = value.clone()
            value.copy_(t)
            t.copy_(held)


def _joined(members: list[nn.Parameter]) -> Tensor:
    """One buffer, with a gradient, that these parameters and their gradients become views of; itself no part of any graph."""
    total = sum(p.numel() for p in members)
    flat = torch.empty(total, dtype=members[0].dtype, device=members[0].device)
    flat.grad = torch.zeros_like(flat)
    at = 0
    for p in members:
        place = flat[at : at + p.numel()]
        slope = flat.grad[at : at + p.numel()]
        at += p.numel()
        # a dense parameter keeps its order in memory (channels last, say); any other is laid out anew
        dense = torch.empty_like(p, memory_format=torch.preserve_format).stride() == p.stride()
        strides = p.stride() if dense else torch.empty(p.shape, device="meta").stride()
        view = place.as_strided(p.shape, strides)
        view.copy_(p.data)
        p.data = view
        p.grad = slope.as_strided(p.shape, strides)
    return flat


def _gradient(parameter: Tensor) -> Tensor:
    if parameter.grad is None:  # _joined gave it one; only a stranger's code could have taken it
        raise InputError(f"the gradients of {parameter.numel():,} weights were taken away in the middle of a training; do not set .grad")
    return parameter.grad


def _check(network: nn.Module, trained: tuple[nn.Parameter, ...]) -> None:
    if any(isinstance(p, nn.parameter.UninitializedParameter) for p in network.parameters()):
        raise InputError("1 or more parameters have no shape yet (a lazy layer); run one batch through the network first")
    if not trained:
        n = sum(p.numel() for p in network.parameters())
        raise InputError(f"0 of the network's {n:,} weights train; give it parameters with requires_grad=True")
    for name, module in network.named_modules():
        if isinstance(module, nn.Embedding | nn.EmbeddingBag) and module.sparse:
            raise InputError(f"embedding {name!r} has sparse=True, whose gradients no flat step can take; make it with sparse=False")
