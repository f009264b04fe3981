"""Tail probabilities and intervals that rules and measurements share. Standard library only."""

from __future__ import annotations

import math
from collections.abc import Sequence


def normal_sf(z: float) -> float:
    """Upper tail P(Z > z) of the standard normal.

    Example:
        >>> round(normal_sf(1.959964), 4)
        0.025
    """
    return 0.5 * math.erfc(z / math.sqrt(2.0))


def chi2_sf(x: float, df: float) -> float:
    """Upper tail of the chi-squared distribution with `df` degrees of freedom, in [0, 1].

    Regularised incomplete gamma: its series below a + 1, its continued fraction above.

    Source: Press et al., Numerical Recipes, 3rd ed., section 6.2.

    Example:
        >>> round(chi2_sf(3.841459, 1), 4)
        0.05
    """
    if x <= 0 or df <= 0:
        return 1.0
    a, y = df / 2.0, x / 2.0
    log_front = a * math.log(y) - y - math.lgamma(a)
    if log_front < -745.0 and y > a:
        return 0.0
    if y < a + 1.0:
        term = total = 1.0 / a
        k = a
        while abs(term) > abs(total) * 1e-15:
            k += 1.0
            term *= y / k
            total += term
        return max(0.0, 1.0 - total * math.exp(log_front))
    tiny = 1e-300
    b = y + 1.0 - a
    c = 1.0 / tiny
    d = 1.0 / b
    h = d
    for i in range(1, 10_000):
        an = -i * (i - a)
        b += 2.0
        d = an * d + b
        d = 1.0 / (d if abs(d) > tiny else tiny)
        c = b + an / c
        c = c if abs(c) > tiny else tiny
        h *= d * c
        if abs(d * c - 1.0) < 1e-14:
            break
    return min(1.0, max(0.0, math.exp(log_front) * h))


def binomial_sf(k: int, n: int, p: float) -> float:
    """Upper tail P(X >= k) for X ~ Binomial(n, p), exactly by summation in logarithms.

    Example:
        >>> round(binomial_sf(8, 10, 0.5), 6)
        0.054688
    """
    if k <= 0:
        return 1.0
    if k > n or p <= 0.0:
        return 0.0
    if p >= 1.0:
        return 1.0
    if n > 100_000:
        return normal_sf((k - 0.5 - n * p) / math.sqrt(n * p * (1 - p)))
    log_p, log_q = math.log(p), math.log1p(-p)
    terms = (math.lgamma(n + 1) - math.lgamma(i + 1) - math.lgamma(n - i + 1) + i * log_p + (n - i) * log_q for i in range(k, n + 1))
    return min(1.0, math.fsum(math.exp(t) for t in terms))


def wilson_interval(successes: int, n: int, z: float = 1.959964) -> tuple[float, float]:
    """Wilson score interval of a share, as (low, high) in [0, 1].

    Source: Wilson 1927.

    Raises:
        ValueError: n is not positive.

    Example:
        >>> tuple(round(v, 3) for v in wilson_interval(8, 10))
        (0.49, 0.943)
    """
    if n <= 0:
        raise ValueError(f"a share needs at least one trial, got n = {n}")
    share = successes / n
    middle = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return max(0.0, middle - half), min(1.0, middle + half)


def benjamini_hochberg(p_values: Sequence[float], looks: int, q: float) -> float:
    """Largest p-value that may be named while the false discovery rate stays at or under `q`.

    Values that were looked at but not handed in count as not named, so `looks` may exceed len(p_values).

    Returns:
        The cut: name every p <= cut. Negative when nothing may be named.

    Source: Benjamini and Hochberg 1995, procedure (1).

    Example:
        >>> benjamini_hochberg([0.001, 0.2], looks=20, q=0.05)
        0.001
    """
    cut = -1.0
    m = max(looks, len(p_values))
    for rank, p in enumerate(sorted(p_values), start=1):
        if p <= q * rank / m:
            cut = p
    return cut
