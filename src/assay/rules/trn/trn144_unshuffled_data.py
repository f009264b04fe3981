"""TRN144 unshuffled-data."""

from __future__ import annotations

from collections.abc import Iterator

from assay.core.finding import Finding, Severity
from assay.core.loop_evidence import LoopEvidence
from assay.core.loop_parts import BatchFacts
from assay.core.rule import rule

MOST_SHARE = 0.3
SURE_P = 1e-6
FEWEST_BATCHES = 3


@rule("TRN144", "unshuffled-data", severity=Severity.WARNING, since="0.2")
def unshuffled_data(loop: LoopEvidence) -> Iterator[Finding]:
    """Batches come in an order that the targets follow: rows are not shuffled.

    Why it matters: A batch of one class pulls the model to that class, the next one away: the loss swings with the order, batch norm sees
        one class at a time, and the last rows of an epoch are remembered best.
    How it is detected: Over the batches seen, knowing the batch tells at least three tenths of the targets' entropy (classes) or variance
        (numbers) beyond what chance tells, and a likelihood ratio or F test of "drawn at random" has a p-value under one in a million.
    Remedy: shuffle=True in the DataLoader, or a fresh permutation of the rows in each epoch.
    Limits: Streams that must come in order, and samplers that build batches of few classes on purpose, are named when their targets differ
        as much between batches. It needs 3 batches with targets.
    References: Bottou 2012, Stochastic Gradient Descent Tricks, section 5.1; Bengio et al. 2009 for orders chosen on purpose.
    """
    batch = loop.batch
    if batch.batches_seen < FEWEST_BATCHES or batch.order_p >= SURE_P or batch.order_share < MOST_SHARE:
        return
    what = "variance" if batch.target_kind in ("numbers", "multi-label") else "entropy"
    yield Finding(
        {"model": loop.model},
        saw=f"the batch alone tells {batch.order_share:.0%} of the targets' {what}, over {batch.batches_seen} batches "
        f"(p {max(batch.order_p, 1e-300):.1g} if drawn at random)",
        expected="about 0 %",
        remedy="DataLoader(..., shuffle=True), or order = torch.randperm(len(rows)) at the start of each epoch",
    )


@unshuffled_data.blind
def too_few_batches(loop: LoopEvidence) -> str:
    return f"targets of fewer than {FEWEST_BATCHES} batches were seen" if loop.batch.batches_seen < FEWEST_BATCHES else ""


def _loop(share: float, p: float, batches: int = 3, kind: str = "classes") -> LoopEvidence:
    batch = BatchFacts(rows=32, target_kind=kind, classes=10, order_p=p, order_share=share, batches_seen=batches)
    return LoopEvidence("net", "bits", 3.3, (), steps=batches, batch=batch)


@unshuffled_data.bad
def sorted_by_class_in_part() -> LoopEvidence:
    return _loop(0.31, 1e-7)


@unshuffled_data.bad
def sorted_by_a_number() -> LoopEvidence:
    return _loop(0.98, 0.0, kind="numbers")


@unshuffled_data.good
def a_text_read_in_order() -> LoopEvidence:
    return _loop(0.05, 1e-9, batches=100)


@unshuffled_data.good
def tiny_batches_by_chance() -> LoopEvidence:
    return _loop(0.4, 1e-3)
