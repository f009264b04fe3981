"""TRN111 exploding-gradient."""

from __future__ import annotations

import math
from collections.abc import Iterator

from assay.core.finding import Finding, Severity
from assay.core.loop_evidence import LoopEvidence
from assay.core.loop_parts import LayerLooks
from assay.core.rule import rule
from assay.rules.course import Course, course
from assay.rules.depth import hidden, highest_rate, in_order, name, pushes
from assay.rules.example_training import chain, falling, flat, steady, training
from assay.rules.series import head, middle, seen

GROWTH = 100.0
PUSH = 1e4
PER_LAYER = 1e3
REACH = 1e2


@rule("TRN111", "exploding-gradient", severity=Severity.ERROR, since="0.2")
def exploding_gradient(trace: LoopEvidence) -> Iterator[Finding]:
    """The gradient grows out of all proportion: on its way back through layers or time, or from step to step.

    Why it matters: One such step throws the weights far from where they were; what was learned is gone, or everything becomes NaN.
    How it is detected: Only where the loss is harmed: it rose above its start, stayed within 5 % of knowing nothing, or is not finite.
        Then any of: the sum over layers of |gradient| |weight| / |loss| is over 10,000 (about the depth in a sound network, whatever
        the loss's unit); the norm before clipping grew to 100 times that of the first looks; the first layer's gradient, for
        what it is fed, is 1000 times the last one's; a recurrent layer's gradient at the first step is 100 times that at the last.
    Remedy: torch.nn.utils.clip_grad_norm_ before the step; He's or orthogonal weights, norm layers; a lower rate where the norm grew
        only after steps were taken.
    Limits: A huge norm alone is not named: targets in thousands have one, and Adam and clipping live with it.
    References: Pascanu, Mikolov and Bengio 2013, On the difficulty of training recurrent neural networks; Goodfellow et al. 2016, 10.11.1.
    """
    way = course(trace)
    harmed = trace.nonfinite_step >= 0 or (way is not None and (way.is_stuck or way.has_risen))
    if not harmed or not trace.look_step:
        return
    loss = _loss(trace, way)
    norms = seen(trace.raw_gradient_norm or trace.gradient_norm)
    push = max(seen(pushes(trace)), default=0.0)
    before, after = middle(norms[:3]), max(norms[-8:], default=0.0)
    at_birth = middle(head(pushes(trace), 2))
    yield from _in_time(trace, loss)
    if len(norms) > 3 and after > GROWTH * before > 0 and not at_birth > PUSH:
        rate = highest_rate(trace)
        step = trace.look_step[next(i for i, norm in enumerate(norms) if norm > 10 * before)]
        yield Finding(
            {"model": trace.model, "step": step},
            saw=f"gradient norm {after:.3g} after {before:.3g} in the first looks; {loss}",
            expected=f"under {GROWTH:g} times the first norm",
            remedy="torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0) before optimizer.step()"
            + (f", and a rate of {rate / 10:.2g}" if rate > 0 else ""),
        )
        return
    ratio, first = _back_through_layers(trace)
    if push > PUSH or ratio > PER_LAYER:
        place = {"layer": name(first)} if first is not None else {}
        yield Finding(
            {"model": trace.model, **place, "step": trace.look_step[0]},
            saw=f"gradient times weight is {push:.3g} times the loss"
            + (f", and the signal at {name(first)} {ratio:.3g} times that at the last layer" if first is not None and ratio > 1 else "")
            + f"; {loss}",
            expected=f"under {PUSH:g} times the loss, and under {PER_LAYER:g} times the last layer's",
            remedy="nn.init.kaiming_normal_(layer.weight), a norm or a skip connection in each block, and "
            "torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0) before optimizer.step()",
        )


def _loss(trace: LoopEvidence, way: Course | None) -> str:
    if trace.nonfinite_step >= 0:
        return f"not finite at step {trace.nonfinite_step:,}"
    return f"loss {way.now:.4g}, {way.birth:.4g} at birth" if way else "loss unknown"


def _back_through_layers(trace: LoopEvidence) -> tuple[float, LayerLooks | None]:
    layers, behind = in_order(trace), hidden(trace)
    if len(layers) < 4 or not behind:
        return 0.0, None
    first, last = behind[0], layers[-1]
    fed = [max(middle(head(part.input_rms)), 1e-30) if seen(part.input_rms) else 1.0 for part in (first, last)]
    ratio = middle(head(first.gradient_rms)) / fed[0] / max(1e-30, middle(head(last.gradient_rms)) / fed[1])
    return (ratio, first) if math.isfinite(ratio) else (0.0, None)


def _in_time(trace: LoopEvidence, loss: str) -> Iterator[Finding]:
    for layer in trace.recurrent:
        reach, factor = max(seen(layer.reach), default=0.0), max(seen(layer.factor), default=0.0)
        if reach > REACH:
            yield Finding(
                {"model": trace.model, "layer": layer.layer, "step": trace.look_step[0]},
                saw=f"gradient at the first of {layer.tokens} steps is {reach:.3g} times the last one's, {factor:.3g} a step back; {loss}",
                expected=f"under {REACH:g}",
                remedy="torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0), and nn.init.orthogonal_(rnn.weight_hh_l0)",
            )


@exploding_gradient.bad
def a_norm_that_grew_a_hundredfold() -> LoopEvidence:
    return training(flat(1.2)[:100] + flat(3.0)[:100], gradient_norm=(1.0,) * 10 + (101.0,) * 10, parts=chain(3))


@exploding_gradient.good
def clipped_and_learning() -> LoopEvidence:
    return training(falling(1.0, 0.3), raw_gradient_norm=(1.0,) * 10 + (1e5,) * 10, gradient_norm=steady(1.0), parts=chain(3))
