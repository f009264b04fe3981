"""The processes that train one network together; alone, every question answers itself."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from assay.core.process import rank_here

if TYPE_CHECKING:
    from torch import Tensor

    from assay.train.weights import Weights

T = TypeVar("T")


class Crew:
    """One process alone: nothing is shared, it writes, its word counts.

    Attributes:
        rank: Which process this is, from 0; only 0 writes and calls callbacks.
        world: How many there are.
    """

    rank: int = 0
    world: int = 1

    def sum(self, values: Tensor) -> Tensor:
        """The sum of these numbers over the processes."""
        return values

    def average(self, weights: Weights, loss: Tensor, share: float) -> Tensor:
        """Make each process's gradients those of the whole batch, and give the whole batch's loss.

        Args:
            weights: Whose gradients are those of this process's part, times `share`.
            loss: Of this process's part, times `share`.
            share: How much of the batch this process had, up to a factor that is the same for all.
        """
        return loss

    def heard(self, what: str, wish: bool) -> bool:
        """Whether some process wished this when the last step was taken; wishes travel with the gradients, so none waits for them.

        Args:
            what: One of `WISHES`.
            wish: Of this process.
        """
        return wish

    def agree(self, wish: bool) -> bool:
        """What process 0 wishes."""
        return wish

    def told(self, value: T) -> T:
        """What process 0 says, as JSON has it."""
        return value

    def all_told(self, value: T) -> list[T]:
        """What each process says, as JSON has it, by rank."""
        return [value]

    def sent(self, data: bytes | None) -> bytes | None:
        """The bytes that process 0 has."""
        return data

    def gathered(self, values: Tensor) -> Tensor:
        """These numbers of each process, (processes, ...)."""
        return values[None]

    def start_equal(self, tensors: list[Tensor]) -> None:
        """Put process 0's numbers in place of every other's."""

    def level(self, buffers: list[Tensor]) -> None:
        """Make running means the mean over the processes, each of which saw its part of the batches."""

    def together(self, work: Callable[[], T]) -> T:
        """Do something that must succeed in every process, or fail in all.

        Raises:
            RunError: it failed in another process; what it raised there is told.
        """
        return work()

    def hold(self) -> None:
        """Wait until every process is here."""

    def leave(self) -> None:
        """Go for good after a failure, so that no other process waits for this one."""


WISHES = ("interrupt", "over")


def of_rank(purpose: str, crew: Crew) -> str:
    """What a random stream of this process is for: process 0 draws as one alone would, the others each something else.

    Example:
        >>> of_rank("noise", Crew())
        'noise'
    """
    return f"{purpose} {crew.rank}" if crew.rank else purpose


def crew_here() -> Crew:
    """The processes that this one was started among, or that its torch.distributed already knows; else it alone.

    Raises:
        ExtraMissing: several were started, but torch is not installed.
        RunError: they cannot reach each other, or one of them was lost before.
    """
    distributed: Any = sys.modules.get("torch.distributed")
    is_theirs = distributed is not None and distributed.is_available() and distributed.is_initialized()
    if rank_here()[1] == 1 and not (is_theirs and distributed.get_world_size() > 1):
        return Crew()
    from importlib.util import find_spec

    from assay.core.errors import ExtraMissing

    if find_spec("torch") is None:
        raise ExtraMissing("training in several processes", "torch")
    from assay.train.distributed import processes_here

    return processes_here()
