"""Samples of rows that stand for all rows: within the bound, unbiased, and with honest errors."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.evaluate.row_sample import mean_and_se, most_astray, representative, two_phase_se


@settings(max_examples=60, deadline=None)
@given(total=st.integers(1, 400), share=st.floats(0.01, 1.2), seed=st.integers(0, 2**31 - 1))
def test_a_sample_strays_no_more_than_the_bound(total, share, seed):
    value = np.random.default_rng(seed).standard_t(2, total)
    n_rows = max(1, int(share * total))
    rows = representative(value, n_rows, seed)
    assert len(rows) == min(n_rows, total)
    assert abs(value[rows].mean() - value.mean()) <= most_astray(value, n_rows) + 1e-12


@pytest.mark.parametrize("n_rows", [7, 30])
def test_every_row_has_the_same_chance(n_rows):
    value = np.random.default_rng(0).normal(size=41)
    counts = sum(np.bincount(representative(value, n_rows, seed), minlength=41) for seed in range(4000))
    assert counts / 4000 == pytest.approx(np.full(41, n_rows / 41), abs=0.035)


def test_the_two_phase_error_is_the_scatter_over_samples():
    rng = np.random.default_rng(1)
    means, errors = [], []
    for _ in range(400):
        known = rng.normal(size=1000)
        values = 2.0 * known + rng.normal(size=1000)
        rows = representative(known, 50, int(rng.integers(2**31)))
        means.append(values[rows].mean())
        errors.append(two_phase_se(values[rows, None], known[rows], known)[0])
    assert np.std(means) == pytest.approx(np.mean(errors), rel=0.12)
    assert np.mean(errors) < 0.6 * mean_and_se(values[rows])[1]


def test_more_than_half_the_rows_are_drawn_once_each():
    value = np.random.default_rng(2).normal(size=100)
    assert len(set(representative(value, 70, seed=3).tolist())) == 70
