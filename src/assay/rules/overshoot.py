"""Do a watched training's steps jump over the valley?"""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import pairwise

from assay.core.finding import Finding
from assay.core.loop_evidence import LoopEvidence
from assay.rules.course import STANDARD_ERRORS, Course, course, levels
from assay.rules.depth import hidden, highest_rate, in_order, is_adaptive
from assay.rules.series import head, middle, seen, sign_p, tail

FEWEST_STEPS = 12
HUGE_STEP = 0.3
LARGE_STEP = 0.1
UPHILL = 0.3
ROSE = 1.5
SURE = 0.01
KEPT = 0.5
ROUGH = 0.15
AWAY = 2.0
FEWEST_TO_BE_ROUGH = 40


def overshooting(trace: LoopEvidence) -> Iterator[Finding]:
    """The finding "lr-too-high" of a watched training: harm to the loss, and steps that explain it."""
    way = course(trace)
    if trace.nonfinite_step >= 0 and (way is None or _nonfinite_now(trace)):
        yield from _blown(trace, way)
        return
    if way is None or trace.steps < FEWEST_STEPS:
        return
    harm = _harm(trace, way)
    how = _steps(trace, is_rough=not way.is_stuck) or _runs_away(trace, way)
    if harm and how:
        yield _finding(trace, harm, how)


def _nonfinite_now(trace: LoopEvidence) -> bool:
    return bool(trace.recent_loss) and not math.isfinite(trace.recent_loss[-1])


def _finding(trace: LoopEvidence, harm: str, how: str) -> Finding:
    rate = highest_rate(trace)
    return Finding(
        {"model": trace.model, "step": 0},
        saw=f"{harm}; {how}" + (f" at a rate of {rate:.3g}" if rate > 0 else ""),
        expected="a loss that falls under steps that stay on its slope",
        remedy=f"lr={rate / 10:.2g}" if rate > 0 else "a tenth of the rate",
    )


def _blown(trace: LoopEvidence, way: Course | None) -> Iterator[Finding]:
    """Not finite: the rate did it where losses or weights ran away step by step before, from sound inputs and a sound birth."""
    losses = seen(trace.early_loss) or seen(trace.recent_loss)
    if trace.batch.nonfinite_inputs or trace.batch.nonfinite_targets or len(losses) < 2:
        return
    start = max(losses[0], trace.opening if trace.opening > 0 else losses[0])
    top = max(losses[-16:])
    moved = middle(max(seen(part.update_ratio), default=math.nan) for part in hidden(trace) or in_order(trace))
    if top > 3 * start or (moved > 1 and top > start):
        yield _finding(
            trace,
            f"loss {losses[0]:.4g} at first, up to {top:.4g} before it was not finite at step {trace.nonfinite_step:,}",
            f"layers moved by up to {moved:.0%} of their size a step" if math.isfinite(moved) else "the steps grew",
        )


def _harm(trace: LoopEvidence, way: Course) -> str:
    """What became of the loss, in words; "" where it falls as it should."""
    start = max(way.birth, trace.opening) if trace.opening > 0 else way.birth
    if way.has_risen and way.now > start:
        return f"the loss rose from {way.birth:.4g} to {way.now:.4g}"
    if way.peak > ROSE * start > 0 and way.now > 0.9 * start:
        return f"the loss jumped from {way.birth:.4g} to {way.peak:.4g} and is at {way.now:.4g}, {way.reference:.4g} for knowing nothing"
    if way.peak > ROSE * start > 0 and way.steps >= FEWEST_TO_BE_ROUGH and way.learned_share < KEPT:
        return f"the loss jumped from {way.birth:.4g} to {way.peak:.4g} and has come down to {way.now:.4g} only, in {way.steps:,} steps"
    if way.is_stuck:
        return f"the loss is {way.now:.4g} after {way.steps:,} steps, {way.reference:.4g} for knowing nothing"
    if way.steps >= FEWEST_TO_BE_ROUGH and not way.is_falling and way.noise > ROUGH * way.reference > 0:
        return f"batch losses scatter by {way.noise:.3g} about {way.now:.4g}, {way.reference:.4g} for knowing nothing"
    parts = levels(trace, 8)
    rises = sum(max(0.0, b - a) for a, b in pairwise(parts))
    fall = max(way.birth, parts[0]) - min(parts)
    lost = way.now - way.lowest
    if lost > STANDARD_ERRORS * way.error and (lost > KEPT * fall or rises > fall) and way.learned_share < 0.9:
        return f"of a fall of {fall:.4g} the loss has given back {lost:.4g} ({way.lowest:.4g} at best, {way.now:.4g} now)"
    return ""


def _runs_away(trace: LoopEvidence, way: Course) -> str:
    """Where no look tells of the steps: a loss that left its start far behind, or a rate that rose while it did."""
    rates = [seen(group.learning_rate) for group in trace.groups if len(seen(group.learning_rate)) > 1]
    grown = max((max(one) / one[0] for one in rates if one[0] > 0), default=1.0)
    if way.has_risen and grown > 10:
        return f"the rate grew {grown:,.0f}fold"
    start = max(way.birth, way.opening) if way.opening > 0 else way.birth
    return f"nothing else drives a loss to {way.now / start:.3g} times its start" if way.has_risen and way.now > AWAY * start > 0 else ""


def _steps(trace: LoopEvidence, *, is_rough: bool) -> str:
    """What is wrong with the steps, in words; "" where they are sound. A rough loss points at them by itself."""
    ratios = [middle(head(part.update_ratio, 3)) for part in hidden(trace) or in_order(trace)]
    early, late = middle(ratios), middle(middle(tail(part.update_ratio, 4)) for part in hidden(trace) or in_order(trace))
    worst = max(early if math.isfinite(early) else 0.0, late if math.isfinite(late) else 0.0)
    if worst > HUGE_STEP:
        return f"layers move by {worst:.0%} of their size a step"
    uphill = seen(trace.overshoot)
    if len(uphill) >= 5 and middle(uphill) > UPHILL and sign_p(uphill) < SURE:
        return f"after {sum(one > 0 for one in uphill)} of {len(uphill)} steps the next slope points back (median {middle(uphill):.2f})"
    if worst > LARGE_STEP and (is_rough or is_adaptive(trace)):
        return f"layers move by {worst:.0%} of their size a step"
    return ""
