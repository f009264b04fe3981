"""What columns alone tell: leaks near 1, noise near 0, edge cases without harm."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from assay.audit import associate, audit
from assay.core.evidence import Evidence
from assay.core.table_evidence import Association, AssociationEvidence
from assay.table.table import Roles, Table


def _table(columns: dict[str, object], target: str = "y", **roles: str) -> Table:
    frame = pl.DataFrame(columns)
    kinds = {c: {pl.String: "category", pl.Boolean: "boolean", pl.Date: "date"}.get(frame[c].dtype, "number") for c in frame.columns}
    return Table(frame, kinds, Roles(target=target, **roles))


def _of(evidence: AssociationEvidence, column: str) -> Association:
    return next(a for a in evidence.columns if a.column == column)


def test_copies_signals_and_noise_of_a_class(rng: np.random.Generator) -> None:
    y = rng.integers(0, 2, 2000)
    flipped = np.where(rng.random(2000) < 0.1, 1 - y, y)
    told = associate(
        _table(
            {
                "copy": np.where(y == 1, "b", "a"),
                "flipped": flipped,
                "noise": rng.normal(size=2000),
                "many": rng.integers(0, 1500, 2000).astype(str),
                "y": np.where(y == 1, "yes", "no"),
            }
        )
    )
    assert _of(told, "copy").share > 0.995
    assert _of(told, "copy").equals_target == 1.0
    assert _of(told, "flipped").share == pytest.approx(1 - 0.469, abs=0.05)
    assert _of(told, "flipped").equals_target == pytest.approx(0.9, abs=0.02)
    assert _of(told, "noise").share < 0.005
    assert _of(told, "many").share < 0.01
    assert min(_of(told, "noise").p, _of(told, "many").p) > 1e-3
    yes, no = int(y.sum()), int((1 - y).sum())
    said = (f"copy = 'b' -> yes in {yes} of {yes} rows", f"copy = 'a' -> no in {no} of {no} rows")
    assert _of(told, "copy").rule in said


def test_a_number_told_by_a_copy_in_other_units_and_by_a_noisy_one(rng: np.random.Generator) -> None:
    y = rng.lognormal(size=3000)
    told = associate(_table({"copy": 2 * y + 1, "noisy": y + 0.2 * y.std() * rng.normal(size=3000), "x": rng.normal(size=3000), "y": y}))
    assert _of(told, "copy").share > 0.999
    assert _of(told, "copy").equals_target == 1.0
    assert _of(told, "noisy").share == pytest.approx(1 / 1.04, abs=0.03)
    assert _of(told, "x").share < 0.005


def test_rows_whose_target_is_missing_are_left_out() -> None:
    told = associate(_table({"x": [1, 2, 3, 4] * 10, "y": ["a", "b", None, "b"] * 10}))
    assert told.rows == 30
    assert told.target.missing == 10


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.integers(2, 40), st.integers(0, 10_000))
def test_any_small_table_is_measured_and_comes_back_from_json(rows: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    hole = rng.random(rows) < 0.3
    columns = {
        "number": [None if h else float(v) for h, v in zip(hole, rng.normal(size=rows), strict=True)],
        "constant": [1] * rows,
        "nothing": pl.Series([None] * rows, dtype=pl.String),
        "text": [None if h else f"word{v} and more" for h, v in zip(hole, rng.integers(0, 99, rows), strict=True)],
        "day": pl.Series(rng.integers(0, 9000, rows)).cast(pl.Int32).cast(pl.Date),
        "truth": rng.random(rows) < 0.5,
        "y": ["a", "b", *rng.choice(["a", "b", "c"], rows - 2)] if seed % 2 else np.concatenate([[0.5, 1.5], rng.normal(size=rows - 2)]),
    }
    table = _table(columns)
    for evidence in audit(table, table.take(np.arange(rows // 2))):
        assert isinstance(evidence, Evidence)
        assert type(evidence).from_json(evidence.to_json()) == evidence
        if isinstance(evidence, AssociationEvidence):
            assert all(0 <= a.share <= 1 and 0 <= a.p <= 1 for a in evidence.columns)
            assert {a.column for a in evidence.columns} == {"number", "constant", "nothing", "text", "day", "truth"}


def test_measuring_twice_gives_the_same(rng: np.random.Generator) -> None:
    table = _table({"x": rng.normal(size=300), "c": rng.choice(list("abc"), 300), "y": rng.choice(["u", "v"], 300)})
    assert audit(table) == audit(table)


def test_a_target_without_features_tells_nothing() -> None:
    told = associate(_table({"y": ["a", "b"] * 20}))
    assert told.columns == ()
    assert told.joint_share == 0.0


def test_a_text_that_holds_its_label(rng: np.random.Generator) -> None:
    label = rng.choice(["ham", "spam"], 400)
    told = associate(_table({"file": [f"box/{word}/{i:05d}.txt" for i, word in enumerate(label)], "y": label}))
    assert _of(told, "file").contains_label == 1.0
    assert _of(told, "file").share > 0.95


def test_more_classes_than_are_measured_apart(rng: np.random.Generator) -> None:
    y = rng.integers(0, 90, 3000)
    told = associate(_table({"x": y, "y": [f"c{v}" for v in y]}))
    assert _of(told, "x").share > 0.6
