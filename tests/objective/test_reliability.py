"""The calibration error is unbiased for calibrated promises, and the band holds 95 % of them."""

import numpy as np
import pytest
from scipy.stats import binom

from assay.objective.reliability import calibration_error, reliability_bins


def calibrated(rng: np.random.Generator, rows: int) -> tuple[np.ndarray, np.ndarray]:
    chance = rng.beta(1, 3, rows)
    return np.column_stack([1 - chance, chance]), (rng.random(rows) < chance).astype(int)


def test_calibrated_promises_have_an_error_around_zero_on_either_side(rng):
    squares = [np.sign(e) * e**2 for e in (calibration_error(*calibrated(rng, 500)) for _ in range(300))]
    assert abs(np.mean(squares)) < 3 * np.std(squares) / np.sqrt(300)
    assert 0.2 < np.mean(np.array(squares) < 0) < 0.8


def test_a_known_gap_is_found(rng):
    promised = np.tile([0.7, 0.3], (20_000, 1))
    came = (rng.random(20_000) < 0.5).astype(int)
    assert calibration_error(promised, came) == pytest.approx(0.2, abs=0.015)


def test_several_classes_compare_the_likeliest(rng):
    promised = np.tile([0.1, 0.8, 0.1], (10_000, 1))
    came = np.where(rng.random(10_000) < 0.6, 1, 0)
    assert calibration_error(promised, came) == pytest.approx(0.2, abs=0.02)


def test_the_band_is_the_binomials_where_promises_are_equal():
    ((promise, _, rows, low, high),) = reliability_bins(np.tile([0.9, 0.1], (40, 1)), np.zeros(40, dtype=int))
    assert (promise, rows) == (pytest.approx(0.1), 40)
    assert (low * 40, high * 40) == (binom.ppf(0.025, 40, 0.1), binom.ppf(0.975, 40, 0.1))


def test_about_95_per_cent_of_calibrated_bins_are_in_the_band(rng):
    inside = [low <= share <= high for _ in range(60) for _, share, _, low, high in reliability_bins(*calibrated(rng, 600))]
    assert 0.93 <= np.mean(inside) <= 0.99


def test_bins_hold_every_row_once_and_equal_promises_stay_together(rng):
    probability, target = calibrated(rng, 301)
    probability = probability.round(1)
    bins = reliability_bins(probability, target)
    assert sum(b[2] for b in bins) == 301
    assert [b[0] for b in bins] == sorted(b[0] for b in bins)
    cuts = np.cumsum([b[2] for b in bins])[:-1]
    ordered = np.sort(probability[:, 1])
    assert (ordered[cuts] > ordered[cuts - 1]).all()
