"""Attention at a cost that grows with the length, not its square: a window a token, and a few global tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional

from assay.core.errors import OptionError
from assay.model.attention import checked_heads
from assay.model.unborn import unborn_linear

if TYPE_CHECKING:
    from jaxtyping import Bool, Float


def window_places(tokens: int, reach: int, *, n_global: int = 0, causal: bool = False) -> Bool[Tensor, "tokens tokens"]:
    """Who sees whom: tokens at most `reach` apart, and the first `n_global` tokens all and by all; with `causal` no later one.

    Source: Beltagy, Peters & Cohan 2020 (Longformer), section 3.1.

    Example:
        >>> window_places(4, 1, causal=True).int().tolist()
        [[1, 0, 0, 0], [1, 1, 0, 0], [0, 1, 1, 0], [0, 0, 1, 1]]
    """
    place = torch.arange(tokens)
    near = (place[:, None] - place).abs() <= reach
    seen = near | (place < n_global) | (place[:, None] < n_global)
    return seen.tril() if causal else seen


def window_attention(
    query: Float[Tensor, "batch heads tokens head_width"],
    key: Float[Tensor, "batch heads tokens head_width"],
    value: Float[Tensor, "batch heads tokens head_width"],
    reach: int,
    *,
    n_global: int = 0,
    causal: bool = False,
) -> Float[Tensor, "batch heads tokens head_width"]:
    """Scaled dot-product attention over `window_places`, in chunks of `reach` queries, each with its own and the neighbouring keys.

    A chunk costs reach * (3 reach + n_global) scores, so that all of them cost tokens * (3 reach + n_global) instead of tokens squared.

    Raises:
        OptionError: a reach below 1, or fewer than 0 global tokens.

    Example:
        >>> x = torch.ones(1, 1, 5, 2)
        >>> window_attention(x, x, x, 2).shape
        torch.Size([1, 1, 5, 2])
    """
    if reach < 1 or n_global < 0:
        raise OptionError(f"a window of reach {reach} with {n_global} global tokens; give a reach of 1 or more and 0 global tokens or more")
    tokens, n_global = query.shape[2], min(n_global, query.shape[2])
    chunks = -(-tokens // reach)
    asked = functional.pad(query, (0, 0, 0, chunks * reach - tokens)).view(*query.shape[:2], chunks, reach, query.shape[3])
    keys, values = (_with_neighbours(part, chunks, reach, n_global) for part in (key, value))
    allowed = _chunk_places(tokens, chunks, reach, n_global, causal=causal).to(query.device)
    taken = functional.scaled_dot_product_attention(asked, keys, values, attn_mask=allowed)
    taken = taken.flatten(2, 3)[:, :, :tokens]
    if n_global == 0:
        return taken
    mask = window_places(tokens, reach, n_global=n_global, causal=causal)[:n_global].to(query.device)
    whole = functional.scaled_dot_product_attention(query[:, :, :n_global], key, value, attn_mask=mask)
    return torch.cat([whole, taken[:, :, n_global:]], dim=2)


def _with_neighbours(x: Tensor, chunks: int, reach: int, n_global: int) -> Tensor:
    """Keys or values a chunk: the global ones, then those of three chunks, (batch, heads, chunks, n_global + 3 reach, .)."""
    padded = functional.pad(x, (0, 0, reach, (chunks + 1) * reach - x.shape[2]))
    near = padded.unfold(2, 3 * reach, reach).transpose(3, 4)
    first = x[:, :, None, :n_global].expand(-1, -1, chunks, -1, -1)
    return torch.cat([first, near], dim=3)


def _chunk_places(tokens: int, chunks: int, reach: int, n_global: int, *, causal: bool) -> Tensor:
    """`window_places` by chunk, (chunks, reach, n_global + 3 reach); a global token is seen once, as a global one."""
    asks = torch.arange(chunks * reach).view(chunks, reach, 1)
    near = (torch.arange(chunks)[:, None] - 1) * reach + torch.arange(3 * reach)
    first = torch.arange(n_global).expand(chunks, -1)
    stands = torch.cat([first, near], dim=1)[:, None]
    is_global = (torch.arange(n_global + 3 * reach) < n_global).expand_as(stands)
    seen = is_global | (((asks - stands).abs() <= reach) & (stands >= n_global) & (stands < tokens))
    seen = seen & (stands <= asks) if causal else seen
    # queries beyond the end are cut off later; they see something so that their softmax is a number
    return seen | (asks >= tokens)


class WindowAttention(nn.Module):
    """Multi-head self-attention over a window and a few global tokens, perhaps with a convolution over the same neighbours added.

    The convolution is depthwise, over 2 reach + 1 places (reach + 1 when causal), and starts from zero.

    Source: windows Beltagy et al. 2020; the branch of convolution Wu et al. 2020 (Lite Transformer).

    Example:
        >>> layer = WindowAttention(8, 2, reach=2)
        >>> layer.be_born(torch.Generator().manual_seed(0))
        >>> layer(torch.ones(1, 9, 8)).shape
        torch.Size([1, 9, 8])
    """

    def __init__(
        self, width: int, heads: int, *, reach: int, n_global: int = 0, causal: bool = False, bias: bool = True, convolve: bool = False
    ) -> None:
        """Lay out the weights, undrawn.

        Raises:
            OptionError: heads do not divide the width.
        """
        super().__init__()
        checked_heads(width, heads)
        self.heads, self.reach, self.n_global, self.causal = heads, reach, n_global, causal
        self.into = unborn_linear(width, 3 * width, bias=bias)
        self.out = unborn_linear(width, width, bias=bias)
        self.kernel = nn.Parameter(torch.zeros(width, 1, reach + 1 if causal else 2 * reach + 1)) if convolve else None

    @torch.no_grad()
    def be_born(self, generator: torch.Generator, *, std: float = 0.02) -> None:
        """Draw the weights anew from normal(0, std); biases and the convolution 0."""
        for layer in (self.into, self.out):
            layer.weight.normal_(0.0, std, generator=generator)
            if layer.bias is not None:
                layer.bias.zero_()
        if self.kernel is not None:
            self.kernel.zero_()

    def forward(self, x: Float[Tensor, "batch tokens width"]) -> Float[Tensor, "batch tokens width"]:
        """What each token takes from its window."""
        query, key, value = (part.unflatten(2, (self.heads, -1)).transpose(1, 2) for part in self.into(x).chunk(3, dim=2))
        taken = window_attention(query, key, value, self.reach, n_global=self.n_global, causal=self.causal)
        mixed: Tensor = self.out(taken.transpose(1, 2).flatten(2))
        if self.kernel is None:
            return mixed
        padded = functional.pad(x.transpose(1, 2), (self.reach, 0 if self.causal else self.reach))
        return mixed + functional.conv1d(padded, self.kernel, groups=x.shape[2]).transpose(1, 2)
