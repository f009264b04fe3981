"""Snapshots of a network's weights along its training: the path along which the ledger books the loss."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

MOST_SNAPSHOTS = 30


@dataclass(frozen=True)
class Snapshots:
    """Weights from birth to the epoch that was kept.

    Attributes:
        epochs: Epochs finished at each snapshot: 0 is birth, the last one is the kept epoch. Rising.
        weights: One flat weight vector a snapshot, float32 (snapshots, weights), in the order of `NeuralModel.spans`.
    """

    epochs: tuple[int, ...]
    weights: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.epochs)


def thin(epochs: list[int], at_most: int = MOST_SNAPSHOTS) -> list[int]:
    """Positions of at most so many epochs, evenly spread, the first and the last always among them.

    Example:
        >>> thin([0, 1, 2, 3, 4], at_most=3)
        [0, 2, 4]
    """
    if len(epochs) <= at_most:
        return list(range(len(epochs)))
    wanted = np.linspace(epochs[0], epochs[-1], at_most)
    places = {int(np.abs(np.asarray(epochs) - one).argmin()) for one in wanted}
    return sorted(places | {0, len(epochs) - 1})
