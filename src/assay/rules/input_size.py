"""Are the inputs of a watched network of the size that its weights were drawn for?"""

from __future__ import annotations

import math
from collections.abc import Iterator

from assay.core.finding import Finding
from assay.core.loop_evidence import LoopEvidence
from assay.rules.course import course

LARGE = 20.0
UNEQUAL = 1000.0
TINY = 0.01


def outsized(trace: LoopEvidence) -> Iterator[Finding]:
    """The finding "unnormalised-inputs" of a watched training.

    Named where a feature's root mean square is over 20 as the first layer with weights is fed it; or the largest feature is 1000 times the
    smallest, or all are under a hundredth, and nothing was learned. A network whose first layer is a norm is left alone.
    """
    batch = trace.batch
    if batch.input_kind != "numbers" or batch.first_is_norm or not batch.input_rms > 0:
        return
    shrink = batch.fed_rms / batch.input_rms if math.isfinite(batch.fed_rms) else 1.0
    widest, narrowest = max(batch.widest_feature_rms, batch.input_rms) * shrink, batch.narrowest_feature_rms * shrink
    way = course(trace)
    stuck = way is not None and way.is_stuck
    ratio = widest / narrowest if narrowest > 0 else 1.0
    if widest > LARGE:
        said = f"a feature of root mean square {widest:.4g}"
    elif stuck and ratio > UNEQUAL and widest > 5:
        said = f"a feature {ratio:,.0f} times as large as another, root mean squares {widest:.3g} and {narrowest:.2g}, and nothing learned"
    elif stuck and widest < TINY:
        said = f"no feature over a root mean square of {widest:.2g}, and nothing learned"
    else:
        return
    yield Finding(
        {"model": trace.model, "layer": _first(trace), "step": 0},
        saw=f"{said}; inputs from {batch.input_min:.4g} to {batch.input_max:.4g} with a mean of {batch.input_mean:.4g}",
        expected=f"mean near 0 and standard deviation near 1; at most {LARGE:g}",
        remedy="x = (x - mean) / std, with mean = x_train.mean(0) and std = x_train.std(0)",
    )


def _first(trace: LoopEvidence) -> str:
    ordered = sorted((part for part in trace.parts if part.order >= 0), key=lambda part: part.order)
    return ordered[0].name if ordered else "the first"
