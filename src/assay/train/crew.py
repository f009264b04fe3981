"""The processes that train one network together; alone, every question answers itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

    from assay.train.weights import Weights


class Crew:
    """One process alone: nothing is shared, it writes, its word counts.

    Attributes:
        rank: Which process this is, from 0; only 0 writes.
        world: How many there are.
    """

    rank: int = 0
    world: int = 1

    def sum(self, values: Tensor) -> Tensor:
        """The sum of these numbers over the processes."""
        return values

    def average_gradients(self, weights: Weights) -> None:
        """Make each process's gradients the mean over all."""

    def agree(self, wish: bool) -> bool:
        """What process 0 wishes."""
        return wish

    def hold(self) -> None:
        """Wait until every process is here."""
