"""The watcher's own books: what it costs, and when it may look again."""

from __future__ import annotations

import math
import time
from collections import deque
from statistics import median

CREDIT_SECONDS = 5.0
"""A training is taken to last at least so long: its share of this is there from the first step on, so that short ones are seen too."""
FREE_STEPS = 4
SPARSE_GROWTH, DENSE_GROWTH = 1.6, 1.15
"""Of the distance between looks: sparse while the first credit is used up, so that it lasts for some hundred steps; then dense."""
STEPS_TO_WAIT = 8
BARE_REMEMBERED = 33
MOST_STEPS_BETWEEN = 2_000


class Governor:
    """Says at which steps to look, so that looking stays within a share of the training's time.

    It times the watcher's own work and the steps between. Looks come in pairs of steps, at growing distances, and
    never sooner than the budget allows: after n steps of s seconds at most `overhead` times the larger of n s and 5 s were spent.

    Args:
        overhead: Share of the bare training's time that looking may cost.

    Example:
        >>> governor = Governor(0.03)
        >>> governor.wants(0), governor.is_second, governor.wants(0)
        (True, False, False)
    """

    def __init__(self, overhead: float) -> None:
        self.overhead = overhead
        self.spent = 0.0
        self.started = time.perf_counter()
        self._pair = -2
        self.next_step = 0
        self.is_second = False
        self._costs: deque[float] = deque(maxlen=16)
        self._bare: deque[float] = deque(maxlen=BARE_REMEMBERED)

    def wants(self, step: int) -> bool:
        """Whether to look at this step; asked after the step before.

        After a yes, `is_second` says whether it is the second step of a pair, which is seen less deeply.
        """
        if step < self.next_step:
            return False
        self.is_second = self._pair == step - 1
        if not self.is_second:
            if step > FREE_STEPS and not self._affords():
                self.next_step = step + 1 + STEPS_TO_WAIT
                return False
            self._pair = step
            self.next_step = step + 1
        else:
            self.next_step = step + 1 + self._distance(step)
        return True

    def _distance(self, step: int) -> int:
        is_rich = self.spent < 0.5 * self.overhead * self.bare
        growth = DENSE_GROWTH if is_rich else SPARSE_GROWTH
        return min(MOST_STEPS_BETWEEN, max(2, round(step * (growth - 1.0))))

    def _affords(self) -> bool:
        return self.affords(self.look_seconds)

    @property
    def look_seconds(self) -> float:
        """What a look has cost of late."""
        return max(self._costs) if self._costs else 0.0

    @property
    def bare(self) -> float:
        """Seconds of the training up to now, less the watcher's own."""
        return time.perf_counter() - self.started - self.spent

    @property
    def budget(self) -> float:
        """Seconds that may have been spent by now."""
        return self.overhead * max(self.bare, CREDIT_SECONDS)

    def affords(self, seconds: float) -> bool:
        """Whether work of so many seconds is within the budget now."""
        return self.spent + seconds <= self.budget

    def see_bare(self, seconds: float) -> None:
        """Note how long a step took that was not looked at; of negative or infinite lengths nothing is learned."""
        if 0.0 < seconds < math.inf:
            self._bare.append(seconds)

    @property
    def bare_seconds(self) -> float:
        """The median of those steps; infinite before the first."""
        return median(self._bare) if self._bare else math.inf

    def book(self, seconds: float, *, is_look: bool = False) -> None:
        """Note that the watcher worked so long."""
        self.spent += seconds
        if is_look:
            self._costs.append(seconds)

    @property
    def share(self) -> float:
        """Share of the bare time that was spent so far."""
        return self.spent / max(self.bare, 1e-9)
