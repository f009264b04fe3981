"""Where a token stands: tables added to embeddings (learned, sinusoidal), and what attention adds to scores (relative, RoPE, ALiBi).

`position` of the first token is 0; with a cache, `start` is the number of tokens before.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from assay.core.errors import InputError, OptionError, nearest
from assay.model.transformer_shape import CLIP_DISTANCE

if TYPE_CHECKING:
    from jaxtyping import Float

POSITIONS = ("learned", "sinusoidal", "relative", "rope", "alibi", "none")
ADDED_TO_EMBEDDINGS = ("learned", "sinusoidal")
ROTARY_BASE = 10_000.0


def checked_position(name: str) -> str:
    """The name itself.

    Raises:
        OptionError: there are no positions of that name.

    Example:
        >>> checked_position("rope")
        'rope'
    """
    if name not in POSITIONS:
        raise OptionError(f"no positions {name!r}; {nearest(name, POSITIONS)}")
    return name


def sinusoidal(tokens: int, width: int, *, start: int = 0, dtype: torch.dtype = torch.float32) -> Float[Tensor, "tokens width"]:
    """Codes of the positions start, start + 1, ...: sin and cos, in turn, of position / 10000 ** (2i / width).

    The code of position p + k is the code of p, rotated by an angle that depends on k alone; every component is in [-1, 1].

    Source: Vaswani et al. 2017, section 3.5.

    Raises:
        OptionError: the width is odd.

    Example:
        >>> sinusoidal(2, 4)[1].tolist()
        [0.8414709568023682, 0.5403022766113281, 0.009999833069741726, 0.9999499917030334]
    """
    if width % 2:
        raise OptionError(f"sinusoidal positions come in pairs, and width {width} is odd; give an even width")
    angle = _angles(start, tokens, width)
    return torch.stack([angle.sin(), angle.cos()], dim=2).view(tokens, width).to(dtype)


def _angles(start: int, tokens: int, width: int) -> Tensor:
    """Position / base ** (2i / width) in float64, (tokens, width / 2): float32 would lose the angle of far positions."""
    frequency = ROTARY_BASE ** (-torch.arange(0, width, 2, dtype=torch.float64) / width)
    return torch.arange(start, start + tokens, dtype=torch.float64)[:, None] * frequency


class LearnedPosition(nn.Module):
    """A table of one trained vector a position; there is none beyond the last.

    Source: Gehring et al. 2017; GPT-2.

    Example:
        >>> table = LearnedPosition(512, 512)
        >>> table.weight.numel()
        262144
    """

    def __init__(self, longest: int, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(longest, width))

    def forward(self, tokens: int, start: int = 0) -> Float[Tensor, "tokens width"]:
        """Vectors of the positions from `start` on.

        Raises:
            InputError: they go beyond the table.
        """
        longest = self.weight.shape[0]
        if start + tokens > longest:
            raise InputError(
                f"{start + tokens} tokens, and the learned positions end after {longest}; give at most {longest} tokens, "
                "or train with positions that have no end (rope, alibi, relative, sinusoidal)"
            )
        return self.weight[start : start + tokens]


class SinusoidalPosition(nn.Module):
    """`sinusoidal` as a table that grows with the longest sequence seen; nothing in it is trained.

    Example:
        >>> SinusoidalPosition(4)(2).shape
        torch.Size([2, 4])
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.width = width
        self._table = sinusoidal(1, width)

    def forward(self, tokens: int, start: int = 0, *, like: Tensor | None = None) -> Float[Tensor, "tokens width"]:
        """Codes of the positions from `start` on, of the type and device of `like`."""
        wanted = self._table if like is None else like
        if start + tokens > len(self._table) or self._table.dtype != wanted.dtype or self._table.device != wanted.device:
            with torch.inference_mode(False):  # or the table could not be used in a later training
                self._table = sinusoidal(2 * (start + tokens), self.width, dtype=wanted.dtype).to(wanted.device)
        return self._table[start : start + tokens]


class RelativePosition(nn.Module):
    """Adds q . r to each score, where r is a trained vector of the distance context - token, clipped to +-`clip`; shared by the heads.

    Shifting a sequence keeps its weights. Of the paper's two tables (for keys and for values) this is the first.

    Source: Shaw, Uszkoreit & Vaswani 2018, eq. 4.

    Example:
        >>> RelativePosition(8, clip=4).weight.shape
        torch.Size([9, 8])
    """

    def __init__(self, head_width: int, *, clip: int = CLIP_DISTANCE) -> None:
        super().__init__()
        self.clip = clip
        self.weight = nn.Parameter(torch.zeros(2 * clip + 1, head_width))

    def forward(self, query: Float[Tensor, "batch heads tokens head_width"], context: int) -> Float[Tensor, "batch heads tokens context"]:
        """What is added to the scores before they are divided by the root of the head's width; the last query stands at the last key."""
        tokens = query.shape[2]
        place = torch.arange(context, device=query.device)
        distance = (place - place[context - tokens :, None]).clamp(-self.clip, self.clip) + self.clip
        by_distance = query @ self.weight.t()
        return by_distance.gather(3, distance.expand(*query.shape[:2], tokens, context))


class RotaryPosition(nn.Module):
    """Rotates pairs of features of queries and keys by position * frequency, so that scores depend on the distance alone.

    Pair i holds features i and i + width/2, and turns by 10000 ** (-2i / width) a position.

    Source: Su et al. 2021 (RoFormer), eq. 34, with the pairing of GPT-NeoX.

    Example:
        >>> RotaryPosition(4)(torch.tensor([[[[1.0, 0.0, 0.0, 0.0]]]]), start=1).round(decimals=2).tolist()
        [[[[0.5400000214576721, 0.0, 0.8399999737739563, 0.0]]]]
    """

    def __init__(self, head_width: int) -> None:
        """Rotate heads of this many features.

        Raises:
            OptionError: the number is odd.
        """
        super().__init__()
        if head_width % 2:
            raise OptionError(f"rope turns pairs of features, and a head of {head_width} features is odd; give an even width / heads")
        self.head_width = head_width
        self._cosine, self._sine = torch.ones(0), torch.zeros(0)

    def forward(self, x: Float[Tensor, "batch heads tokens head_width"], start: int = 0) -> Float[Tensor, "batch heads tokens head_width"]:
        """Queries or keys, rotated."""
        end, half = start + x.shape[2], self.head_width // 2
        if end > len(self._cosine) or self._cosine.dtype != x.dtype or self._cosine.device != x.device:
            with torch.inference_mode(False):  # or the tables could not be used in a later training
                angle = _angles(0, 2 * end, self.head_width).repeat(1, 2)
                signs = torch.cat([-torch.ones(half), torch.ones(half)])
                self._cosine, self._sine = angle.cos().to(x.device, x.dtype), (angle.sin() * signs).to(x.device, x.dtype)
        return x * self._cosine[start:end] + x.roll(half, dims=3) * self._sine[start:end]


class AlibiPosition(nn.Module):
    """Adds -slope * distance to the scaled scores; the slopes 2 ** (-8h / heads) of heads h = 1, 2, ... are fixed, not trained.

    Without a causal mask the distance counts to both sides. For numbers of heads that are no power of two the same formula holds here,
    where the paper's code interpolates.

    Source: Press, Smith & Lewis 2021, section 3.

    Example:
        >>> AlibiPosition(8).slopes[[0, 7]].tolist()
        [0.5, 0.00390625]
    """

    slopes: Tensor

    def __init__(self, heads: int) -> None:
        super().__init__()
        self.register_buffer("slopes", 2.0 ** (-8.0 * torch.arange(1, heads + 1) / heads), persistent=False)

    def forward(self, tokens: int, context: int) -> Float[Tensor, "heads tokens context"]:
        """What is added to the scaled scores; the last query stands at the last key."""
        place = torch.arange(context, device=self.slopes.device, dtype=self.slopes.dtype)
        return -self.slopes[:, None, None] * (place - place[context - tokens :, None]).abs()
