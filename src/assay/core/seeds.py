"""One seed fixes a run: every part draws its own stream from it by name, so that no part disturbs another."""

from __future__ import annotations

import hashlib


def seed_for(seed: int, part: str) -> int:
    """Derive the seed of one named part of a run, in [0, 2**31).

    Example:
        >>> seed_for(0, "split") == seed_for(0, "split"), seed_for(0, "split") == seed_for(0, "mlp")
        (True, False)
    """
    digest = hashlib.sha256(f"{seed}:{part}".encode()).digest()
    return int.from_bytes(digest[:4], "big") >> 1
