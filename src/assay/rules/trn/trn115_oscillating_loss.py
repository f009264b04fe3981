"""TRN115 oscillating-loss."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import pairwise

from assay.core.finding import Finding, Severity
from assay.core.loop_evidence import LoopEvidence
from assay.core.rule import rule
from assay.rules.course import Course, course
from assay.rules.depth import highest_rate
from assay.rules.example_training import chain, falling, flat, group, steady, training
from assay.rules.series import lag_correlation, middle, seen, tail

TURN = -0.5
ALTERNATING = -0.4
PERIODIC = 0.4
FEWEST_STEPS = 30
FEWEST_LOOKS = 6
LONGEST_PERIOD = 24


@rule("TRN115", "oscillating-loss", severity=Severity.WARNING, since="0.2")
def oscillating_loss(trace: LoopEvidence) -> Iterator[Finding]:
    """The steps go back and forth across the valley, and the loss with them, in place of down along it.

    Why it matters: Each step undoes the one before; the training ends as high as it swings.
    How it is detected: While the loss is not falling (no trend over the last 128 batches beyond 3 standard errors), any of: the median
        cosine between successive steps of the optimiser is under -1/2; losses of successive batches are correlated by under -.4
        (of independent batches: 0 with a standard error of .09); or they are correlated by over .4 at a lag of 4 to 24
        after being anticorrelated at half of it, other than the length of an epoch. The swing must be at least 5 % of the loss.
    Remedy: Half the rate until the swing is gone; momentum of .9 in place of .99.
    Limits: A loader that repeats an order of batches makes the loss periodic as well; the epoch's length, where it is known, is left out.
    References: Goh 2017, Why Momentum Really Works; LeCun et al. 1998, Efficient BackProp, 4.6.
    """
    way = course(trace)
    if way is None or trace.steps < FEWEST_STEPS or way.is_falling or not math.isfinite(way.now):
        return
    recent = seen(trace.recent_loss)[-64:]
    swing = middle(abs(b - a) for a, b in pairwise(recent)) / abs(way.now) if way.now else 0.0
    said = _back_and_forth(trace, way) or _alternating(recent) or _periodic(trace, recent)
    if not said or swing < 0.05:
        return
    rate = highest_rate(trace)
    heavy = max((g.momentum for g in trace.groups if not g.second_momentum), default=0.0)
    slower = f"momentum=0.9 in place of {heavy:g}" if heavy > 0.95 else f"lr={rate / 4:.2g}" if rate > 0 else "a quarter of the rate"
    yield Finding(
        {"model": trace.model, "step": max(0, trace.steps - len(seen(trace.recent_loss)))},
        saw=f"{said}; the loss swings by {swing:.0%} of itself from batch to batch and does not fall ({way.lowest:.4g} at best, "
        f"{way.now:.4g} now)",
        expected="steps that agree or are independent, and a loss that falls",
        remedy=slower,
    )


def _back_and_forth(trace: LoopEvidence, way: Course) -> str:
    turns = tail(trace.turn, 12)
    if len(turns) < FEWEST_LOOKS or middle(turns) > TURN:
        return ""
    return f"successive steps point against each other, median cosine {middle(turns):.2f} in {len(turns)} looks"


def _alternating(recent: list[float]) -> str:
    r = lag_correlation(recent)
    return f"losses of successive batches are correlated by {r:.2f}" if len(recent) >= FEWEST_STEPS and r < ALTERNATING else ""


def _periodic(trace: LoopEvidence, recent: list[float]) -> str:
    ends = [b - a for a, b in pairwise(trace.epoch_step)]
    epoch = ends[-1] if ends else trace.steps_per_epoch
    for lag in range(4, min(LONGEST_PERIOD, len(recent) // 3) + 1):
        if epoch and (lag % epoch == 0 or epoch % lag == 0):
            continue
        if lag_correlation(recent, lag) > PERIODIC and lag_correlation(recent, lag // 2) < -PERIODIC / 2:
            return f"the loss repeats itself every {lag} steps (correlation {lag_correlation(recent, lag):.2f})"
    return ""


def _swinging(period: float) -> list[float]:
    return [0.6 + 0.1 * math.cos(2 * math.pi * i / period) + 0.01 * (i % 3) for i in range(120)]


@oscillating_loss.bad
def across_the_valley_and_back() -> LoopEvidence:
    return training(_swinging(2), parts=chain(3), groups=group(2.0))


@oscillating_loss.bad
def with_too_much_momentum() -> LoopEvidence:
    return training(_swinging(11), parts=chain(3), groups=group(0.2, momentum=0.99))


@oscillating_loss.bad
def steps_that_undo_each_other() -> LoopEvidence:
    return training(flat(0.7, noise=0.1), parts=chain(3), turn=steady(-0.6))


@oscillating_loss.good
def small_batches_are_rough() -> LoopEvidence:
    return training(flat(0.6, noise=0.3), parts=chain(3), turn=steady(0.0))


@oscillating_loss.good
def down_the_valley_from_side_to_side() -> LoopEvidence:
    return training(falling(1.0, 0.2, noise=0.0), parts=chain(3), turn=steady(-0.6))
