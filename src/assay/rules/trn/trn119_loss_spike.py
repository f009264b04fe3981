"""TRN119 loss-spike."""

from __future__ import annotations

from collections.abc import Iterator

from assay.core.finding import Finding, Severity
from assay.core.loop_evidence import LoopEvidence, Spike
from assay.core.rule import rule
from assay.rules.example_training import falling, training

DEVIATIONS = 12.0
TIMES = 2.0


@rule("TRN119", "loss-spike", severity=Severity.NOTE, since="0.2")
def loss_spike(trace: LoopEvidence) -> Iterator[Finding]:
    """One batch's loss stood far above those around it.

    Why it matters: One bad row, such as a wrong label or a value a thousand times too large, can undo hours; the batch says which.
    How it is detected: A loss more than 12 robust standard deviations above the median of the 32 steps before, and at least twice it.
        The highest one is named, with what is known of its batch.
    Remedy: Look at the rows of that batch; clip the gradient so that one batch cannot carry the weights away.
    Limits: Losses have long tails, and a batch of few rows now and then has a hard one: hence a note. A loss that rises and stays is
        no spike but a rate that is too high.
    References: Hampel 1974, The Influence Curve and Its Role in Robust Estimation; Chowdhery et al. 2022, PaLM, section 5.1.
    """
    high = [one for one in trace.spikes if one.loss > one.usual + DEVIATIONS * one.spread and one.loss > TIMES * one.usual > 0]
    if not high:
        return
    worst = max(high, key=lambda one: one.loss / one.usual)
    yield Finding(
        {"model": trace.model, "step": worst.step},
        saw=f"loss {worst.loss:.4g} at step {worst.step:,} after {worst.usual:.4g} in the 32 steps before"
        + (f"; the batch: {worst.batch}" if worst.batch else "")
        + (f"; {len(high)} such steps" if len(high) > 1 else ""),
        expected=f"under {worst.usual + DEVIATIONS * worst.spread:.4g} ({DEVIATIONS:g} robust standard deviations)",
        remedy=f"look at the batch of step {worst.step:,}; torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)",
    )


def _with(loss: float) -> LoopEvidence:
    return training(falling(1.0, 0.5), spikes=(Spike(100, loss, 0.5, 0.02, "one input of 2.1e+04"),))


@loss_spike.bad
def one_batch_at_twice_the_usual() -> LoopEvidence:
    return _with(1.01)


@loss_spike.good
def a_hard_batch() -> LoopEvidence:
    return _with(0.72)
