"""TRN110 vanishing-gradient."""

from __future__ import annotations

import math
from collections.abc import Iterator

from assay.core.finding import Finding, Severity
from assay.core.loop_evidence import LoopEvidence
from assay.core.loop_parts import LayerLooks
from assay.core.rule import rule
from assay.rules.course import Course, course
from assay.rules.depth import hidden, in_order, name
from assay.rules.example_training import chain, falling, flat, training
from assay.rules.series import middle, seen, tail

STUCK_RATIO = 3e-3
IDLE_RATIO = 1e-3
IDLE_STEP = 1e-5
HOPELESS_RATIO = 1e-5
LEARNED = 0.75
REACH = 1e-3
FEWEST_LOOKS = 3
FEWEST_STEPS = 20


@rule("TRN110", "vanishing-gradient", severity=Severity.ERROR, since="0.2")
def vanishing_gradient(trace: LoopEvidence) -> Iterator[Finding]:
    """The gradient shrinks on its way back through layers, or through the steps of a sequence, until the first ones do not learn.

    Why it matters: What the first layers make of the inputs stays as it was drawn; the last layers learn from noise.
    How it is detected: Through layers: the first hidden layer's gradient (root mean square, median of the last looks) over the last
        one's, as it is and divided by what each layer is fed (so that sparse or large inputs do not count). Named where both are under
        1/300 and the loss is within 5 % of knowing nothing after 30 steps; under 1/1000 and the first layer moves by less than a
        hundred-thousandth of itself a step; or under 1/100,000 while less than three quarters was learned. Through time: the gradient
        at a sequence's first step under 1/1000 of that at its last, and the loss as little moved.
    Remedy: ReLU or GELU in place of sigmoid and tanh, He's variance, norm layers, skip connections; in time an LSTM or GRU with a
        forget gate that is born open, or shorter sequences.
    Limits: A gradient of exactly 0 is another fault (dead units, a cut graph). A recurrent layer that need not remember has as
        short a reach, and is named only while nothing is learned.
    References: Hochreiter 1991; Glorot and Bengio 2010, Understanding the difficulty of training deep feedforward neural networks.
    """
    way = course(trace)
    if way is None or len(trace.look_step) < FEWEST_LOOKS:
        return
    yield from _through_layers(trace, way)
    yield from _through_time(trace, way)


def _through_layers(trace: LoopEvidence, way: Course) -> Iterator[Finding]:
    layers = [part for part in in_order(trace) if middle(tail(part.gradient_rms)) > 0]
    behind = [part for part in hidden(trace) if part in layers]
    if len(layers) < 3 or not behind:
        return
    first, last = behind[0], layers[-1]
    ratio = middle(tail(first.gradient_rms)) / middle(tail(last.gradient_rms))
    fed = middle(tail(last.input_rms)) / (middle(tail(first.input_rms)) or math.nan)
    signal = ratio * fed if math.isfinite(fed) else ratio
    step = middle(tail(first.update_ratio))
    worst = max(ratio, signal)
    stuck = worst < STUCK_RATIO and way.is_stuck
    idle = worst < IDLE_RATIO and step < IDLE_STEP
    hopeless = worst < HOPELESS_RATIO and way.steps >= FEWEST_STEPS and not way.learned_share > LEARNED
    if not (stuck or idle or hopeless):
        return
    yield Finding(
        {"model": trace.model, "layer": name(first), "step": trace.look_step[0]},
        saw=f"gradient of {name(first)} is {ratio:.1e} of that of {name(last)}, {len(layers) - 1} layers behind it; "
        f"{name(first)} moves by {step:.1e} of its size a step; loss {way.now:.4g} after {way.steps:,} "
        f"steps, {way.reference:.4g} for knowing nothing",
        expected=f"a ratio over {STUCK_RATIO:g}, or a first layer that moves by over {IDLE_STEP:g} of its size a step",
        remedy=_remedy(behind),
    )


def _remedy(layers: list[LayerLooks]) -> str:
    bent = [part.activation for part in layers if part.activation]
    worst = max(set(bent), key=bent.count) if bent else ""
    if worst in ("sigmoid", "tanh", "softsign", "hardsigmoid", "hardtanh"):
        return f"nn.ReLU() in place of {worst} in the hidden layers, drawn by nn.init.kaiming_normal_(layer.weight); or a norm before each"
    scale = middle(part.birth_scale for part in layers)
    if scale < 1:
        return f"nn.init.kaiming_normal_(layer.weight, nonlinearity='relu'): weights were born at {scale:.2g} of a signal-keeping size"
    return "add skip connections, x = x + block(norm(x)), or fewer layers"


def _through_time(trace: LoopEvidence, way: Course) -> Iterator[Finding]:
    for layer in trace.recurrent:
        reach, factor = middle(tail(layer.reach, 3)), middle(tail(layer.factor, 3))
        if not (0 <= reach < REACH and layer.tokens > 4 and len(seen(layer.reach)) > 1 and way.is_stuck):
            continue
        plain = layer.kind == "rnn"
        yield Finding(
            {"model": trace.model, "layer": layer.layer, "step": trace.deep_step[0] if trace.deep_step else 0},
            saw=f"gradient at the first of {layer.tokens} steps is {reach:.1e} of that at the last, {factor:.2f} a step back; loss "
            f"{way.now:.4g} after {way.steps:,} steps, {way.reference:.4g} for knowing nothing",
            expected=f"at least {REACH:g}, or a loss that falls",
            remedy="nn.LSTM or nn.GRU in place of nn.RNN, and clip_grad_norm_"
            if plain
            else "start with an open forget gate (its bias at 1 to 3), shorten the sequences, or pool over all outputs",
        )


@vanishing_gradient.bad
def ten_sigmoid_layers_that_stay_at_chance() -> LoopEvidence:
    parts = chain(4, lambda i: {"gradient_rms": (2.9e-5 * 7**i,) * 20}, activation="sigmoid")
    return training(flat(0.99), parts=parts)


@vanishing_gradient.good
def as_steep_but_learning() -> LoopEvidence:
    return training(falling(1.0, 0.3), parts=chain(4, lambda i: {"gradient_rms": (2.9e-5 * 7**i,) * 20}))


@vanishing_gradient.good
def sparse_inputs_that_are_small() -> LoopEvidence:
    parts = chain(3, lambda i: {"gradient_rms": (2e-5 if i == 0 else 1e-2,) * 20, "input_rms": (2e-3 if i == 0 else 1.0,) * 20})
    return training(flat(0.99), parts=parts)
