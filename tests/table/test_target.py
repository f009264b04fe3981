"""The target's task and values, and every target that cannot be one."""

import numpy as np
import polars as pl
import pytest

from assay.core.errors import ColumnError, OptionError
from assay.table import Roles, Table, read, target_of, task_of


def table_of(values: object) -> Table:
    return read({"y": values, "x": [0] * len(values)}).with_roles(Roles(target="y"))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("values", "task"),
    [
        (["no", "yes"], "classification"),
        ([True, False], "classification"),
        ([-1, 1, 1], "classification"),
        ([0.5, 1.5, 0.5], "classification"),
        ([0, 1, 2] * 5, "classification"),
        ([0.0, 1.0, 2.0] * 5, "classification"),
        ([0, 1, 2] * 4, "regression"),
        ([0.0, 1.5, 2.0] * 50, "regression"),
        (list(range(21)) * 50, "regression"),
        (list(range(20)) * 5, "classification"),
        (np.linspace(0, 1, 30), "regression"),
    ],
)
def test_task_follows_kind_and_repetition(values: object, task: str) -> None:
    assert task_of(table_of(values)) == task


def test_classes_are_sorted_and_numbers_by_size() -> None:
    target = target_of(table_of([10, -1, 2, None, 10] * 5))
    assert target.classes == ("-1", "2", "10")
    assert target.values.dtype == np.int64
    assert target.values[:4].tolist() == [2, 0, 1, 2]
    assert target.rows_kept[:4].tolist() == [0, 1, 2, 4]
    assert target.notes == ("5 of 25 rows have no 'y' and were left out",)
    part = target.take(np.array([3, 1]))
    assert (part.values.tolist(), part.rows_kept.tolist(), part.classes) == ([2, 0], [4, 1], target.classes)
    assert target_of(table_of([True, False, True])).classes == ("false", "true")
    assert target_of(table_of([0.0, 1.0])).classes == ("0", "1")


def test_codes_lead_back_to_labels() -> None:
    labels = ["b", "a", "ä", "b", "Z"]
    target = target_of(table_of(labels))
    assert list(target.classes) == sorted(set(labels))
    assert [target.classes[c] for c in target.values.tolist()] == labels
    assert len([note for note in target.notes if "single row" in note]) == 3


def test_regression_keeps_values() -> None:
    target = target_of(table_of([1, 0, None, 1]), "regression")
    assert (target.values.tolist(), target.values.dtype, target.classes) == ([1.0, 0.0, 1.0], np.float64, ())
    assert target_of(table_of([True, False]), "regression").values.tolist() == [1.0, 0.0]


def test_unfit_targets_are_refused() -> None:
    table = table_of([1, 2])
    for bad, text in (
        (Table(table.frame, table.kinds), "no target named"),
        (table_of([None, None]), "missing in all 2 rows"),
        (table_of(["a", "a", None]), "is 'a' in all 2 rows"),
        (table_of(["a"]), "in its one row"),
        (table_of(["2024-01-01", "2024-01-02"]), "holds dates"),
        (table_of([f"c{i}" for i in range(1001)]), "1,001 distinct values"),
    ):
        with pytest.raises(ColumnError, match=text):
            target_of(bad)
    with pytest.raises(ColumnError, match="regression needs numbers"):
        target_of(table_of(["a", "b"]), "regression")
    with pytest.raises(ColumnError, match=r"is inf in row 2"):
        target_of(table_of([1.5, float("inf"), 2.5]), "regression")
    with pytest.raises(OptionError, match="did you mean 'regression'"):
        target_of(table, "regresion")
    with pytest.raises(ColumnError, match="did you mean 'income'"):
        Table(pl.DataFrame({"income": [1]}), {"income": "number"}, Roles(target="incme")).require("incme")
