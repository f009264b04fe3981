"""TRN140 forgot-eval."""

from __future__ import annotations

from collections.abc import Iterator

from assay.core.finding import Finding, Severity
from assay.core.loop_evidence import LoopEvidence
from assay.core.loop_parts import ModeFacts
from assay.core.rule import rule


@rule("TRN140", "forgot-eval", severity=Severity.WARNING, since="0.2")
def forgot_eval(loop: LoopEvidence) -> Iterator[Finding]:
    """Validation runs in training mode: dropout drops and batch norm uses the batch.

    Why it matters: The validation loss is that of a noisier model than the one that will be used, so the wrong epoch looks best. Batch norm
        also learns its running averages from the validation rows.
    How it is detected: Exactly: a module with dropout or batch norm was in training mode in more than half of the validations seen, that is
        in forward passes without gradients between the last step of an epoch and its end.
    Remedy: model.eval() before the validation, model.train() after it.
    Limits: Dropout kept on in validation on purpose (Monte Carlo dropout) is named too. Without dropout and batch norm there is no fault.
    References: PyTorch, Module.train and Module.eval; Gal and Ghahramani 2016 for the exception.
    """
    modes = loop.modes
    if modes.valid_seen < 1 or not modes.valid_in_training > 0.5 or not (modes.dropout > 0 or modes.batch_norms):
        return
    which = " and ".join(
        [f"dropout of {modes.dropout:g}"] * (modes.dropout > 0) + [f"{modes.batch_norms} batch norms"] * (modes.batch_norms > 0)
    )
    yield Finding(
        {"model": loop.model},
        saw=f"{modes.valid_in_training:.0%} of {modes.valid_seen} validations with {which} in training mode",
        expected="0 %: validation in evaluation mode",
        remedy="model.eval() before the validation, and model.train() before the next epoch",
    )


@forgot_eval.blind
def no_validation(loop: LoopEvidence) -> str:
    return "" if loop.modes.valid_seen else "no validation was seen"


def _loop(**modes: float) -> LoopEvidence:
    return LoopEvidence("net", "bits", 1.0, (0.9,), (0.9,), steps=20, modes=ModeFacts(**modes))  # type: ignore[arg-type]


@forgot_eval.bad
def two_of_three_validations_with_dropout() -> LoopEvidence:
    return _loop(dropout=0.1, valid_in_training=0.67, valid_seen=3)


@forgot_eval.bad
def one_validation_with_batch_norm() -> LoopEvidence:
    return _loop(batch_norms=1, valid_in_training=1.0, valid_seen=1)


@forgot_eval.good
def nothing_that_differs_between_the_modes() -> LoopEvidence:
    return _loop(valid_in_training=1.0, valid_seen=3)


@forgot_eval.good
def evaluation_mode() -> LoopEvidence:
    return _loop(dropout=0.5, batch_norms=3, valid_in_training=0.0, valid_seen=3)
