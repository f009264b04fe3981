"""The shape of a transformer, and how many weights it has: a calculator that needs no PyTorch."""

from __future__ import annotations

from dataclasses import dataclass

from assay.core.errors import OptionError

CLIP_DISTANCE = 16  # farther distances share one vector in relative positions


@dataclass(frozen=True)
class TransformerShape:
    """How a transformer is built; defaults are GPT-2's forms at a size for one processor core.

    Attributes:
        vocab: Tokens there are; 0 for an encoder that is fed vectors instead of tokens.
        layers: Blocks of attention and feed-forward.
        width: Features a token.
        heads: Attention heads; they divide the width.
        kv_heads: Heads of keys and values, None for as many as heads; 1 is multi-query.
        feed: Hidden units of the feed-forward part, None for 4 * width.
        block: The most tokens that are trained on at once; learned positions end there.
        position: "learned", "sinusoidal", "relative", "rope", "alibi" or "none".
        norm: "layer", "rms", "batch", "group", "instance" (encoders only) or "none".
        epsilon: Added to the variance inside the norms' root.
        pre_norm: Normalise what a part is fed, x + f(norm(x)), instead of the sum, norm(x + f(x)).
        activation: Of the feed-forward part, see `assay.model.activation`.
        score: How a query meets a key: "dot", "additive" or "bilinear".
        dropout: Share dropped of embeddings, attention weights and what parts add.
        bias: Whether linear layers and norms have biases.
        tied: Whether the output's weights are the token table.
        shared_kv: Compute keys and values once, from the embeddings, and share them over all layers.

    Example:
        >>> TransformerShape(vocab=65).feed_width
        512
    """

    vocab: int
    layers: int = 4
    width: int = 128
    heads: int = 4
    kv_heads: int | None = None
    feed: int | None = None
    block: int = 64
    position: str = "learned"
    norm: str = "layer"
    epsilon: float = 1e-5
    pre_norm: bool = True
    activation: str = "gelu"
    score: str = "dot"
    dropout: float = 0.0
    bias: bool = True
    tied: bool = True
    shared_kv: bool = False

    def __post_init__(self) -> None:
        """Refuse sizes that are no sizes; names and heads are checked where they are built."""
        for name in ("layers", "width", "heads", "block"):
            if getattr(self, name) < 1:
                raise OptionError(f"a transformer with {name} = {getattr(self, name)}; give 1 or more")
        if self.vocab < 0 or self.feed_width < 1:
            raise OptionError(f"a transformer with vocab = {self.vocab} and feed = {self.feed}; give 0 or more tokens and 1 or more units")

    @property
    def feed_width(self) -> int:
        """Hidden units of the feed-forward part."""
        return 4 * self.width if self.feed is None else self.feed

    @property
    def key_width(self) -> int:
        """Features of all heads' keys together."""
        return self.width // self.heads * (self.heads if self.kv_heads is None else self.kv_heads)


def parameter_count(shape: TransformerShape) -> int:
    """How many weights a decoder-only language model of this shape has, in closed form.

    Tables vocab * d + block * d; a layer 4 d^2 for attention and 8 d^2 for a feed-forward part of 4 d, plus biases and norms; a norm at
    the end. A tied output adds nothing. 12 * layers * d^2 is what remains of it for wide networks.

    Source: Radford et al. 2019 (GPT-2 small has 124,439,808).

    Example:
        >>> parameter_count(TransformerShape(vocab=50257, layers=12, width=768, heads=12, block=1024))
        124439808
    """
    width, feed, bias = shape.width, shape.feed_width, int(shape.bias)
    head_width = width // shape.heads
    keys = 2 * (width + bias) * shape.key_width
    score = {
        "dot": 0,
        "bilinear": shape.heads * head_width**2,
        "additive": shape.heads * (2 * head_width**2 + head_width),
    }[shape.score]
    relative = (2 * CLIP_DISTANCE + 1) * head_width if shape.position == "relative" else 0
    attention = 2 * (width + bias) * width + score + relative + (0 if shape.shared_kv else keys)
    feed_forward = (width + bias) * feed + (feed + bias) * width
    norm = 0 if shape.norm == "none" else width * (1 if shape.norm == "rms" else 1 + bias)
    tables = shape.vocab * width * (1 if shape.tied else 2) + (shape.block * width if shape.position == "learned" else 0)
    norms = norm * (2 * shape.layers + int(shape.pre_norm))
    return tables + shape.layers * (attention + feed_forward) + norms + (keys + norm if shape.shared_kv else 0)
