"""A fingerprint changes with every name, type, value and order, and with nothing else."""

import sys

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.table import fingerprint

values = st.lists(st.one_of(st.none(), st.integers(-5, 5)), min_size=1, max_size=40)


@settings(max_examples=30, deadline=None)
@given(values, st.data())
def test_one_changed_cell_changes_it(column: list[int | None], data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(column) - 1))
    other = data.draw(st.one_of(st.none(), st.integers(-5, 5)).filter(lambda v: v != column[place]))
    changed = [*column[:place], other, *column[place + 1 :]]
    for dtype in (pl.Int64, pl.Float64, pl.String, pl.Date):
        one, two = (pl.DataFrame({"x": pl.Series(c, dtype=pl.Int32).cast(dtype)}) for c in (column, changed))
        assert fingerprint(one) != fingerprint(two)
        assert fingerprint(one) == fingerprint(one.clone())


def test_names_types_order_and_borders_count() -> None:
    base = pl.DataFrame({"a": ["x", "yz"], "b": [0, 1]})
    others = [
        base.rename({"a": "c"}),
        base.select("b", "a"),
        base.reverse(),
        base.with_columns(pl.col("b").cast(pl.Float64)),
        base.with_columns(a=pl.Series(["xy", "z"])),
        base.with_columns(a=pl.Series(["x", None])),
        base.with_columns(a=pl.Series(["x", ""])),
        base.with_columns(b=pl.Series([False, True])),
        base.head(1),
    ]
    prints = [fingerprint(frame) for frame in (base, *others)]
    assert len(set(prints)) == len(prints)


def test_memory_layout_and_sign_of_zero_do_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    frame = pl.DataFrame({"a": np.arange(100.0), "s": [str(i) for i in range(100)]})
    pieces = pl.concat([frame.slice(0, 33), frame.slice(33)], rechunk=False)
    assert fingerprint(pieces) == fingerprint(frame)
    assert fingerprint(frame[np.arange(100)]) == fingerprint(frame)
    assert fingerprint(pl.DataFrame({"a": [0.0]})) == fingerprint(pl.DataFrame({"a": [-0.0]}))
    whole = fingerprint(frame)
    monkeypatch.setattr(sys.modules["assay.table.fingerprint"], "BLOCK_ROWS", 7)
    assert fingerprint(pieces) == fingerprint(frame) != whole
