"""TRN117 weight-decay-too-strong."""

from __future__ import annotations

from collections.abc import Iterator

from assay.core.finding import Finding, Severity
from assay.core.loop_evidence import LoopEvidence
from assay.core.rule import rule
from assay.rules.course import course
from assay.rules.depth import in_order
from assay.rules.example_training import chain, falling, flat, group, steady, training
from assay.rules.series import head, middle, seen, tail

PULL = 0.5
SHRUNK = 0.7
LEARNED = 0.5
FEWEST_STEPS = 40


@rule("TRN117", "weight-decay-too-strong", severity=Severity.WARNING, since="0.2")
def weight_decay_too_strong(trace: LoopEvidence) -> Iterator[Finding]:
    """Weight decay pulls harder than the loss: weights shrink faster than they can learn.

    Why it matters: The network is drawn towards the constant zero; the loss stays high however long it is trained.
    How it is detected: All of: over the last looks the pull of the decay is over half as strong as the loss's gradient (coupled), or
        over half of the whole step (decoupled), median; it was so from the first looks on, or the layers' weights shrank
        below 70 % of their size at birth, median layer, while the loss does not fall; less than half of the loss of knowing nothing
        is gone.
    Remedy: Divide the decay by a hundred; 1e-4 for SGD, 1e-2 for AdamW are usual. Leave biases and norms without.
    Limits: At rest under a sound decay the two pulls are equal too, so a training that learned is never named. Layers before a norm
        shrink without harm.
    References: Krogh and Hertz 1992, A Simple Weight Decay Can Improve Generalization; Loshchilov and Hutter 2019, AdamW.
    """
    way = course(trace)
    if way is None or trace.steps < FEWEST_STEPS or way.learned_share > LEARNED:
        return
    for one in trace.groups:
        first, pull = middle(head(one.decay_share, 4)), middle(tail(one.decay_share))
        if not (one.weight_decay > 0 and pull > PULL):
            continue
        kept = middle(middle(tail(part.weight_rms, 3)) / part.birth_weight_rms for part in in_order(trace) if part.birth_weight_rms > 0)
        if not (first > PULL or (kept < SHRUNK and not way.is_falling)):
            continue
        yield Finding(
            {"model": trace.model, "step": trace.look_step[0] if trace.look_step else 0},
            saw=f"a weight decay of {one.weight_decay:g} pulls with {pull:.2g} times the "
            + ("whole step" if one.decoupled else "loss's gradient")
            + f"; weights are at {kept:.0%} of their size at birth; loss {way.now:.4g} after {way.steps:,} steps, "
            f"{way.reference:.4g} for knowing nothing",
            expected=f"a pull under {PULL:g}, or weights that keep over {SHRUNK:.0%}",
            remedy=f"weight_decay={one.weight_decay / 100:.1g}",
        )
        return


@weight_decay_too_strong.blind
def no_decay_seen(trace: LoopEvidence) -> str:
    seen_any = any(seen(one.decay_share) for one in trace.groups) or not any(one.weight_decay > 0 for one in trace.groups)
    return "" if seen_any else "the optimiser's weight decay was not seen"


@weight_decay_too_strong.bad
def a_third_of_the_weights_gone_and_nothing_learned() -> LoopEvidence:
    parts = chain(3, weight_rms=(0.18,) * 5 + (0.12,) * 15)
    return training(flat(0.97), parts=parts, groups=group(0.1, weight_decay=0.1, decay_share=steady(0.6)))


@weight_decay_too_strong.good
def at_rest_between_loss_and_decay() -> LoopEvidence:
    parts = chain(3, weight_rms=(0.18,) * 5 + (0.12,) * 15)
    return training(falling(1.0, 0.2), parts=parts, groups=group(0.1, weight_decay=5e-4, decay_share=steady(0.9)))


@weight_decay_too_strong.good
def a_decay_that_hardly_pulls() -> LoopEvidence:
    return training(flat(0.97), parts=chain(3), groups=group(0.1, weight_decay=1e-4, decay_share=steady(0.01)))
