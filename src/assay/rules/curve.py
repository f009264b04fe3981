"""What a loss curve says: its level over spans of steps, whether it still falls, and how far a held-out one has risen."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from assay.core.loop_evidence import LoopEvidence, Window
from assay.rules.series import MAD_TO_STD


@dataclass(frozen=True, slots=True)
class Level:
    """Mean loss of a span of steps.

    Attributes:
        step: First step.
        steps: How many.
        mean: Of the batch losses.
        error: Standard error of that mean, by the scatter of single batches.
    """

    step: int
    steps: int
    mean: float
    error: float


def level(windows: Sequence[Window]) -> Level:
    """Mean and standard error over windows, each as heavy as it has steps; nan for none.

    Example:
        >>> round(level((Window(0, 4, 1.0, 0.1, 0.9, 1.1), Window(4, 4, 0.8, 0.1, 0.7, 0.9))).mean, 3)
        0.9
    """
    seen = [w for w in windows if math.isfinite(w.mean)]
    steps = sum(w.steps for w in seen)
    if not steps:
        return Level(0, 0, math.nan, math.nan)
    mean = math.fsum(w.mean * w.steps for w in seen) / steps
    within = math.fsum(w.std**2 * w.steps for w in seen) / steps
    return Level(seen[0].step, steps, mean, math.sqrt(within / steps))


def span(loop: LoopEvidence, start: float, end: float = 1.0) -> tuple[Window, ...]:
    """The windows whose middle lies between two shares of the steps seen."""
    return tuple(w for w in loop.windows if start * loop.steps <= w.step + w.steps / 2 <= end * loop.steps)


def fall(loop: LoopEvidence, start: float = 0.5) -> tuple[float, float]:
    """How far the loss fell from the first to the second half of the steps after `start`, and the standard error of that.

    Example:
        >>> steady = tuple(Window(s, 1, 1.0 - s / 100, 0.05, 0.0, 1.0) for s in range(40))
        >>> size, error = fall(LoopEvidence("m", "bits", 1.0, (), steps=40, windows=steady))
        >>> round(size, 3), size > 2 * error
        (0.1, True)
    """
    middle = (1 + start) / 2
    before, after = level(span(loop, start, middle)), level(span(loop, middle))
    return before.mean - after.mean, math.hypot(before.error, after.error)


@dataclass(frozen=True, slots=True)
class Rise:
    """How far a held-out loss has come up from its best epoch.

    Attributes:
        best: Epoch (0-based) of the lowest loss.
        epochs: Epochs since then.
        size: Median of the last three losses after it, less the lowest.
        noise: Standard deviation of one loss about a smooth curve.
        trend_z: How sure it rises after the best epoch, by the order of its losses.
    """

    best: int
    epochs: int
    size: float
    noise: float
    trend_z: float


def rise(losses: Sequence[float]) -> Rise:
    """How far `losses`, one an epoch, rose after their lowest.

    The noise of one number is estimated from second differences (a - 2b + c has variance 6 sigma^2 on any straight stretch), by
    their median absolute value, so that a bend does not count as noise.

    Source: Gasser, Sroka and Jennen-Steinmetz 1986, Residual variance and residual pattern in nonlinear regression; Mann 1945 (trend).

    Example:
        >>> rise((1.0, 0.8, 0.7, 0.8, 0.9, 1.0)).best
        2
    """
    best = min(range(len(losses)), key=lambda i: losses[i])
    bends = [abs(a - 2 * b + c) for a, b, c in zip(losses, losses[1:], losses[2:], strict=False)]
    noise = MAD_TO_STD * median(bends) / math.sqrt(6) if bends else math.inf
    tail = losses[best + 1 :][-3:]
    return Rise(best, len(losses) - 1 - best, (median(tail) if tail else losses[best]) - losses[best], noise, _trend_z(losses[best + 1 :]))


def _trend_z(values: Sequence[float]) -> float:
    """Mann's test of a trend: pairs in rising less pairs in falling order, over the standard deviation under none."""
    n = len(values)
    if n < 4:
        return 0.0
    pairs = sum((b > a) - (b < a) for i, a in enumerate(values) for b in values[i + 1 :])
    return pairs / math.sqrt(n * (n - 1) * (2 * n + 5) / 18)
