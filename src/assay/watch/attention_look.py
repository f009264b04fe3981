"""How attention heads spread their attention, worked out again for a few rows from what they were given."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

MOST_ROWS = 4


@dataclass(frozen=True)
class AttentionLook:
    """One call of attention; each tensor has one number a head.

    Attributes:
        layer: Near which layer it was called.
        tokens: Keys.
        entropy: Mean over queries, as a share of the largest that the mask leaves possible.
        sink: Share of attention on the one key that gets most.
    """

    layer: str
    tokens: int
    entropy: Tensor
    sink: Tensor


def attended(layer: str, weights: Tensor | None, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None) -> AttentionLook | None:
    """From weights (rows, heads, queries, keys) or (rows, queries, keys), or from the arguments of scaled_dot_product_attention."""
    kwargs = kwargs or {}
    if weights is None:
        names = ("query", "key", "value", "attn_mask", "dropout_p", "is_causal")
        given = {**dict(zip(names, args, strict=False)), **kwargs}
        query, key = given["query"].detach()[:MOST_ROWS].float(), given["key"].detach()[:MOST_ROWS].float()
        if query.ndim < 3:
            return None
        if query.ndim == 4 and key.shape[1] != query.shape[1]:
            key = key.repeat_interleave(query.shape[1] // max(1, key.shape[1]), dim=1)
        scores = query @ key.transpose(-1, -2) * (given.get("scale") or 1.0 / math.sqrt(query.shape[-1]))
        weights = torch.softmax(_masked(scores, given.get("attn_mask"), is_causal=bool(given.get("is_causal"))), dim=-1)
    weights = weights.detach()[:MOST_ROWS].float()
    if weights.ndim == 3:
        weights = weights[:, None]
    return _look(layer, weights) if weights.ndim == 4 and weights.shape[-1] > 1 else None


def _masked(scores: Tensor, mask: Any, *, is_causal: bool) -> Tensor:
    if is_causal:
        over = torch.ones(scores.shape[-2:], dtype=torch.bool, device=scores.device).triu(1)
        scores = scores.masked_fill(over, -math.inf)
    if isinstance(mask, Tensor):
        mask = mask[:MOST_ROWS] if mask.ndim == scores.ndim and mask.shape[0] > 1 else mask
        scores = scores.masked_fill(~mask, -math.inf) if mask.dtype == torch.bool else scores + mask
    return scores


def attended_in_module(layer: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> AttentionLook | None:
    """From the arguments of `multi_head_attention_forward`: queries (tokens, rows, width), packed weights."""
    query, key, heads, weight, bias = args[0], args[1], int(args[4]), args[5], args[6]
    if weight is None or query.ndim != 3 or query.shape[-1] != key.shape[-1]:
        return None
    width = query.shape[-1]
    q_weight, k_weight = weight.detach()[:width], weight.detach()[width : 2 * width]
    q_bias, k_bias = (bias.detach()[:width], bias.detach()[width : 2 * width]) if bias is not None else (None, None)
    q = functional.linear(query.detach()[:, :MOST_ROWS].float(), q_weight.float(), q_bias)
    k = functional.linear(key.detach()[:, :MOST_ROWS].float(), k_weight.float(), k_bias)
    q, k = (t.transpose(0, 1).unflatten(-1, (heads, width // heads)).transpose(1, 2) for t in (q, k))
    scores = q @ k.transpose(-1, -2) / math.sqrt(width // heads)
    mask = kwargs.get("attn_mask")
    if isinstance(mask, Tensor) and mask.ndim == 3:
        mask = mask.unflatten(0, (-1, heads))[:MOST_ROWS]
    if mask is None and kwargs.get("is_causal"):
        scores = _masked(scores, None, is_causal=True)
    elif isinstance(mask, Tensor):
        scores = scores.masked_fill(mask, -math.inf) if mask.dtype == torch.bool else scores + mask
    padding = kwargs.get("key_padding_mask")
    if isinstance(padding, Tensor):
        padding = padding[:MOST_ROWS, None, None]
        scores = scores.masked_fill(padding, -math.inf) if padding.dtype == torch.bool else scores + padding
    return _look(layer, torch.softmax(scores, dim=-1))


def _look(layer: str, weights: Tensor) -> AttentionLook:
    weights = torch.nan_to_num(weights)
    possible = (weights > 0).sum(dim=-1)
    bits = -(weights * weights.clamp(min=1e-30).log2()).sum(dim=-1)
    open_ = possible > 1
    share = torch.where(open_, bits / possible.clamp(min=2).float().log2(), torch.zeros_like(bits))
    counted = open_.sum(dim=(0, 2)).clamp(min=1)
    sink = weights.mean(dim=(0, 2)).amax(dim=-1)
    return AttentionLook(layer, int(weights.shape[-1]), share.sum(dim=(0, 2)) / counted, sink)
