"""Why a model learns less than its inputs tell: whether its loss has settled, and what holds it back."""

from __future__ import annotations

import math
from statistics import median

from assay.core.loop_evidence import LoopEvidence
from assay.rules.curve import fall
from assay.rules.series import tail

STRONG_DECAY_SHARE = 0.5
FADED_RATE_SHARE = 0.01


def is_settled(loop: LoopEvidence, gap: float) -> bool:
    """Whether the loss, at its present pace and two standard errors more, would close under half of a gap in as many steps again."""
    size, error = fall(loop)
    return math.isfinite(size) and 4 * (size + 2 * error) < 0.5 * gap


def cause_of(loop: LoopEvidence) -> tuple[str, str]:
    """What holds the model back, in numbers, and the line to change."""
    if loop.modes.dropout > 0.5:
        return f"dropout of {loop.modes.dropout:g}", "nn.Dropout(0.2)"
    for group in loop.groups:
        pulls = tail(group.decay_share)
        if pulls and median(pulls) > STRONG_DECAY_SHARE:
            saw = f"weight decay {group.weight_decay:g} pulls {median(pulls):.1f} times as hard as the loss"
            return saw, f"weight_decay={group.weight_decay / 100:.1g}"
        if group.learning_rate and 0 < group.learning_rate[-1] < FADED_RATE_SHARE * max(group.learning_rate):
            saw = f"the rate fell from {max(group.learning_rate):.3g} to {group.learning_rate[-1]:.3g}"
            return saw, "let the schedule end at a tenth of its first rate, or make it longer"
    numbers = sum(p.size for p in loop.parameters if p.in_model and p.requires_grad)
    hidden = [p for p in loop.parts if p.kind not in ("norm", "other") and not p.is_last]
    if not hidden:
        return f"{numbers:,} numbers in one layer", "put a hidden layer in front: nn.Linear(inputs, 64), nn.ReLU(), nn.Linear(64, outputs)"
    narrow = min(hidden, key=lambda p: p.units)
    return (
        f"{numbers:,} numbers, {narrow.units} units in {narrow.name}",
        f"give {narrow.name} {max(32, 4 * narrow.units)} units, or add a layer",
    )
