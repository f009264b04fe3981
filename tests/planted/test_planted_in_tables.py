"""One planted fault each in a clean table, and the clean twin that must stay silent."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import polars as pl
import pytest

from assay.audit import audit
from assay.core.report import judge
from assay.rules import catalogue
from assay.table.table import Roles, Table

RULES = [r for r in catalogue().values() if r.code[:3] in ("DAT", "SPL")]
Plant = Callable[[pl.DataFrame, np.random.Generator], pl.DataFrame]


def _clean(seed: int, rows: int = 2000) -> pl.DataFrame:
    """A class told by three columns with noise, beside columns that tell nothing."""
    rng = np.random.default_rng(seed)
    age, income = rng.integers(18, 80, rows), rng.lognormal(10, 0.5, rows).round(2)
    region = rng.choice(["north", "south", "east", "west"], rows)
    score = 0.05 * (age - 45) + (np.log(income) - 10) + 0.7 * (region == "north") + 1.2 * rng.normal(size=rows)
    visits = rng.poisson(3, rows)
    label = np.where(score > 0.3, "yes", "no")
    return pl.DataFrame({"age": age, "income": income, "region": region, "visits": visits, "label": label})


def _found(frame: pl.DataFrame) -> set[tuple[str, str | None]]:
    kinds = {c: "category" if frame[c].dtype == pl.String else "number" for c in frame.columns}
    report = judge(audit(Table(frame, kinds, Roles(target="label"))), RULES)
    return {(f.code, f.at.get("column")) for f in report.findings}


def _yes(frame: pl.DataFrame) -> np.ndarray:
    return (frame["label"] == "yes").to_numpy()


def _with(name: str, values: object) -> pl.Series:
    return pl.Series(name, values)


def flipped_label(frame: pl.DataFrame, rng: np.random.Generator) -> pl.DataFrame:
    return frame.with_columns(_with("flag", (_yes(frame) ^ (rng.random(frame.height) < 0.05)).astype(int)))


def label_as_noisy_number(frame: pl.DataFrame, rng: np.random.Generator) -> pl.DataFrame:
    return frame.with_columns(_with("signal", _yes(frame) + 0.25 * rng.normal(size=frame.height)))


def sentinel_for_one_class(frame: pl.DataFrame, rng: np.random.Generator) -> pl.DataFrame:
    days = np.where(_yes(frame), rng.integers(1, 90, frame.height), -1)
    return frame.with_columns(_with("days_until_purchase", days))


def flag_after_the_event(frame: pl.DataFrame, rng: np.random.Generator) -> pl.DataFrame:
    return frame.with_columns(_with("is_refunded", (_yes(frame) & (rng.random(frame.height) < 0.5)).astype(int)))


def filled_after_the_event(frame: pl.DataFrame, rng: np.random.Generator) -> pl.DataFrame:
    filled = _yes(frame) & (rng.random(frame.height) < 0.6)
    return frame.with_columns(
        _with("agent", [f"a{v}" if f else None for f, v in zip(filled, rng.integers(0, 9, len(filled)), strict=True)])
    )


def copied_rows(frame: pl.DataFrame, rng: np.random.Generator) -> pl.DataFrame:
    return pl.concat([frame, frame[rng.choice(frame.height, 30, replace=False)]])


def row_ids(frame: pl.DataFrame, rng: np.random.Generator) -> pl.DataFrame:
    return frame.with_columns(_with("customer", rng.permutation(frame.height) + 1000))


def one_constant(frame: pl.DataFrame, rng: np.random.Generator) -> pl.DataFrame:
    return frame.with_columns(_with("country", ["PT"] * frame.height))


def nines_for_missing(frame: pl.DataFrame, rng: np.random.Generator) -> pl.DataFrame:
    return frame.with_columns(_with("age", np.where(rng.random(frame.height) < 0.02, 999, frame["age"].to_numpy())))


def numbers_with_a_sign(frame: pl.DataFrame, rng: np.random.Generator) -> pl.DataFrame:
    return frame.with_columns(_with("price", [f"${v:,.2f}" for v in rng.lognormal(7, 1, frame.height)]))


def few_of_a_class(frame: pl.DataFrame, rng: np.random.Generator) -> pl.DataFrame:
    yes = np.flatnonzero(_yes(frame))
    return frame[np.sort(np.concatenate([np.flatnonzero(~_yes(frame)), yes[:40]]))]


PLANTS: list[tuple[Plant, str, str | None]] = [
    (flipped_label, "SPL101", "flag"),
    (label_as_noisy_number, "SPL101", "signal"),
    (sentinel_for_one_class, "SPL101", "days_until_purchase"),
    (flag_after_the_event, "SPL101", "is_refunded"),
    (filled_after_the_event, "SPL102", "agent"),
    (copied_rows, "DAT102", None),
    (row_ids, "DAT103", "customer"),
    (one_constant, "DAT101", "country"),
    (nines_for_missing, "DAT104", "age"),
    (numbers_with_a_sign, "DAT105", "price"),
    (few_of_a_class, "DAT106", "label"),
]


@pytest.mark.parametrize("seed", range(3))
def test_the_clean_twin_is_silent(seed: int) -> None:
    assert _found(_clean(seed)) == set()


@pytest.mark.parametrize(("plant", "code", "column"), PLANTS, ids=[p[0].__name__ for p in PLANTS])
def test_a_planted_fault_is_named_where_it_is(plant: Plant, code: str, column: str | None) -> None:
    for seed in range(3):
        found = _found(plant(_clean(seed), np.random.default_rng(seed + 100)))
        assert (code, column) in found
        assert {c for _, c in found} == {column}
