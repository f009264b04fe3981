"""TRN142 forgot-zero-grad."""

from __future__ import annotations

from collections.abc import Iterator

from assay.core.finding import Finding, Severity
from assay.core.loop_evidence import LoopEvidence
from assay.core.rule import rule

MOST_SHARE = 0.5
FEWEST_LOOKS = 3


@rule("TRN142", "forgot-zero-grad", severity=Severity.ERROR, since="0.2")
def forgot_zero_grad(loop: LoopEvidence) -> Iterator[Finding]:
    """Gradients of steps long past lie under each new one.

    Why it matters: backward() adds. Without zero_grad every step goes along the sum of all gradients so far, an endless momentum: the loss
        falls at first, then swings and may explode.
    How it is detected: Exactly: at the first backward pass after an optimiser's step, the gradient that the step used was still there, at
        more than half of at least 3 looks. Gradients gathered over several batches before one step are no fault.
    Remedy: optimizer.zero_grad() after each optimizer.step(), or before each loss.backward().
    Limits: Gradients cleared only every second step are named from half of the looks on.
    References: PyTorch, "Zeroing out gradients in PyTorch"; Humbatova et al. 2020, Taxonomy of Real Faults, "training process".
    """
    if len(loop.look_step) < FEWEST_LOOKS or loop.kept_gradient <= MOST_SHARE:
        return
    norms = [n for n in loop.gradient_norm if n > 0]
    grown = f"; the gradient's norm went from {norms[0]:.3g} to {norms[-1]:.3g}" if len(norms) > 1 else ""
    yield Finding(
        {"model": loop.model, "step": loop.look_step[0] + 1},
        saw=f"the last step's gradient still in place under the new one at {loop.kept_gradient:.0%} of {len(loop.look_step)} looks{grown}",
        expected="0 %: gradients cleared between two steps",
        remedy="optimizer.zero_grad() after optimizer.step()",
    )


@forgot_zero_grad.blind
def too_few_looks(loop: LoopEvidence) -> str:
    return f"fewer than {FEWEST_LOOKS} looks at gradients" if len(loop.look_step) < FEWEST_LOOKS else ""


@forgot_zero_grad.bad
def at_two_looks_of_three() -> LoopEvidence:
    return LoopEvidence("net", "bits", 1.0, (), steps=9, look_step=(0, 4, 8), gradient_norm=(1.0, 1.4, 2.0), kept_gradient=0.67)


@forgot_zero_grad.good
def gathered_over_batches() -> LoopEvidence:
    return LoopEvidence("net", "bits", 1.0, (), steps=9, look_step=(0, 4, 8), gradient_norm=(1.0, 1.0, 1.0), kept_gradient=0.0)


@forgot_zero_grad.good
def once_after_a_skipped_step() -> LoopEvidence:
    return LoopEvidence("net", "bits", 1.0, (), steps=9, look_step=(0, 4, 8), gradient_norm=(1.0, 1.0, 1.0), kept_gradient=0.34)
