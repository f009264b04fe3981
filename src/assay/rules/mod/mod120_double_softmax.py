"""MOD120 double-softmax."""

from __future__ import annotations

from collections.abc import Iterator

from assay.core.finding import Finding, Severity
from assay.core.loop_evidence import LoopEvidence
from assay.core.loop_parts import OutputFacts
from assay.core.rule import rule
from assay.rules.output_fit import doubled


@rule("MOD120", "double-softmax", severity=Severity.ERROR, since="0.2")
def double_softmax(loop: LoopEvidence) -> Iterator[Finding]:
    """The model puts out probabilities, and the loss takes their softmax (or sigmoid) once more.

    Why it matters: Logits between 0 and 1 can say no more than e/(e + K - 1): 23 % for the right one of ten classes. The loss stops far
        above 0 and the gradient is a tenth of what it should be, which looks like a learning rate too low or a model too small.
    How it is detected: By the operations of the loss's graph between the loss and the last layer with weights: a softmax under the
        log-softmax of cross-entropy, with no logarithm between. Where no graph was seen: cross-entropy of outputs that lie between 0
        and 1 and sum to 1 in every row. The same for sigmoid under binary cross-entropy with logits.
    Remedy: Return the last layer's raw outputs and take softmax only where probabilities are shown.
    Limits: A log-softmax before cross-entropy is done twice for nothing but changes no number, and is not named. Without a graph,
        logits that happen to sum to 1 in every row of a batch would be named.
    References: Bridle 1990, Probabilistic Interpretation of Feedforward Classification Network Outputs; PyTorch, CrossEntropyLoss.
    """
    what = doubled(loop)
    if not what:
        return
    out = loop.output
    seen = f", which lie between {out.minimum:.3g} and {out.maximum:.3g}" if out.maximum > out.minimum else ""
    loss = "cross-entropy" if what == "softmax" else "binary cross-entropy with logits"
    alone = "nll_loss(torch.log(probabilities), targets)" if what == "softmax" else "binary_cross_entropy(probabilities, targets)"
    yield Finding(
        {"model": loop.model},
        saw=f"{what} taken 2 times: by the model and again by {loss} of its outputs{seen}",
        expected=f"{what} taken once, over raw outputs",
        remedy=f"remove the {what} after the last layer (or keep it and use {alone})",
    )


@double_softmax.blind
def no_loss_seen(loop: LoopEvidence) -> str:
    return "" if loop.output.loss or loop.output.loss_chain else "the loss's graph was not seen"


def _loop(loss: str, chain: tuple[str, ...] = (), **facts: object) -> LoopEvidence:
    output = OutputFacts(loss=loss, loss_chain=chain, shape=(0, 10), minimum=0.02, maximum=0.4, **facts)  # type: ignore[arg-type]
    return LoopEvidence("net", "bits", 3.32, (), steps=1, output=output)


@double_softmax.bad
def softmax_in_the_model() -> LoopEvidence:
    return _loop("cross-entropy", ("nll", "log-softmax", "softmax", "linear"), last_activation="softmax", sums_to_one=True)


@double_softmax.bad
def probabilities_without_a_graph() -> LoopEvidence:
    return _loop("cross-entropy", sums_to_one=True)


@double_softmax.bad
def sigmoid_under_logits() -> LoopEvidence:
    return _loop("binary-logits", ("binary-logits", "sigmoid", "linear"), last_activation="sigmoid")


@double_softmax.good
def log_softmax_twice_changes_nothing() -> LoopEvidence:
    return _loop("cross-entropy", ("nll", "log-softmax", "log-softmax", "linear"), last_activation="log-softmax")


@double_softmax.good
def logarithm_of_the_softmax() -> LoopEvidence:
    return _loop("cross-entropy", ("nll", "log-softmax", "log", "softmax", "linear"), last_activation="softmax", sums_to_one=True)


@double_softmax.good
def softmax_of_an_attention_before_the_last_layer() -> LoopEvidence:
    return _loop("cross-entropy", ("nll", "log-softmax", "linear", "matmul", "softmax", "linear"))
