"""TRN112 saturated-activation."""

from __future__ import annotations

from collections.abc import Iterator

from assay.core.finding import Finding, Severity
from assay.core.loop_evidence import LoopEvidence
from assay.core.loop_parts import LayerLooks
from assay.core.rule import rule
from assay.rules.course import course
from assay.rules.depth import hidden, highest_rate, name
from assay.rules.example_training import chain, falling, flat, steady, training
from assay.rules.series import head, middle, seen, since, tail

SHARE = 0.5
NEARLY_ALL = 0.75
LEARNED = 0.5
LARGE_BIRTH = 2.5
LARGE_INPUT = 5.0


@rule("TRN112", "saturated-activation", severity=Severity.WARNING, since="0.2")
def saturated_activation(trace: LoopEvidence) -> Iterator[Finding]:
    """Most of a hidden layer's sigmoid or tanh units sit on their flat ends, where no gradient passes.

    Why it matters: Behind a flat unit nothing learns; the network is as small as the units that are left.
    How it is detected: The share of activations whose slope is under 5 % of the steepest, median of the last three deep looks, in
        hidden layers. Over a half while the loss is within 5 % of knowing nothing; or over three quarters while less than half of what
        there is to know was learned.
    Remedy: By what the evidence tells: weights born too large (nn.init.xavier_normal_), inputs that are not standardised, or a rate
        that drove the weights out; else ReLU.
    Limits: The gates inside nn.LSTM are not seen. A network that learned sharp decisions saturates in the end and is sound, so it is
        not named once it has learned most of the loss.
    References: Glorot and Bengio 2010, Understanding the difficulty of training deep feedforward neural networks, section 3.
    """
    way = course(trace)
    if way is None:
        return
    learned = way.learned_share
    for part in hidden(trace):
        late = middle(tail(part.saturated_share, 3))
        if len(seen(part.saturated_share)) < 2:
            continue
        if not ((late > SHARE and way.is_stuck) or (late > NEARLY_ALL and learned < LEARNED)):
            continue
        early = middle(head(part.saturated_share, 1))
        yield Finding(
            {"model": trace.model, "layer": name(part), "step": max(0, since(part.saturated_share, trace.deep_step, above=SHARE))},
            saw=f"{late:.0%} of the {part.activation or 'bounded'} activations of {name(part)} on their flat ends, {early:.0%} at birth; "
            f"fed with a root mean square of {middle(tail(part.input_rms)):.3g}, weights born at {part.birth_scale:.3g} of a "
            f"signal-keeping size; loss {way.now:.4g}, {way.reference:.4g} for knowing nothing",
            expected=f"under {SHARE:.0%}, or a loss that has fallen",
            remedy=_remedy(trace, part, early),
        )
        return


def _remedy(trace: LoopEvidence, part: LayerLooks, early: float) -> str:
    first = middle(head(part.input_rms, 1))
    if early > SHARE and part.birth_scale > LARGE_BIRTH:
        return "nn.init.xavier_normal_(layer.weight): its weights were born too large"
    if early > SHARE and first > LARGE_INPUT:
        return "standardise what it is fed: x = (x - mean) / std of the training rows, or a norm before it"
    rate = highest_rate(trace)
    if early <= SHARE and rate > 0:
        return f"train with a rate of {rate / 10:.2g}: the steps drove the weights out; or nn.ReLU() in its place"
    return f"nn.ReLU() in place of {part.activation or 'it'}, or nn.LayerNorm before it"


@saturated_activation.bad
def half_of_a_tanh_layer_from_birth() -> LoopEvidence:
    return training(flat(0.98), parts=chain(3, activation="tanh", saturated_share=steady(0.51), birth_scale=6.0))


@saturated_activation.bad
def driven_out_by_the_steps() -> LoopEvidence:
    return training(falling(1.0, 0.6), parts=chain(3, activation="sigmoid", saturated_share=(0.0,) * 5 + (0.8,) * 15))


@saturated_activation.good
def sharp_decisions_of_a_trained_network() -> LoopEvidence:
    return training(falling(1.0, 0.1), parts=chain(3, activation="tanh", saturated_share=(0.1,) * 5 + (0.9,) * 15))


@saturated_activation.good
def a_third_flat_in_a_slow_start() -> LoopEvidence:
    return training(flat(0.98), parts=chain(3, activation="tanh", saturated_share=steady(0.33)))
