"""How an image is halved on its way through a convolutional network. Needs no PyTorch."""

from __future__ import annotations

import math

LARGEST_SIDE = 32  # the stem halves an image until its longer side is no larger than that
SMALLEST_SIDE = 4  # no stage halves an image whose shorter side would fall below that
MOST_STAGES = 4


def stem_halvings(height: int, width: int) -> int:
    """How often the stem halves an image: once from 16 pixels on, then until its longer side is at most 32.

    Example:
        >>> [stem_halvings(side, side) for side in (8, 28, 64, 224)]
        [0, 1, 1, 3]
    """
    if min(height, width) < 16:
        return 0
    return max(1, math.ceil(math.log2(max(height, width) / LARGEST_SIDE)))


def stage_blocks(height: int, width: int, layers: int) -> tuple[int, ...]:
    """Blocks of each stage for the size that the stem leaves; a stage halves the image, but for the first.

    Example:
        >>> stage_blocks(14, 14, 3), stage_blocks(8, 8, 5), stage_blocks(4, 4, 2)
        ((1, 1, 1), (3, 2), (2,))
    """
    n, side = 1, min(height, width)
    while n < min(layers, MOST_STAGES) and math.ceil(side / 2) >= SMALLEST_SIDE:
        n, side = n + 1, math.ceil(side / 2)
    return tuple(layers // n + (i < layers % n) for i in range(n))
