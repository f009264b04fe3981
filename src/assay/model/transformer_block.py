"""One layer of a transformer: attention, perhaps attention to a context, and a feed-forward part, each added to what it was fed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from assay.model.activation import activation
from assay.model.attention import Attention, Keys
from assay.model.dropout import Dropout
from assay.model.norm import Norm, norm
from assay.model.unborn import unborn_linear

if TYPE_CHECKING:
    from jaxtyping import Bool, Float

    from assay.model.key_value_cache import KeyValues
    from assay.model.transformer_shape import TransformerShape

BIRTH_STD = 0.02  # GPT-2's, of all weights


class FeedForward(nn.Module):
    """The same two-layer network on every token: width -> feed -> width.

    Source: Vaswani et al. 2017, section 3.3.

    Example:
        >>> part = FeedForward(4, 16)
        >>> part.be_born(torch.Generator().manual_seed(0))
        >>> part(torch.ones(1, 2, 4)).shape
        torch.Size([1, 2, 4])
    """

    def __init__(self, width: int, feed: int, *, activation_name: str = "gelu", bias: bool = True) -> None:
        super().__init__()
        self.into = unborn_linear(width, feed, bias=bias)
        self.activation = activation(activation_name)
        self.out = unborn_linear(feed, width, bias=bias)

    @torch.no_grad()
    def be_born(self, generator: torch.Generator, *, std: float = BIRTH_STD, out_std: float = BIRTH_STD) -> None:
        """Draw the weights anew from normal(0, std), the way out from normal(0, out_std); biases 0."""
        for layer, spread in ((self.into, std), (self.out, out_std)):
            layer.weight.normal_(0.0, spread, generator=generator)
            if layer.bias is not None:
                layer.bias.zero_()

    def forward(self, x: Float[Tensor, "batch tokens width"]) -> Float[Tensor, "batch tokens width"]:
        """What is added to each token."""
        added: Tensor = self.out(self.activation(self.into(x)))
        return added


class Block(nn.Module):
    """x + attention(norm(x)), perhaps + cross-attention, then + feed-forward; post-norm normalises each sum instead.

    Source: post-norm Vaswani et al. 2017, pre-norm Xiong et al. 2020.

    Example:
        >>> from assay.model.transformer_shape import TransformerShape
        >>> block = Block(TransformerShape(vocab=5, width=8, heads=2))
        >>> block.be_born(torch.Generator().manual_seed(0))
        >>> block(torch.ones(1, 3, 8), causal=True).shape
        torch.Size([1, 3, 8])
    """

    def __init__(self, shape: TransformerShape, *, cross: bool = False) -> None:
        """Lay out the parts, undrawn; `cross` adds attention to a context."""
        super().__init__()
        self.pre_norm, self.cross = shape.pre_norm, cross
        parts = 3 if cross else 2
        self.out_std = BIRTH_STD / (parts * shape.layers) ** 0.5
        within = shape.position if shape.position in {"relative", "rope", "alibi"} else "none"
        self.norm_1 = norm(shape.norm, shape.width, epsilon=shape.epsilon, bias=shape.bias)
        self.attention = Attention(
            shape.width,
            shape.heads,
            kv_heads=shape.kv_heads,
            score=shape.score,
            position=within,
            dropout=shape.dropout,
            bias=shape.bias,
            own_keys=not shape.shared_kv,
        )
        if cross:
            self.norm_context = norm(shape.norm, shape.width, epsilon=shape.epsilon, bias=shape.bias)
            self.cross_attention = Attention(
                shape.width, shape.heads, kv_heads=shape.kv_heads, score=shape.score, dropout=shape.dropout, bias=shape.bias
            )
        self.norm_2 = norm(shape.norm, shape.width, epsilon=shape.epsilon, bias=shape.bias)
        self.feed_forward = FeedForward(shape.width, shape.feed_width, activation_name=shape.activation, bias=shape.bias)
        self.dropout = Dropout(shape.dropout)

    def be_born(self, generator: torch.Generator) -> None:
        """Draw all weights anew; what is added to the residual stream is born smaller by the root of how many parts add to it."""
        for part in self.children():
            if isinstance(part, Norm):
                part.be_born()
            elif isinstance(part, Attention | FeedForward):
                part.be_born(generator, std=BIRTH_STD, out_std=self.out_std)

    def forward(
        self,
        x: Float[Tensor, "batch tokens width"],
        *,
        mask: Bool[Tensor, "batch _tokens"] | None = None,
        causal: bool = False,
        cache: KeyValues | None = None,
        shared_kv: Keys | None = None,
        context: Float[Tensor, "batch context width"] | None = None,
        context_mask: Bool[Tensor, "batch context"] | None = None,
        context_cache: KeyValues | None = None,
    ) -> Float[Tensor, "batch tokens width"]:
        """The tokens, each with what it took from the others and what it made of that.

        Args:
            x: Tokens' features.
            mask: True at tokens, False at padding.
            causal: No token sees a later one.
            cache: Past keys and values of this layer.
            shared_kv: Keys and values shared by all layers.
            context: What cross-attention asks.
            context_mask: True where the context may be seen.
            context_cache: Keys and values of the context.
        """
        if self.pre_norm:
            x = x + self.dropout(self.attention(self.norm_1(x), mask=mask, causal=causal, cache=cache, shared_kv=shared_kv))
            if self.cross:
                x = x + self.dropout(self.cross_attention(self.norm_context(x), context, mask=context_mask, cache=context_cache))
            grown: Tensor = x + self.dropout(self.feed_forward(self.norm_2(x)))
            return grown
        x = self.norm_1(x + self.dropout(self.attention(x, mask=mask, causal=causal, cache=cache, shared_kv=shared_kv)))
        if self.cross:
            x = self.norm_context(x + self.dropout(self.cross_attention(x, context, mask=context_mask, cache=context_cache)))
        normed: Tensor = self.norm_2(x + self.dropout(self.feed_forward(x)))
        return normed
