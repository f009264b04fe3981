"""TRN104 loss-stuck-at-prior."""

from __future__ import annotations

from collections.abc import Iterator

from assay.core.finding import Finding, Severity
from assay.core.loop_evidence import LoopEvidence, Window
from assay.core.loop_parts import FloorFacts
from assay.core.rule import rule
from assay.core.trace_evidence import TraceEvidence
from assay.rules.stuck import stuck_at_prior

STUCK_SHARE = 0.01
FEWEST_STEPS = 30


@rule("TRN104", "loss-stuck-at-prior", severity=Severity.ERROR, since="0.1")
def loss_stuck_at_prior(trace: TraceEvidence) -> Iterator[Finding]:
    """The training loss never left the loss of the best constant.

    Why it matters: The network learned the class shares (or the mean) and nothing else, and an accuracy near that of the
        majority class hides it. The usual causes are a gradient that is cut off (detach, a frozen layer, parameters the
        optimiser does not hold), zero weights in a hidden layer, dead units, or a learning rate of almost nothing.
    How it is detected: After at least 30 steps the training loss of every epoch lies within 1 % of the opening balance. Measured
        falls: 45 % to 100 % in 24 healthy trainings on 12 tables, 38 % to 74 % on shuffled labels (learned by heart); under 1 %
        in all 13 trainings with dead layers or a rate of next to nothing. In a watched loop: after 50 steps the loss is still within
        2 % of the best constant's, known to 1 % and without a fall, though neighbours in the inputs tell something of the targets.
    Remedy: Train on 32 rows alone: a sound network learns them by heart. If it does not, print the gradient norm of each
        layer, and check that the optimiser holds every parameter.
    Limits: Features that truly say nothing about the target give the same picture when there are so many rows that they cannot
        be learned by heart; `assay check` tells the two apart, for then no column has any association with the target.
    References: Goodfellow, Bengio and Courville 2016, Deep Learning, section 11.5 (fit a tiny dataset).
    """
    if isinstance(trace, LoopEvidence):
        yield from stuck_at_prior(trace)
        return
    if not trace.train_loss or trace.opening <= 0:
        return
    lowest, highest = min(trace.train_loss), max(trace.train_loss)
    if max(trace.opening - lowest, highest - trace.opening) >= STUCK_SHARE * trace.opening:
        return
    quiet = [layer for layer in trace.layers if layer.gradient_norm and max(layer.gradient_norm) == 0.0]
    dead = [layer for layer in trace.layers if layer.dead_share and layer.dead_share[-1] > 0.99]
    if dead:
        remedy = f"all units of {dead[0].name} are dead: draw its weights anew with a bias near 0"
    elif quiet:
        remedy = f"no gradient ever reached {', '.join(layer.name for layer in quiet)}: look for detach or frozen weights"
    else:
        remedy = "train on 32 rows alone; if it cannot learn them by heart, check the optimiser's parameters and its learning rate"
    yield Finding(
        {"model": trace.model},
        saw=f"training loss between {lowest:.4g} and {highest:.4g} {trace.unit} in {len(trace.train_loss)} epochs, "
        f"opening balance {trace.opening:.4g}",
        expected=f"a fall of at least {STUCK_SHARE:.0%} of the opening balance",
        remedy=remedy,
    )


@loss_stuck_at_prior.blind
def too_few_steps(trace: TraceEvidence) -> str:
    if isinstance(trace, LoopEvidence):
        return "" if trace.opening > 0 else "the loss of the best constant is not known"
    steps = len(trace.train_loss) * max(1, trace.steps_per_epoch)
    return f"fewer than {FEWEST_STEPS} training steps" if steps < FEWEST_STEPS else ""


@loss_stuck_at_prior.bad
def a_fall_of_just_under_one_per_cent() -> TraceEvidence:
    return TraceEvidence("mlp", "bits/row", 1.0, (0.9992, 0.9951, 0.9904), (1.0, 1.0, 1.0), steps_per_epoch=10)


def _watched(now: float, floor: FloorFacts) -> LoopEvidence:
    losses = (now - 0.01, now + 0.01) * 25
    windows = tuple(Window(s, 1, loss, 0.02, loss, loss) for s, loss in enumerate(losses))
    return LoopEvidence("net", "bits", 1.0, (), steps=50, windows=windows, early_loss=losses, recent_loss=losses, floor=floor)


@loss_stuck_at_prior.bad
def fifty_steps_for_nothing_where_inputs_tell() -> LoopEvidence:
    return _watched(0.985, FloorFacts(rows=100, target_share=0.1, target_p=0.01))


@loss_stuck_at_prior.good
def inputs_that_say_nothing() -> LoopEvidence:
    return _watched(0.985, FloorFacts(rows=700, target_share=0.0, target_p=0.5))


@loss_stuck_at_prior.good
def two_per_cent_in_fifty_steps() -> LoopEvidence:
    return _watched(0.979, FloorFacts(rows=100, target_share=0.1, target_p=0.01))


@loss_stuck_at_prior.good
def a_slow_fall_that_passes_one_per_cent() -> TraceEvidence:
    return TraceEvidence("mlp", "bits/row", 1.0, (0.9992, 0.9951, 0.9896), (1.0, 1.0, 0.99), steps_per_epoch=10)


@loss_stuck_at_prior.good
def a_few_steps_say_nothing() -> TraceEvidence:
    return TraceEvidence("mlp", "bits/row", 1.0, (0.9992,), (1.0,), steps_per_epoch=29)
