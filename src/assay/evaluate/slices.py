"""Slices: parts of the held-out rows, by one column each, on which the model loses more than elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from assay.audit.image import brightness
from assay.core.eval_evidence import Slice
from assay.core.statistics import benjamini_hochberg, normal_sf
from assay.evaluate.row_sample import unit_weights

if TYPE_CHECKING:
    import polars as pl
    from numpy.typing import NDArray

    from assay.table.table import Table

FEWEST_ROWS = 30
MOST_SLICES = 10
MOST_LEVELS = 50
FALSE_DISCOVERY_RATE = 0.05


def worst_slices(table: Table, per_row: NDArray[np.float64], weight: NDArray[np.float64] | None = None) -> tuple[Slice, ...]:
    """The slices that lose significantly more than the other rows, at most ten, the worst first.

    A slice is a level of a category, a quarter of a number's, a date's or an image's brightness' range by rows, or the rows
    where a column is missing, with at least 30 rows inside and outside. Each is tested against the rest by Welch's test (normal tail),
    and the false discovery rate over all slices looked at is held at 5 %.

    Args:
        table: The held-out rows.
        per_row: Their losses, unweighted.
        weight: Their weights, or None.

    Source: Welch 1947; Benjamini and Hochberg 1995.
    """
    weights = unit_weights(weight, len(per_row))
    whole = float(np.average(per_row, weights=weights))
    tested = []
    for column, kind, values in _looked_at(table):
        for rule, rows in _parts(column, kind, values):
            if FEWEST_ROWS <= int(rows.sum()) <= len(rows) - FEWEST_ROWS:
                tested.append(_slice(rule, column, rows, per_row, weights, whole))
    cut = benjamini_hochberg([s.p for s in tested], len(tested), FALSE_DISCOVERY_RATE)
    worst = sorted((s for s in tested if s.excess > 0 and s.p <= cut), key=lambda s: -s.excess)
    return tuple(worst[:MOST_SLICES])


def _looked_at(table: Table) -> Iterator[tuple[str, str, pl.Series]]:
    """Name, kind and values of what slices are cut by; pixels count together, by the brightness of their image."""
    features, pixels = set(table.features), {c for grid in table.grids.values() for c in grid.columns}
    for name, grid in table.grids.items():
        if features.intersection(grid.columns):
            yield f"{name} brightness", "number", brightness(name, grid, table.frame)
    for column in table.features:
        if column not in pixels:
            yield column, table.kind(column), table.frame[column]


def _slice(
    rule: str,
    column: str,
    rows: NDArray[np.bool_],
    per_row: NDArray[np.float64],
    weights: NDArray[np.float64],
    whole: float,
) -> Slice:
    (inside, se_inside), (outside, se_outside) = (_mean(per_row[part], weights[part]) for part in (rows, ~rows))
    se = float(np.hypot(se_inside, se_outside))
    p = 2.0 * normal_sf(abs(inside - outside) / se) if se > 0 else float(inside == outside)
    return Slice(rule, column, int(rows.sum()), inside, inside - whole, p)


def _mean(values: NDArray[np.float64], weights: NDArray[np.float64]) -> tuple[float, float]:
    total = float(weights.sum())
    if total <= 0:
        return 0.0, 0.0
    mean = float(values @ weights) / total
    return mean, float(np.sqrt(np.square(weights * (values - mean)).sum())) / total


def _parts(name: str, kind: str, values: pl.Series) -> Iterator[tuple[str, NDArray[np.bool_]]]:
    missing = values.is_null().to_numpy()
    if missing.any():
        yield f"{name} missing", missing
    if kind in ("number", "date"):
        yield from _quarters(name, values, ~missing)
    elif kind in ("category", "boolean"):
        counts = values.drop_nulls().value_counts(sort=True).head(MOST_LEVELS)
        for level, rows in counts.iter_rows():
            if rows >= FEWEST_ROWS:
                yield f"{name} = {level!r}", (values == level).fill_null(value=False).to_numpy()


def _quarters(name: str, values: pl.Series, known: NDArray[np.bool_]) -> Iterator[tuple[str, NDArray[np.bool_]]]:
    if not known.any():
        return
    present = values.drop_nulls()
    ranks = values.to_physical().cast(float).fill_null(0.0).to_numpy()
    cuts = np.quantile(ranks[known], (0.25, 0.5, 0.75), method="inverted_cdf")
    quarter = np.searchsorted(cuts, ranks, side="left")
    for place in range(4):
        rows = known & (quarter == place)
        if rows.any():
            inside = present.filter(rows[known])
            yield f"{name} from {_said(inside.min())} to {_said(inside.max())}", rows


def _said(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
