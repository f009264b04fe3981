"""The cross-fitted gain and the two independence tests agree with slower, independent computations."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.audit.gain import (
    FOLDS,
    class_counts,
    class_gain_bits,
    equal_means_p,
    folds_of,
    independence_p,
    merged,
    value_gain_share,
    value_sums,
)


def _draw(seed: int, rows: int, levels: int, classes: int, signal: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    codes = rng.integers(0, levels, rows)
    target = np.where(rng.random(rows) < signal, codes % classes, rng.integers(0, classes, rows))
    return codes, target, folds_of(rows, seed)


@given(st.integers(0, 1000), st.integers(10, 200), st.integers(1, 8), st.integers(2, 4), st.floats(0, 1))
def test_class_gain_is_the_best_smoothing_of_a_row_by_row_computation(
    seed: int, rows: int, levels: int, classes: int, signal: float
) -> None:
    codes, target, folds = _draw(seed, rows, levels, classes, signal)
    gains = [0.0]
    for prior_rows in (0.1, 1.0, 8.0, 64.0):
        gain = 0.0
        for fold in range(FOLDS):
            train = folds != fold
            base = (np.bincount(target[train], minlength=classes) + 0.5) / (train.sum() + 0.5 * classes)
            for i in np.flatnonzero(~train):
                same = train & (codes == codes[i])
                share = ((target[same] == target[i]).sum() + prior_rows * base[target[i]]) / (same.sum() + prior_rows)
                gain += math.log2(share / base[target[i]])
        gains.append(gain / rows)
    assert class_gain_bits(class_counts(codes, levels, target, classes, folds)) == pytest.approx(max(gains), abs=1e-9)


def test_a_copy_gives_all_bits_and_noise_none() -> None:
    rng = np.random.default_rng(0)
    target = rng.integers(0, 2, 4000)
    folds = folds_of(4000, 0)
    assert class_gain_bits(class_counts(target, 2, target, 2, folds)) > 0.998
    noise = [class_gain_bits(class_counts(rng.integers(0, 500, 4000), 500, target, 2, folds)) for _ in range(20)]
    assert max(noise) < 0.002


def test_value_gain_is_the_explained_share_of_the_variance() -> None:
    rng = np.random.default_rng(1)
    x = rng.normal(size=5000)
    y = 0.8 * x + 0.6 * rng.normal(size=5000)
    folds = folds_of(5000, 1)
    codes = np.searchsorted(np.quantile(x, np.arange(1, 32) / 32), x)
    assert value_gain_share(value_sums(codes, 32, y, x, folds)) == pytest.approx(0.64, abs=0.03)
    assert value_gain_share(value_sums(codes, 32, rng.normal(size=5000), x, folds)) < 0.005
    assert value_gain_share(value_sums(codes, 32, 3 * x - 1, x, folds)) > 1 - 1e-9


@given(st.integers(1, 30), st.integers(0, 1000))
def test_merging_keeps_all_sums(levels: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    counts = rng.integers(0, 9, (FOLDS, levels, 3)).astype(float)
    coarse = merged(counts, np.sort(rng.integers(0, 5, levels)))
    assert np.array_equal(coarse.sum(axis=1), counts.sum(axis=1))


@pytest.mark.parametrize(("levels", "rows"), [(2, 40), (12, 60), (40, 200)])
def test_independence_p_is_uniform_without_dependence_even_in_sparse_tables(levels: int, rows: int) -> None:
    rng = np.random.default_rng(2)
    p = []
    for _ in range(1000):
        table = np.zeros((levels, 2))
        np.add.at(table, (rng.integers(0, levels, rows), (rng.random(rows) < 0.1).astype(int)), 1)
        p.append(independence_p(table))
    assert np.mean(np.array(p) <= 0.05) < 0.08
    assert np.mean(np.array(p) <= 0.01) < 0.04


def test_independence_p_agrees_with_chi_squared_in_full_tables() -> None:
    from scipy.stats import chi2_contingency

    table = np.array([[60.0, 40.0], [35.0, 65.0], [50.0, 51.0]])
    assert independence_p(table) == pytest.approx(chi2_contingency(table, correction=False).pvalue, rel=0.05)


@pytest.mark.parametrize("shift", [0.0, 0.3, 1.0])
def test_equal_means_p_agrees_with_the_f_test(shift: float) -> None:
    from scipy.stats import f_oneway

    rng = np.random.default_rng(3)
    groups = [rng.normal(shift * (i == 0), 1, 40) for i in range(4)]
    sums = np.array([[len(g), g.sum(), (g**2).sum()] for g in groups])
    assert math.log(equal_means_p(sums)) == pytest.approx(math.log(f_oneway(*groups).pvalue), abs=0.05, rel=0.05)
