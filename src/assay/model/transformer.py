"""Transformers: an encoder that reads a sequence whole, a language model and a decoder that read it from left to right."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from assay.model.transformer_stack import Stack

if TYPE_CHECKING:
    from jaxtyping import Bool, Float, Int

    from assay.model.key_value_cache import Cache
    from assay.model.transformer_shape import TransformerShape


class Encoder(Stack):
    """Reads a sequence whole: each token sees all others. Without positions it is permutation equivariant.

    Example:
        >>> from assay.model.transformer_shape import TransformerShape
        >>> encoder = Encoder(TransformerShape(vocab=9, layers=1, width=8, heads=2))
        >>> encoder.be_born(torch.Generator().manual_seed(0))
        >>> encoder(torch.tensor([[1, 2, 0]]), torch.tensor([[True, True, False]])).shape
        torch.Size([1, 3, 8])
    """

    def __init__(self, shape: TransformerShape) -> None:
        super().__init__(shape, causal=False)

    def forward(
        self, x: Int[Tensor, "batch tokens"] | Float[Tensor, "batch tokens width"], mask: Bool[Tensor, "batch tokens"] | None = None
    ) -> Float[Tensor, "batch tokens width"]:
        """Features of each token.

        Args:
            x: Tokens, or vectors where the shape has no vocabulary.
            mask: True at tokens, False at padding, which nobody sees.
        """
        return self.features(x, mask=mask)


def mean_of_tokens(
    features: Float[Tensor, "batch tokens width"], mask: Bool[Tensor, "batch tokens"] | None = None
) -> Float[Tensor, "batch width"]:
    """Mean over the tokens that are no padding; zeros for a sequence without any.

    Example:
        >>> mean_of_tokens(torch.tensor([[[1.0], [3.0], [9.0]]]), torch.tensor([[True, True, False]])).tolist()
        [[2.0]]
    """
    if mask is None:
        return features.mean(dim=1)
    weight = mask[:, :, None].to(features.dtype)
    return (features * weight).sum(dim=1) / weight.sum(dim=1).clamp(min=1.0)


class LanguageModel(Stack):
    """Predicts each next token from those before it: a decoder-only transformer.

    Born with GPT-2's weights' spread, its loss is log2 of the vocabulary within 2 %.

    Source: Radford et al. 2019.

    Example:
        >>> from assay.model.transformer_shape import TransformerShape
        >>> model = LanguageModel(TransformerShape(vocab=9, layers=1, width=8, heads=2))
        >>> model.be_born(torch.Generator().manual_seed(0))
        >>> model(torch.tensor([[1, 2, 0]])).shape
        torch.Size([1, 3, 9])
    """

    def __init__(self, shape: TransformerShape) -> None:
        super().__init__(shape, causal=True, output=True)

    def forward(self, tokens: Int[Tensor, "batch tokens"], *, cache: Cache | None = None) -> Float[Tensor, "batch tokens vocab"]:
        """Scores of each next token.

        Args:
            tokens: Tokens, with a cache only those that are new.
            cache: Keys and values of the tokens before, to which those of the new ones are added.
        """
        return self.logits(self.features(tokens, cache=cache))


class Decoder(Stack):
    """Predicts each next token from those before it and from a context that it attends to in every layer.

    Source: Vaswani et al. 2017, figure 1, right side.

    Example:
        >>> from assay.model.transformer_shape import TransformerShape
        >>> decoder = Decoder(TransformerShape(vocab=9, layers=1, width=8, heads=2))
        >>> decoder.be_born(torch.Generator().manual_seed(0))
        >>> decoder(torch.tensor([[1, 2, 0]]), torch.zeros(1, 5, 8)).shape
        torch.Size([1, 3, 9])
    """

    def __init__(self, shape: TransformerShape) -> None:
        super().__init__(shape, causal=True, cross=True, output=True)

    def forward(
        self,
        tokens: Int[Tensor, "batch tokens"],
        context: Float[Tensor, "batch context width"],
        context_mask: Bool[Tensor, "batch context"] | None = None,
        *,
        cache: Cache | None = None,
    ) -> Float[Tensor, "batch tokens vocab"]:
        """Scores of each next token.

        Args:
            tokens: Tokens so far, with a cache only those that are new.
            context: What the encoder made of the source.
            context_mask: True at the source's tokens, False at its padding.
            cache: Keys and values of the tokens before and of the context.
        """
        return self.logits(self.features(tokens, cache=cache, context=context, context_mask=context_mask))


class EncoderDecoder(nn.Module):
    """Reads a source sequence whole and predicts a target sequence from left to right: translation, summaries, verdicts with reasons.

    Source: Vaswani et al. 2017.

    Example:
        >>> from assay.model.transformer_shape import TransformerShape
        >>> model = EncoderDecoder(TransformerShape(vocab=9, layers=1, width=8, heads=2), source_vocab=5)
        >>> model.be_born(torch.Generator().manual_seed(0))
        >>> model(torch.tensor([[1, 2, 0]]), torch.tensor([[8, 3]])).shape
        torch.Size([1, 2, 9])
    """

    def __init__(self, shape: TransformerShape, *, source_vocab: int | None = None) -> None:
        """Lay out both sides in one shape; `source_vocab` where the source has tokens of its own (0: it is vectors)."""
        super().__init__()
        self.encoder = Encoder(shape if source_vocab is None else replace(shape, vocab=source_vocab))
        self.decoder = Decoder(shape)

    def be_born(self, generator: torch.Generator) -> None:
        """Draw all weights anew."""
        self.encoder.be_born(generator)
        self.decoder.be_born(generator)

    def groups(self) -> dict[str, list[str]]:
        """Layer name for people -> its parameter names, the encoder's first."""
        sides = (("encoder", self.encoder), ("decoder", self.decoder))
        return {f"{side} {name}": [f"{side}.{p}" for p in names] for side, part in sides for name, names in part.groups().items()}

    def forward(
        self,
        source: Int[Tensor, "batch context"] | Float[Tensor, "batch context width"],
        target: Int[Tensor, "batch tokens"],
        source_mask: Bool[Tensor, "batch context"] | None = None,
    ) -> Float[Tensor, "batch tokens vocab"]:
        """Scores of each next token of the target."""
        logits: Tensor = self.decoder(target, self.encoder(source, source_mask), source_mask)
        return logits

    def given(
        self,
        source: Int[Tensor, "batch context"] | Float[Tensor, "batch context width"],
        source_mask: Bool[Tensor, "batch context"] | None = None,
    ) -> Given:
        """The language model of targets for this source, for `decoding.generate` and `beam_search`."""
        return Given(self.decoder, self.encoder(source, source_mask), source_mask)


class Given:
    """A decoder with its context in place, which predicts next tokens as a LanguageModel does.

    Example:
        >>> from assay.model.transformer_shape import TransformerShape
        >>> model = EncoderDecoder(TransformerShape(vocab=9, layers=1, width=8, heads=2))
        >>> model.given(torch.tensor([[1, 2, 0]]))(torch.tensor([[8, 3]])).shape
        torch.Size([1, 2, 9])
    """

    def __init__(self, decoder: Decoder, context: Tensor, context_mask: Tensor | None) -> None:
        self.decoder, self.context, self.context_mask = decoder, context, context_mask
        self.vocab, self.longest, self.new_cache = decoder.vocab, decoder.longest, decoder.new_cache

    @property
    def training(self) -> bool:
        """Whether dropout is on."""
        return self.decoder.training

    def train(self, mode: bool = True) -> Given:
        """Switch dropout on or off."""
        self.decoder.train(mode)
        return self

    def __call__(self, tokens: Tensor, *, cache: Cache | None = None) -> Tensor:
        """Scores of each next token, (batch, tokens, vocab); a context of one row serves all rows."""
        context, mask = self.context, self.context_mask
        if len(context) == 1:
            context = context.expand(len(tokens), -1, -1)
            mask = None if mask is None else mask.expand(len(tokens), -1)
        logits: Tensor = self.decoder(tokens, context, mask, cache=cache)
        return logits
