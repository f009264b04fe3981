"""Has a watched training learned anything beyond the best constant?"""

from __future__ import annotations

import math
from collections.abc import Iterator

from assay.core.finding import Finding
from assay.core.loop_evidence import LoopEvidence
from assay.rules.course import course
from assay.rules.curve import fall
from assay.rules.floor import inputs_tell
from assay.rules.series import tail

STUCK_SHARE = 0.02
MOST_ABOVE_SHARE = 0.1
FALLING_Z = 4.0
FEWEST_STEPS = 50
FEWEST_STEPS_UNTESTED = 120


def stuck_at_prior(loop: LoopEvidence) -> Iterator[Finding]:
    """The finding "loss-stuck-at-prior" of a watched training.

    Named where after 50 steps the loss is still within 2 % of that of the best constant, known to 1 %, without a fall over the last four
    fifths, though nearest neighbours in the inputs tell something of the targets; where that was not tested, after 120 steps.
    """
    seen = course(loop)
    told = inputs_tell(loop)
    fewest = FEWEST_STEPS if told else FEWEST_STEPS_UNTESTED
    if seen is None or loop.steps < fewest or told is False or not loop.opening > 0 or not math.isfinite(seen.now):
        return
    share = seen.learned_share
    if not -MOST_ABOVE_SHARE < share < STUCK_SHARE or seen.error > STUCK_SHARE / 2 * seen.reference:
        return
    size, error = fall(loop, 0.2)
    if size > FALLING_Z * error and size > STUCK_SHARE / 2 * seen.reference:
        return
    spreads = tail(loop.output.spread_share, 1)
    alike = f"; outputs differ between rows by {spreads[0]:.2g}" if spreads else ""
    known = f", though neighbours in the inputs tell {loop.floor.target_share:.0%} of the targets" if told else ""
    yield Finding(
        {"model": loop.model},
        saw=f"loss {seen.now:.4g} {loop.unit} after {loop.steps:,} steps where the best constant has {loop.opening:.4g}{known}{alike}",
        expected=f"a fall of at least {STUCK_SHARE:.0%} of the best constant's loss",
        remedy=_remedy(loop),
    )


def _remedy(loop: LoopEvidence) -> str:
    for part in loop.parts:
        if tail(part.dead_share, 1) and tail(part.dead_share, 1)[0] > 0.95:
            return f"draw {part.name} anew: nn.init.kaiming_normal_({part.name}.weight); nn.init.zeros_({part.name}.bias)"
        if tail(part.quiet_units, 1) and tail(part.quiet_units, 1)[0] == 1.0 and part.kind != "embedding":
            return f"no gradient reaches {part.name}: look between it and the loss for .detach(), no_grad or units that are all dead"
    return "train on 32 rows alone until they are known by heart; if that fails, print the gradient's norm of each layer"
