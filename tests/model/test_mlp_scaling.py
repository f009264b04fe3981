import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from assay.model.mlp_scaling import CLIP_SPREADS, NumberScaling, fit_scaling


def test_scaled_numbers_have_mean_0_and_spread_1_on_the_training_rows(rng: np.random.Generator) -> None:
    numbers = np.column_stack([rng.normal(1000, 50, 400), rng.uniform(-1e-3, 1e-3, 400)])
    scaled, gaps = fit_scaling(numbers).apply(numbers)
    assert np.allclose(scaled.mean(axis=0), 0, atol=1e-5)
    assert np.allclose(scaled.std(axis=0), 1, atol=1e-5)
    assert gaps.shape == (400, 0)


def test_statistics_come_from_the_training_rows_alone(rng: np.random.Generator) -> None:
    train = rng.normal(0, 1, (200, 1))
    scaling = fit_scaling(train)
    shifted, _ = scaling.apply(train + 3)
    assert shifted.mean() == pytest.approx(3 / train.std(), abs=0.05)


def test_a_hole_is_the_training_mean_and_is_told(rng: np.random.Generator) -> None:
    numbers = rng.normal(5, 2, (100, 2))
    numbers[::4, 1] = np.nan
    scaling = fit_scaling(numbers)
    scaled, gaps = scaling.apply(np.array([[5.0, np.nan], [5.0, np.inf]]))
    assert scaling.holes.tolist() == [1]
    assert scaled[:, 1].tolist() == [0.0, 0.0]
    assert gaps.tolist() == [[1.0], [1.0]]


def test_the_heavier_the_tail_the_more_it_is_straightened(rng: np.random.Generator) -> None:
    normal, lognormal = rng.normal(0, 1, 3000), np.exp(rng.normal(0, 2, 3000))
    rare = np.where(rng.random(3000) < 0.02, rng.normal(9, 1, 3000), 0.0)
    assert fit_scaling(np.column_stack([normal, lognormal, rare])).how[:2] == ("plain", "log")
    assert fit_scaling(np.column_stack([normal, lognormal, rare])).how[2] in {"log", "rank"}


def test_a_column_that_is_mostly_zero_still_gets_bins(rng: np.random.Generator) -> None:
    gains = np.where(rng.random(4000) < 0.9, 0.0, rng.choice([2174.0, 7688.0, 15024.0, 99999.0], 4000))
    scaling = fit_scaling(gains[:, None])
    assert len(scaling.bin_low) == 4


def test_many_columns_get_no_bins(rng: np.random.Generator) -> None:
    assert len(fit_scaling(rng.normal(size=(5000, 400))).bin_low) == 0


@settings(max_examples=60, deadline=None)
@given(
    arrays(
        np.float64, st.tuples(st.integers(1, 30), st.integers(1, 4)), elements=st.floats(-1e9, 1e9) | st.sampled_from([np.nan, np.inf, 0.0])
    )
)
def test_whatever_comes_in_what_goes_out_is_finite_and_bounded(numbers: np.ndarray) -> None:
    scaling = fit_scaling(numbers)
    scaled, gaps = scaling.apply(numbers)
    assert np.isfinite(scaled).all()
    assert np.abs(scaled).max() <= CLIP_SPREADS
    assert (scaling.bin_width > 0).all()
    assert gaps.sum() == (~np.isfinite(numbers)).sum()


def test_scaling_comes_back_equal_from_its_state(rng: np.random.Generator) -> None:
    numbers = np.exp(rng.normal(0, 3, (300, 3)))
    scaling = fit_scaling(numbers)
    back = NumberScaling.from_state(*scaling.state())
    assert all(np.array_equal(a, b) for a, b in zip(scaling.apply(numbers), back.apply(numbers), strict=True))
