"""TRN141 forgot-train."""

from __future__ import annotations

from collections.abc import Iterator

from assay.core.finding import Finding, Severity
from assay.core.loop_evidence import LoopEvidence
from assay.core.loop_parts import LayerLooks, ModeFacts, ParameterFacts
from assay.core.rule import rule

MOST_EVAL_SHARE = 0.1
FEWEST_STEPS = 10


@rule("TRN141", "forgot-train", severity=Severity.WARNING, since="0.2")
def forgot_train(loop: LoopEvidence) -> Iterator[Finding]:
    """Training goes on in evaluation mode: dropout is off and batch norm keeps averages that no longer follow.

    Why it matters: After the first validation the model is regularised no more, and batch norm divides by averages of an early network.
        With averages never learned at all it divides by 1.
    How it is detected: Exactly: steps of the optimiser at which dropout or batch norm was in evaluation mode, from some step on to the end,
        or at more than a tenth of the steps. Where this is so from the first step and weights are frozen on purpose or were learned
        elsewhere, it is a choice and not named.
    Remedy: model.train() at the start of each epoch, not once before the loop.
    Limits: A model learned elsewhere and trained on in evaluation mode by mistake, all weights free, looks like a choice.
    References: PyTorch, Module.train and Module.eval.
    """
    modes = loop.modes
    if loop.steps < FEWEST_STEPS or not (modes.dropout > 0 or modes.batch_norms):
        return
    since = modes.eval_since
    to_the_end = since >= 0 and loop.steps - since >= FEWEST_STEPS
    if not (to_the_end or modes.eval_steps > MOST_EVAL_SHARE) or (since == 0 and _is_choice(loop)):
        return
    of_layers = f"dropout of {modes.dropout:g}" if modes.dropout > 0 else f"{modes.batch_norms} batch norms"
    where = f" from step {since:,} to the last" if to_the_end else ""
    yield Finding(
        {"model": loop.model, "step": max(0, since)},
        saw=f"{of_layers} in evaluation mode at {modes.eval_steps:.0%} of {loop.steps:,} steps{where}",
        expected="training mode at every step of the optimiser",
        remedy="model.train() at the start of each epoch, after the validation's model.eval()",
    )


def _is_choice(loop: LoopEvidence) -> bool:
    frozen = any(not p.requires_grad for p in loop.parameters if p.in_model)
    with_weights = [p for p in loop.parts if p.kind != "norm" and p.birth_weight_rms > 0]
    return frozen or (bool(with_weights) and not any(p.birth_drawn for p in with_weights))


def _loop(parameters: tuple[ParameterFacts, ...] = (), **modes: float) -> LoopEvidence:
    parts = (LayerLooks("body", "linear", birth_weight_rms=0.1, birth_drawn=not parameters),)
    return LoopEvidence("net", "bits", 1.0, (0.9,), steps=30, modes=ModeFacts(**modes), parts=parts, parameters=parameters)  # type: ignore[arg-type]


@forgot_train.bad
def since_the_first_validation() -> LoopEvidence:
    return _loop(dropout=0.1, eval_steps=0.34, eval_since=20)


@forgot_train.bad
def from_the_first_step() -> LoopEvidence:
    return _loop(batch_norms=2, eval_steps=1.0, eval_since=0)


@forgot_train.good
def a_frozen_backbone_in_evaluation_mode() -> LoopEvidence:
    frozen = (ParameterFacts("body.weight", "body", 4096, requires_grad=False, moved=False),)
    return _loop(frozen, batch_norms=2, eval_steps=1.0, eval_since=0)


@forgot_train.good
def one_step_in_thirty() -> LoopEvidence:
    return _loop(dropout=0.1, eval_steps=0.03, eval_since=-1)
