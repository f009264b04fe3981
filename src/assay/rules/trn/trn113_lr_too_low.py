"""TRN113 lr-too-low."""

from __future__ import annotations

import math
from collections.abc import Iterator

from assay.core.finding import Finding, Severity
from assay.core.loop_evidence import LoopEvidence
from assay.core.rule import rule
from assay.rules.course import course
from assay.rules.depth import highest_rate, in_order, largest_ratio, pushes
from assay.rules.example_training import chain, falling, flat, group, steady, training
from assay.rules.series import middle, seen, tail

STEP = 2e-4
HOPELESS = 3e-5
LEARNED = 0.1
FULL_STEP = 1e-3
WORTH = 1e-5
FEWEST_STEPS = 30
FEWEST_LOOKS = 2


@rule("TRN113", "lr-too-low", severity=Severity.WARNING, since="0.2")
def lr_too_low(trace: LoopEvidence) -> Iterator[Finding]:
    """The steps are so small that the loss hardly moves though the gradient says where to go.

    Why it matters: The training ends long before the network does; it looks like a hard problem or a model that is too small.
    How it is detected: After 30 steps all of: less than a tenth of the loss of knowing nothing is gone; all layers but one move by less
        than a five-thousandth of their size a step, reckoned at the present rate; the gradient would pay: a step of a thousandth of the
        weights would take over a hundred-thousandth of the loss; the rate is not on its way up (unless its steps are under a
        hundred-thousandth even now); and the weights were drawn, not loaded.
    Remedy: Multiply the rate by ten until the loss falls faster no more; a one-cycle schedule finds the place by itself.
    Limits: A network that was loaded from elsewhere is fine-tuned at small rates on purpose. Where nothing can be learned the
        gradient is noise but not small; then `plateau-vs-floor` says so.
    References: Smith 2017, Cyclical Learning Rates for Training Neural Networks, section 3.3; LeCun et al. 1998, Efficient BackProp.
    """
    way = course(trace)
    if way is None or trace.steps < FEWEST_STEPS or len(trace.look_step) < FEWEST_LOOKS or way.has_risen:
        return
    step, push = largest_ratio(trace) * _risen(trace), middle(tail(pushes(trace)))
    if not (way.learned_share < LEARNED and 0 < step < STEP and push * FULL_STEP > WORTH):
        return
    if (_risen(trace) > 1.01 and step > HOPELESS) or _was_loaded(trace) or _was_made_small(trace) or _says_nothing(trace):
        return
    rate = highest_rate(trace)
    factor = 10.0 ** min(4, max(1, round(math.log10(FULL_STEP / step))))
    yield Finding(
        {"model": trace.model, "step": 0},
        saw=f"layers move by {step:.1e} of their size a step"
        + (f" at a rate of {rate:.3g}" if rate > 0 else "")
        + f"; {max(0.0, way.learned_share):.1%} of the loss is gone after {way.steps:,} steps ({way.reference:.4g} to {way.now:.4g})",
        expected=f"steps of about {FULL_STEP:g} of a layer's size, or over {LEARNED:.0%} learned",
        remedy=f"lr={rate * factor:.2g}" if rate > 0 else f"a rate {factor:g} times as large",
    )


def _risen(trace: LoopEvidence) -> float:
    """How many times as large as at the looks the rate is now; looks are dense at the start, and a warm-up goes on after them."""
    at = middle(trace.look_step) / max(1, trace.steps)
    rates = max((seen(one.learning_rate) for one in trace.groups), key=len, default=[])
    then = rates[int(at * (len(rates) - 1))] if rates else 0.0
    return max(1.0, rates[-1] / then) if then > 0 else 1.0


def _was_loaded(trace: LoopEvidence) -> bool:
    parts = in_order(trace)
    return bool(parts) and sum(part.birth_drawn or part.birth_twins > 0.5 for part in parts) * 2 <= len(parts)


def _was_made_small(trace: LoopEvidence) -> bool:
    return middle(tail(trace.clip_factor)) < 0.1


def _says_nothing(trace: LoopEvidence) -> bool:
    return trace.floor.rows > 0 and trace.floor.target_p > 0.05 and trace.floor.target_share < 0.05


@lr_too_low.bad
def a_hair_a_step() -> LoopEvidence:
    return training(falling(1.0, 0.92), parts=chain(3, update_ratio=steady(1.9e-4)), groups=group(1e-6, "Adam", second_momentum=0.999))


@lr_too_low.good
def a_warm_up_that_has_just_begun() -> LoopEvidence:
    rising = tuple(1e-6 * (i + 1) for i in range(20))
    return training(flat(0.99), parts=chain(3, update_ratio=steady(1e-4)), groups=group(1e-6, "Adam", learning_rate=rising))


@lr_too_low.good
def fine_tuning() -> LoopEvidence:
    parts = chain(3, lambda i: {"birth_drawn": i == 2}, update_ratio=steady(1e-4))
    return training(falling(1.0, 0.95), parts=parts, groups=group(1e-5, "AdamW"))


@lr_too_low.good
def small_steps_that_do_their_work() -> LoopEvidence:
    return training(falling(1.0, 0.5), parts=chain(3, update_ratio=steady(1e-4)), groups=group(1e-3))
