"""What all transformers are made of: embeddings with positions, layers one upon the other, a last norm, an output."""

from __future__ import annotations

import math
from itertools import repeat
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional

from assay.core.errors import InputError, OptionError
from assay.model.attention import Keys
from assay.model.dropout import Dropout
from assay.model.key_value_cache import Cache
from assay.model.norm import Norm, norm
from assay.model.position import LearnedPosition, RotaryPosition, SinusoidalPosition, checked_position
from assay.model.transformer_block import BIRTH_STD, Block
from assay.model.unborn import unborn_linear, unborn_table

if TYPE_CHECKING:
    from jaxtyping import Float, Int

    from assay.model.key_value_cache import KeyValues
    from assay.model.transformer_shape import TransformerShape


class Embeddings(nn.Module):
    """A vector a token, and to it one of its position where positions are added here.

    With sinusoidal positions the tokens' vectors are multiplied by the root of the width, or the positions, whose numbers are up to 1,
    would drown them (Vaswani et al. 2017, section 3.4).

    Example:
        >>> from assay.model.transformer_shape import TransformerShape
        >>> Embeddings(TransformerShape(vocab=5, width=8))(torch.tensor([[4, 0]])).shape
        torch.Size([1, 2, 8])
    """

    def __init__(self, shape: TransformerShape) -> None:
        super().__init__()
        self.vocab, self.width = shape.vocab, shape.width
        self.tokens = unborn_table(shape.vocab, shape.width) if shape.vocab else None
        self.learned = LearnedPosition(shape.block, shape.width) if checked_position(shape.position) == "learned" else None
        self.sinusoidal = SinusoidalPosition(shape.width) if shape.position == "sinusoidal" else None
        self.scale = math.sqrt(shape.width) if self.sinusoidal is not None else 1.0
        self.dropout = Dropout(shape.dropout)

    @torch.no_grad()
    def be_born(self, generator: torch.Generator) -> None:
        """Draw the tables anew from normal(0, 0.02)."""
        for table in (self.tokens, self.learned):
            if table is not None:
                table.weight.normal_(0.0, BIRTH_STD, generator=generator)

    def forward(
        self, x: Int[Tensor, "batch tokens"] | Float[Tensor, "batch tokens width"], start: int = 0
    ) -> Float[Tensor, "batch tokens width"]:
        """Vectors of tokens (or vectors as given) with their positions, the first of which is `start`.

        Raises:
            InputError: a token is not in the vocabulary, or a position beyond the learned ones.
        """
        vectors = x if x.is_floating_point() else self._looked_up(x)
        if self.learned is not None:
            vectors = vectors + self.learned(x.shape[1], start)
        elif self.sinusoidal is not None:
            vectors = vectors * self.scale + self.sinusoidal(x.shape[1], start, like=vectors)
        dropped: Tensor = self.dropout(vectors)
        return dropped

    def _looked_up(self, tokens: Tensor) -> Tensor:
        if self.tokens is None:
            raise InputError(f"tokens of shape {tuple(tokens.shape)} given to a transformer with vocab=0; give vectors, or a vocabulary")
        try:
            return functional.embedding(tokens, self.tokens.weight)
        except IndexError:
            seen = f"{int(tokens.min())} to {int(tokens.max())}"
            raise InputError(f"tokens {seen} are not all in a vocabulary of {self.vocab}; give 0 to {self.vocab - 1}") from None


class SharedKeys(nn.Module):
    """Keys and values, computed once from the normalised embeddings for all layers.

    A design that some texts describe; the standard one has a set a layer. `benchmarks/shared_keys.py` measures the difference.

    Example:
        >>> from assay.model.transformer_shape import TransformerShape
        >>> SharedKeys(TransformerShape(vocab=5, width=8, heads=2))(torch.ones(1, 3, 8)).key.shape
        torch.Size([1, 2, 3, 4])
    """

    def __init__(self, shape: TransformerShape) -> None:
        super().__init__()
        self.head_width = shape.width // shape.heads
        self.norm = norm(shape.norm, shape.width, epsilon=shape.epsilon, bias=shape.bias)
        self.into = unborn_linear(shape.width, 2 * shape.key_width, bias=shape.bias)
        self.rotary = RotaryPosition(self.head_width) if shape.position == "rope" else None

    @torch.no_grad()
    def be_born(self, generator: torch.Generator) -> None:
        """Draw the weights anew."""
        if isinstance(self.norm, Norm):
            self.norm.be_born()
        self.into.weight.normal_(0.0, BIRTH_STD, generator=generator)
        if self.into.bias is not None:
            self.into.bias.zero_()

    def forward(self, x: Float[Tensor, "batch tokens width"], cache: KeyValues | None = None) -> Keys:
        """Keys and values of the embeddings, after those in the cache."""
        both = self.into(self.norm(x)).view(*x.shape[:2], 2, -1, self.head_width)
        key, value = both.permute(2, 0, 3, 1, 4).unbind(0)
        if self.rotary is not None:
            key = self.rotary(key, 0 if cache is None else cache.length)
        return Keys(key, value) if cache is None else Keys(*cache.append(key, value))


class Stack(nn.Module):
    """What all transformers have: embeddings, layers, a last norm, and their birth and names."""

    def __init__(self, shape: TransformerShape, *, causal: bool, cross: bool = False, output: bool = False) -> None:
        """Lay out the weights, undrawn.

        Raises:
            OptionError: a name or a size of the shape is not accepted.
        """
        super().__init__()
        if causal and shape.norm == "instance":
            raise OptionError(
                "instance norm averages over later tokens too, which a model that reads from the left must not see; take layer"
            )
        if output and not shape.vocab:
            raise OptionError("a model that predicts tokens has vocab=0; give the number of tokens there are")
        self.shape, self.causal = shape, causal
        self.embed = Embeddings(shape)
        self.shared = SharedKeys(shape) if shape.shared_kv else None
        self.blocks = nn.ModuleList(Block(shape, cross=cross) for _ in range(shape.layers))
        self.norm = norm(shape.norm, shape.width, epsilon=shape.epsilon, bias=shape.bias) if shape.pre_norm else nn.Identity()
        self.output = unborn_linear(shape.width, shape.vocab, bias=False) if output and not shape.tied else None

    @torch.no_grad()
    def be_born(self, generator: torch.Generator) -> None:
        """Draw all weights anew, as GPT-2's: normal(0, 0.02), what adds to the residual stream smaller by the root of the parts.

        Source: Radford et al. 2019, section 2.3.
        """
        self.embed.be_born(generator)
        if self.shared is not None:
            self.shared.be_born(generator)
        for block in self.blocks:
            block.be_born(generator)  # type: ignore[operator]
        if isinstance(self.norm, Norm):
            self.norm.be_born()
        if self.output is not None:
            self.output.weight.normal_(0.0, BIRTH_STD, generator=generator)

    def groups(self) -> dict[str, list[str]]:
        """Layer name for people -> its parameter names, in the order of the data's way."""
        found: dict[str, list[str]] = {}
        for name, _ in self.named_parameters():
            parts = name.split(".")
            if parts[0] == "blocks":
                part = "feed-forward" if parts[2] in {"norm_2", "feed_forward"} else "attention"
                part = "cross-attention" if parts[2] in {"norm_context", "cross_attention"} else part
                layer = f"layer {int(parts[1]) + 1} {part}"
            else:
                layer = {"embed": "embeddings", "shared": "shared keys"}.get(parts[0], "output")
            found.setdefault(layer, []).append(name)
        return found

    def features(
        self,
        x: Tensor,
        *,
        mask: Tensor | None = None,
        cache: Cache | None = None,
        context: Tensor | None = None,
        context_mask: Tensor | None = None,
    ) -> Tensor:
        """Features of each token after the last layer and norm, (batch, tokens, width)."""
        x = self.embed(x, 0 if cache is None else cache.length)
        shared = None if self.shared is None else self.shared(x, None if cache is None else cache.own[0])
        own = repeat(None) if cache is None or shared is not None else cache.own
        asked = repeat(None) if cache is None or context is None else cache.context
        for block, kept, kept_context in zip(self.blocks, own, asked, strict=False):
            x = block(
                x,
                mask=mask,
                causal=self.causal,
                cache=kept,
                shared_kv=shared,
                context=context,
                context_mask=context_mask,
                context_cache=kept_context,
            )
        normed: Tensor = self.norm(x)
        return normed

    def logits(self, features: Tensor) -> Tensor:
        """Scores of every token of the vocabulary to come next, (batch, tokens, vocab)."""
        weight = self.embed.tokens.weight if self.output is None and self.embed.tokens is not None else None
        scores: Tensor = functional.linear(features, weight if weight is not None else self.output.weight)  # type: ignore[union-attr]
        return scores

    @property
    def vocab(self) -> int:
        """Tokens there are."""
        return self.shape.vocab

    @property
    def longest(self) -> int:
        """The most tokens that it was trained to read at once."""
        return self.shape.block

    def new_cache(self) -> Cache:
        """An empty cache of past keys and values."""
        return Cache(self.shape.layers)
