"""Numbers that wait on their device, so that a look at a network costs one copy to the host and no waiting before."""

from __future__ import annotations

from collections.abc import Hashable

import torch
from torch import Tensor


class Pending:
    """Single numbers by key, fetched together.

    Example:
        >>> pending = Pending()
        >>> pending.add("a", torch.tensor(2.0))
        >>> pending.add("b", 3)
        >>> sorted(pending.fetch().items())
        [('a', 2.0), ('b', 3.0)]
    """

    def __init__(self) -> None:
        self._tensors: dict[Hashable, Tensor] = {}
        self._numbers: dict[Hashable, float] = {}

    def add(self, key: Hashable, value: Tensor | float) -> None:
        """Keep one number, or a tensor of one."""
        if isinstance(value, Tensor):
            self._tensors[key] = value.detach()
        else:
            self._numbers[key] = float(value)

    def add_all(self, keys: list[Hashable], values: Tensor) -> None:
        """Keep a vector's numbers, one a key; the vector counts as one thing to copy."""
        self._tensors[tuple(keys)] = values.detach()

    def __len__(self) -> int:
        return len(self._tensors) + len(self._numbers)

    def fetch(self) -> dict[Hashable, float]:
        """Everything by key, in one copy for each device; nothing is left."""
        found: dict[Hashable, float] = dict(self._numbers)
        by_device: dict[torch.device, list[tuple[Hashable, Tensor]]] = {}
        for key, tensor in self._tensors.items():
            by_device.setdefault(tensor.device, []).append((key, tensor))
        for pairs in by_device.values():
            flat = torch.cat([t.reshape(-1).double() for _, t in pairs]).tolist()
            place = 0
            for key, tensor in pairs:
                if tensor.ndim and isinstance(key, tuple):
                    found.update(zip(key, flat[place : place + tensor.numel()], strict=True))
                else:
                    found[key] = flat[place]
                place += tensor.numel()
        self._tensors, self._numbers = {}, {}
        return found
