"""MOD127 embedding-never-updated."""

from __future__ import annotations

from collections.abc import Iterator

from assay.core.finding import Finding, Severity
from assay.core.loop_evidence import LoopEvidence
from assay.core.loop_parts import BatchFacts, LayerLooks, ParameterFacts
from assay.core.rule import rule
from assay.rules.wiring import FEWEST_LOOKS, random_layers

FEWEST_TOKENS = 500
SEEN_SHARE = 0.1


@rule("MOD127", "embedding-never-updated", severity=Severity.WARNING, since="0.2")
def embedding_never_updated(loop: LoopEvidence) -> Iterator[Finding]:
    """A randomly drawn embedding, or nearly all of it, stays as it was born.

    Why it matters: Words stay random vectors; the layers behind learn what they can of them, so the loss still falls.
    How it is detected: Exactly: the table is looked up, holds nothing learned, and no step has changed any of its numbers. Or the
        highest of some 500 tokens and more is in the first tenth of the table.
    Remedy: Give the embedding to the optimiser and let gradients reach it; feed token numbers of the vocabulary that it was built for.
    Limits: Rows of rare tokens that wait for their first step are no fault and are not counted. A table drawn by another law than PyTorch's
        looks learned, and is not named when it stands still.
    References: Mikolov et al. 2013 for what an embedding is to learn; the test is the definition.
    """
    if len(loop.look_step) < FEWEST_LOOKS:
        return
    drawn = random_layers(loop)
    for one in loop.parameters:
        part = drawn.get(one.layer)
        if part is None or part.kind != "embedding" or part.order < 0:
            continue
        if not one.moved and one.in_model:
            yield Finding(
                {"model": loop.model, "layer": one.layer},
                saw=f"{one.name}: {part.units:,} rows of random numbers, none changed in {loop.steps:,} steps{_why(one)}",
                expected="the rows of the tokens seen moved by the optimiser",
                remedy=f"model.{one.layer}.weight.requires_grad_(True), held by the optimiser, and nothing behind it that cuts the graph",
            )
        elif part.order == 0 and part.units > 1 and _is_mostly_unseen(loop, part.units):
            low, high = int(loop.batch.input_min), int(loop.batch.input_max)
            yield Finding(
                {"model": loop.model, "layer": one.layer},
                saw=f"tokens {low:,} to {high:,} in {loop.batch.batches_seen:,} batches, for a table of {part.units:,} rows: "
                f"{1 - (high - low + 1) / part.units:.0%} of it was never looked up",
                expected="tokens all over the table",
                remedy=f"nn.Embedding(len(vocabulary), ...) with the vocabulary that the tokens were made by; here {high + 1:,} rows do",
            )


def _why(one: ParameterFacts) -> str:
    if not one.requires_grad:
        return ": requires_grad is False"
    if one.optimisers == 0:
        return ": no parameter group holds it"
    return ": the loss's graph does not reach it" if one.in_graph is False else ""


def _is_mostly_unseen(loop: LoopEvidence, rows: int) -> bool:
    batch = loop.batch
    tokens = batch.rows * batch.input_features * max(batch.batches_seen, len(loop.deep_step))
    return batch.input_kind == "tokens" and tokens >= FEWEST_TOKENS and batch.input_max + 1 < SEEN_SHARE * rows


def _loop(batch: BatchFacts | None = None, *, drawn: bool = True, **facts: object) -> LoopEvidence:
    parts = (LayerLooks("words", "embedding", order=0, units=1000, birth_drawn=drawn),)
    parameters = (ParameterFacts("words.weight", "words", 32_000, **facts),)  # type: ignore[arg-type]
    seen = batch or BatchFacts(rows=16, input_kind="tokens", input_features=8, input_min=3, input_max=100, batches_seen=8)
    return LoopEvidence("net", "bits", 9.0, (), steps=9, look_step=(0, 4, 8), parts=parts, parameters=parameters, batch=seen)


@embedding_never_updated.bad
def never_moved() -> LoopEvidence:
    return _loop(moved=False, optimisers=0)


@embedding_never_updated.bad
def everything_unknown() -> LoopEvidence:
    return _loop(BatchFacts(rows=16, input_kind="tokens", input_features=8, input_min=1, input_max=1, batches_seen=8))


@embedding_never_updated.good
def rare_tokens_wait_for_their_turn() -> LoopEvidence:
    return _loop(moved=True)


@embedding_never_updated.good
def vectors_learned_elsewhere_and_kept() -> LoopEvidence:
    return _loop(moved=False, requires_grad=False, drawn=False)
