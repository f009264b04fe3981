"""What a benchmark hands back."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Measured:
    """One promise and what was measured of it.

    Attributes:
        name: What was measured, such as "import assay".
        figure: The figure with its unit, such as "0.03 s".
        promise: What was promised, such as "under 0.3 s".
        holds: Whether the figure keeps the promise.
    """

    name: str
    figure: str
    promise: str
    holds: bool
