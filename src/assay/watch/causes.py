"""What follows from what: which findings a fault explains, and which of several leaders is told first."""

from __future__ import annotations

CONSEQUENCES: dict[str, tuple[str, ...]] = {}
"""Rule -> rules whose findings follow from it."""

RANK: tuple[str, ...] = ()
"""Leaders, the most specific first."""
