"""Small seeded tables and encoded rows that the tests of models share."""

from collections.abc import Callable

import numpy as np
import polars as pl
import pytest

from assay.model.contract import Rows
from assay.model.encoding import Encoded, Encoder
from assay.table.table import Roles, Table


def mixed_table(rows: int, seed: int) -> Table:
    """Numbers with holes, a category, a truth value, a date and a text, all of which tell something of `y`."""
    rng = np.random.default_rng(seed)
    age, income = rng.normal(40, 12, rows), rng.exponential(2.0, rows)
    town = rng.choice(["oslo", "rome", "lima"], rows, p=[0.5, 0.3, 0.2])
    member = rng.random(rows) < 0.4
    words = [f"{'good' if m else 'bad'} thing number {i % 7}" for i, m in enumerate(rng.random(rows) < 0.5)]
    score = 0.06 * (age - 40) + 0.7 * (town == "oslo") - 0.8 * member + 0.9 * np.array([w.startswith("good") for w in words])
    frame = pl.DataFrame(
        {
            "age": [None if hole else float(v) for v, hole in zip(age, rng.random(rows) < 0.1, strict=True)],
            "income": income,
            "town": [None if hole else str(t) for t, hole in zip(town, rng.random(rows) < 0.05, strict=True)],
            "member": member,
            "joined": pl.Series(np.datetime64("2020-01-01") + rng.integers(0, 900, rows)).cast(pl.Date),
            "review": words,
            "y": score + rng.logistic(0, 0.35, rows),
        }
    )
    kinds = {
        "age": "number",
        "income": "number",
        "town": "category",
        "member": "boolean",
        "joined": "date",
        "review": "text",
        "y": "number",
    }
    return Table(frame, kinds, Roles(target="y"), "mixed")


@pytest.fixture(scope="session")
def table() -> Table:
    return mixed_table(600, 1)


@pytest.fixture(scope="session")
def encoded(table: Table) -> Encoded:
    return Encoder.fit(table).transform(table)


def rows_of(table: Table, data: Encoded, classes: int, positions: slice) -> Rows:
    """Rows with a target of so many classes cut from `y` at its quantiles (0: the values themselves)."""
    value = table.frame["y"].to_numpy()
    target = np.searchsorted(np.quantile(value, np.arange(1, classes) / classes), value) if classes else value
    chosen = np.arange(table.rows)[positions]
    return Rows(data.take(chosen), np.asarray(target[chosen], dtype=np.int64 if classes else np.float64))


@pytest.fixture(scope="session")
def cut(table: Table, encoded: Encoded) -> Callable[[int], tuple[Rows, Rows, Rows]]:
    """Training, validation and test rows for a number of classes."""
    return lambda classes: tuple(rows_of(table, encoded, classes, part) for part in (slice(0, 350), slice(350, 450), slice(450, 600)))


@pytest.fixture(scope="session", params=[0, 2, 3], ids=["values", "two classes", "three classes"])
def parts(request: pytest.FixtureRequest, cut: Callable[[int], tuple[Rows, Rows, Rows]]) -> tuple[Rows, Rows, Rows, int]:
    """Training, validation and test rows, and the number of classes."""
    return (*cut(request.param), request.param)
