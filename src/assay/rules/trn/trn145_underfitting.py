"""TRN145 underfitting."""

from __future__ import annotations

from collections.abc import Iterator

from assay.core.finding import Finding, Severity
from assay.core.loop_evidence import LoopEvidence, Window
from assay.core.loop_parts import FloorFacts, LayerLooks, ParameterFacts
from assay.core.rule import rule
from assay.rules.curve import fall
from assay.rules.floor import leaves_signal
from assay.rules.shortfall import cause_of, is_settled

LEFT_SHARE = 0.15
FEWEST_STEPS = 100


@rule("TRN145", "underfitting", severity=Severity.WARNING, since="0.2")
def underfitting(loop: LoopEvidence) -> Iterator[Finding]:
    """The loss has settled above what the inputs still tell.

    Why it matters: A training loss that is flat is taken for the noise of the data. Here it is not: rows with similar inputs have
        similar residuals, so that a richer or freer model would do better.
    How it is detected: The loss no longer falls: over the second half of at least 100 steps it wins under 3 % of what it has won, or
        it is at its planned end. And nearest neighbours in the inputs tell at least 15 % of the residuals of kept rows, left out
        in turn, with a p-value under .01 by shuffled residuals.
    Remedy: By what the watcher saw: less dropout or weight decay where they are strong; a rate that is still useful; more
        steps where the loss still falls; else more units or layers.
    Limits: Neighbours say little in thousands of features, so that a poor image model may go unnamed. Residuals are those of the last
        looks, so a fall just before looks like some signal left.
    References: Cover and Hart 1967; Goodfellow, Bengio and Courville 2016, Deep Learning, section 5.2.
    """
    if loop.steps < FEWEST_STEPS or not leaves_signal(loop, LEFT_SHARE):
        return
    ended = 0 < loop.planned_steps <= loop.steps
    settled = is_settled(loop)
    if not (settled or ended):
        return
    size, _ = fall(loop)
    floor = loop.floor
    seen, remedy = cause_of(loop) if settled else (f"still falling by {size:.3g} at the planned end", f"train for {3 * loop.steps:,} steps")
    yield Finding(
        {"model": loop.model},
        saw=f"inputs tell {floor.residual_share:.0%} of what the model leaves ({floor.rows:,} rows, p {floor.residual_p:.1g}), "
        f"while the loss changed by {-size:.3g} {loop.unit} over the last half of {loop.steps:,} steps; {seen}",
        expected=f"under {LEFT_SHARE:.0%}, or a loss that still falls",
        remedy=remedy,
    )


@underfitting.blind
def not_tested(loop: LoopEvidence) -> str:
    return "" if loop.floor.rows else "inputs, targets and outputs were not seen together"


def _loop(now: float, left: float, p: float = 0.001, planned: int = 0) -> LoopEvidence:
    losses = [1.0 - (1.0 - now) * min(1.0, s / 30) for s in range(100)]
    windows = tuple(Window(s, 1, loss, 0.01, loss, loss) for s, loss in enumerate(losses))
    parts = (LayerLooks("out", "linear", order=0, units=2, fan_in=2),)
    floor = FloorFacts(rows=500, target_share=0.8, target_p=0.001, residual_share=left, residual_p=p)
    return LoopEvidence(
        "net",
        "bits",
        1.0,
        (),
        steps=100,
        windows=windows,
        early_loss=tuple(losses),
        recent_loss=tuple(losses[-64:]),
        floor=floor,
        parts=parts,
        parameters=(ParameterFacts("out.weight", "out", 4),),
        planned_steps=planned,
    )


@underfitting.bad
def a_straight_line_through_a_circle() -> LoopEvidence:
    return _loop(0.9, 0.16)


@underfitting.good
def at_the_floor_of_noisy_labels() -> LoopEvidence:
    return _loop(0.9, 0.03, p=0.2)


@underfitting.good
def a_little_left_by_a_sound_model() -> LoopEvidence:
    return _loop(0.3, 0.14)
