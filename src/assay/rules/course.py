"""The course of a watched loss: where it started, where it is, and whether it learns, is stuck, has risen or is rough.

Levels are means over many batches, noise is that of one batch, so that a rule can tell a small batch from a fault.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from statistics import fmean, median

from assay.core.loop_evidence import LoopEvidence, Window
from assay.rules.series import line, seen, spread

STUCK_SHARE = 0.05
STANDARD_ERRORS = 3.0
FEWEST_STEPS = 30
FEWEST_TO_RISE = 12
FEWEST_TARGETS = 32


@dataclass(frozen=True, slots=True)
class Course:
    """One loss from birth to now, in its own unit.

    Attributes:
        steps: Steps seen.
        birth: Loss before the first step, or of the first batches.
        opening: Loss of the best constant; nan where unknown.
        lowest: Lowest mean over an eighth of the training (or 16 steps).
        now, error: Present level over the last batches and its standard error.
        noise: Standard deviation of one batch's loss about the level at present.
        slope: Change a step over the recent batches; slope_error is its standard error.
        peak: Highest batch loss.
    """

    steps: int
    birth: float
    opening: float
    lowest: float
    now: float
    error: float
    noise: float
    slope: float
    slope_error: float
    peak: float

    @property
    def reference(self) -> float:
        """Loss of knowing nothing: the opening where it is known and positive, else the loss at birth."""
        return self.opening if self.opening > 0 else self.birth

    @property
    def learned_share(self) -> float:
        """Share of the reference that is gone; nan where the reference is no positive number."""
        return (self.reference - self.now) / self.reference if self.reference > 0 else math.nan

    @property
    def is_stuck(self) -> bool:
        """After at least 30 steps the loss is within 5 % of knowing nothing or above it, or 3 standard errors of its start."""
        if self.steps < FEWEST_STEPS or not math.isfinite(self.now):
            return False
        share = self.learned_share
        if math.isfinite(share):
            return share < STUCK_SHARE
        return self.birth - self.now < STANDARD_ERRORS * self.error

    @property
    def has_risen(self) -> bool:
        """The present level lies above the lowest and above birth or opening, by more than noise explains."""
        above = max(self.birth, self.opening) if self.opening > 0 else self.birth
        margin = STANDARD_ERRORS * self.error
        if self.steps < FEWEST_TO_RISE:
            return False
        return self.now > self.lowest + margin and self.now > above + max(margin, 0.02 * abs(above))

    @property
    def is_falling(self) -> bool:
        """The recent batches have a trend downwards that noise does not explain."""
        return self.slope < -STANDARD_ERRORS * self.slope_error


def course(trace: LoopEvidence) -> Course | None:
    """The course of the batch losses, None before 8 finite ones."""
    early, recent = seen(trace.early_loss), seen(trace.recent_loss)
    if len(recent) < 8:
        return None
    last = recent[-max(8, min(32, trace.steps // 4)) :]
    birth = (
        trace.birth
        if trace.birth is not None and math.isfinite(trace.birth)
        else fmean((early or recent)[: max(1, min(4, trace.steps // 16))])
    )
    noise = _noise(last)
    _, slope = line(recent)
    n = len(recent)
    slope_error = _noise(recent) * math.sqrt(12 / (n * (n * n - 1)))
    peak = max([w.high for w in trace.windows if math.isfinite(w.high)] + early + recent)
    return Course(
        trace.steps,
        birth,
        opening(trace),
        min(_lowest(trace), fmean(last)),
        fmean(last),
        noise / math.sqrt(len(last)),
        noise,
        slope,
        slope_error,
        peak,
    )


def opening(trace: LoopEvidence) -> float:
    """Loss of the best constant, nan where fewer than 32 targets say what it is."""
    known = trace.batch.rows * trace.batch.batches_seen
    return math.nan if 0 < known < FEWEST_TARGETS else trace.opening


def levels(trace: LoopEvidence, n: int = 8) -> list[float]:
    """Mean batch loss in `n` about equal parts of the training, fewer where it is short."""
    windows = [w for w in trace.windows if math.isfinite(w.mean)]
    size = max(1, math.ceil(len(windows) / n))
    return [_mean(windows[i : i + size]) for i in range(0, len(windows), size)]


def level_at(trace: LoopEvidence, step: int) -> float:
    """Mean batch loss of the window that holds the step; of the first or last one outside."""
    best = math.nan
    for window in trace.windows:
        if math.isfinite(window.mean) and (window.step <= step or math.isnan(best)):
            best = window.mean
    return best


def _mean(windows: list[Window]) -> float:
    total = sum(w.steps for w in windows)
    return math.fsum(w.mean * w.steps for w in windows) / total


def _lowest(trace: LoopEvidence) -> float:
    means = levels(trace)
    return min(means) if means else math.inf


def _noise(values: list[float]) -> float:
    """Spread of one batch about a level that may drift: of differences of neighbours, over sqrt(2)."""
    steps = [b - a for a, b in pairwise(values)]
    if len(steps) < 2:
        return 0.0
    robust = spread(steps) / math.sqrt(2)
    plain = math.sqrt(fmean(s * s for s in steps) / 2)
    return max(robust, min(plain, 2 * median(abs(s) for s in steps)))
