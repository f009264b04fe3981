"""Promised against observed shares: the debiased calibration error and the reliability curve."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

N_BINS = 15
SMALLEST_BIN_ROWS = 20


def calibration_error(probability: NDArray[np.float64], target: NDArray[np.generic]) -> float:
    """Debiased root-mean-square gap between promised and observed share over bins of equal mass, in probability.

    In each bin the squared gap is overestimated by the variance of the observed share; that is taken off:
    E = sum over bins of w_b [(share_b - promise_b)^2 - share_b (1 - share_b) / (n_b - 1)], and the result is
    sign(E) sqrt(|E|), so that a calibrated model gives values around 0 on either side. For two classes the chance of the
    second one is compared, for more the chance of the predicted class (top label).

    Source: Kumar, Liang and Ma 2019, section 4 (the debiased estimator).
    """
    promised, came = _promise(probability, target)
    total = 0.0
    for rows in _bins(promised):
        n, share, promise = len(rows), float(came[rows].mean()), float(promised[rows].mean())
        if n > 1:
            total += n / len(came) * ((share - promise) ** 2 - share * (1 - share) / (n - 1))
    return float(np.sign(total) * np.sqrt(abs(total)))


def reliability_bins(probability: NDArray[np.float64], target: NDArray[np.generic]) -> tuple[tuple[float, float, int, float, float], ...]:
    """The reliability curve: (mean promised, share observed, rows, low, high) of each bin of equal mass.

    low and high hold the middle 95 % of the shares that a calibrated model would show in that bin: quantiles of the sum of
    Bernoulli(promise) draws, by the normal approximation from 50 expected on both sides on, else by the Poisson-binomial's
    exact recursion.

    Source: Broecker and Smith 2007 (consistency bars).
    """
    promised, came = _promise(probability, target)
    made = []
    for rows in _bins(promised):
        low, high = _band(promised[rows])
        made.append((float(promised[rows].mean()), float(came[rows].mean()), len(rows), low, high))
    return tuple(made)


def _promise(probability: NDArray[np.float64], target: NDArray[np.generic]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    if probability.shape[1] == 2:
        return probability[:, 1], (target == 1).astype(np.float64)
    top = probability.argmax(axis=1)
    return probability[np.arange(len(top)), top], (target == top).astype(np.float64)


def _bins(promised: NDArray[np.float64]) -> list[NDArray[np.intp]]:
    """Rows by rising promise, in bins of equal mass; rows of equal promise stay together."""
    if len(promised) == 0:
        return []
    order = np.argsort(promised, kind="stable")
    ordered = promised[order]
    n_bins = max(1, min(N_BINS, len(promised) // SMALLEST_BIN_ROWS))
    edges = [len(promised) * i // n_bins for i in range(1, n_bins)]
    cuts = sorted({int(np.searchsorted(ordered, ordered[edge], side="left")) for edge in edges} - {0})
    return np.split(order, cuts)


def _band(promised: NDArray[np.float64]) -> tuple[float, float]:
    n, mean = len(promised), float(promised.sum())
    variance = float((promised * (1 - promised)).sum())
    if min(mean, n - mean) >= 50 or n > 5000:
        half = 1.959964 * np.sqrt(variance)
        return max(0.0, (mean - half) / n), min(1.0, (mean + half) / n)
    chances = np.zeros(n + 1)
    chances[0] = 1.0
    for chance in promised:
        chances[1:] = chances[1:] * (1 - chance) + chances[:-1] * chance
        chances[0] *= 1 - chance
    passed = np.cumsum(chances)
    return float(np.searchsorted(passed, 0.025) / n), min(1.0, float(np.searchsorted(passed, 0.975)) / n)
