"""Tail probabilities against SciPy, an independent oracle."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from assay.core.statistics import benjamini_hochberg, binomial_sf, chi2_sf, normal_sf, wilson_interval


@given(st.floats(0.001, 2000), st.integers(1, 500))
def test_chi2_sf_equals_scipy(x: float, df: int) -> None:
    assert chi2_sf(x, df) == pytest.approx(stats.chi2.sf(x, df), rel=1e-8, abs=1e-12)


@given(st.integers(0, 60), st.integers(1, 60), st.floats(0.01, 0.99))
def test_binomial_sf_equals_scipy(k: int, n: int, p: float) -> None:
    assert binomial_sf(k, n, p) == pytest.approx(stats.binom.sf(k - 1, n, p), rel=1e-8, abs=1e-12)


@given(st.floats(-8, 30))
def test_normal_sf_equals_scipy(z: float) -> None:
    assert normal_sf(z) == pytest.approx(stats.norm.sf(z), rel=1e-9)


def test_wilson_interval_equals_scipy() -> None:
    low, high = stats.binomtest(8, 10).proportion_ci(method="wilson")
    assert wilson_interval(8, 10) == pytest.approx((low, high), rel=1e-5)


def test_benjamini_hochberg_holds_its_rate_when_nothing_is_there(rng) -> None:
    alarms = sum(benjamini_hochberg(list(rng.uniform(size=20)), 20, 0.05) >= 0 for _ in range(2000))
    assert alarms / 2000 < 0.05 + 4 * (0.05 * 0.95 / 2000) ** 0.5
    assert alarms > 0
