"""What two parts share, counted by hand."""

from __future__ import annotations

import datetime

import polars as pl
import pytest

from assay.audit import compare_parts
from assay.core.errors import ColumnError
from assay.table.table import Roles, Table


def _part(columns: dict[str, object], **roles: object) -> Table:
    frame = pl.DataFrame(columns)
    kinds = {c: {pl.String: "category", pl.Date: "date"}.get(frame[c].dtype, "number") for c in frame.columns}
    return Table(frame, kinds, Roles(**roles))


def test_copies_are_counted_with_their_labels() -> None:
    train = _part({"x": [1.0, 2.0, 3.0], "y": ["a", "b", "a"]}, target="y")
    test = _part({"x": [2, 3, 9], "y": ["b", "b", "a"]})
    seen = compare_parts(train, test).duplicates
    assert seen is not None
    assert (seen.rows, seen.same_label, seen.row_numbers) == (2, 1, (1, 2))


def test_ids_do_not_hide_copies() -> None:
    train = _part({"id": [f"r{i}" for i in range(40)], "x": [i // 2 for i in range(40)]})
    test = _part({"id": ["s1", "s2"], "x": [3, 99]})
    assert compare_parts(train, test).duplicates.rows == 1


def test_entities_and_groups_of_both_parts() -> None:
    train = _part({"who": ["a", "b", "b", None], "house": [1, 1, 2, 2]}, entity="who", group="house")
    test = _part({"who": ["b", "c", "b", None], "house": [3, 3, 4, 2]})
    who, house = compare_parts(train, test, "random").entities
    assert (who.column, who.train_entities, who.test_entities, who.shared_entities, who.test_rows) == ("who", 2, 2, 1, 2)
    assert (who.examples, who.row_numbers) == (("b",), (1, 3))
    assert (house.shared_entities, house.test_rows) == (1, 1)


def test_later_training_rows_are_counted() -> None:
    days = [datetime.date(2020, 1, d) for d in range(1, 11)]
    train = _part({"day": days[:6], "x": range(6)}, time="day")
    test = _part({"day": days[4:], "x": range(6)})
    order = compare_parts(train, test).time
    assert (order.train_rows_after_test_start, order.test_first, order.row_numbers) == (1, "2020-01-05", (6,))


def test_parts_without_a_common_column_are_refused() -> None:
    with pytest.raises(ColumnError, match="none of the columns"):
        compare_parts(_part({"a": [1]}), _part({"b": [1]}))
