"""The keys and values of past tokens, kept so that generating a token costs one token's work instead of all tokens'."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    from jaxtyping import Float, Int

FIRST_CAPACITY = 64


class KeyValues:
    """Keys and values of one attention layer, in buffers that double when they are full; for predicting, not for training.

    Example:
        >>> kept = KeyValues()
        >>> key, value = kept.append(torch.ones(1, 2, 3, 4), torch.ones(1, 2, 3, 4))
        >>> key, value = kept.append(torch.ones(1, 2, 1, 4), torch.ones(1, 2, 1, 4))
        >>> kept.length, key.shape
        (4, torch.Size([1, 2, 4, 4]))
    """

    def __init__(self) -> None:
        self.length = 0
        self._buffers = (torch.empty(0), torch.empty(0))

    def append(
        self, key: Float[Tensor, "batch key_heads tokens head_width"], value: Float[Tensor, "batch key_heads tokens head_width"]
    ) -> tuple[Float[Tensor, "batch key_heads context head_width"], Float[Tensor, "batch key_heads context head_width"]]:
        """Keep those of new tokens; all that are kept."""
        end = self.length + key.shape[2]
        if self.length == 0:
            capacity = max(FIRST_CAPACITY, end)
            self._buffers = (self._grown(key[:, :, :0], capacity), self._grown(value[:, :, :0], capacity))
        elif end > self._buffers[0].shape[2]:
            old_key, old_value = self.kept()
            self._buffers = (self._grown(old_key, 2 * end), self._grown(old_value, 2 * end))
        for buffer, new in zip(self._buffers, (key, value), strict=True):
            buffer[:, :, self.length : end] = new.detach()
        self.length = end
        return self.kept()

    @staticmethod
    def _grown(old: Tensor, capacity: int) -> Tensor:
        new = old.new_empty(*old.shape[:2], capacity, old.shape[3])
        new[:, :, : old.shape[2]] = old
        return new

    def kept(self) -> tuple[Float[Tensor, "batch key_heads context head_width"], Float[Tensor, "batch key_heads context head_width"]]:
        """All keys and values so far."""
        key, value = self._buffers
        return key[:, :, : self.length], value[:, :, : self.length]

    def take(self, rows: Int[Tensor, " rows"]) -> None:
        """Keep these rows of the batch, in this order; a row may be taken twice."""
        if self.length:
            self._buffers = (self._buffers[0][rows], self._buffers[1][rows])


class Cache:
    """What a transformer keeps of past tokens: `own` keys and values a layer, and those of a `context` that never changes.

    Example:
        >>> Cache(layers=2).length
        0
    """

    def __init__(self, layers: int) -> None:
        self.own = [KeyValues() for _ in range(layers)]
        self.context = [KeyValues() for _ in range(layers)]

    @property
    def length(self) -> int:
        """Tokens that were seen."""
        return self.own[0].length

    def take(self, rows: Int[Tensor, " rows"]) -> None:
        """Keep these rows of the batch, in this order."""
        for kept in (*self.own, *self.context):
            kept.take(rows)
