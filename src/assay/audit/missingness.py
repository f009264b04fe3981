"""What a column's being missing tells about the target."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from assay.audit.gain import equal_means_p, independence_p
from assay.core.table_evidence import MissingTell
from assay.core.units import entropy_bits

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


def class_tell(absent: NDArray[np.bool_], target: NDArray[np.int64], classes: Sequence[str]) -> MissingTell | None:
    """What being missing tells about a class; None if no row or every row is missing.

    The mutual information is the plug-in estimate less its bias (C - 1) / (2 n ln 2) (Miller 1955), at least 0.
    """
    table = np.bincount(absent * len(classes) + target, minlength=2 * len(classes)).reshape(2, len(classes)).astype(np.float64)
    by_side = table.sum(axis=1)
    n = float(by_side.sum())
    if not by_side.all():
        return None
    base = table.sum(axis=0) / n
    opening = entropy_bits(table.sum(axis=0).tolist())
    within = sum(size / n * entropy_bits(side.tolist()) for size, side in zip(by_side, table, strict=True))
    bias = (np.count_nonzero(base) - 1) / (2 * n * math.log(2))
    bits = max(0.0, opening - within - bias)
    shares = table / by_side[:, None]
    purer = np.where(base < 1, (shares - base) / np.maximum(1 - base, 1e-12), 0.0)
    side, outcome = np.unravel_index(int(np.argmax(purer)), purer.shape)
    return MissingTell(
        missing=int(by_side[1]),
        present=int(by_side[0]),
        bits=bits,
        share=bits / opening if opening else 0.0,
        side="missing" if side == 1 else "present",
        outcome=classes[int(outcome)],
        purity=float(shares[side, outcome]),
        base_rate=float(base[outcome]),
        p=independence_p(table),
    )


def value_tell(absent: NDArray[np.bool_], target: NDArray[np.float64]) -> MissingTell | None:
    """What being missing tells about a number; purity is the share of the variance that is gone on the purer side."""
    n, missing = len(target), int(absent.sum())
    variance = float(target.var())
    if not 0 < missing < n or variance == 0:
        return None
    sides = {"missing": target[absent], "present": target[~absent]}
    within = sum(len(v) * float(v.var()) for v in sides.values()) / n
    share = max(0.0, 1 - within / variance * (n - 1) / max(n - 2, 1))
    side = min(sides, key=lambda s: float(sides[s].var()))
    sums = np.array([[len(v), v.sum(), (v**2).sum()] for v in sides.values()], dtype=np.float64)
    return MissingTell(
        missing=missing,
        present=n - missing,
        bits=share * variance,
        share=share,
        side=side,
        outcome=f"target mean {sides[side].mean():.6g}",
        purity=max(0.0, 1 - float(sides[side].var()) / variance),
        base_rate=0.0,
        p=equal_means_p(sums),
    )
