from __future__ import annotations

import math
import random

from assay.rules.series import lag_correlation, middle, sign_p, since, spread

NAN = float("nan")


def test_what_was_not_seen_does_not_count() -> None:
    assert middle([NAN, 2.0, NAN, 4.0]) == 3.0
    assert math.isnan(middle([NAN]))
    assert math.isnan(spread([1.0, NAN]))
    assert sign_p([NAN, 0.0]) == 1.0


def test_the_spread_is_that_of_a_normal_and_one_outlier_does_not_move_it() -> None:
    draw = random.Random(3)
    values = [draw.gauss(0, 2) for _ in range(2000)]
    assert math.isclose(spread([*values, 1e9]), 2.0, rel_tol=0.08)


def test_independent_numbers_have_no_lag_correlation_and_alternating_ones_a_negative_one() -> None:
    draw = random.Random(4)
    assert abs(lag_correlation([draw.gauss(0, 1) for _ in range(400)])) < 0.2
    assert lag_correlation([(-1.0) ** i for i in range(100)]) < -0.9
    assert lag_correlation([math.cos(math.pi * i / 4) for i in range(160)], 8) > 0.8


def test_a_trend_is_no_correlation() -> None:
    assert math.isnan(lag_correlation([0.0] * 50))
    draw = random.Random(5)
    assert abs(lag_correlation([i + draw.gauss(0, 1) for i in range(400)])) < 0.2


def test_since_is_the_start_of_the_last_unbroken_stretch() -> None:
    assert since([0.9, 0.1, 0.9, NAN, 0.8], [0, 10, 20, 30, 40], above=0.5) == 20
    assert since([0.9, 0.1], [0, 10], above=0.5) == -1
