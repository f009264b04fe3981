"""Any column as a few levels: quantile bins of numbers, categories with the rare ones pooled, one level for missing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from assay.audit.column import numbers_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

FINE_BINS = 256
MAX_CATEGORIES = 1000


@dataclass(frozen=True, slots=True)
class Levels:
    """A column as level numbers.

    Attributes:
        codes: Level of each row, 0 to `n` - 1; the last level is "missing".
        n: Levels, the missing one included.
        names: Category of each level but the last; empty for numbers.
        edges: Upper edges of the bins of numbers, the last bin open: bin i holds edges[i-1] < x <= edges[i].
        numbers: The column standardised, 0 where missing; None for categories.
        pooled: The last category gathers the rare ones.
        is_time: The numbers are days since 1970.
    """

    codes: NDArray[np.int64]
    n: int
    names: tuple[str, ...] = ()
    edges: NDArray[np.float64] | None = None
    numbers: NDArray[np.float64] | None = None
    pooled: bool = False
    is_time: bool = False

    def coarser(self, bins: int) -> NDArray[np.int64]:
        """Map each level of numbers to one of about `bins` coarser bins, whose edges are among the fine ones."""
        if self.edges is None or len(self.edges) < bins:
            return np.arange(self.n)
        kept = self.edges[:: max(1, FINE_BINS // bins)]
        return np.append(np.searchsorted(kept, np.append(self.edges, np.inf), side="left"), len(kept) + 1)

    def say(self, first: int, last: int | None = None) -> str:
        """A range of levels in words that follow the column's name: "= 'farmer'", "> 653", "is missing"."""
        last = first if last is None else last
        if first == self.n - 1:
            return "is missing"
        if self.edges is None:
            return "is a rare value" if self.pooled and first == self.n - 2 else f"= {self.names[first]!r}"
        if last >= len(self.edges):
            return f"> {self._number(self.edges[first - 1])}" if first else "is given"
        if first == 0:
            return f"<= {self._number(self.edges[last])}"
        low, high = self.edges[first - 1], self.edges[last]
        single = high == np.nextafter(low, np.inf)
        return f"= {self._number(high)}" if single else f"in ({self._number(low)}, {self._number(high)}]"

    def _number(self, edge: np.float64) -> str:
        value = float(edge)
        if not self.is_time:
            return f"{value:.6g}"
        return str(np.datetime64(round(value * 86_400), "s")).replace("T00:00:00", "")


def levels_of(column: pl.Series) -> Levels:
    """A column of any kind as levels.

    Example:
        >>> levels_of(pl.Series("c", ["x", None, "y", "x"])).codes.tolist()
        [0, 2, 1, 0]
    """
    if column.dtype == pl.String:
        return _of_texts(column)
    return levels_of_numbers(numbers_of(column), is_time=column.dtype in (pl.Date, pl.Datetime))


def levels_of_numbers(raw: NDArray[np.float64], *, is_time: bool = False) -> Levels:
    """Numbers as at most 256 quantile bins, a frequent value in a bin of its own, and a last level for missing."""
    absent = ~np.isfinite(raw)
    ordered = np.sort(raw[~absent])
    if not len(ordered):
        return Levels(np.zeros(len(raw), dtype=np.int64), 1, edges=np.empty(0))
    places = (np.arange(1, FINE_BINS) * len(ordered)) // FINE_BINS
    cuts, times = np.unique(ordered[places], return_counts=True)
    heavy = cuts[times > 1]
    edges = np.unique(np.concatenate([cuts, np.nextafter(heavy, -np.inf)]), return_counts=True)[0]  # without counts it loads numpy.ma
    edges = edges[(edges >= ordered[0]) & (edges < ordered[-1])]
    codes = np.searchsorted(edges, raw, side="left")
    codes[absent] = len(edges) + 1
    mean, std = float(ordered.mean()), float(ordered.std())
    numbers = np.where(absent, 0.0, (np.where(absent, mean, raw) - mean) / (std or 1.0))
    return Levels(codes, len(edges) + 2, edges=edges, numbers=numbers, is_time=is_time)


def _of_texts(column: pl.Series) -> Levels:
    counts = column.alias("value").drop_nulls().value_counts(name="rows")
    pooled = counts.height > MAX_CATEGORIES
    if pooled:
        counts = counts.sort(["rows", "value"], descending=[True, False]).head(MAX_CATEGORIES - 1)
    names = counts["value"].sort()
    coded = column.cast(pl.Enum(names), strict=False).to_physical().cast(pl.Int64)
    codes = coded.fill_null(len(names)).to_numpy().copy()
    n = len(names) + 1
    if pooled:
        codes[column.is_null().to_numpy()] = n
        n += 1
    return Levels(codes.astype(np.int64), n, names=tuple(names), pooled=pooled)
