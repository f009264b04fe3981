"""TRN121 idle-layer."""

from __future__ import annotations

from collections.abc import Iterator

from assay.core.finding import Finding, Severity
from assay.core.loop_evidence import LoopEvidence
from assay.core.rule import rule
from assay.rules.course import course
from assay.rules.depth import in_order, name, size, trained
from assay.rules.example_training import chain, falling, steady, training
from assay.rules.series import seen

SHARE = 1e-4
FEWEST_LOOKS = 15
LEARNED = 0.1
FEWEST_LOOKS_CUT = 3
FEWEST_STEPS_CUT = 20


@rule("TRN121", "idle-layer", severity=Severity.NOTE, since="0.2")
def idle_layer(trace: LoopEvidence) -> Iterator[Finding]:
    """A layer that is trained took no part in what was learned.

    Why it matters: It costs time and memory at every step and could be left out, or something keeps the gradient from it.
    How it is detected: Each look books the first-order change of the loss that a layer's step makes, gradient times step. Named where,
        after 15 looks and once a tenth of the loss was learned, a layer booked under a hundredth of a per cent of what all layers did,
        times its share of the weights where that is small. Or its gradient is exactly 0 in all of at least 3 looks though its units are
        alive and layers before it have a gradient: what it puts out is thrown away.
    Remedy: Take the layer out and compare; else give it a skip connection or a rate of its own.
    Limits: A layer that learned everything before the first look, or that is needed as drawn (random features), books nothing and
        is of use all the same: hence a note. Frozen layers are not counted.
    References: The booking is the definition; Molchanov et al. 2017, Pruning Convolutional Neural Networks, equation 7.
    """
    yield from _cut_off(trace)
    way = course(trace)
    parts = trained(in_order(trace))
    if way is None or len(trace.look_step) < FEWEST_LOOKS or len(parts) < 2 or not way.learned_share > LEARNED:
        return
    booked = {part.name: -sum(seen(part.booked)) for part in parts}
    whole, weights = sum(max(0.0, gain) for gain in booked.values()), sum(size(part) for part in parts)
    for part in parts:
        fair = min(1.0, len(parts) * size(part) / weights)
        if whole > 0 and seen(part.booked) and abs(booked[part.name]) < SHARE * fair * whole:
            yield Finding(
                {"model": trace.model, "layer": name(part), "step": trace.look_step[0]},
                saw=f"{name(part)} made {booked[part.name]:.2e} of the {whole:.3g} {trace.unit} that all made in {len(trace.look_step)} "
                "looks",
                expected=f"at least {SHARE * fair:.1e} of it",
                remedy=f"train without {name(part)} and compare",
            )


def _cut_off(trace: LoopEvidence) -> Iterator[Finding]:
    """Layers whose gradient is exactly 0 at each look though their units are alive and a layer before them has one."""
    layers = in_order(trace)
    if len(trace.look_step) < FEWEST_LOOKS_CUT or trace.steps < FEWEST_STEPS_CUT:
        return
    for place, part in enumerate(layers):
        alive = max(seen(part.dead_share), default=0.0) < 0.5 and part.birth_twins < 0.5
        before = any(max(seen(one.gradient_rms), default=0.0) > 0 for one in layers[:place])
        if alive and before and len(seen(part.gradient_rms)) >= FEWEST_LOOKS_CUT and max(seen(part.gradient_rms)) == 0:
            yield Finding(
                {"model": trace.model, "layer": name(part), "step": trace.look_step[0]},
                saw=f"gradient of {name(part)} exactly 0 in all {len(seen(part.gradient_rms))} looks, though layers before it have one",
                expected="some gradient in at least one look",
                remedy=f"look at what multiplies the outputs of {name(part)} by 0, or leave it out",
            )
            return


def _booked(idle: float) -> LoopEvidence:
    return training(falling(1.0, 0.3), parts=chain(3, lambda i: {"booked": steady(-idle if i == 1 else -0.1)}))


@idle_layer.bad
def a_layer_that_books_next_to_nothing() -> LoopEvidence:
    return _booked(1e-5)


@idle_layer.bad
def a_branch_that_is_multiplied_by_zero() -> LoopEvidence:
    parts = chain(3, lambda i: {"gradient_rms": steady(0.0 if i == 1 else 0.01)})
    return training(falling(1.0, 0.3), parts=parts)


@idle_layer.good
def a_layer_that_does_a_thousandth() -> LoopEvidence:
    return _booked(1e-4)
