"""Made-up watched trainings, from which rules draw the faintest fault they name and the nearest innocent one."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import pairwise
from random import Random
from statistics import fmean, pstdev
from typing import Any

from assay.core.loop_evidence import LoopEvidence, Window
from assay.core.loop_parts import GroupFacts, LayerLooks

LOOKS = 20


def falling(start: float, end: float, steps: int = 200, noise: float = 0.02) -> list[float]:
    """Batch losses that fall from start towards end at a constant share a step, with batch noise (a share of start)."""
    draw = Random(1)
    return [end + (start - end) * math.exp(-6 * i / steps) + noise * abs(start) * draw.gauss(0, 1) for i in range(steps)]


def flat(level: float, steps: int = 200, noise: float = 0.02) -> list[float]:
    """Batch losses that stay where they are, with batch noise (a share of the level)."""
    return falling(level, level, steps, noise)


def training(losses: Sequence[float], *, opening: float = 1.0, n_looks: int = LOOKS, **fields: Any) -> LoopEvidence:
    """A watched training with these batch losses, looked at `n_looks` times, evenly; further fields as given."""
    steps = len(losses)
    wide = max(1, math.ceil(steps / 256))
    windows = tuple(_window(losses, start, min(wide, steps - start)) for start in range(0, steps, wide))
    looks = tuple(i * steps // n_looks for i in range(n_looks))
    seen: dict[str, Any] = {
        "steps": steps,
        "early_loss": tuple(losses[:128]),
        "recent_loss": tuple(losses[-128:]),
        "windows": windows,
        "look_step": looks,
        "deep_step": looks,
    }
    return LoopEvidence("network", "bits/row", opening, (), **{"birth": losses[0], **seen, **fields})


def chain(n: int, make: Callable[[int], dict[str, Any]] = lambda _: {}, **fields: Any) -> tuple[LayerLooks, ...]:
    """`n` linear layers in order with sound looks; `make(place)` and `fields` say what is other than sound."""
    sound: dict[str, Any] = {
        "kind": "linear",
        "units": 32,
        "fan_in": 32,
        "activation": "relu",
        "birth_weight_rms": 0.18,
        "birth_scale": 1.0,
        "birth_drawn": True,
        "gradient_rms": steady(0.01),
        "weight_rms": steady(0.18),
        "update_ratio": steady(1e-3),
        "quiet_units": steady(0.0),
        "twin_units": steady(0.0),
        "input_rms": steady(1.0),
        "output_rms": steady(1.0),
        "output_spread": steady(0.8),
        "unit_similarity": steady(0.2),
        "row_similarity": steady(0.3),
        "bias_mean": steady(0.0),
    }
    return tuple(LayerLooks(f"layers.{i}", **{"order": i, "is_last": i == n - 1, **sound, **fields, **make(i)}) for i in range(n))


def steady(value: float, n: int = LOOKS) -> tuple[float, ...]:
    """The same number at every look."""
    return (value,) * n


def group(rate: float = 0.1, optimiser: str = "SGD", n: int = LOOKS, **fields: Any) -> tuple[GroupFacts, ...]:
    """One parameter group at a constant rate."""
    return (GroupFacts(optimiser, 2048, **{"learning_rate": steady(rate, n), "base_rate": rate, **fields}),)


def _window(losses: Sequence[float], start: int, steps: int) -> Window:
    inside = losses[start : start + steps]
    good = [loss for loss in inside if math.isfinite(loss)]
    before = losses[max(0, start - 1) : start + steps]
    rises = sum(b > a for a, b in pairwise(before)) / max(1, len(before) - 1)
    if not good:
        return Window(start, steps, math.nan, math.nan, math.nan, math.nan, rises)
    return Window(start, steps, fmean(good), pstdev(good), min(good), max(good), rises)
