"""What rows and curves tell without a look inside: the best constant's loss, windows of a curve, facts about inputs and targets."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from assay.core.loop_evidence import Window
from assay.core.loop_parts import BatchFacts

if TYPE_CHECKING:
    from numpy.typing import NDArray

MOST_WINDOWS = 256
MOST_ROWS = 4_096
"""Of the rows that are looked at for facts about the inputs."""


def opening(y: NDArray[Any] | None, is_classes: bool) -> float:
    """Loss of the best constant: entropy of the classes in bits, or variance of the numbers."""
    if y is None or not len(y):
        return math.nan
    if not is_classes:
        return float(np.asarray(y, dtype=np.float64).var(axis=0).mean())
    if y.ndim > 1:
        share = y.mean(axis=0).clip(1e-12, 1 - 1e-12)
        return float(-(share * np.log2(share) + (1 - share) * np.log2(1 - share)).sum())
    counts = np.unique(y, return_counts=True)[1] / len(y)
    return float(-(counts * np.log2(counts)).sum())


def windows(losses: Sequence[float], steps: int) -> tuple[Window, ...]:
    """The curve in at most `MOST_WINDOWS` windows; nothing is known of single batches, so their spread is nan."""
    together = max(1, -(-len(losses) // MOST_WINDOWS))
    made = []
    for first in range(0, len(losses), together):
        part = losses[first : first + together]
        finite = [v for v in part if math.isfinite(v)]
        low, high = (min(finite), max(finite)) if finite else (math.nan, math.nan)
        mean = math.fsum(finite) / len(finite) if finite else math.nan
        made.append(Window(first * steps, len(part) * steps, mean, math.nan, low, high))
    return tuple(made)


def batch_facts(x: NDArray[np.float64] | None, y: NDArray[Any] | None, is_classes: bool, rows: int) -> BatchFacts:
    """What is known of inputs (rows, features) and targets, and how many rows a batch has."""
    told: dict[str, Any] = {"rows": rows, "batches_seen": 1 if y is not None else 0}
    if y is not None and is_classes and y.ndim == 1:
        counts = np.sort(np.unique(y, return_counts=True)[1])[::-1]
        told |= {"target_kind": "classes", "classes": len(counts), "class_share": _floats(counts[:100] / len(y))}
    elif y is not None and not is_classes:
        z = np.asarray(y, dtype=np.float64)
        told |= {"target_kind": "numbers", "nonfinite_targets": int((~np.isfinite(z)).sum())}
        told |= {"target_mean": float(z.mean()), "target_std": float(z.std()), "target_min": float(z.min()), "target_max": float(z.max())}
    if x is None or not x.size:
        return BatchFacts(**told)
    some = x[:MOST_ROWS]
    finite = np.isfinite(some)
    clean = np.where(finite, some, 0.0)
    by_feature = np.sqrt((clean**2).mean(axis=0))
    used = by_feature[by_feature > 0]
    rms = float(np.sqrt((clean**2).mean()))
    told |= {"input_kind": "numbers", "input_features": x.shape[1], "input_mean": float(clean.mean()), "input_rms": rms, "fed_rms": rms}
    told |= {"input_min": float(clean.min()), "input_max": float(clean.max()), "nonfinite_inputs": int((~finite).sum())}
    if len(used):
        told |= {"widest_feature_rms": float(used.max()), "narrowest_feature_rms": float(used.min())}
    return BatchFacts(**told)


def _floats(values: Iterable[Any]) -> tuple[float, ...]:
    return tuple(float(v) for v in values)
