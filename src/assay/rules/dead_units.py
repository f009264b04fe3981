"""Which ReLU layers of a watched network have died, and of what."""

from __future__ import annotations

import math
from collections.abc import Iterator

from assay.core.finding import Finding
from assay.core.loop_evidence import LoopEvidence
from assay.core.loop_parts import LayerLooks
from assay.rules.depth import hidden, highest_rate, name
from assay.rules.series import head, middle, seen, since, tail

DEAD = 0.5
QUIET = 0.4
FEWEST_LOOKS = 2
FEWEST_ROWS = 8
NEGATIVE = -0.5
LARGE_INPUT = 10.0
LARGE_STEP = 0.1
FAMILY = ("relu", "relu6", "")


def died(trace: LoopEvidence) -> Iterator[Finding]:
    """The finding "dead-relu" of a watched training, for its worst layer.

    Dead is a unit that is 0 on all rows of up to three successive looks; a share of a half is named where it has lasted for two looks, and
    where about as many units have a gradient of exactly 0. Batches under 8 rows say nothing.
    """
    if 0 < trace.batch.rows < FEWEST_ROWS:
        return
    dead = [part for part in hidden(trace) if part.activation in FAMILY and _has_died(part)]
    if not dead:
        return
    worst = max(dead, key=lambda part: (round(tail(part.dead_share, 1)[0], 1), -part.order))
    start = since(worst.dead_share, trace.deep_step, above=DEAD - 1e-9)
    cause, remedy = _cause(trace, worst)
    yield Finding(
        {"model": trace.model, "layer": name(worst), "step": max(0, start)},
        saw=f"{tail(worst.dead_share, 1)[0]:.0%} of the {worst.units} units of {name(worst)} are 0 on every row looked at, since step "
        f"{max(0, start):,}" + (f"; so in {len(dead)} of {len(hidden(trace))} hidden layers" if len(dead) > 1 else "") + f"; {cause}",
        expected=f"under {DEAD:.0%}",
        remedy=remedy,
    )


def _has_died(part: LayerLooks) -> bool:
    now = tail(part.dead_share, 2)
    quiet = middle(tail(part.quiet_units, 4))
    return len(seen(part.dead_share)) >= FEWEST_LOOKS and min(now) >= DEAD and not quiet < QUIET


def _cause(trace: LoopEvidence, part: LayerLooks) -> tuple[str, str]:
    bias, spread = middle(head(part.bias_mean, 1)), middle(head(part.output_spread, 1))
    first_dead = next(iter(head(part.dead_share, 1)), 0.0)
    fed = middle(head(part.input_rms, 1))
    step = max(head(part.update_ratio, 5), default=0.0)
    rate = highest_rate(trace)
    if bias < NEGATIVE * (spread if math.isfinite(spread) and spread > 0 else 1.0) and bias < -0.1:
        return f"cause: its biases were born at {bias:.3g}", f"nn.init.zeros_({name(part)}.bias)"
    mean = middle(head(part.output_mean, 1))
    if first_dead >= DEAD and mean < NEGATIVE * (spread if spread > 0 else 1.0):
        return (
            f"cause: its outputs were born at a mean of {mean:.3g} with a spread of {spread:.3g}",
            f"nn.init.kaiming_normal_({name(part)}.weight), which is as often below 0 as above",
        )
    if fed > LARGE_INPUT and part.order <= 0:
        return f"cause: raw inputs, of a root mean square of {fed:.3g}", "x = (x - mean) / std, of the training rows"
    if step > LARGE_STEP:
        return (
            f"cause: steps, one of {step:.0%} of the layer's size among the first",
            f"lr={rate / 10:.2g}, or nn.LeakyReLU(0.01)" if rate > 0 else "a tenth of the rate, or nn.LeakyReLU(0.01)",
        )
    return "cause: neither biases nor inputs nor a single large step", "nn.LeakyReLU(0.01) in place of nn.ReLU(), or a lower rate"
