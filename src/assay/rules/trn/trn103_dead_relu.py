"""TRN103 dead-relu."""

from __future__ import annotations

from collections.abc import Iterator

from assay.core.finding import Finding, Severity
from assay.core.loop_evidence import LoopEvidence
from assay.core.rule import rule
from assay.core.trace_evidence import TraceEvidence
from assay.rules.dead_units import died
from assay.rules.example_training import chain, flat, steady, training

DEAD_SHARE = 0.4


@rule("TRN103", "dead-relu", severity=Severity.WARNING, since="0.1")
def dead_relu(trace: TraceEvidence) -> Iterator[Finding]:
    """A large share of a layer's ReLU units is never active on the probe rows.

    Why it matters: A unit that is negative on every row passes no gradient, so it can never come back: the layer is smaller
        than it was built, and with all units dead nothing behind it learns.
    How it is detected: At the end of the last epoch, the share of units of a layer that are 0 on all of up to 512 fixed training
        rows; named from 40 % up. Measured: at most 6 % in 24 healthy trainings on 12 tables, with other settings up to 24 %; 59 %
        and more where 60 % of a layer or all of it was planted dead; at 30 to 1000 times the rate 48 % and more in 18 of 20. In a watched
        loop: half of a layer's units, 0 on all rows of three looks and without any gradient; the cause is a bias or a mean born below 0,
        raw inputs, or a first step of over a tenth of the layer's size.
    Remedy: Lower the learning rate; draw the weights with He's variance and biases near 0; else use LeakyReLU or GELU.
    Limits: A unit that is active on fewer than one row in 200 looks dead on 512 rows. In wide layers a dead share may be idle
        capacity that costs nothing: there is no price.
    References: He et al. 2015, Delving Deep into Rectifiers; Lu et al. 2020, Dying ReLU and Initialization, theorem 1.
    """
    if isinstance(trace, LoopEvidence):
        yield from died(trace)
        return
    for layer in trace.layers:
        if not layer.dead_share or layer.dead_share[-1] < DEAD_SHARE:
            continue
        share = layer.dead_share[-1]
        since = next(i for i, seen in enumerate(layer.dead_share) if min(layer.dead_share[i:]) >= DEAD_SHARE)
        at_birth = "draw its weights with He's variance and biases near 0"
        yield Finding(
            {"model": trace.model, "layer": layer.name, "epoch": len(layer.dead_share)},
            saw=f"{share:.0%} of {layer.units} units never active on the probe rows, since epoch {since + 1}",
            expected=f"under {DEAD_SHARE:.0%}",
            remedy=at_birth if since == 0 else "lower the learning rate",
        )


def _trace(*shares: float, units: int = 64) -> TraceEvidence:
    from assay.core.trace_evidence import LayerTrace

    layer = LayerTrace("hidden 1", "linear", units, "relu", dead_share=shares)
    return TraceEvidence("mlp", "bits/row", 1.0, (0.8,) * len(shares), layers=(layer,))


@dead_relu.bad
def two_units_of_five() -> TraceEvidence:
    return _trace(0.0, 0.4, units=5)


@dead_relu.bad
def dead_from_birth() -> TraceEvidence:
    return _trace(1.0, 1.0)


@dead_relu.good
def a_quarter_at_the_end_of_a_long_training() -> TraceEvidence:
    return _trace(0.0, 0.1, 0.25)


@dead_relu.good
def dead_at_first_and_back_to_life() -> TraceEvidence:
    return _trace(0.7, 0.5, 0.39)


@dead_relu.bad
def half_of_a_watched_layer() -> TraceEvidence:
    return training(flat(0.8), parts=chain(3, dead_share=(0.0,) * 5 + (0.5,) * 15, quiet_units=steady(0.5)))


@dead_relu.good
def units_that_a_look_missed_but_the_gradient_reached() -> TraceEvidence:
    return training(flat(0.8), parts=chain(3, dead_share=steady(0.5), quiet_units=steady(0.1)))
