"""Robust statistics of short series in which some looks are missing (nan). Standard library only."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from statistics import fmean, median

from assay.core.statistics import binomial_sf

MAD_TO_STD = 1.4826


def seen(series: Iterable[float]) -> list[float]:
    """The finite numbers of a series, in order."""
    return [value for value in series if math.isfinite(value)]


def middle(series: Iterable[float]) -> float:
    """Median of what was seen, nan where nothing was.

    Example:
        >>> middle([3.0, float("nan"), 1.0])
        2.0
    """
    values = seen(series)
    return median(values) if values else math.nan


def spread(series: Iterable[float]) -> float:
    """Standard deviation by the median absolute deviation (Hampel 1974), nan under two values."""
    values = seen(series)
    if len(values) < 2:
        return math.nan
    centre = median(values)
    return MAD_TO_STD * median(abs(value - centre) for value in values)


def tail(series: Sequence[float], n: int = 8) -> list[float]:
    """The last `n` values that were seen."""
    return seen(series)[-n:]


def head(series: Sequence[float], n: int = 3) -> list[float]:
    """The first `n` values that were seen."""
    return seen(series)[:n]


def sign_p(series: Iterable[float]) -> float:
    """P-value of "as often under 0 as above", against "above"; zeros do not count.

    Source: Arbuthnot 1710, the sign test.

    Example:
        >>> sign_p([1.0, 2.0, 0.5, 3.0])
        0.0625
    """
    signs = [value > 0 for value in seen(series) if value != 0]
    return binomial_sf(sum(signs), len(signs), 0.5) if signs else 1.0


def lag_correlation(series: Sequence[float], lag: int = 1) -> float:
    """Autocorrelation at `lag` after a straight trend is taken out; nan under four times the lag or without any spread."""
    values = detrended(seen(series))
    total = math.fsum(value * value for value in values)
    if len(values) < max(8, 4 * lag) or total <= 0:
        return math.nan
    return math.fsum(a * b for a, b in zip(values, values[lag:], strict=False)) / total


def detrended(values: Sequence[float]) -> list[float]:
    """What a least-squares line leaves of the values."""
    n = len(values)
    if n < 3:
        return [0.0] * n
    level, slope = line(values)
    return [value - level - slope * (i - (n - 1) / 2) for i, value in enumerate(values)]


def line(values: Sequence[float]) -> tuple[float, float]:
    """Mean and slope a place of the least-squares line.

    Example:
        >>> line([1.0, 2.0, 3.0])
        (2.0, 1.0)
    """
    n, level = len(values), fmean(values)
    places = [i - (n - 1) / 2 for i in range(n)]
    below = math.fsum(place * place for place in places)
    return level, (math.fsum(p * v for p, v in zip(places, values, strict=True)) / below if below else 0.0)


def since(series: Sequence[float], steps: Sequence[int], *, above: float) -> int:
    """First step from which on everything seen lies above the bound; -1 where the last does not."""
    first = -1
    for step, value in zip(steps, series, strict=False):
        if math.isfinite(value):
            first = (step if first < 0 else first) if value > above else -1
    return first
