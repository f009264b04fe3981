"""MOD102 init-too-large."""

from __future__ import annotations

import math
from collections.abc import Iterator

from assay.core.finding import Finding, Severity
from assay.core.loop_evidence import LoopEvidence
from assay.core.loop_parts import LayerLooks
from assay.core.rule import rule
from assay.rules.course import Course, course
from assay.rules.depth import in_order, name, pushes
from assay.rules.example_training import chain, falling, flat, steady, training
from assay.rules.series import head, middle, tail

LARGE = 2.5
GROWTH = 30.0
LARGE_GATES = 6.0
BIRTH_LOSS = 3.0
FLAT_SHARE = 0.5
PUSH = 300.0


@rule("MOD102", "init-too-large", severity=Severity.ERROR, since="0.2")
def init_too_large(trace: LoopEvidence) -> Iterator[Finding]:
    """Weights were drawn so large that the first outputs are far out, flat activations are full, or signals grow from layer to layer.

    Why it matters: The first steps undo the drawing in place of learning, if they do not end in infinity.
    How it is detected: A layer without a norm behind it whose weights, root mean square times sqrt(inputs), were born over 2.5 (1 keeps a
        signal's size, 1.41 before ReLU, .58 is PyTorch's default); and it shows: the loss at birth is over three times
        that of the best constant, or over half of the tanh or sigmoid units are flat at the first look, or gradient times weight is over
        300 times the loss. Or the signal grows thirtyfold from the first layer's inputs to the last one's outputs, with the same harm.
        A recurrent layer born over 6 is named at once: its gates are open or shut for good. An embedding counts where every
        row gets a gradient: it is the head too.
    Remedy: nn.init.kaiming_normal_ before ReLU, nn.init.xavier_normal_ before tanh; std .02 for embeddings that are the head too.
    Limits: Weights that were loaded may be large and sound: their loss at birth is low, so they are not named.
    References: He et al. 2015, Delving Deep into Rectifiers, section 2.2; Glorot and Bengio 2010.
    """
    way, parts = course(trace), in_order(trace)
    if not parts or not trace.look_step:
        return
    large = [part for part in parts if part.birth_scale > LARGE and not part.normed and part.fan_in > 3]
    large += [part for part in trace.parts if part.kind == "embedding" and part.birth_scale > LARGE and _is_head(part)]
    growth = _growth(parts)
    harm = _harm(trace, way, parts)
    if not harm or not (large or (growth > GROWTH and middle(part.birth_scale for part in parts) > 1.02)):
        return
    worst = max(large, key=lambda part: part.birth_scale) if large else max(parts, key=_gain)
    yield Finding(
        {"model": trace.model, "layer": name(worst), "step": 0},
        saw=f"weights of {name(worst)} were born at {worst.birth_scale:.3g} of a signal-keeping size (root mean square "
        f"{worst.birth_weight_rms:.3g}, {worst.fan_in} inputs)"
        + (f"; so in {len(large)} of {len(parts)} layers" if len(large) > 1 else "")
        + (f"; signals grow to {growth:.3g} times the inputs" if growth > 3 else "")
        + f"; {harm}",
        expected=f"under {LARGE:g}, and a loss at birth near that of the best constant",
        remedy=f"nn.init.kaiming_normal_({name(worst)}.weight, nonlinearity='relu'), or xavier_normal_ before tanh; and so for every layer",
    )


def _is_head(part: LayerLooks) -> bool:
    return bool(tail(part.quiet_units, 1)) and max(tail(part.quiet_units)) == 0


def _gain(part: LayerLooks) -> float:
    before, after = middle(head(part.input_rms, 1)), middle(head(part.output_rms, 1))
    return after / before if before > 0 and math.isfinite(after) else 0.0


def _growth(parts: list[LayerLooks]) -> float:
    before, after = middle(head(parts[0].input_rms, 1)), middle(head(parts[-1].output_rms, 1))
    return after / before if before > 0 and len(parts) > 1 and math.isfinite(after) else 0.0


def _harm(trace: LoopEvidence, way: Course | None, parts: list[LayerLooks]) -> str:
    birth = trace.early_loss[0] if trace.early_loss else math.nan
    birth = trace.birth if trace.birth is not None and math.isfinite(trace.birth) else birth
    if trace.opening > 0 and birth > BIRTH_LOSS * trace.opening:
        return f"loss {birth:.4g} at birth, {trace.opening:.4g} for the best constant"
    full = max((middle(head(part.saturated_share, 1)) for part in parts if head(part.saturated_share, 1)), default=0.0)
    if full > FLAT_SHARE:
        return f"{full:.0%} of a layer's activations on their flat ends at the first look"
    many = sum(part.birth_scale > LARGE and not part.normed for part in parts) * 2 >= len(parts)
    if not trace.opening > 0 and many and _growth(parts) > 5:
        return f"loss {birth:.4g} at birth"
    gates = max((part.birth_scale for part in parts if part.kind == "recurrent"), default=0.0)
    if gates > LARGE_GATES:
        return f"gates are open or shut whatever they are fed (in {trace.steps:,} steps)"
    push = middle(head(pushes(trace), 2))
    if push > PUSH:
        return f"gradient times weight is {push:.3g} times the loss"
    if way is None and trace.nonfinite_step >= 0:
        return f"the loss is not finite at step {trace.nonfinite_step:,}"
    return ""


@init_too_large.bad
def two_and_a_half_times_a_sound_size() -> LoopEvidence:
    return training(falling(3.1, 0.8), parts=chain(3, birth_scale=2.6))


@init_too_large.bad
def flat_from_the_start() -> LoopEvidence:
    return training(flat(0.9), parts=chain(3, birth_scale=8.0, activation="tanh", saturated_share=steady(0.6)))


@init_too_large.good
def large_before_a_norm() -> LoopEvidence:
    return training(falling(3.1, 0.8), parts=chain(3, birth_scale=8.0, normed=True))


@init_too_large.good
def targets_far_from_zero() -> LoopEvidence:
    return training(falling(30.0, 0.8), parts=chain(3, birth_scale=0.58))
