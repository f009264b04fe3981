"""Columns that give a numeric target by exact arithmetic, such as casual + registered = count."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

ROWS_FITTED = 2_000
MAX_COLUMNS = 100
EXACT_SHARE = 0.999
RELATIVE_TOLERANCE = 1e-6


@dataclass(frozen=True, slots=True)
class Identity:
    """A sum that gives the target.

    Attributes:
        columns: The fewest columns that do.
        formula: In words, with the rows in which it holds.
        share: Share of rows in which it holds, 0 to 1.
    """

    columns: tuple[str, ...]
    formula: str
    share: float


def exact_sum(columns: dict[str, NDArray[np.float64]], target: NDArray[np.float64], name: str, seed: int = 0) -> Identity | None:
    """The smallest set of columns whose weighted sum equals the target in at least 99.9 % of rows, or None.

    Least squares on a sample, refitted without the rows that fit worst (a few wrong rows must not hide an identity), then
    backward elimination: a column whose loss keeps the sum exact goes.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> a, b = rng.integers(0, 99, (2, 500)).astype(float)
        >>> exact_sum({"a": a, "b": b}, a + b, "y").formula
        'a + b = y in 500 of 500 rows'
    """
    whole = {c: v for c, v in columns.items() if np.isfinite(v).all() and float(v.std()) > 0}
    names = list(whole)[:MAX_COLUMNS]
    spread = float(target.std())
    if not names or len(target) < 20 + 5 * len(names) or spread == 0:
        return None
    rows = np.sort(np.random.default_rng(seed).permutation(len(target))[:ROWS_FITTED])
    matrix = np.stack([whole[c] for c in names], axis=1)
    centre, scale = matrix.mean(axis=0), matrix.std(axis=0)
    design = np.column_stack([(matrix[rows] - centre) / scale, np.ones(len(rows))])
    y = (target[rows] - target.mean()) / spread
    kept = _eliminated(design, y, list(range(len(names))))
    if kept is None:
        return None
    weights, _ = _robust_fit(design[:, [*kept, -1]], y)
    slopes = [_tidy(float(weights[i] * spread / scale[k])) for i, k in enumerate(kept)]
    start = _tidy(float(target.mean() + weights[-1] * spread - sum(s * centre[k] for s, k in zip(slopes, kept, strict=True))), spread)
    given = start + matrix[:, kept] @ np.array(slopes)
    holds = np.abs(given - target) <= RELATIVE_TOLERANCE * (spread + np.abs(target))
    if holds.mean() < EXACT_SHARE:
        return None
    chosen = tuple(names[k] for k in kept)
    formula = f"{_sum_in_words(chosen, slopes, start)} = {name} in {int(holds.sum())} of {len(target)} rows"
    return Identity(chosen, formula, float(holds.mean()))


def _eliminated(design: NDArray[np.float64], y: NDArray[np.float64], kept: list[int]) -> list[int] | None:
    """The columns that remain when every column without which the sum stays exact is gone; None if it never is."""
    weights, exact = _robust_fit(design, y)
    if not exact:
        return None
    for column in sorted(kept, key=lambda k: abs(weights[k])):
        fewer = [k for k in kept if k != column]
        if fewer and _robust_fit(design[:, [*fewer, -1]], y)[1]:
            kept = fewer
    return kept


def _robust_fit(design: NDArray[np.float64], y: NDArray[np.float64]) -> tuple[NDArray[np.float64], bool]:
    rows = np.arange(len(y))
    for _ in range(3):
        weights = np.asarray(np.linalg.lstsq(design[rows], y[rows], rcond=1e-10)[0], dtype=np.float64)
        error = np.abs(design @ weights - y)
        exact = bool((error <= RELATIVE_TOLERANCE).mean() >= EXACT_SHARE)
        if exact or float(np.median(error)) > 0.1:
            break
        rows = np.argsort(error, kind="stable")[: max(design.shape[1] + 1, int(0.99 * len(y)))]
    return weights, exact


def _tidy(value: float, scale: float = 0.0) -> float:
    """The value without the rounding noise of the fit: the nearest number of six decimals, if it is that near."""
    near = round(value, 6)
    return near if abs(value - near) <= 1e-7 * max(1.0, abs(value), scale) else value


def _sum_in_words(names: Sequence[str], slopes: Sequence[float], start: float) -> str:
    parts = []
    for name, slope in zip(names, slopes, strict=True):
        size = "" if abs(slope) == 1 else f"{abs(slope):.6g} * "
        parts.append((" - " if slope < 0 else " + ") + size + name)
    if start:
        parts.append(f"{' - ' if start < 0 else ' + '}{abs(start):.6g}")
    said = "".join(parts)
    return said[3:] if said.startswith(" + ") else "-" + said[3:]
