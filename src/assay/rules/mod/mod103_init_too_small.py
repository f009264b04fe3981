"""MOD103 init-too-small."""

from __future__ import annotations

import math
from collections.abc import Iterator

from assay.core.finding import Finding, Severity
from assay.core.loop_evidence import LoopEvidence
from assay.core.loop_parts import LayerLooks
from assay.core.rule import rule
from assay.rules.course import course
from assay.rules.depth import hidden, in_order, name
from assay.rules.example_training import chain, falling, flat, steady, training
from assay.rules.series import head, middle, tail

SMALL = 0.1
KEPT = 1e-2
STILL_SMALL = 1e-1
LEARNED = 0.1
FEWEST_STEPS = 30


@rule("MOD103", "init-too-small", severity=Severity.ERROR, since="0.2")
def init_too_small(trace: LoopEvidence) -> Iterator[Finding]:
    """Weights were drawn so small that the signal of the inputs dies on its way, and the gradient with it.

    Why it matters: The outputs do not depend on the inputs; only the last bias learns, and the loss waits at that of the best constant.
    How it is detected: Hidden layers without norm and skip whose weights, root mean square times sqrt(inputs), were born under .1 (1
        keeps a signal's size, .58 is PyTorch's default) but not at 0; or each layer a little too small, so that the spread over
        rows falls under a hundredth from the first inputs to the last outputs. Either way only while after 30 steps less than a tenth of
        the loss of knowing nothing is gone, and the last layer's outputs still hardly differ between rows.
    Remedy: nn.init.kaiming_normal_ before ReLU, nn.init.xavier_normal_ before tanh: a size by each layer's own number of inputs.
    Limits: A small last layer, or a small last layer of a residual branch, is sound. With Adam small weights grow within some hundred
        steps, and then nothing is named.
    References: He et al. 2015, Delving Deep into Rectifiers, section 2.2; Glorot and Bengio 2010.
    """
    way, parts = course(trace), in_order(trace)
    plain = [part for part in hidden(trace) if not part.normed and not part.residual and part.birth_scale > 0]
    if way is None or way.steps < FEWEST_STEPS or not way.learned_share < LEARNED or not plain:
        return
    small = [part for part in plain if part.birth_scale < SMALL]
    kept = _kept(parts)
    if not (small or (kept < KEPT and middle(part.birth_scale for part in plain) < 1.3)) or _kept(parts, late=True) > STILL_SMALL:
        return
    worst = min(plain, key=lambda part: part.birth_scale)
    yield Finding(
        {"model": trace.model, "layer": name(worst), "step": 0},
        saw=f"weights of {name(worst)} were born at {worst.birth_scale:.2g} of a signal-keeping size (root mean square "
        f"{worst.birth_weight_rms:.2g}, {worst.fan_in} inputs), {len(small)} of {len(plain)} hidden layers under {SMALL:g}; what differs "
        f"between rows is {kept:.1e} of the inputs' size at the last layer; loss {way.now:.4g} after {way.steps:,} steps, "
        f"{way.reference:.4g} for knowing nothing",
        expected=f"at least {SMALL:g}; 1 keeps a signal's size, 1.41 before ReLU",
        remedy=f"nn.init.kaiming_normal_({name(worst)}.weight, nonlinearity='relu'), or xavier_normal_ before tanh; and so for every layer",
    )


def _kept(parts: list[LayerLooks], *, late: bool = False) -> float:
    """Spread over rows of the last layer's outputs over the size of the first one's inputs."""
    pick = tail if late else head
    before, after = middle(pick(parts[0].input_rms, 2)), middle(pick(parts[-1].output_spread, 2))
    # at birth outputs that do not differ at all are of inputs that do not; later they are a signal that died
    is_known = before > 0 and math.isfinite(after) and (after > 0 or late)
    return after / before if is_known else 1.0


@init_too_small.bad
def a_tenth_of_a_sound_size() -> LoopEvidence:
    return training(flat(0.99), parts=chain(3, birth_scale=0.09, output_spread=steady(1e-3)))


@init_too_small.bad
def thirty_layers_each_a_little_too_small() -> LoopEvidence:
    return training(flat(0.99), parts=chain(30, birth_scale=0.99, output_spread=steady(9e-3)))


@init_too_small.bad
def outputs_that_do_not_differ_at_all() -> LoopEvidence:
    return training(flat(0.99), parts=chain(3, birth_scale=0.02, output_spread=steady(0.0)))


@init_too_small.good
def small_but_grown() -> LoopEvidence:
    return training(falling(1.0, 0.5), parts=chain(3, birth_scale=0.05, output_spread=(1e-3,) * 5 + (0.5,) * 15))


@init_too_small.good
def a_small_last_layer() -> LoopEvidence:
    return training(flat(0.99), parts=chain(3, lambda i: {"birth_scale": 0.01 if i == 2 else 1.0}))
