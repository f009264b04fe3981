"""Where the first number that is not finite was born in a watched training, and what bore it."""

from __future__ import annotations

import math
from collections.abc import Iterator

from assay.core.finding import Finding
from assay.core.loop_evidence import LoopEvidence
from assay.rules.course import level_at
from assay.rules.depth import highest_rate
from assay.rules.series import middle, seen

RUNAWAY = 3.0
LARGE_STEP = 0.5


def born_nonfinite(trace: LoopEvidence) -> Iterator[Finding]:
    """The finding "nan-inf" of a watched training.

    Gradients that are not finite while losses and weights stay finite are skipped steps of a gradient scaler, and are left alone.
    """
    bad_weights = [one.name for one in trace.parameters if one.nonfinite]
    inputs, targets = trace.batch.nonfinite_inputs, trace.batch.nonfinite_targets
    bad_loss = any(not math.isfinite(loss) for loss in (*trace.early_loss, *trace.recent_loss))
    step = trace.nonfinite_step
    if not (bad_weights or bad_loss or inputs or targets or (step >= 0 and _is_last(trace))):
        return
    where = trace.nonfinite_where or ("the inputs" if inputs else "the targets" if targets else "the loss" if bad_loss else "the weights")
    cause, remedy = _cause(trace, where)
    yield Finding(
        {"model": trace.model, **_layer(where), "step": max(step, 0)},
        saw=f"{where} not finite at step {max(step, 0):,}; {cause}"
        + (f"; {len(bad_weights)} of {len(trace.parameters)} tensors are not finite since" if bad_weights else ""),
        expected=f"finite numbers in all {trace.steps:,} steps",
        remedy=remedy,
    )


def _is_last(trace: LoopEvidence) -> bool:
    """Nothing finite was seen after the step, so that it was no step that a scaler skipped."""
    return trace.nonfinite_step >= trace.steps - 1


def _layer(where: str) -> dict[str, str]:
    for word in ("gradient of ", "output of ", "weight of "):
        if where.startswith(word):
            return {"layer": where.removeprefix(word)}
    return {}


def _cause(trace: LoopEvidence, where: str) -> tuple[str, str]:
    if trace.batch.nonfinite_inputs:
        return (
            f"inputs: {trace.batch.nonfinite_inputs:,} of the values fed are not finite",
            "x = torch.nan_to_num(x), after a look at where they come from: a missing value, or a division by a spread of 0",
        )
    if trace.batch.nonfinite_targets:
        return (
            f"targets: {trace.batch.nonfinite_targets:,} of them are not finite",
            "leave rows without a target out: keep = torch.isfinite(y)",
        )
    ran = runaway(trace)
    if ran:
        rate = highest_rate(trace)
        return f"rate: {ran}", (
            f"lr={rate / 10:.2g}" if rate > 0 else "a tenth of the rate"
        ) + ", and clip_grad_norm_(model.parameters(), 1.0)"
    if where.startswith("gradient"):
        return (
            "loss: its value was finite and its slope was not, as of a root or a norm at 0",
            "torch.sqrt(x + 1e-8), and eps inside every division and norm",
        )
    if where.startswith(("output", "activation")):
        return "layer: what it was fed was finite", "look in that layer for exp, log, division and a mask that hides everything"
    return (
        f"loss: {trace.output.loss or 'its formula'} took finite outputs between {trace.output.minimum:.3g} and {trace.output.maximum:.3g}",
        "nn.CrossEntropyLoss or nn.BCEWithLogitsLoss on logits in place of log(softmax) by hand; x.clamp(min=1e-7) before a logarithm",
    )


def runaway(trace: LoopEvidence) -> str:
    """What grew before the end, in words; "" where steps were small and the loss did not rise."""
    losses = seen(trace.early_loss) or seen(trace.recent_loss)
    last = seen(trace.recent_loss) or losses
    birth = losses[0] if losses else math.nan
    top = max((*losses, *last), default=math.nan)
    if len(last) > 2 and birth > 0 and top > RUNAWAY * max(birth, trace.opening if trace.opening > 0 else 0.0):
        return f"the loss had grown from {birth:.4g} to {top:.4g} before"
    norms = seen(trace.gradient_norm)
    steps = [max(seen(part.update_ratio), default=0.0) for part in trace.parts if seen(part.update_ratio) and part.birth_weight_rms > 0]
    moved = middle(steps)
    if moved > LARGE_STEP:
        return f"layers moved by up to {moved:.0%} of their size in one step"
    if len(norms) > 2 and norms[-1] > 100 * norms[0] > 0 and level_at(trace, trace.steps) > birth:
        return f"the gradient's norm had grown from {norms[0]:.3g} to {norms[-1]:.3g}"
    return ""
