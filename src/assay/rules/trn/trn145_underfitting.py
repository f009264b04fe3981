"""TRN145 underfitting."""

from __future__ import annotations

from collections.abc import Iterator

from assay.core.finding import Finding, Severity
from assay.core.loop_evidence import LoopEvidence, Window
from assay.core.loop_parts import FloorFacts, LayerLooks, ParameterFacts
from assay.core.rule import rule
from assay.rules.curve import fall
from assay.rules.floor import shortfall
from assay.rules.restraint import cause_of, is_settled

LEFT_SHARE = 0.2
FEWEST_STEPS = 80


@rule("TRN145", "underfitting", severity=Severity.WARNING, since="0.2")
def underfitting(loop: LoopEvidence) -> Iterator[Finding]:
    """The loss has settled above what the inputs tell.

    Why it matters: A training loss that is flat is taken for the noise of the data. Here it is not: the mean of the seven most similar
        rows, which learns nothing at all, does better.
    How it is detected: Nearest neighbours, over 100 kept rows and more, each left out in turn, win a share of the targets' variance (p
    under .01 by shuffled targets) that is at least .2 above the share of the opening loss that the model has won at present; and at
        its present pace, two standard errors faster, the loss would not close half of that gap in as many steps again. From 80 steps on.
    Remedy: By what the watcher saw: less dropout or weight decay where they are strong; a rate that is still useful; else more
        units or layers, or more steps where the planned end came while the loss still fell.
    Limits: Neighbours say little in thousands of features or of the order of tokens, so that a poor model of these goes unnamed.
        The loss must be one whose best constant is known.
    References: Cover and Hart 1967; Goodfellow, Bengio and Courville 2016, Deep Learning, section 5.2.
    """
    gap = shortfall(loop)
    if loop.steps < FEWEST_STEPS or not gap >= LEFT_SHARE:
        return
    settled = is_settled(loop, gap * loop.opening)
    if not (settled or 0 < loop.planned_steps <= loop.steps):
        return
    size, _ = fall(loop)
    floor = loop.floor
    seen, remedy = cause_of(loop) if settled else ("it still falls at the planned end", f"train for {3 * loop.steps:,} steps")
    yield Finding(
        {"model": loop.model},
        saw=f"{min(1.0, floor.target_share) - gap:.0%} of the opening loss won in {loop.steps:,} steps, where neighbours in the inputs win "
        f"{floor.target_share:.0%} ({floor.rows:,} rows), and {size:.2g} {loop.unit} in the last quarter of them; {seen}",
        expected=f"a gap under {LEFT_SHARE:.0%}, or a loss that still falls",
        remedy=remedy,
    )


@underfitting.blind
def not_tested(loop: LoopEvidence) -> str:
    if not loop.floor.rows:
        return "inputs, targets and outputs were not seen together"
    return "" if loop.opening > 0 else "the loss of the best constant is not known"


def _loop(now: float, told: float, *, p: float = 0.001, falling: float = 0.0) -> LoopEvidence:
    losses = [now + falling * (1 - s / 80) for s in range(80)]
    windows = tuple(Window(s, 1, loss, 0.01, loss, loss) for s, loss in enumerate(losses))
    return LoopEvidence(
        "net",
        "bits",
        1.0,
        (),
        steps=80,
        windows=windows,
        early_loss=tuple(losses),
        recent_loss=tuple(losses),
        floor=FloorFacts(rows=500, target_share=told, target_p=p),
        parts=(LayerLooks("out", "linear", order=0, units=2, fan_in=2, is_last=True),),
        parameters=(ParameterFacts("out.weight", "out", 4),),
    )


@underfitting.bad
def a_straight_line_through_a_circle() -> LoopEvidence:
    return _loop(0.9, 0.31)


@underfitting.good
def at_the_floor_of_noisy_labels() -> LoopEvidence:
    return _loop(0.9, 0.29)


@underfitting.good
def a_loss_that_still_falls() -> LoopEvidence:
    return _loop(0.6, 0.7, falling=0.3)
