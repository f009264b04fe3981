"""Slices that lose more than the rest are named, innocent ones are not."""

from __future__ import annotations

import datetime as dt

import numpy as np
import polars as pl
import pytest

from assay.evaluate.slices import worst_slices
from assay.table.table import Roles, Table


def table(rows: int, seed: int) -> Table:
    rng = np.random.default_rng(seed)
    age = rng.integers(18, 80, rows)
    frame = pl.DataFrame(
        {
            "age": pl.Series(age).set(pl.Series(age == 40), None),
            "city": rng.choice(["Porto", "Faro", "Lagos"], rows),
            "seen": [dt.date(2024, 1, 1) + dt.timedelta(days=int(d)) for d in rng.integers(0, 300, rows)],
            "member": rng.random(rows) < 0.5,
            "y": rng.integers(0, 2, rows),
        }
    )
    kinds = {"age": "number", "city": "category", "seen": "date", "member": "boolean", "y": "number"}
    return Table(frame, kinds, Roles(target="y"))


def test_a_city_that_loses_more_is_named_with_its_rows(rng):
    one = table(600, 0)
    bad = (one.frame["city"] == "Faro").to_numpy()
    losses = rng.exponential(0.5, 600) + 0.5 * bad
    worst = worst_slices(one, losses)[0]
    assert worst.rule == "city = 'Faro'"
    assert worst.rows == int(bad.sum())
    assert worst.loss == pytest.approx(losses[bad].mean())
    assert worst.excess == pytest.approx(losses[bad].mean() - losses.mean())
    assert worst.p < 1e-6


def test_the_oldest_quarter_is_named_in_words_people_read(rng):
    one = table(800, 1)
    age = one.frame["age"].fill_null(0).to_numpy()
    worst = worst_slices(one, rng.exponential(0.5, 800) + (age > 65))
    assert worst[0].rule.startswith("age from ")
    assert worst[0].rule.endswith("to 79")


def test_missing_rows_are_a_slice_and_small_slices_are_not(rng):
    one = table(3000, 2)
    gone = one.frame["age"].is_null().to_numpy()
    assert worst_slices(one, rng.exponential(0.5, 3000) + gone)[0].rule == "age missing"
    few = one.take(np.arange(300))
    gone = few.frame["age"].is_null().to_numpy()
    assert gone.sum() < 30
    assert all(s.rule != "age missing" for s in worst_slices(few, rng.exponential(0.5, 300) + 9.0 * gone))


def test_clean_losses_rarely_name_a_slice():
    named = sum(bool(worst_slices(table(600, seed), np.random.default_rng(1000 + seed).exponential(0.5, 600))) for seed in range(60))
    assert named <= 8


def test_the_target_is_no_slice(rng):
    one = table(600, 3)
    losses = rng.exponential(0.5, 600) + 3.0 * one.frame["y"].to_numpy()
    assert all(s.column != "y" for s in worst_slices(one, losses))


def test_weights_of_zero_take_rows_out(rng):
    one = table(600, 4)
    bad = (one.frame["city"] == "Faro").to_numpy() & (np.arange(600) % 2 == 0)
    losses = rng.exponential(0.5, 600) + 2.0 * bad
    assert [s.rule for s in worst_slices(one, losses)] == ["city = 'Faro'"]
    assert worst_slices(one, losses, np.where(bad, 1e-12, 1.0)) == ()
