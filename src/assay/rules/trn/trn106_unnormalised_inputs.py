"""TRN106 unnormalised-inputs."""

from __future__ import annotations

import math
from collections.abc import Iterator

from assay.core.finding import Finding, Severity
from assay.core.loop_evidence import LoopEvidence
from assay.core.loop_parts import BatchFacts
from assay.core.rule import rule
from assay.core.trace_evidence import TraceEvidence
from assay.rules.example_training import falling, training
from assay.rules.input_size import outsized

LARGE = 20.0


@rule("TRN106", "unnormalised-inputs", severity=Severity.WARNING, since="0.1")
def unnormalised_inputs(trace: TraceEvidence) -> Iterator[Finding]:
    """The first layer is fed numbers far larger than the size its weights were drawn for.

    Why it matters: Weights are drawn for inputs of size 1. An input of size 1000 makes the first outputs a thousand times too
        large and the curvature a million times: the rate that suits it starves all other columns.
    How it is detected: The root mean square of a number column as the first layer is fed it, sqrt(mean^2 + spread^2), is over 20.
        Measured on breast cancer, German credit and diabetes, all columns scaled alike, as share of the opening balance won on
        test rows: size 1: .91, .26, .46; size 10: .94, .20, .46; size 30: .90, .11, .43; size 100: .70, .03, .39; 1000: none.
        In a watched loop as the first layer with weights is fed it; also features 1000 times as large as others, or all under a
        hundredth, where nothing was learned.
    Remedy: Subtract the training mean and divide by the training standard deviation; take logarithms of heavy tails first.
    Limits: Inputs that are far too small starve as well, but rare indicators are small and sound, so they are not named while the
        network learns. A first layer that normalises by itself is left alone in a watched loop, and named in Assay's own.
    References: LeCun et al. 1998, Efficient BackProp, section 4.3.
    """
    if isinstance(trace, LoopEvidence):
        yield from outsized(trace)
        return
    sized = sorted(((math.hypot(one.mean, one.std), one) for one in trace.inputs), key=lambda pair: -pair[0])
    large = [(size, one) for size, one in sized if size > LARGE]
    if not large:
        return
    size, worst = large[0]
    yield Finding(
        {"model": trace.model, "layer": trace.layers[0].name if trace.layers else "first", "columns": [one.name for _, one in large[:20]]},
        saw=f"{len(large)} of {len(sized)} number columns with a root mean square over {LARGE:g}; {worst.name!r} has {size:.4g} "
        f"(mean {worst.mean:.4g}, standard deviation {worst.std:.4g})",
        expected=f"mean near 0 and standard deviation near 1; at most {LARGE:g}",
        remedy="standardise numbers with the mean and standard deviation of the training rows",
    )


def _trace(mean: float, std: float) -> TraceEvidence:
    from assay.core.trace_evidence import InputTrace

    return TraceEvidence("mlp", "bits/row", 1.0, (0.8,), inputs=(InputTrace("pixel", mean, std, mean - std, mean + std),))


@unnormalised_inputs.bad
def an_age_in_years() -> TraceEvidence:
    return _trace(39.0, 13.0)


@unnormalised_inputs.bad
def a_spread_just_over_twenty() -> TraceEvidence:
    return _trace(0.0, 20.1)


@unnormalised_inputs.good
def a_size_of_just_under_twenty() -> TraceEvidence:
    return _trace(12.0, 15.9)


@unnormalised_inputs.good
def a_rare_indicator() -> TraceEvidence:
    return _trace(0.001, 0.03)


def _fed(size: float, **facts: float | bool) -> LoopEvidence:
    batch = BatchFacts(32, "numbers", 8, 0.0, size, -size, size, size, size, size, **facts)  # type: ignore[arg-type]
    return training(falling(1.0, 0.5), batch=batch)


@unnormalised_inputs.bad
def pixels_of_a_watched_loop() -> TraceEvidence:
    return _fed(21.0)


@unnormalised_inputs.good
def pixels_before_a_norm() -> TraceEvidence:
    return _fed(100.0, first_is_norm=True)
