"""Copied records stand out; coarse columns that repeat by themselves do not."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from assay.audit.repeat import later_repeats, repeats_by_chance, row_hashes


def test_repeats_are_those_of_an_earlier_row() -> None:
    frame = pl.DataFrame({"a": [1, 2, 1, 1, None, None], "b": ["x", "x", "x", "y", None, None]})
    assert later_repeats(row_hashes(frame)).tolist() == [2, 5]


def test_independent_coarse_columns_explain_their_own_repeats(rng: np.random.Generator) -> None:
    frame = pl.DataFrame({f"c{i}": rng.integers(0, 4, 3000) for i in range(5)})
    seen = len(later_repeats(row_hashes(frame)))
    assert repeats_by_chance(frame) == pytest.approx(seen, rel=0.03)


def test_dependent_coarse_columns_explain_most_of_theirs(rng: np.random.Generator) -> None:
    grade = rng.integers(0, 16, 3000)
    noise = rng.integers(0, 8, (3, 3000))
    frame = pl.DataFrame({"grade": grade, "school": grade // 4, "a": noise[0], "b": noise[1], "c": noise[2]})
    assert len(later_repeats(row_hashes(frame))) < 1.8 * repeats_by_chance(frame)


def test_copied_records_are_not_explained(rng: np.random.Generator) -> None:
    fresh = pl.DataFrame({f"x{i}": rng.integers(0, 50, 1000) for i in range(6)})
    frame = pl.concat([fresh, fresh[:100]])
    assert len(later_repeats(row_hashes(frame))) >= 100
    assert repeats_by_chance(frame) < 10


def test_rows_found_in_another_part(rng: np.random.Generator) -> None:
    coarse = pl.DataFrame({f"c{i}": rng.integers(0, 4, 4000) for i in range(6)})
    train, test = coarse[:3000], coarse[3000:]
    seen = float(np.isin(row_hashes(test), row_hashes(train)).sum())
    assert repeats_by_chance(train, test) == pytest.approx(seen, rel=0.08)
