"""Exact sums are found with their fewest columns; near sums are not."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from assay.audit.arithmetic import exact_sum


@given(st.integers(0, 500), st.integers(2, 4), st.integers(0, 4))
def test_a_planted_sum_is_found_with_its_fewest_columns(seed: int, summands: int, others: int) -> None:
    rng = np.random.default_rng(seed)
    columns = {f"x{i}": rng.integers(0, 1000, 300).astype(float) for i in range(summands + others)}
    slopes = rng.choice([1.0, -1.0, 2.5], summands)
    target = sum(s * columns[f"x{i}"] for i, s in enumerate(slopes)) + 7
    found = exact_sum(columns, target, "y")
    assert found is not None
    assert set(found.columns) == {f"x{i}" for i in range(summands)}
    assert found.formula.endswith("= y in 300 of 300 rows")


def test_one_wrong_row_in_two_thousand_hides_nothing(rng: np.random.Generator) -> None:
    a, b = rng.integers(0, 1000, (2, 2000)).astype(float)
    target = a + b
    target[17] += 500
    found = exact_sum({"a": a, "b": b}, target, "y")
    assert found is not None
    assert found.formula == "a + b = y in 1999 of 2000 rows"


def test_one_column_in_other_units_is_a_sum_of_one(rng: np.random.Generator) -> None:
    celsius = rng.normal(10, 5, 400)
    found = exact_sum({"celsius": celsius, "noise": rng.normal(size=400)}, 1.8 * celsius + 32, "fahrenheit")
    assert found is not None
    assert found.formula == "1.8 * celsius + 32 = fahrenheit in 400 of 400 rows"


def test_a_sum_with_noise_is_no_identity(rng: np.random.Generator) -> None:
    a, b = rng.integers(0, 1000, (2, 500)).astype(float)
    assert exact_sum({"a": a, "b": b}, a + b + rng.normal(size=500), "y") is None


def test_as_many_columns_as_rows_prove_nothing(rng: np.random.Generator) -> None:
    columns = {f"x{i}": rng.normal(size=30) for i in range(29)}
    assert exact_sum(columns, rng.normal(size=30), "y") is None
