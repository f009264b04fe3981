"""MOD121 wrong-loss-for-output."""

from __future__ import annotations

from collections.abc import Iterator

from assay.core.finding import Finding, Severity
from assay.core.loop_evidence import LoopEvidence
from assay.core.loop_parts import BatchFacts, OutputFacts
from assay.core.rule import rule
from assay.rules.output_fit import doubled, misfit


@rule("MOD121", "wrong-loss-for-output", severity=Severity.ERROR, since="0.2")
def wrong_loss_for_output(loop: LoopEvidence) -> Iterator[Finding]:
    """The loss, what the model puts out and what the targets are do not belong together.

    Why it matters: Such a training runs, its loss may even fall, and what it minimises is not the error that anybody asked about: a class
        number as a quantity, a probability that is always 1, an output that cannot reach its target.
    How it is detected: From the loss's graph, the range, shape and sums of the outputs and the kind of the targets, exactly: cross-entropy
        or softmax over one unit; a softmax over the batch; log-likelihood or divergence of what is no logarithm (a value above 0);
        binary cross-entropy where one of three or more classes is right, or with targets above 1; squared, absolute or Huber error
        against three or more classes; an activation that cannot reach targets more than a quarter of their standard deviation beyond
        it; an activation before a loss that takes logits; a loss under 0 where none can be. Squared error of a sigmoid on two classes
        is named only where 40 steps won less than a quarter of the loss.
    Remedy: Classes: raw outputs and cross-entropy. Two classes, or several that may hold at once: raw outputs and binary cross-entropy
        with logits. Numbers: a linear output and squared error. The finding names the line.
    Limits: A loss written by hand is known by its graph alone; where that names none of these, only ranges, sums and signs are judged.
        Whole numbers that are quantities but stored as integers look like classes.
    References: Bishop 2006, Pattern Recognition and Machine Learning, section 5.2; Humbatova et al. 2020, Taxonomy of Real Faults in Deep
        Learning Systems, "loss function".
    """
    if doubled(loop) == "softmax":
        return
    found = misfit(loop)
    if found is not None:
        yield Finding({"model": loop.model}, saw=found.saw, expected=found.expected, remedy=found.remedy)


@wrong_loss_for_output.blind
def nothing_seen(loop: LoopEvidence) -> str:
    return "" if loop.output.loss or loop.output.loss_chain or loop.output.shape else "neither the loss's graph nor outputs were seen"


def _loop(loss: str, kind: str = "classes", classes: int = 10, units: int = 10, **facts: object) -> LoopEvidence:
    target = {k: facts.pop(k) for k in ("target_min", "target_max", "target_std") if k in facts}
    batch = BatchFacts(rows=32, target_kind=kind, classes=classes, **target)  # type: ignore[arg-type]
    output = OutputFacts(loss=loss, shape=(0, units), **facts)  # type: ignore[arg-type]
    return LoopEvidence("net", "bits", 3.32, (), steps=1, output=output, batch=batch)


@wrong_loss_for_output.bad
def one_unit() -> LoopEvidence:
    return _loop("cross-entropy", units=1, classes=2)


@wrong_loss_for_output.bad
def rows_share_the_probability() -> LoopEvidence:
    return _loop("nll", last_activation="log-softmax", sums_axis=0)


@wrong_loss_for_output.bad
def log_likelihood_of_raw_outputs() -> LoopEvidence:
    return _loop("nll", loss_chain=("nll", "linear"), minimum=-2.0, maximum=1.9)


@wrong_loss_for_output.bad
def three_classes_by_squared_error() -> LoopEvidence:
    return _loop("squared", "one-hot", classes=3, units=3)


@wrong_loss_for_output.bad
def three_classes_by_binary_cross_entropy() -> LoopEvidence:
    return _loop("binary", "one-hot", classes=3, units=3, last_activation="softmax")


@wrong_loss_for_output.bad
def a_sigmoid_for_a_standardised_target() -> LoopEvidence:
    return _loop("squared", "numbers", 0, 1, last_activation="sigmoid", target_min=-1.5, target_max=2.0, target_std=1.0)


@wrong_loss_for_output.bad
def relu_before_cross_entropy() -> LoopEvidence:
    return _loop("cross-entropy", last_activation="relu", maximum=2.0)


@wrong_loss_for_output.good
def several_labels_may_hold_at_once() -> LoopEvidence:
    return _loop("binary-logits", "multi-label", minimum=-3.0, maximum=3.0)


@wrong_loss_for_output.good
def a_sigmoid_for_shares_with_one_value_a_little_over() -> LoopEvidence:
    return _loop("squared", "numbers", 0, 1, last_activation="sigmoid", target_min=0.0, target_max=1.05, target_std=0.25)


@wrong_loss_for_output.good
def log_likelihood_of_log_softmax() -> LoopEvidence:
    return _loop("nll", loss_chain=("nll", "log-softmax", "linear"), last_activation="log-softmax", minimum=-9.0, maximum=-0.01)
