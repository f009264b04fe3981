"""TRN102 lr-too-high."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from assay.core.finding import Finding, Severity
from assay.core.loop_evidence import LoopEvidence
from assay.core.rule import rule
from assay.core.trace_evidence import TraceEvidence
from assay.rules.example_training import chain, falling, flat, group, steady, training
from assay.rules.overshoot import overshooting

RISE_OF_FALL = 1.0
RISE_OF_OPENING = 0.05
FEWEST_EPOCHS = 3


@rule("TRN102", "lr-too-high", severity=Severity.ERROR, since="0.1")
def lr_too_high(trace: TraceEvidence) -> Iterator[Finding]:
    """The training loss rises as much as it falls: the steps jump over the valley.

    Why it matters: Above a rate of 2 / (largest curvature) each step overshoots by more than it gains. With Adam the loss does
        not explode, it wanders at a high level and kills ReLU units on the way, which looks like a hard problem.
    How it is detected: The rises of the training loss from epoch to epoch, summed up, are at least its whole fall below the
        opening balance (or the loss at birth, if that is higher), and at least 5 % of the opening balance. Measured as rises /
        fall: at most 0.19 in 24 healthy trainings (12 tables of 100 to 33,000 rows) and 0.02 on shuffled labels; at 10 times the
        usual rate 0.18 to 0.50, not named; at 30 to 1000 times 1.8 and more in all 20 trainings on 5 tables. In a watched loop two
        things together: the loss rose, jumped, stayed at knowing nothing or gave back half of its fall; and layers move by over 30 % of
        their size a step (10 % with Adam and its kin) or the slope behind the step points back (sign test, .01).
    Remedy: Divide the learning rate by ten; keep dividing by three while the sum of rises shrinks.
    Limits: Needs 3 epochs. Wild labels or tiny batches make a running training loss rough too; here it is measured on fixed
        rows without dropout. A rate up to ten times too high may only end in a worse minimum, which nothing in one
        training shows.
    References: Goodfellow, Bengio and Courville 2016, Deep Learning, section 11.4.1; LeCun et al. 1998, Efficient BackProp, 4.6.
    """
    if isinstance(trace, LoopEvidence):
        yield from overshooting(trace)
        return
    start = trace.opening if trace.birth is None else max(trace.opening, trace.birth)
    losses = (start, *trace.train_loss)
    if len(trace.train_loss) < FEWEST_EPOCHS or trace.opening <= 0:
        return
    rises = sum(max(0.0, after - before) for before, after in pairwise(losses))
    fall = max(0.0, start - min(trace.train_loss))
    if not (rises >= RISE_OF_FALL * fall and rises >= RISE_OF_OPENING * trace.opening):
        return
    rate = max(trace.learning_rate, default=0.0)
    ratios = [max(layer.update_ratio) for layer in trace.layers if layer.update_ratio and layer.name.startswith("hidden")]
    moved = f", and a hidden layer moved by up to {max(ratios):.1%} of its size a step" if ratios else ""
    yield Finding(
        {"model": trace.model},
        saw=f"rises of the training loss that sum to {rises:.4g} {trace.unit} against a fall of {fall:.4g}"
        + (f" at a learning rate of {rate:.3g}" if rate else "")
        + moved,
        expected=f"rises under the fall, or under {RISE_OF_OPENING:.0%} of the opening balance ({trace.opening:.4g})",
        remedy=f"train with a learning rate of {rate / 10:.2g}" if rate else "train with a tenth of the learning rate",
    )


@lr_too_high.blind
def too_few_epochs(trace: TraceEvidence) -> str:
    if isinstance(trace, LoopEvidence):
        return ""
    return f"fewer than {FEWEST_EPOCHS} epochs" if len(trace.train_loss) < FEWEST_EPOCHS else ""


@lr_too_high.bad
def rises_that_just_eat_the_fall() -> TraceEvidence:
    return TraceEvidence("mlp", "bits/row", 1.0, (0.94, 0.97, 0.94, 0.97), learning_rate=(0.2, 0.2, 0.2, 0.2))


@lr_too_high.bad
def above_the_opening_and_back() -> TraceEvidence:
    return TraceEvidence("mlp", "bits/row", 1.0, (1.05, 1.0, 1.0))


@lr_too_high.good
def a_language_model_that_comes_down_from_its_birth() -> TraceEvidence:
    return TraceEvidence("lstm", "bits/character", 4.7, (5.6, 5.0, 4.8, 4.75), learning_rate=(0.002,) * 4, birth=6.0)


@lr_too_high.good
def noisy_but_falling() -> TraceEvidence:
    return TraceEvidence("mlp", "bits/row", 1.0, (0.9, 0.95, 0.85, 0.9, 0.8, 0.85, 0.75), learning_rate=(0.002,) * 7)


@lr_too_high.good
def a_ripple_where_there_is_nothing_to_learn() -> TraceEvidence:
    return TraceEvidence("mlp", "bits/row", 1.0, (1.02, 1.0, 1.02, 1.0), learning_rate=(0.002,) * 4)


@lr_too_high.bad
def a_watched_loss_that_rises_uphill() -> TraceEvidence:
    return training(flat(1.0)[:20] + flat(1.3)[:60], overshoot=steady(0.4), parts=chain(3), groups=group(1.0))


@lr_too_high.good
def a_large_rate_between_norms() -> TraceEvidence:
    return training(falling(1.0, 0.3), overshoot=steady(0.4), parts=chain(3, update_ratio=steady(0.4)), groups=group(1.0))
