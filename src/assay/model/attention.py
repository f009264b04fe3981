"""Attention: each token takes a mean of the values of others, weighted by how well their keys answer its query."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from assay.core.errors import OptionError, nearest
from assay.model.dropout import Dropout
from assay.model.position import AlibiPosition, RelativePosition, RotaryPosition, checked_position
from assay.model.transformer_shape import CLIP_DISTANCE
from assay.model.unborn import unborn_linear

if TYPE_CHECKING:
    from jaxtyping import Bool, Float

    from assay.model.key_value_cache import KeyValues

SCORES = ("dot", "additive", "bilinear")


class Keys(NamedTuple):
    """Keys and values that several layers share, (batch, key heads, context, head width) each, with the positions already in the keys."""

    key: Tensor
    value: Tensor


def attention_weights(
    scores: Float[Tensor, "*any tokens context"], allowed: Bool[Tensor, "*#any tokens context"] | None = None
) -> Float[Tensor, "*any tokens context"]:
    """Softmax of the scores over the context; what is not allowed weighs exactly 0, and a token that may see nothing has no weights.

    Source: Vaswani et al. 2017, section 3.2.

    Example:
        >>> attention_weights(torch.zeros(1, 2), torch.tensor([[True, False]])).tolist()
        [[1.0, 0.0]]
    """
    if allowed is None:
        return scores.softmax(dim=-1)
    blind = ~allowed.any(dim=-1, keepdim=True)
    weights = scores.masked_fill(~(allowed | blind), -torch.inf).softmax(dim=-1)
    return weights.masked_fill(blind, 0.0)


def allowed_places(
    tokens: int,
    context: int,
    *,
    causal: bool = False,
    mask: Bool[Tensor, "batch context"] | Bool[Tensor, "batch tokens context"] | None = None,
    device: torch.device | None = None,
) -> Bool[Tensor, "*any tokens context"] | None:
    """Which places of the context each token may see: None for all, else (tokens, context) or (batch, 1, tokens, context).

    Args:
        tokens: Queries; with `causal` they are the last ones of the context.
        context: Keys.
        causal: No token sees a later one.
        mask: True where there is something to see, False at padding.
        device: Where the causal mask is made.

    Example:
        >>> allowed_places(2, 2, causal=True).tolist()
        [[True, False], [True, True]]
    """
    seen = None
    if causal and tokens > 1:
        seen = torch.ones(tokens, context, dtype=torch.bool, device=device).tril(context - tokens)
    if mask is None:
        return seen
    by_head = mask[:, None, None] if mask.dim() == 2 else mask[:, None]
    by_head = by_head.expand(-1, -1, tokens, context)
    return by_head if seen is None else by_head & seen


class Attention(nn.Module):
    """Multi-head attention over the sequence itself or over a context: softmax(score(query, key)) values, a head at a time, then mixed.

    Scores: "dot" q . k / sqrt(head width) (Vaswani et al. 2017), "bilinear" q W k (Luong et al. 2015), "additive" v . tanh(W q + U k)
    (Bahdanau et al. 2015). With fewer `kv_heads` than heads several heads share keys and values (grouped-query, Ainslie et al. 2023; 1 is
    multi-query, Shazeer 2019). The fused kernel of torch is used wherever weights are neither watched nor dropped.

    Attributes:
        watch: Compute the weights step by step and keep them.
        weights: (batch, heads, tokens, context) of the last call while `watch` was on, before dropout and detached; else None.

    Example:
        >>> layer = Attention(8, 2)
        >>> layer.be_born(torch.Generator().manual_seed(0))
        >>> layer.watch = True
        >>> layer(torch.ones(1, 3, 8), causal=True).shape, layer.weights[0, 0, 0].tolist()
        (torch.Size([1, 3, 8]), [1.0, 0.0, 0.0])
    """

    def __init__(
        self,
        width: int,
        heads: int,
        *,
        kv_heads: int | None = None,
        score: str = "dot",
        position: str = "none",
        clip: int = CLIP_DISTANCE,
        dropout: float = 0.0,
        bias: bool = True,
        own_keys: bool = True,
    ) -> None:
        """Lay out the weights, undrawn; `own_keys` False leaves keys and values to be given as `shared_kv`.

        Raises:
            OptionError: heads do not divide the width, kv_heads not the heads, or a name is unknown.
        """
        super().__init__()
        self.key_heads = checked_heads(width, heads, kv_heads)
        if score not in SCORES:
            raise OptionError(f"no attention score {score!r}; {nearest(score, SCORES)}")
        self.width, self.heads, self.head_width, self.score, self.own_keys = width, heads, width // heads, score, own_keys
        self.position = checked_position(position)
        self.scale = self.head_width**-0.5 if score == "dot" else 1.0
        # queries, keys and values in one matrix: one product instead of three
        keys = 2 * self.key_heads * self.head_width if own_keys else 0
        self.into = unborn_linear(width, width + keys, bias=bias)
        self.out = unborn_linear(width, width, bias=bias)
        square = (heads, self.head_width, self.head_width)
        self.query_map = nn.Parameter(torch.zeros(square)) if score != "dot" else None
        self.key_map = nn.Parameter(torch.zeros(square)) if score == "additive" else None
        self.score_vector = nn.Parameter(torch.zeros(heads, self.head_width)) if score == "additive" else None
        self.relative = RelativePosition(self.head_width, clip=clip) if position == "relative" else None
        self.rotary = RotaryPosition(self.head_width) if position == "rope" else None
        self.alibi = AlibiPosition(heads) if position == "alibi" else None
        self.dropout = Dropout(dropout)
        self.watch = False
        self.weights: Tensor | None = None

    @torch.no_grad()
    def be_born(self, generator: torch.Generator, *, std: float = 0.02, out_std: float | None = None) -> None:
        """Draw all weights anew from normal(0, std); the way out from normal(0, out_std), which deep residual stacks take smaller."""
        self.into.weight.normal_(0.0, std, generator=generator)
        self.out.weight.normal_(0.0, std if out_std is None else out_std, generator=generator)
        for layer in (self.into, self.out):
            if layer.bias is not None:
                layer.bias.zero_()
        # a score of unit queries and keys is born with variance 1
        spread = 1.0 / self.head_width if self.score == "bilinear" else self.head_width**-0.5
        for square in (self.query_map, self.key_map, self.score_vector):
            if square is not None:
                square.normal_(0.0, spread, generator=generator)
        if self.relative is not None:
            self.relative.weight.normal_(0.0, std, generator=generator)

    def forward(
        self,
        x: Float[Tensor, "batch tokens width"],
        context: Float[Tensor, "batch context width"] | None = None,
        *,
        mask: Bool[Tensor, "batch _context"] | Bool[Tensor, "batch tokens _context"] | None = None,
        causal: bool = False,
        cache: KeyValues | None = None,
        shared_kv: Keys | None = None,
    ) -> Float[Tensor, "batch tokens width"]:
        """What each token takes from the context (None: from the sequence itself).

        Args:
            x: Who asks.
            context: Who is asked, if others than `x`.
            mask: True where the context may be seen, False at padding; with a cache it covers the past too.
            causal: No token sees a later one.
            cache: Past keys and values, to which those of `x` are added; with a `context`, those of the first call are kept.
            shared_kv: Keys and values computed elsewhere, for layers without their own.
        """
        query, key, value = self._projected(x, context, cache, shared_kv)
        batch, _, tokens, _ = query.shape
        length = key.shape[2]
        if self.query_map is not None and self.score == "bilinear":
            query = query @ self.query_map
        bias = self._bias(query, length)
        if self.key_heads < self.heads:
            repeats = self.heads // self.key_heads
            key, value = key.repeat_interleave(repeats, dim=1), value.repeat_interleave(repeats, dim=1)
        dropped = self.training and self.dropout.share > 0.0
        plain_causal = causal and mask is None and bias is None and tokens == length
        if self.watch or dropped or self.score == "additive":
            allowed = allowed_places(tokens, length, causal=causal, mask=mask, device=x.device)
            taken = self._step_by_step(query, key, value, allowed, bias)
        elif plain_causal:
            taken = functional.scaled_dot_product_attention(query, key, value, is_causal=True, scale=self.scale)
        else:
            allowed = allowed_places(tokens, length, causal=causal, mask=mask, device=x.device)
            taken = self._fused(query, key, value, allowed, bias)
        mixed: Tensor = self.out(taken.transpose(1, 2).reshape(batch, tokens, self.width))
        return mixed

    def _projected(self, x: Tensor, context: Tensor | None, cache: KeyValues | None, shared: Keys | None) -> tuple[Tensor, Tensor, Tensor]:
        """Queries, keys and values as (batch, heads, tokens, head width), past ones included."""
        if shared is not None or not self.own_keys:
            if shared is None or self.own_keys:
                raise OptionError(
                    f"shared keys were {'not ' * (shared is None)}given to a layer with own_keys={self.own_keys}; give both or none"
                )
            query = self._by_head(self.into(x))
            query = query if self.rotary is None else self.rotary(query, shared.key.shape[2] - x.shape[1])
            return query, shared.key, shared.value
        if context is None:
            return self._projected_self(x, cache)
        weight, bias = self.into.weight, self.into.bias
        query = self._by_head(functional.linear(x, weight[: self.width], None if bias is None else bias[: self.width]))
        if cache is not None and cache.length:
            return query, *cache.kept()
        both = functional.linear(context, weight[self.width :], None if bias is None else bias[self.width :])
        key, value = (self._by_head(part) for part in both.chunk(2, dim=2))
        return query, *((key, value) if cache is None else cache.append(key, value))

    def _projected_self(self, x: Tensor, cache: KeyValues | None) -> tuple[Tensor, Tensor, Tensor]:
        keys = self.key_heads * self.head_width
        query, key, value = (self._by_head(part) for part in self.into(x).split([self.width, keys, keys], dim=2))
        past = 0 if cache is None else cache.length
        if self.rotary is not None:
            query, key = self.rotary(query, past), self.rotary(key, past)
        return query, *((key, value) if cache is None else cache.append(key, value))

    def _by_head(self, x: Tensor) -> Tensor:
        heads = x.shape[2] // self.head_width  # said rather than left to view, which cannot tell for 0 rows
        return x.view(x.shape[0], x.shape[1], heads, self.head_width).transpose(1, 2)

    def _bias(self, query: Tensor, context: int) -> Tensor | None:
        """What the positions add to the scaled scores."""
        if self.relative is not None:
            added: Tensor = self.relative(query, context) * self.scale
            return added
        return None if self.alibi is None else self.alibi(query.shape[2], context).to(query.dtype)

    def _fused(self, query: Tensor, key: Tensor, value: Tensor, allowed: Tensor | None, bias: Tensor | None) -> Tensor:
        blind = None if allowed is None else ~allowed.any(dim=-1, keepdim=True)
        seen = allowed if blind is None or allowed is None else allowed | blind
        if bias is not None:
            seen = bias if seen is None else torch.where(seen, bias, -torch.inf)
        taken = functional.scaled_dot_product_attention(query, key, value, attn_mask=seen, scale=self.scale)
        return taken if blind is None else taken.masked_fill(blind, 0.0)

    def _step_by_step(self, query: Tensor, key: Tensor, value: Tensor, allowed: Tensor | None, bias: Tensor | None) -> Tensor:
        scores = self._scores(query, key)
        weights = attention_weights(scores if bias is None else scores + bias, allowed)
        self.weights = weights.detach() if self.watch else None
        taken: Tensor = self.dropout(weights) @ value
        return taken

    def _scores(self, query: Tensor, key: Tensor) -> Tensor:
        if self.query_map is None or self.key_map is None or self.score_vector is None:
            return query @ key.transpose(-1, -2) * self.scale
        summed = (query @ self.query_map)[:, :, :, None] + (key @ self.key_map)[:, :, None]
        return (summed.tanh() @ self.score_vector[:, None, :, None])[..., 0]


def checked_heads(width: int, heads: int, key_heads: int | None = None) -> int:
    """How many key heads there are: as many as heads where None is given.

    Raises:
        OptionError: heads do not divide the width, or key heads the heads.

    Example:
        >>> checked_heads(8, 4), checked_heads(8, 4, 2)
        (4, 2)
    """
    key_heads = heads if key_heads is None else key_heads
    if heads < 1 or width % heads:
        raise OptionError(f"{heads} heads do not divide width {width}; take heads that do, such as {_divisors(width)}")
    if key_heads < 1 or heads % key_heads:
        raise OptionError(f"{key_heads} key heads do not divide {heads} heads; take a number that does, such as {_divisors(heads)}")
    return key_heads


def _divisors(number: int) -> str:
    return ", ".join(str(d) for d in range(1, number + 1) if number % d == 0)
