"""Which rows stand for all rows, what they weigh, and how sure a mean over them is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


def unit_weights(weight: NDArray[np.float64] | None, n_rows: int) -> NDArray[np.float64]:
    """Weights of mean 1, so that a plain mean of weight times value is the weighted mean.

    Example:
        >>> unit_weights(np.array([1.0, 3.0]), 2).tolist(), unit_weights(None, 2).tolist()
        ([0.5, 1.5], [1.0, 1.0])
    """
    if weight is None:
        return np.ones(n_rows)
    return np.asarray(weight, dtype=np.float64) / float(np.mean(weight))


def mean_and_se(values: NDArray[np.float64]) -> tuple[float, float]:
    """The mean of independent values and its standard error (0 for fewer than two values).

    Example:
        >>> mean_and_se(np.array([1.0, 3.0]))
        (2.0, 1.0)
    """
    if len(values) < 2:
        return float(values.mean()), 0.0
    return float(values.mean()), float(values.std(ddof=1) / np.sqrt(len(values)))


def representative(value: NDArray[np.float64], n_rows: int, seed: int) -> NDArray[np.intp]:
    """Positions of `n_rows` rows whose mean of `value` is close to that of all rows, drawn without preference.

    The rows are put in order of `value` (ties in random order), cut into `n_rows` equal stretches, and one row is drawn from
    each; where more than half of the rows are wanted, every stretch is entered at the same place, so that none is drawn twice.
    Each row has the same chance, so a mean over the sample is unbiased for any quantity.

    Returns:
        Positions in ascending order; all of them where `n_rows` is not below their number.

    Source: Cochran, Sampling Techniques, 3rd ed., chapters 5A.8 and 8 (one unit a stratum; systematic sampling).

    Example:
        >>> value = np.arange(1000.0)
        >>> bool(abs(value[representative(value, 50, seed=1)].mean() - value.mean()) < 10)
        True
    """
    total = len(value)
    if n_rows >= total:
        return np.arange(total)
    rng = np.random.default_rng(seed)
    shuffled = rng.permutation(total)
    ordered = shuffled[np.argsort(value[shuffled], kind="stable")]
    steps = np.floor((np.arange(n_rows) + rng.random(n_rows if total >= 2 * n_rows else None)) * total / n_rows).astype(np.intp)
    return np.sort(ordered[steps])


def most_astray(value: NDArray[np.float64], n_rows: int) -> float:
    """How far the mean of `value` over a `representative` sample can be from the mean over all rows, at most.

    One row is taken from each of `n_rows` equal stretches of the rows in order of `value`, and is off its stretch's mean by
    no more than the stretch rises; the rises add up to no more than the range.

    Returns:
        Range of the values over `n_rows`; 0 where all rows are taken.

    Example:
        >>> most_astray(np.array([0.0, 1.0, 4.0]), 2), most_astray(np.array([0.0, 1.0, 4.0]), 3)
        (2.0, 0.0)
    """
    if n_rows >= len(value):
        return 0.0
    return float(np.ptp(value)) / n_rows


def two_phase_se(values: NDArray[np.float64], known: NDArray[np.float64], known_all: NDArray[np.float64]) -> NDArray[np.float64]:
    """Standard errors of means over a sample that is representative for a quantity known for all rows.

    What varies with the known quantity is as sure as all rows make it; only the rest is as sure as the sample:
    se^2 = var(values - b * known) / n + b^2 var(known) / N, with b the slope of the values on the known quantity.

    Args:
        values: Shape (n rows, columns).
        known: The quantity on these rows.
        known_all: The quantity on all N rows.

    Returns:
        Shape (columns,); 0 for a single row.

    Source: Cochran, Sampling Techniques, 3rd ed., section 12.6 (regression in double sampling).

    Example:
        >>> known_all = np.arange(100.0)
        >>> known = known_all[::10]
        >>> bool(two_phase_se(known[:, None], known, known_all)[0] == known_all.std(ddof=1) / 10)
        True
    """
    n_rows = len(values)
    if n_rows < 2:
        return np.zeros(values.shape[1])
    centred, spread = values - values.mean(axis=0), known - known.mean()
    total = float(spread @ spread)
    slope = spread @ centred / total if total > 0 else np.zeros(values.shape[1])
    rest = np.square(centred - spread[:, None] * slope).sum(axis=0) / (n_rows - 1) / n_rows
    return np.asarray(np.sqrt(rest + np.square(slope) * float(np.var(known_all, ddof=1)) / len(known_all)))
