"""What a training keeps of its weights on the way: the best so far, and snapshots for the ledger, within a bound of memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from assay.model.snapshots import MOST_SNAPSHOTS, Snapshots, thin

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

    from assay.train.weights import Weights

MOST_BYTES = 2**28
FEWEST_SNAPSHOTS = 4


class Kept:
    """The best weights, and those of evaluations from birth on.

    Attributes:
        best: Parameters and buffers of the best evaluation; of birth before there is one.
        snapshots: Evaluation -> all parameters as one vector; empty where a handful would take more than a quarter of a gigabyte,
            or the network is sharded.
    """

    def __init__(self, weights: Weights) -> None:
        self.weights = weights
        self.best: list[Tensor] = weights.copy()
        room = MOST_BYTES // max(1, sum(p.numel() * p.element_size() for p in weights.all))
        self.at_most = min(MOST_SNAPSHOTS, room) if room >= FEWEST_SNAPSHOTS and not weights.is_sharded else 0
        self.snapshots: dict[int, NDArray[Any]] = {0: weights.flat()} if self.at_most else {}

    def add(self, evaluation: int, *, is_best: bool) -> None:
        """Take the weights of now in."""
        if is_best:
            self.best = self.weights.copy()
        if not self.at_most:
            return
        self.snapshots[evaluation] = self.weights.flat()
        if len(self.snapshots) > self.at_most + self.at_most // 2:
            those = sorted(self.snapshots)
            self.snapshots = {those[i]: self.snapshots[those[i]] for i in thin(those, self.at_most)}

    def path(self, last: int) -> Snapshots | None:
        """The way from birth to the weights of now, which are those of evaluation `last`; None if none were kept."""
        if not self.at_most:
            return None
        way = {e: w for e, w in self.snapshots.items() if e <= last} | {last: self.weights.flat()}
        those = sorted(way)
        chosen = [those[i] for i in thin(those, self.at_most)]
        return Snapshots(tuple(chosen), np.stack([way[e] for e in chosen]).astype(np.float32))
