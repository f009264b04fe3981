"""Training images shifted by a few pixels, each by its own: the same thing somewhere else is still the same thing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    from jaxtyping import Shaped


def shifted(
    images: Shaped[Tensor, "batch channels height width"], most: int, generator: torch.Generator
) -> Shaped[Tensor, "batch channels height width"]:
    """Each image moved by -most to most pixels down and across, its edge repeated where nothing was.

    Source: the oldest augmentation of digits, LeCun et al. 1998, section 2.

    Example:
        >>> shifted(torch.arange(3).reshape(1, 1, 1, 3), 1, torch.Generator().manual_seed(2)).flatten().tolist()
        [0, 0, 1]
    """
    batch, channels, height, width = images.shape
    by = torch.randint(-most, most + 1, (2, batch, 1), generator=generator).to(images.device)
    rows = (torch.arange(height, device=images.device) + by[0]).clamp_(0, height - 1)
    columns = (torch.arange(width, device=images.device) + by[1]).clamp_(0, width - 1)
    row, channel = torch.arange(batch, device=images.device), torch.arange(channels, device=images.device)
    return images[row[:, None, None, None], channel[None, :, None, None], rows[:, None, :, None], columns[:, None, None, :]]
