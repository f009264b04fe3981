"""MOD101 symmetric-init."""

from __future__ import annotations

from collections.abc import Iterator

from assay.core.finding import Finding, Severity
from assay.core.loop_evidence import LoopEvidence
from assay.core.loop_parts import LayerLooks
from assay.core.rule import rule
from assay.rules.depth import hidden, name
from assay.rules.example_training import chain, flat, steady, training
from assay.rules.series import seen, tail

TWINS = 0.5
FEWEST_LOOKS = 3
FEWEST_STEPS = 5


@rule("MOD101", "symmetric-init", severity=Severity.ERROR, since="0.2")
def symmetric_init(trace: LoopEvidence) -> Iterator[Finding]:
    """A hidden layer's units were born alike, get the same gradient, and so stay alike.

    Why it matters: A layer of a thousand equal units is a layer of one; with zeros on both sides of a ReLU not even that one learns.
    How it is detected: At least half of a hidden layer's units equal another one in their weights before the first step, and after
        steps were taken they still do, in weights and in gradient. Exact comparisons.
    Remedy: nn.init.kaiming_normal_ for ReLU, nn.init.xavier_normal_ for tanh; only biases start at 0.
    Limits: Zeros in a last layer, in the last layer of a residual branch or of a low-rank adapter are sound: their units get unlike
        gradients and part at the first step. Dropout parts equal units too, slowly, and hides the fault.
    References: Rumelhart, Hinton and Williams 1986, Learning Internal Representations by Error Propagation, "breaking symmetry".
    """
    if len(trace.look_step) < FEWEST_LOOKS or trace.steps < FEWEST_STEPS:
        return
    alike = [part for part in hidden(trace) if part.units > 1 and part.birth_twins >= TWINS and _still_alike(part)]
    if not alike:
        return
    first = alike[0]
    zeros = first.birth_weight_rms == 0
    push = max((max(seen(part.gradient_rms), default=0.0) for part in alike), default=0.0)
    yield Finding(
        {"model": trace.model, "layer": name(first), "step": 0},
        saw=f"{first.birth_twins:.0%} of the {first.units} units of {name(first)} born equal to another"
        + (" (all weights 0)" if zeros else "")
        + f", {tail(first.twin_units, 1)[0]:.0%} still equal after {trace.steps:,} steps"
        + (f"; so in {len(alike)} layers" if len(alike) > 1 else "")
        + ("; no gradient reaches their weights" if push == 0 else ""),
        expected="0% after the first step",
        remedy=f"nn.init.kaiming_normal_({name(first)}.weight), and so for every layer; only biases start at 0",
    )


def _still_alike(part: LayerLooks) -> bool:
    now = tail(part.twin_units, 2)
    return bool(now) and min(now) >= TWINS


@symmetric_init.bad
def half_of_the_units_in_pairs() -> LoopEvidence:
    return training(flat(0.6), parts=chain(3, birth_twins=0.5, twin_units=steady(0.5)))


@symmetric_init.bad
def zeros_everywhere() -> LoopEvidence:
    return training(flat(0.99), parts=chain(3, birth_twins=1.0, twin_units=steady(1.0), birth_weight_rms=0.0, gradient_rms=steady(0.0)))


@symmetric_init.good
def zeros_that_part_at_the_first_step() -> LoopEvidence:
    return training(flat(0.99), parts=chain(3, birth_twins=1.0, twin_units=steady(0.0)))


@symmetric_init.good
def a_last_layer_of_zeros() -> LoopEvidence:
    parts = chain(3, lambda i: {"birth_twins": float(i == 2), "twin_units": steady(float(i == 2))})
    return training(flat(0.99), parts=parts)
