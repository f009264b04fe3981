"""Information in bits: entropies, divergences and what one variable tells of another."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from assay.core.units import BITS_PER_NAT

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray


def cross_entropy_bits(true: ArrayLike, promised: ArrayLike) -> float:
    """Mean code length in bits of draws from `true` in a code made for `promised`; infinite if that excludes a possible draw.

    H(p, q) = - sum p log2 q = H(p) + KL(p || q).

    Example:
        >>> round(cross_entropy_bits([0.5, 0.5], [0.9, 0.1]), 3)
        1.737
    """
    p, q = _shares(true), _shares(promised)
    _require_same_length(p, q)
    held = p > 0
    with np.errstate(divide="ignore"):
        return float(-(p[held] * np.log2(q[held])).sum())


def entropy_of(shares: ArrayLike) -> float:
    """Entropy in bits of a distribution, or of counts proportional to it.

    Example:
        >>> entropy_of([0.25, 0.25, 0.5])
        1.5
    """
    return cross_entropy_bits(shares, shares)


def divergence_bits(true: ArrayLike, promised: ArrayLike) -> float:
    """Kullback-Leibler divergence KL(true || promised) in bits, not negative: what the wrong code costs a draw.

    Example:
        >>> round(divergence_bits([0.5, 0.5], [0.9, 0.1]), 3)
        0.737
    """
    return max(0.0, cross_entropy_bits(true, promised) - entropy_of(true))


def mutual_information_bits(counts: ArrayLike, *, is_corrected: bool = True) -> float:
    """Mutual information in bits of the two variables of a contingency table of counts.

    The plug-in estimate is too high by about (rows - 1)(columns - 1) / (2 n) nats, rows and columns counted where they occur;
    with `is_corrected` that is taken off, so that independent variables give values around 0 on either side.

    Source: Miller 1955.

    Example:
        >>> mutual_information_bits([[50, 0], [0, 50]], is_corrected=False)
        1.0
    """
    table = _table(counts)
    n = table.sum()
    joint = entropy_of(table.ravel())
    plug_in = entropy_of(table.sum(axis=0)) + entropy_of(table.sum(axis=1)) - joint
    if not is_corrected:
        return max(0.0, plug_in)
    used = [int((table.sum(axis=axis) > 0).sum()) for axis in (0, 1)]
    return float(plug_in - (used[0] - 1) * (used[1] - 1) / (2 * n) * BITS_PER_NAT)


def conditional_entropy_bits(counts: ArrayLike) -> float:
    """Entropy in bits of the columns' variable once the rows' variable is known (plug-in).

    Example:
        >>> conditional_entropy_bits([[50, 50], [0, 100]])
        0.5
    """
    table = _table(counts)
    return entropy_of(table.ravel()) - entropy_of(table.sum(axis=1))


def _table(counts: ArrayLike) -> NDArray[np.float64]:
    table = np.asarray(counts, dtype=np.float64)
    if table.ndim != 2 or not table.sum() > 0 or (table < 0).any():
        raise ValueError(f"a contingency table needs two axes and positive counts, got shape {table.shape}, sum {table.sum():g}")
    return table


def _shares(values: ArrayLike) -> NDArray[np.float64]:
    shares = np.asarray(values, dtype=np.float64).ravel()
    if (shares < 0).any() or not shares.sum() > 0:
        raise ValueError(f"a distribution needs shares of at least 0 and a positive sum, got {shares[:5].tolist()}")
    return np.asarray(shares / shares.sum())


def _require_same_length(p: NDArray[np.float64], q: NDArray[np.float64]) -> None:
    if len(p) != len(q):
        raise ValueError(f"both distributions need the same outcomes, got {len(p)} and {len(q)}")
