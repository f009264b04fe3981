"""The loss of a language model: bits a token, on flattened logits so that nothing is copied."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch.nn import functional

from assay.core.units import BITS_PER_NAT

if TYPE_CHECKING:
    from jaxtyping import Float, Int
    from torch import Tensor

NO_TARGET = -1


def mean_bits(logits: Float[Tensor, "batch tokens vocab"], targets: Int[Tensor, "batch tokens"]) -> Float[Tensor, ""]:
    """Mean log loss in bits a token, differentiable; targets of -1 do not count.

    Example:
        >>> import torch
        >>> mean_bits(torch.zeros(1, 2, 4), torch.tensor([[3, -1]])).item()
        2.0
    """
    nats = functional.cross_entropy(logits.view(-1, logits.shape[2]), targets.reshape(-1), ignore_index=NO_TARGET)
    return nats * BITS_PER_NAT


def bits_each(logits: Float[Tensor, "batch tokens vocab"], targets: Int[Tensor, "batch tokens"]) -> Float[Tensor, "batch tokens"]:
    """Log loss in bits of each token, differentiable; 0 where the target is -1.

    Example:
        >>> import torch
        >>> bits_each(torch.zeros(1, 2, 4), torch.tensor([[3, -1]])).tolist()
        [[2.0, 0.0]]
    """
    flat = functional.cross_entropy(logits.view(-1, logits.shape[2]), targets.reshape(-1), ignore_index=NO_TARGET, reduction="none")
    return flat.view(targets.shape) * BITS_PER_NAT
