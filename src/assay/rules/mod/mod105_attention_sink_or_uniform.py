"""MOD105 attention-sink-or-uniform."""

from __future__ import annotations

import math
from collections.abc import Iterator

from assay.core.finding import Finding, Severity
from assay.core.loop_evidence import LoopEvidence
from assay.core.loop_parts import HeadLooks
from assay.core.rule import rule
from assay.rules.example_training import falling, training
from assay.rules.series import middle

UNIFORM = 0.995
SINK = 0.9
SHARP = 0.15
MOST_HEADS = 0.5
FEWEST_LOOKS = 6
FEWEST_STEPS = 200
FEWEST_TOKENS = 4


@rule("MOD105", "attention-sink-or-uniform", severity=Severity.NOTE, since="0.2")
def attention_sink_or_uniform(trace: LoopEvidence) -> Iterator[Finding]:
    """Most heads of a layer look at everything alike, or all at one key, or were too sharp from birth.

    Why it matters: A uniform head is a mean, a sink is a constant: neither chooses. Scores that are born too large pass no gradient.
    How it is detected: In at least half of a layer's heads. Sharp from birth: the entropy at the first deep look is under 15 % of the
        largest possible (drawn heads are near 100 %). After 200 steps and 6 deep looks, in the last three: entropy over 99.5 % of the
        largest possible, as at birth; or one key has over 90 % of the attention.
    Remedy: Sharp: divide scores by the square root of the head's width. Uniform: take the layer out and compare, or raise the rate of
        its queries and keys. Sink: harmless if the first token is it; else normalise queries and keys.
    Limits: Sinks are a habit of sound language models, and some layers are better off as means: hence a note.
    References: Vaswani et al. 2017, section 3.2.1; Xiao et al. 2024, Efficient Streaming Language Models with Attention Sinks.
    """
    for layer in trace.heads:
        if layer.tokens < FEWEST_TOKENS or not layer.entropy:
            continue
        found = _sharp(layer) or (_idle(layer) if trace.steps >= FEWEST_STEPS and len(layer.entropy) >= FEWEST_LOOKS else ())
        if found:
            saw, expected, remedy = found
            yield Finding(
                {"model": trace.model, "layer": layer.layer, "step": trace.deep_step[0]}, saw=saw, expected=expected, remedy=remedy
            )


def _sharp(layer: HeadLooks) -> tuple[str, str, str] | tuple[()]:
    first = [entropy for entropy in layer.entropy[0] if math.isfinite(entropy)]
    sharp = [entropy for entropy in first if entropy < SHARP]
    if not first or len(sharp) < MOST_HEADS * len(first):
        return ()
    return (
        f"{len(sharp)} of {len(first)} heads of {layer.layer} with an entropy of {middle(sharp):.1%} of the largest at the first look",
        "near 100% at birth",
        "scores = q @ k.transpose(-2, -1) / head_width**0.5",
    )


def _idle(layer: HeadLooks) -> tuple[str, str, str] | tuple[()]:
    entropy, sink = _last(layer.entropy), _last(layer.sink)
    uniform, sunk = [e for e in entropy if e > UNIFORM], [s for s in sink if s > SINK]
    if entropy and len(uniform) >= MOST_HEADS * len(entropy):
        saw = f"{len(uniform)} of {len(entropy)} heads of {layer.layer} at {middle(uniform):.2%} of the largest entropy"
        return saw, f"under {UNIFORM:.1%} in most heads", f"train without {layer.layer} and compare"
    if sink and len(sunk) >= MOST_HEADS * len(sink):
        saw = f"{len(sunk)} of {len(sink)} heads of {layer.layer} give {middle(sunk):.0%} of their attention to one of {layer.tokens} keys"
        return saw, f"under {SINK:.0%} in most heads", "normalise queries and keys: q = norm(q), k = norm(k)"
    return ()


def _last(looks: tuple[tuple[float, ...], ...]) -> list[float]:
    recent = looks[-3:]
    return [value for value in (middle(heads) for heads in zip(*recent, strict=False)) if math.isfinite(value)]


def _layer(entropy: float, sink: float, first: float = 0.98) -> LoopEvidence:
    heads = HeadLooks("blocks.0.attention", 32, ((first, first),) + ((entropy, 0.7),) * 10, ((0.1, 0.1),) + ((sink, 0.2),) * 10)
    return training(falling(1.0, 0.3, 300), heads=(heads,))


@attention_sink_or_uniform.bad
def one_of_two_heads_is_a_mean() -> LoopEvidence:
    return _layer(0.996, 0.1)


@attention_sink_or_uniform.bad
def one_of_two_heads_looks_at_one_key() -> LoopEvidence:
    return _layer(0.2, 0.91)


@attention_sink_or_uniform.bad
def born_too_sharp() -> LoopEvidence:
    return _layer(0.5, 0.3, first=0.14)


@attention_sink_or_uniform.good
def heads_that_choose() -> LoopEvidence:
    return _layer(0.9, 0.6)
