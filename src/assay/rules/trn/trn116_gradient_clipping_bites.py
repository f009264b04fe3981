"""TRN116 gradient-clipping-bites."""

from __future__ import annotations

from collections.abc import Iterator

from assay.core.finding import Finding, Severity
from assay.core.loop_evidence import LoopEvidence
from assay.core.rule import rule
from assay.core.statistics import binomial_sf
from assay.rules.course import course
from assay.rules.depth import highest_rate, is_adaptive, late_ratio
from assay.rules.example_training import chain, falling, group, steady, training
from assay.rules.series import middle, seen

OFTEN = 0.75
STRONG = 0.2
STRONG_ADAPTIVE = 0.02
SMALL_STEP = 1e-3
LEARNED = 0.5
CHANCE = 1e-3
FEWEST_LOOKS = 3


@rule("TRN116", "gradient-clipping-bites", severity=Severity.WARNING, since="0.2")
def gradient_clipping_bites(trace: LoopEvidence) -> Iterator[Finding]:
    """Clipping shortens nearly every gradient, by much, so that it sets the step and not the gradient.

    Why it matters: Clipping is meant for the rare gradient that is far too long. Where it always bites, descent goes at a constant
        small speed, the rate is not what it says, and nothing comes to rest at the minimum.
    How it is detected: Over all looks but the first tenth. Gradients are shortened in every one of them, or in so many that "three of
        four" is refused (binomial test, .001); the median factor is under 1/5 (under 1/50 for an optimiser that divides by the
        gradient's size, for which only its epsilon is lost); and it harms: layers move by less than a thousandth of their size a
        step while less than half of the loss is gone.
    Remedy: Print the norms for a hundred steps without clipping and set the bound at two or three times their median.
    Limits: Clipping by value is seen as the same factor. A bound chosen together with a large rate, as in normalised descent, trains
        well and is not named.
    References: Pascanu, Mikolov and Bengio 2013, On the difficulty of training recurrent neural networks, section 3.2.
    """
    factors = seen(trace.clip_factor)
    factors = factors[len(factors) // 10 :]
    way = course(trace)
    if way is None or len(factors) < FEWEST_LOOKS:
        return
    bitten, usual = sum(factor < 0.99 for factor in factors), middle(factors)
    bound = STRONG_ADAPTIVE if is_adaptive(trace) else STRONG
    if usual > bound or (binomial_sf(bitten, len(factors), OFTEN) > CHANCE and bitten < len(factors)):
        return
    step = late_ratio(trace)
    if not (step < SMALL_STEP and not way.learned_share > LEARNED):
        return
    raw = middle(trace.raw_gradient_norm)
    rate = highest_rate(trace)
    yield Finding(
        {"model": trace.model, "step": trace.look_step[0]},
        saw=f"gradients shortened in {bitten} of {len(factors)} looks, to {usual:.2g} of their length (median norm {raw:.3g} before); "
        f"layers move by {step:.1e} of their size a step"
        + (f" at a rate of {rate:.3g}" if rate > 0 else "")
        + f"; loss {way.now:.4g}, {way.reference:.4g} for knowing nothing",
        expected=f"in at most {OFTEN:.0%} of the looks, or to over {bound:g}",
        remedy=f"torch.nn.utils.clip_grad_norm_(model.parameters(), {2.5 * raw:.2g})"
        if raw > 0
        else "raise the bound of the clipping tenfold",
    )


@gradient_clipping_bites.blind
def no_gradients(trace: LoopEvidence) -> str:
    return "" if seen(trace.clip_factor) else "gradients before clipping were not seen"


@gradient_clipping_bites.bad
def every_gradient_to_a_fifth() -> LoopEvidence:
    parts = chain(3, update_ratio=steady(5e-4))
    return training(falling(1.0, 0.7), clip_factor=steady(0.19), raw_gradient_norm=steady(5.0), parts=parts, groups=group(0.01))


@gradient_clipping_bites.good
def now_and_then() -> LoopEvidence:
    parts = chain(3, update_ratio=steady(5e-4))
    return training(falling(1.0, 0.7), clip_factor=(1.0, 0.1) * 10, raw_gradient_norm=steady(1.0), parts=parts, groups=group(0.01))


@gradient_clipping_bites.good
def always_at_a_rate_chosen_for_it() -> LoopEvidence:
    parts = chain(3, update_ratio=steady(5e-3))
    return training(falling(1.0, 0.3), clip_factor=steady(0.1), raw_gradient_norm=steady(10.0), parts=parts, groups=group(0.5))
