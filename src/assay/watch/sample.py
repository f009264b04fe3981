"""Weights, gradients and steps of a network as flat vectors; of a large network an even sample of each tensor."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

MOST_NUMBERS = 1_000_000
"""In one flat vector; the watcher keeps up to five of them, 20 MB."""


@dataclass(frozen=True)
class FlatSample:
    """Reads tensors of given sizes into one vector, always at the same places.

    Attributes:
        strides: Of each tensor, every how manyth number is taken.
        lengths: How many are taken of each.
        scales: Numbers that one taken stands for, of each tensor.
    """

    strides: tuple[int, ...]
    lengths: tuple[int, ...]
    scales: tuple[float, ...]

    @classmethod
    def of(cls, tensors: Sequence[Tensor], most: int = MOST_NUMBERS) -> FlatSample:
        """A sample for tensors of these sizes.

        Example:
            >>> sample = FlatSample.of([torch.arange(10.0), torch.ones(2, 2)], most=8)
            >>> sample.read([torch.arange(10.0), torch.ones(2, 2)]).tolist()
            [0.0, 3.0, 6.0, 9.0, 1.0, 1.0, 1.0, 1.0]
        """
        share = max(1, most // max(1, len(tensors)))
        total = sum(t.numel() for t in tensors)
        strides = tuple(1 if total <= most else max(1, -(-t.numel() // share)) for t in tensors)
        lengths = tuple(-(-t.numel() // s) for t, s in zip(tensors, strides, strict=True))
        scales = tuple(t.numel() / max(1, n) for t, n in zip(tensors, lengths, strict=True))
        return cls(strides, lengths, scales)

    def read(self, tensors: Sequence[Tensor | None]) -> Tensor:
        """The sample of these tensors, in float32; zeros where one is None."""
        parts = []
        for tensor, stride, length in zip(tensors, self.strides, self.lengths, strict=True):
            if tensor is None:
                parts.append(torch.zeros(length, device=self._device(tensors)))
                continue
            dense = tensor.detach()
            dense = dense.to_dense() if dense.is_sparse else dense
            flat = dense.reshape(-1)
            parts.append((flat if stride == 1 else flat[::stride]).float())
        return torch.cat(parts) if parts else torch.zeros(0)

    def _device(self, tensors: Sequence[Tensor | None]) -> torch.device:
        return next((t.device for t in tensors if t is not None), torch.device("cpu"))

    def square_sums(self, flat: Tensor) -> Tensor:
        """Estimated sum of squares of each tensor, from a vector that `read` made."""
        norms = torch._foreach_norm(list(flat.split(list(self.lengths))))
        return torch.stack(list(norms)).double().square() * torch.tensor(self.scales, dtype=torch.float64, device=flat.device)

    def dots(self, one: Tensor, other: Tensor) -> Tensor:
        """Estimated inner product of each tensor's part in two such vectors."""
        lengths = list(self.lengths)
        parts = [torch.dot(a, b) for a, b in zip(one.split(lengths), other.split(lengths), strict=True)]
        return torch.stack(parts).double() * torch.tensor(self.scales, dtype=torch.float64, device=one.device)
