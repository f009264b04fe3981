"""All gradients of a network in one buffer with room behind them, so that a step sends one message."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from assay.train.weights import Group, Weights


class JointGradients:
    """The gradients of flat weights made views of one buffer, those of weights that stay themselves copied into it.

    Weights of another floating type or device have a buffer of their own. The gradients of a sharded network are averaged where
    they arise, and have none.

    Args:
        weights: Whose gradients.
        room: Numbers that travel behind the gradients.

    Attributes:
        tail: Where these numbers are; float32 at least.

    Example:
        >>> network = nn.Linear(2, 3)
        >>> joint = JointGradients(Weights(network), room=1)
        >>> [len(buffer) for buffer in joint.buffers], network.bias.grad.tolist()
        ([10], [0.0, 0.0, 0.0])
    """

    def __init__(self, weights: Weights, room: int) -> None:
        self.weights = weights
        self._apart: list[tuple[nn.Parameter, Tensor]] = []
        self.buffers: list[Tensor] = []
        self.tail = torch.empty(0)
        kinds: dict[tuple[torch.dtype, torch.device], list[Group]] = {}
        for group in weights.groups if not weights.is_sharded else ():
            kinds.setdefault((group.stepped[0].dtype, group.stepped[0].device), []).append(group)
        for (dtype, device), groups in kinds.items():
            has_tail = not len(self.tail) and dtype in (torch.float32, torch.float64)
            total = sum(p.numel() for group in groups for p in group.parameters)
            buffer = torch.zeros(total + (room if has_tail else 0), dtype=dtype, device=device)
            self.buffers.append(buffer)
            self.tail = buffer[total:] if has_tail else self.tail
            self._move(groups, buffer)
        if not len(self.tail):
            device = next(iter(kinds))[1] if kinds else weights.device
            self.tail = torch.zeros(room, dtype=torch.float64, device=device)
            self.buffers.append(self.tail)

    def _move(self, groups: list[Group], buffer: Tensor) -> None:
        at = 0
        for group in groups:
            flat = group.stepped[0]
            if flat is group.parameters[0]:
                for p in group.parameters:
                    self._apart.append((p, buffer[at : at + p.numel()].view(p.shape)))
                    at += p.numel()
                continue
            slope = buffer[at : at + flat.numel()]
            slope.copy_(flat.grad if flat.grad is not None else torch.zeros_like(flat))
            flat.grad = slope
            for p in group.parameters:
                p.grad = slope[p.data.storage_offset() - flat.storage_offset() :].as_strided(p.shape, p.stride())
            at += flat.numel()

    def gathered(self) -> list[Tensor]:
        """The buffers, with every gradient of now in them."""
        for p, place in self._apart:
            if p.grad is None:
                place.zero_()
            elif p.grad is not place:
                place.copy_(p.grad)
            p.grad = place
        return self.buffers

    def scale(self, factor: Tensor) -> None:
        """Multiply all gradients by a number, and whatever travels behind them."""
        for g in self.weights.gradients() if self.weights.is_sharded else self.buffers:
            g.mul_(factor.to(g.device, g.dtype))
