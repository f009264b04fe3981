"""How the MLP reads numbers: each column straightened, centred and scaled by its training rows, and cut into bins."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from statistics import NormalDist
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

HEAVY_KURTOSIS = 9.0  # an exponential distribution has 9; a heavier tail is straightened first
N_RANKS = 101
CLIP_SPREADS = 8.0
MOST_BINS = 64
FEWEST_BINS = 4
ROWS_A_BIN = 500  # with bins finer than that, small tables (digits, breast cancer, German credit) were predicted worse
MOST_BIN_INPUTS = 768


@dataclass(frozen=True)
class NumberScaling:
    """Training statistics of the number columns.

    A column is left as it is, or, where its tail is heavier than an exponential's, put through a signed logarithm, or, where
    that is not enough, through its ranks to normal scores; then centred and divided by its spread. Beside the value the
    network is fed the column's piecewise-linear bins (0 below a bin, 1 above, the position within), so that a ReLU layer can
    bend at the training quantiles.

    Attributes:
        how: "plain", "log" or "rank" a column.
        centre, spread: Mean and standard deviation after straightening.
        unit: Scale of the signed logarithm.
        ranks: Values at `N_RANKS` quantiles a column (rank columns only; else zeros).
        holes: Columns with missing training values; each has an indicator input.
        bin_column, bin_low, bin_width: The bins, in scaled values.

    Source: bins: Gorishniy, Rubachev and Babenko 2022, On Embeddings for Numerical Features, section 3.2.
    """

    how: tuple[str, ...]
    centre: NDArray[np.float64]
    spread: NDArray[np.float64]
    unit: NDArray[np.float64]
    ranks: NDArray[np.float64]
    holes: NDArray[np.int64]
    bin_column: NDArray[np.int64]
    bin_low: NDArray[np.float64]
    bin_width: NDArray[np.float64]
    scaled: bool = True

    @property
    def width(self) -> int:
        """How many inputs the number columns become."""
        return len(self.how) + len(self.holes) + len(self.bin_column)

    def apply(self, numbers: NDArray[np.float64]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Scaled numbers (rows, p) with holes at the training mean, and the indicators of being missing (rows, holes)."""
        gone = ~np.isfinite(numbers)
        if not self.scaled:
            filled = np.where(np.isnan(numbers), self.centre, numbers)
            return filled.astype(np.float32), gone[:, self.holes].astype(np.float32)
        scaled = np.empty(numbers.shape, dtype=np.float32)
        for j, how in enumerate(self.how):
            straight = _straight(numbers[:, j], how, self.unit[j], self.ranks[j])
            column = (straight - self.centre[j]) / self.spread[j]
            column[gone[:, j]] = 0.0
            scaled[:, j] = np.clip(column, -CLIP_SPREADS, CLIP_SPREADS)
        return scaled, gone[:, self.holes].astype(np.float32)

    def state(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        """The statistics as JSON-able data and plain arrays."""
        arrays = {n: getattr(self, n) for n in ("centre", "spread", "unit", "ranks", "holes", "bin_column", "bin_low", "bin_width")}
        return {"how": list(self.how), "scaled": self.scaled}, arrays

    @classmethod
    def from_state(cls, data: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> NumberScaling:
        """The statistics that `state` described."""
        return cls(how=tuple(data["how"]), scaled=bool(data["scaled"]), **arrays)


def fit_scaling(numbers: NDArray[np.float64], *, scaled: bool = True, bins: int = MOST_BINS) -> NumberScaling:
    """Take the scaling from training rows.

    Args:
        numbers: Float64 (rows, p), NaN where missing.
        scaled: False feeds the numbers as they are (to show what that costs).
        bins: At most so many bins a column; fewer where there are many columns or few rows, none where under `FEWEST_BINS` would be left.

    Example:
        >>> scaling = fit_scaling(np.array([[1.0], [2.0], [np.nan], [3.0]]))
        >>> [part.ravel().round(3).tolist() for part in scaling.apply(np.array([[2.0], [np.nan]]))]
        [[0.0, 0.0], [0.0, 1.0]]
    """
    n, p = numbers.shape
    finite = np.isfinite(numbers)
    how: list[str] = []
    centre, spread, unit, ranks = np.zeros(p), np.ones(p), np.ones(p), np.zeros((p, N_RANKS))
    room = min(bins, MOST_BIN_INPUTS // max(p, 1), n // ROWS_A_BIN)
    cuts: list[tuple[int, float, float]] = []
    for j in range(p):
        values = numbers[finite[:, j], j]
        kind, unit[j], ranks[j] = _straightening(values) if scaled else ("plain", 1.0, ranks[j])
        how.append(kind)
        if not len(values):
            continue
        straight = _straight(values, kind, unit[j], ranks[j])
        centre[j] = straight.mean()
        deviation = float(straight.std())
        spread[j] = deviation if deviation > 1e-12 * max(1.0, abs(float(centre[j]))) else 1.0
        if scaled and room >= FEWEST_BINS:
            cuts += _bins(j, np.clip((straight - centre[j]) / spread[j], -CLIP_SPREADS, CLIP_SPREADS), room)
    holes = np.flatnonzero(~finite.all(axis=0)).astype(np.int64)
    columns = np.array([c for c, _, _ in cuts], dtype=np.int64)
    low, width = np.array([v for _, v, _ in cuts], dtype=np.float64), np.array([w for _, _, w in cuts], dtype=np.float64)
    return NumberScaling(tuple(how), centre, spread, unit, ranks, holes, columns, low, width, scaled)


def _bins(column: int, values: NDArray[np.float64], n_bins: int) -> list[tuple[int, float, float]]:
    # float32 is what the network sees; edges closer than that would make bins of width 0
    known = np.unique(values.astype(np.float32)).astype(np.float64)
    edges = known
    if len(known) > n_bins + 1:
        # half by rows, half by values: a column that is mostly zero would otherwise get one bin
        levels = np.linspace(0.0, 1.0, n_bins // 2 + 1)
        edges = np.unique(np.concatenate([np.quantile(part, levels) for part in (values, known)]).astype(np.float32)).astype(np.float64)
    if len(edges) < 3:
        return []
    return [(column, float(a), float(b - a)) for a, b in pairwise(edges)]


def _straightening(values: NDArray[np.float64]) -> tuple[str, float, NDArray[np.float64]]:
    none = np.zeros(N_RANKS)
    if _kurtosis(values) <= HEAVY_KURTOSIS or len(np.unique(values)) <= 2:
        return "plain", 1.0, none
    sizes = np.abs(values[values != 0])
    unit = float(np.median(sizes)) or 1.0
    if _kurtosis(_straight(values, "log", unit, none)) <= HEAVY_KURTOSIS:
        return "log", unit, none
    return "rank", 1.0, np.quantile(values, np.linspace(0.0, 1.0, N_RANKS))


def _straight(values: NDArray[np.float64], how: str, unit: float, ranks: NDArray[np.float64]) -> NDArray[np.float64]:
    if how == "log":
        logs: NDArray[np.float64] = np.sign(values) * np.log1p(np.abs(values) / unit)
        return logs
    if how == "rank":
        levels = (np.arange(N_RANKS) + 0.5) / N_RANKS
        scores = np.array([NormalDist().inv_cdf(float(level)) for level in levels])
        # a value that many quantiles share takes the mean of their scores
        known, place, counts = np.unique(ranks, return_inverse=True, return_counts=True)
        return np.interp(values, known, np.bincount(place, weights=scores) / counts)
    return values.copy()


def _kurtosis(values: NDArray[np.float64]) -> float:
    if len(values) < 2:
        return 0.0
    centred = values - values.mean()
    largest = float(np.abs(centred).max())
    if largest == 0.0:
        return 0.0
    centred = centred / largest
    return float(np.mean(centred**4) / np.mean(centred**2) ** 2)
