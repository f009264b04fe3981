"""Recalibration: exact against an independent optimiser, no gain where there is none, and its price where there is one."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize, minimize_scalar

from assay.objective.calibration import apply_platt, apply_temperature, fit_platt, fit_temperature, measure_calibration
from assay.objective.loss import LogLoss

LOSS = LogLoss()


def draw(seed: int, rows: int, classes: int, temperature: float) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities that are off by a temperature, and targets drawn from the true ones."""
    rng = np.random.default_rng(seed)
    scores = rng.normal(0, 1.5, (rows, classes))
    true = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    target = (true.cumsum(axis=1) < rng.random((rows, 1))).sum(axis=1)
    told = np.exp(scores * temperature)
    return told / told.sum(axis=1, keepdims=True), np.minimum(target, classes - 1)


@settings(max_examples=30)
@given(st.integers(0, 10_000), st.integers(2, 5), st.floats(0.3, 3.0))
def test_temperature_is_the_optimisers(seed, classes, temperature):
    probability, target = draw(seed, 80, classes, temperature)
    mine = fit_temperature(probability, target)
    theirs = minimize_scalar(
        lambda log_t: LOSS.mean(target, apply_temperature(probability, np.exp(log_t))),
        bounds=(-3, 3),
        method="bounded",
        options={"xatol": 1e-9},
    )
    assert LOSS.mean(target, apply_temperature(probability, mine)) <= theirs.fun + 1e-9


@settings(max_examples=15)
@given(st.integers(0, 10_000), st.integers(2, 4))
def test_platt_is_the_optimisers(seed, classes):
    probability, target = draw(seed, 120, classes, 1.7)
    mine = fit_platt(probability, target)

    def loss_at(free):
        return LOSS.mean(target, apply_platt(probability, np.concatenate([free[:1], [0.0], free[1:]])))

    theirs = minimize(loss_at, np.array([1.0, *np.zeros(classes - 1)]), method="BFGS", options={"gtol": 1e-8})
    assert LOSS.mean(target, apply_platt(probability, mine)) <= theirs.fun + 1e-5


@given(st.integers(0, 1000), st.floats(0.1, 10.0))
def test_a_temperature_keeps_the_order_of_the_classes(seed, temperature):
    probability, _ = draw(seed, 20, 4, 1.0)
    cooled = apply_temperature(probability, temperature)
    np.testing.assert_allclose(cooled.sum(axis=1), 1.0)
    assert (cooled.argsort(axis=1) == probability.argsort(axis=1)).all()


def test_a_temperature_of_one_changes_no_bit():
    probability, _ = draw(1, 20, 3, 1.0)
    assert apply_temperature(probability, 1.0) is probability


def test_certain_and_wrong_stays_finite():
    probability = np.array([[1.0, 0.0]] * 5)
    temperature = fit_temperature(probability, np.array([0, 0, 0, 0, 1]))
    assert 1 < temperature <= np.exp(3)
    always_right = np.array([[0.9, 0.1]] * 5)
    assert np.exp(-3) <= fit_temperature(always_right, np.zeros(5, dtype=int)) < 0.06


def test_overconfidence_is_priced_close_to_what_it_costs():
    probability, target = draw(4, 4000, 2, 2.0)
    made = measure_calibration(probability, target, seed=0)
    true_gain = LOSS.mean(target, probability) - LOSS.mean(target, apply_temperature(probability, 2.0))
    assert made.temperature == pytest.approx(2.0, rel=0.1)
    assert made.gain == pytest.approx(true_gain, abs=3 * made.gain_se)
    assert made.p < 1e-6
    assert made.error > 0.05


def test_a_calibrated_model_shows_no_gain_and_false_alarms_are_rare():
    made = [measure_calibration(*draw(seed, 400, 2, 1.0), seed=seed) for seed in range(100)]
    assert np.mean([one.gain for one in made]) < 0.001
    assert np.mean([one.p < 0.05 for one in made]) <= 0.1
    assert 0.2 < np.mean([one.p < 0.5 for one in made]) < 0.6
    assert abs(np.mean([one.error for one in made])) < 0.02


def test_the_same_seed_gives_the_same_numbers_and_the_record_travels():
    probability, target = draw(2, 300, 3, 1.5)
    made = measure_calibration(probability, target, seed=5)
    assert made == measure_calibration(probability, target, seed=5)
    assert sum(b[2] for b in made.bins) == 300


def test_two_rows_are_no_crash():
    made = measure_calibration(np.array([[0.2, 0.8], [0.7, 0.3]]), np.array([1, 0]), seed=0)
    assert np.isfinite(made.gain)


def test_few_rows_cannot_prove_certainty() -> None:
    sure = np.array([[0.9, 0.1]] * 6 + [[0.1, 0.9]] * 6)
    target = np.array([0] * 6 + [1] * 6)
    bare, smoothed = fit_temperature(sure, target), fit_temperature(sure, target, smoothed=True)
    assert bare < 0.1
    # seven of eight and no more: what six right answers of a class can say
    assert apply_temperature(sure, smoothed)[0, 0] == pytest.approx(7 / 8, abs=1e-6)
    assert apply_platt(sure, fit_platt(sure, target, smoothed=True))[0, 0] == pytest.approx(7 / 8, abs=1e-4)
