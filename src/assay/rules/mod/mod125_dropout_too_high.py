"""MOD125 dropout-too-high."""

from __future__ import annotations

import math
from collections.abc import Iterator

from assay.core.finding import Finding, Severity
from assay.core.loop_evidence import LoopEvidence
from assay.core.loop_parts import FloorFacts, ModeFacts
from assay.core.rule import rule
from assay.rules.floor import shortfall
from assay.rules.wiring import listed

HIGH, VERY_HIGH = 0.6, 0.75
LEFT_SHARE = 0.2
FEWEST_STEPS = 80


@rule("MOD125", "dropout-too-high", severity=Severity.WARNING, since="0.2")
def dropout_too_high(loop: LoopEvidence) -> Iterator[Finding]:
    """Dropout takes away most of what a layer says.

    Why it matters: What is left is multiplied by 1 / (1 - share), so the noise has share / (1 - share) times the signal's variance: 1 at a
        half, 3 at three quarters, 9 at nine tenths. The network learns to say little, and slowly.
    How it is detected: A dropout of three quarters and more, or one of more than six tenths where after 80 steps nearest neighbours in the
        inputs win .2 more of the opening loss than the model. Usual shares end at a half, for recurrent networks at .65.
    Remedy: nn.Dropout(0.2), or .5 in wide layers; against overfitting, weight decay and more rows do the same at less cost.
    Limits: In layers of thousands of units with few rows, three quarters can be right. Several dropouts in a row multiply their noise,
        which is not added up here.
    References: Srivastava et al. 2014, Dropout, figure 9 and appendix A.4; Zaremba et al. 2014 (.65 in recurrent networks).
    """
    share = loop.modes.dropout
    gap = shortfall(loop) if loop.steps >= FEWEST_STEPS else 0.0
    if share < VERY_HIGH and not (share > HIGH and gap >= LEFT_SHARE):
        return
    noise = f"{share / (1 - share):.1f}" if share < 1 else "infinitely many"
    tell = f"; neighbours in the inputs win {gap:.0%} more of the opening loss than the model" if gap >= LEFT_SHARE else ""
    where = listed([one for one in loop.modes.dropout_layers if _share(one) > HIGH]) or f"dropout {share:g}"
    yield Finding(
        {"model": loop.model},
        saw=f"{where}: {share:.0%} of a layer dropped at each step, noise of {noise} times the signal's variance{tell}",
        expected="shares up to 0.5, noise of at most 1 times the signal's variance",
        remedy="nn.Dropout(0.2) in place of " + where,
    )


def _share(said: str) -> float:
    number = said.rpartition("(")[2].rstrip(")")
    try:
        return float(number)
    except ValueError:
        return math.inf


def _loop(share: float, told: float = 0.0) -> LoopEvidence:
    modes = ModeFacts(dropout=share, dropout_layers=(f"drop ({share})",))
    losses, floor = (0.9,) * 80, FloorFacts(rows=500, target_share=told, target_p=0.001)
    return LoopEvidence("net", "bits", 1.0, (), steps=80, modes=modes, early_loss=losses, recent_loss=losses, floor=floor)


@dropout_too_high.bad
def three_quarters() -> LoopEvidence:
    return _loop(0.75)


@dropout_too_high.bad
def seven_tenths_that_leave_something_to_learn() -> LoopEvidence:
    return _loop(0.7, 0.31)


@dropout_too_high.good
def a_half() -> LoopEvidence:
    return _loop(0.5, 0.9)


@dropout_too_high.good
def seven_tenths_that_leave_nothing() -> LoopEvidence:
    return _loop(0.7, 0.1)
