"""A column's profile agrees with counting by hand."""

from __future__ import annotations

import datetime
import math
import tracemalloc
from collections import Counter

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.audit.column import measure_column
from assay.audit.numeral import reads_as_number


@given(st.lists(st.one_of(st.none(), st.integers(-5, 5)), min_size=1, max_size=80))
def test_counts_of_numbers(values: list[int | None]) -> None:
    seen = measure_column(pl.Series("x", values, dtype=pl.Int64), "number", "feature")
    known = [v for v in values if v is not None]
    assert (seen.rows, seen.missing, seen.distinct) == (len(values), values.count(None), len(set(known)))
    assert dict(seen.top) == {str(v): n for v, n in Counter(known).items()}
    if known:
        assert seen.mean == pytest.approx(np.mean(known))
        assert seen.quartiles == pytest.approx(np.quantile(known, (0.25, 0.5, 0.75)))
        assert sum(seen.histogram_counts) == len(known)
        assert seen.integer


def test_most_frequent_of_many_values() -> None:
    rng = np.random.default_rng(0)
    values = np.concatenate([rng.permutation(5000).astype(float), np.repeat([7.0, 9.0], [30, 20])])
    top = measure_column(pl.Series("x", values), "number", "feature").top
    assert top[:2] == (("7", 31), ("9", 21))
    assert len(top) == 20


def test_texts_dates_and_truth_values() -> None:
    texts = measure_column(pl.Series("rows", ["a b", "a b", None, "ccc"]), "text", "feature")
    assert (texts.distinct, texts.top[0], texts.mean_words) == (2, ("a b", 2), pytest.approx(5 / 3))
    dates = measure_column(pl.Series("d", [datetime.date(1970, 1, 2), None]), "date", "feature")
    assert (dates.minimum, dates.top) == (1.0, (("1970-01-02", 1),))
    times = measure_column(pl.Series("t", [datetime.datetime(1970, 1, 2, 12)]), "date", "feature")
    assert (times.minimum, times.top) == (1.5, (("1970-01-02 12:00:00", 1),))
    truths = measure_column(pl.Series("b", [True, None, True, False]), "boolean", "feature")
    assert (truths.distinct, truths.missing, truths.top) == (2, 1, (("true", 2), ("false", 1)))
    nothing = measure_column(pl.Series("n", [None, None], dtype=pl.String), "category", "feature")
    assert (nothing.distinct, nothing.missing) == (0, 2)


def test_codes_for_missing_stand_apart() -> None:
    days = [999] * 90 + [0, 1, 2, 3, 4, 5, 6, 7, 8, 27]
    (code,) = measure_column(pl.Series("pdays", days), "number", "feature").suspects
    assert (code.value, code.rows, code.kind) == ("999", 90, "code")
    assert code.score == pytest.approx(972 / 27)
    (minus,) = measure_column(pl.Series("x", [-1, -1, 0, 3, 5, 8, 9]), "number", "feature").suspects
    assert minus.score == math.inf
    ages = measure_column(pl.Series("age", [*range(17, 91), 99, 99]), "number", "feature").suspects
    assert all(s.score < 0.2 for s in ages)
    assert not measure_column(pl.Series("x", [-1, 0, 1, -1]), "number", "feature").suspects


def test_words_for_missing() -> None:
    seen = measure_column(pl.Series("c", ["a", "N/A", "unknown", "none", " ", "a"]), "category", "feature")
    assert {(s.value, s.kind) for s in seen.suspects} == {("N/A", "word"), ("unknown", "word"), (" ", "blank")}


def test_rows_that_rise_by_one_step_are_sequential() -> None:
    assert measure_column(pl.Series("x", range(10, 200, 2)), "number", "feature").sequential
    assert not measure_column(pl.Series("x", [1, 5, 2, 8, 3]), "number", "feature").sequential


@pytest.mark.parametrize("text", ["12", "-3.5", "1,234,567", "$9.99", "€ 5", "12%", "70 kg", "1e5", "(300)", "5 USD"])
def test_reads_as_number(text: str) -> None:
    assert reads_as_number(pl.Series([text])).item()


@pytest.mark.parametrize("text", ["", "-", "PC 17599", "3rd", "007", "10-20", "<5", "v2", "1.2.3", "A1", "2020-01-01", "kg"])
def test_does_not_read_as_number(text: str) -> None:
    assert not reads_as_number(pl.Series([text])).item()


@given(st.lists(st.one_of(st.floats(-1e6, 1e6), st.integers(0, 3).map(float), st.just(math.inf), st.none()), min_size=1, max_size=200))
@settings(max_examples=100, deadline=None)
def test_a_sorted_copy_tells_what_numpy_tells(values: list[float | None]) -> None:
    seen = measure_column(pl.Series("x", values, dtype=pl.Float64), "number", "feature")
    held = [v for v in values if v is not None]
    assert (seen.distinct, seen.missing) == (len(set(held)), len(values) - len(held))
    finite = np.array([v for v in held if math.isfinite(v)])
    if finite.size:
        assert seen.quartiles == pytest.approx(tuple(np.quantile(finite, (0.25, 0.5, 0.75))), rel=1e-12, abs=1e-9)
        assert (seen.mean, seen.std) == pytest.approx((finite.mean(), finite.std()), rel=1e-9, abs=1e-9)
        assert sum(seen.histogram_counts) == finite.size
    most = sorted({v: held.count(v) for v in held}.items(), key=lambda pair: (-pair[1], pair[0]))[:20]
    assert [n for _, n in seen.top] == ([n for _, n in most] if finite.size else [])


def test_a_column_of_numbers_is_held_few_times_over() -> None:
    column = pl.Series("x", np.random.default_rng(0).integers(0, 10**9, 400_000) / 7)
    tracemalloc.start()
    measure_column(column, "number", "feature")
    peak_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak_bytes < 5 * 8 * column.len()
