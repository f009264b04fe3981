"""Layers of a watched network in the data's way: which of them are hidden, and how signals change through them."""

from __future__ import annotations

import math
from collections.abc import Sequence

from assay.core.loop_evidence import LoopEvidence
from assay.core.loop_parts import LayerLooks
from assay.rules.course import level_at
from assay.rules.series import middle, seen, tail

BEARERS = ("linear", "conv", "recurrent")


def in_order(trace: LoopEvidence) -> list[LayerLooks]:
    """Layers with weights that mix inputs (no norm, no embedding), in the data's way; those never seen in a forward pass come as listed."""
    bearers = [part for part in trace.parts if part.kind in BEARERS or (part.kind == "other" and part.units > 1)]
    return sorted(bearers, key=lambda part: part.order if part.order >= 0 else 10**6)


def hidden(trace: LoopEvidence) -> list[LayerLooks]:
    """Those with a layer behind them, in order."""
    return [part for part in in_order(trace) if not part.is_last]


def trained(parts: Sequence[LayerLooks]) -> list[LayerLooks]:
    """Those that a gradient reached and that the optimiser moved at least once."""
    return [part for part in parts if seen(part.gradient_rms) and any(ratio > 0 for ratio in seen(part.update_ratio))]


def size(part: LayerLooks) -> int:
    """Numbers in the layer's weight."""
    return max(1, part.units) * max(1, part.fan_in)


def pushes(trace: LoopEvidence) -> list[float]:
    """For each light look, the sum over layers of |gradient| |weight| over |loss|: by what share of itself the loss would change if all
    weights doubled, if it were a straight line. About the depth for a sound network, whatever the unit of the loss.
    """
    found = []
    for i, step in enumerate(trace.look_step):
        loss = abs(level_at(trace, step))
        whole = math.fsum(
            size(part) * part.gradient_rms[i] * part.weight_rms[i]
            for part in trace.parts
            if i < len(part.gradient_rms) and i < len(part.weight_rms) and math.isfinite(part.gradient_rms[i] * part.weight_rms[i])
        )
        found.append(whole / loss if loss > 0 else math.nan)
    return found


def early_ratio(trace: LoopEvidence, n: int = 6) -> float:
    """Median over hidden layers of their median update ratio in the first `n` looks; over all layers where none is hidden."""
    return middle(middle(seen(part.update_ratio)[:n]) for part in hidden(trace) or in_order(trace))


def late_ratio(trace: LoopEvidence, n: int = 8) -> float:
    """The same over the last `n` looks."""
    return middle(middle(tail(part.update_ratio, n)) for part in hidden(trace) or in_order(trace))


def largest_ratio(trace: LoopEvidence) -> float:
    """Update ratio of the layer that moves most but one (of one or two: the most), median of all looks; zeros at birth may be the most."""
    found = sorted(value for part in in_order(trace) if math.isfinite(value := middle(part.update_ratio)))
    return math.nan if not found else found[-2] if len(found) > 2 else found[-1]


def rate(trace: LoopEvidence) -> float:
    """Largest present learning rate of any group; nan where none is known."""
    return max((group.learning_rate[-1] for group in trace.groups if group.learning_rate), default=math.nan)


def highest_rate(trace: LoopEvidence) -> float:
    """Largest learning rate that any group ever had; nan where none is known."""
    return max((value for group in trace.groups for value in seen(group.learning_rate)), default=math.nan)


def is_adaptive(trace: LoopEvidence) -> bool:
    """The optimiser divides by the size of past gradients, so that their scale does not matter."""
    return any(
        group.second_momentum > 0 or group.optimiser.lower().startswith(("adam", "rms", "ada", "nadam", "radam")) for group in trace.groups
    )


def name(part: LayerLooks) -> str:
    """The layer's name for people."""
    return part.name or "the model itself"
