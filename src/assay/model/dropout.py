"""Dropout that draws from a generator of its own and leaves torch's global stream alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from assay.core.errors import OptionError

if TYPE_CHECKING:
    from jaxtyping import Float


class Dropout(nn.Module):
    """Inverted dropout: while training, each number is 0 with probability `share`, else divided by 1 - share.

    The expectation is kept, so nothing is left to do when predicting. `nn.Dropout` would draw from the global stream, which other parts
    of a program move; here one generator, and with it the seed of a run, decides.

    Source: Srivastava et al. 2014; by whole channels Tompson et al. 2015.

    Attributes:
        noise: What the masks are drawn from; None stands for a generator of seed 0, made on first use.

    Example:
        >>> layer = Dropout(0.5)
        >>> sorted(set(layer(torch.ones(64)).tolist())), layer.eval()(torch.ones(2)).tolist()
        ([0.0, 2.0], [1.0, 1.0])
    """

    def __init__(self, share: float, *, whole_channels: bool = False) -> None:
        """Drop this share of the numbers; `whole_channels` drops channels of (batch, channels, ...) as wholes.

        Raises:
            OptionError: the share is not in [0, 1).
        """
        super().__init__()
        if not 0.0 <= share < 1.0:
            raise OptionError(f"dropout of {share} is not a share; give 0 (none) or more, and less than 1")
        self.share = share
        self.whole_channels = whole_channels
        self.noise: torch.Generator | None = None

    def forward(self, x: Float[Tensor, "*any"]) -> Float[Tensor, "*any"]:
        """`x` with its share dropped while training, else `x`."""
        if not self.training or self.share == 0.0:
            return x
        if self.noise is None:
            self.noise = torch.Generator(x.device).manual_seed(0)
        shape = (*x.shape[:2], *([1] * (x.dim() - 2))) if self.whole_channels else x.shape
        kept = torch.empty(shape, device=self.noise.device, dtype=x.dtype).bernoulli_(1.0 - self.share, generator=self.noise)
        return x * kept.to(x.device).div_(1.0 - self.share)

    def extra_repr(self) -> str:
        """The share, for printing."""
        return f"{self.share}"


class Noisy(nn.Module):
    """A network that draws all that is random in its training from one generator, which it is given."""

    def __init__(self) -> None:
        super().__init__()
        self._noise: torch.Generator | None = None

    @property
    def noise(self) -> torch.Generator | None:
        """Where it and all its parts draw from, set by the loop; None before."""
        return self._noise

    @noise.setter
    def noise(self, generator: torch.Generator | None) -> None:
        set_noise(self, generator)


def set_noise(network: nn.Module, generator: torch.Generator | None) -> None:
    """Let every Dropout of the network, and every part that is `Noisy`, draw from this generator.

    Example:
        >>> layer = Dropout(0.5)
        >>> set_noise(layer, torch.Generator().manual_seed(3))
        >>> layer.noise.initial_seed()
        3
    """
    for part in network.modules():
        if isinstance(part, Dropout):
            part.noise = generator
        elif isinstance(part, Noisy):
            part._noise = generator
