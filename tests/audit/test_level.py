"""Levels hold every row once, keep order, and can be said in words that are true."""

from __future__ import annotations

import numpy as np
import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from assay.audit.level import MAX_CATEGORIES, levels_of, levels_of_numbers

NUMBERS = st.lists(st.one_of(st.none(), st.floats(-1e6, 1e6), st.integers(-3, 3).map(float)), min_size=1, max_size=600)


@given(NUMBERS)
def test_bins_keep_the_order_and_missing_comes_last(values: list[float | None]) -> None:
    raw = np.array([np.nan if v is None else v for v in values])
    levels = levels_of_numbers(raw)
    known = ~np.isnan(raw)
    assert ((levels.codes == levels.n - 1) == ~known).all()
    order = np.argsort(raw[known], kind="stable")
    assert (np.diff(levels.codes[known][order]) >= 0).all()
    for bins in (8, 32, 256):
        mapping = levels.coarser(bins)
        assert len(mapping) == levels.n
        assert (np.diff(mapping) >= 0).all()
        assert (mapping[:-1] < mapping[-1]).all()


def test_a_frequent_value_has_a_bin_of_its_own() -> None:
    rng = np.random.default_rng(0)
    raw = np.concatenate([rng.normal(size=5000), np.full(500, 0.25)])
    levels = levels_of_numbers(raw)
    level = levels.codes[-1]
    assert set(raw[levels.codes == level]) == {0.25}
    assert levels.say(int(level)) == "= 0.25"


def test_words_for_ranges() -> None:
    levels = levels_of_numbers(np.append(np.arange(256.0), np.nan))
    assert [levels.say(0), levels.say(1, 254), levels.say(1, 2), levels.say(255)] == ["<= 1", "> 1", "in (1, 3]", "is missing"]
    dates = levels_of(pl.Series([0, 1, 2], dtype=pl.Int32).cast(pl.Date))
    assert dates.say(0) == "<= 1970-01-01"


def test_rare_categories_are_pooled() -> None:
    column = pl.Series("c", [f"v{i}" for i in range(MAX_CATEGORIES + 10)] + ["v0", None])
    levels = levels_of(column)
    assert levels.pooled
    assert levels.codes.max() == levels.n - 1
    assert levels.codes[-1] == levels.n - 1
    assert levels.say(levels.n - 2) == "is a rare value"
    assert levels.say(int(levels.codes[0])) == "= 'v0'"
