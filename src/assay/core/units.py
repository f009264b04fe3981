"""Information is in bits everywhere; this file holds the one conversion from nats."""

from __future__ import annotations

import math
from collections.abc import Sequence

BITS_PER_NAT = 1.0 / math.log(2.0)


def bits_from_nats(nats: float) -> float:
    """Convert an information content from nats to bits.

    Example:
        >>> round(bits_from_nats(0.6931471805599453), 12)
        1.0
    """
    return nats * BITS_PER_NAT


def entropy_bits(counts: Sequence[float]) -> float:
    """Entropy in bits of the distribution proportional to `counts` (plug-in; zero counts add nothing).

    Raises:
        ValueError: no positive count.

    Source: Shannon 1948, section 6.

    Example:
        >>> entropy_bits([1, 1]), round(entropy_bits([99, 1]), 4)
        (1.0, 0.0808)
    """
    total = float(sum(counts))
    if not total > 0:
        raise ValueError(f"entropy needs a positive count, got {list(counts)[:5]}")
    return -sum(c / total * math.log2(c / total) for c in counts if c > 0)
