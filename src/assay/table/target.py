"""What is to be predicted: the task that a target column asks for, and its values as numbers."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from assay.core.errors import ColumnError, OptionError, nearest
from assay.table.table import Table

if TYPE_CHECKING:
    from numpy.typing import NDArray

TASKS = ("classification", "regression")
MAX_CLASSES = 1000
MAX_NUMBER_CLASSES = 20  # whole numbers with more distinct values are amounts or counts: a month has 31 days, a scale at most 20 marks
MIN_ROWS_A_CLASS = 5  # fewer rows a value on average, and the values do not repeat as labels do


@dataclass(frozen=True)
class TargetColumn:
    """The target's values, ready for a loss.

    Attributes:
        values: Class numbers (int64, an index into `classes`) or float64 values, one a kept row.
        classes: Class labels in sorted order (numbers by size); empty for regression.
        task: "classification" or "regression".
        label_type: What a class label is in the table: "text", "whole number", "number" or "truth value"; "number" for regression.
        rows_kept: Positions (0-based) of the table's rows whose target is known.
        name: The column.
        notes: What a person should know, such as rows left out, one sentence each.
    """

    values: NDArray[Any]
    classes: tuple[str, ...]
    task: str
    rows_kept: NDArray[np.intp]
    name: str = ""
    notes: tuple[str, ...] = ()
    label_type: str = "text"

    def take(self, positions: NDArray[np.intp]) -> TargetColumn:
        """The target of these of its rows, in this order; the classes stay."""
        return replace(self, values=self.values[positions], rows_kept=self.rows_kept[positions])


def task_of(table: Table) -> str:
    """The task that the target column asks for: "classification" or "regression".

    It is the one that the roles ask for, if any. Else labels, truth values and whole numbers that repeat as labels do (at most 20
    distinct ones, at least 5 rows each on average, or two distinct ones) ask for a class; all other numbers for a value.

    Raises:
        ColumnError: no target role, or a column that cannot be one.

    Example:
        >>> table = Table(pl.DataFrame({"y": [-1, 1, 1]}), {"y": "number"})
        >>> from assay.table.table import Roles
        >>> task_of(table.with_roles(Roles(target="y")))
        'classification'
    """
    name = _target_name(table)
    known = _known(table, name)
    if table.roles.task is not None:
        return table.roles.task
    if table.kinds[name] != "number":
        return "classification"
    distinct = known.n_unique()
    if distinct == 2:
        return "classification"
    whole = known.dtype.is_integer() or bool((known == known.floor()).all())
    repeats = distinct <= MAX_NUMBER_CLASSES and known.len() >= MIN_ROWS_A_CLASS * distinct
    return "classification" if whole and repeats else "regression"


def target_of(table: Table, task: str | None = None) -> TargetColumn:
    """The target's values as class numbers or floats; rows whose target is missing are left out with a note.

    Args:
        table: A table whose roles name the target.
        task: "classification" or "regression"; None to infer it with `task_of`.

    Raises:
        ColumnError: no such column; all of it missing, constant, or not fit for the task.
        OptionError: no such task.

    Example:
        >>> from assay.table.table import Roles
        >>> table = Table(pl.DataFrame({"y": ["no", "yes", None]}), {"y": "category"}, Roles(target="y"))
        >>> target = target_of(table)
        >>> target.classes, target.values.tolist(), target.rows_kept.tolist()
        (('no', 'yes'), [0, 1], [0, 1])
    """
    if task is not None and task not in TASKS:
        raise OptionError(f"no task {task!r}; {nearest(task, TASKS)}")
    name = _target_name(table)
    known = _known(table, name)
    chosen = task or task_of(table)
    kept = np.flatnonzero(table.frame[name].is_not_null().to_numpy())
    notes = []
    if kept.size < table.rows:
        notes.append(f"{table.rows - kept.size:,} of {table.rows:,} rows have no {name!r} and were left out")
    if chosen == "regression":
        return TargetColumn(_numbers(table, known), (), chosen, kept, name, tuple(notes), "number")
    codes, classes = _codes(known)
    counts = np.bincount(codes, minlength=len(classes))
    notes += [
        f"class {label!r} has a single row; it is trained on and not tested" for label, n in zip(classes, counts, strict=True) if n == 1
    ]
    return TargetColumn(codes, classes, chosen, kept, name, tuple(notes[:20]), _label_type(known))


def _label_type(known: pl.Series) -> str:
    if known.dtype == pl.Boolean:
        return "truth value"
    if known.dtype.is_integer():
        return "whole number"
    return "number" if known.dtype.is_numeric() else "text"


def _target_name(table: Table) -> str:
    name = table.roles.target
    if name is None:
        raise ColumnError(f"no target named for {table.source or 'the table'}; name the column to predict, {nearest('', table.columns)}")
    return table.require(name)


def _known(table: Table, name: str) -> pl.Series:
    known = table.frame[name].drop_nulls()
    if known.is_empty():
        raise ColumnError(f"target {name!r} is missing in all {table.rows:,} rows; name another column to predict")
    if table.kinds[name] == "date":
        raise ColumnError(f"target {name!r} holds dates; predict a number instead, such as the days until that date")
    if known.n_unique() == 1:
        rows = f"all {known.len():,} rows" if known.len() > 1 else "its one row"
        raise ColumnError(f"target {name!r} is {known[0]!r} in {rows}; a target needs at least 2 distinct values")
    return known


def _numbers(table: Table, known: pl.Series) -> NDArray[np.float64]:
    if not (known.dtype.is_numeric() or known.dtype == pl.Boolean):
        raise ColumnError(
            f"target {known.name!r} holds {table.kinds[known.name]} values such as {known[0]!r}; regression needs numbers, "
            "so use --task classification or name a numeric column"
        )
    values = known.cast(pl.Float64).to_numpy()
    wrong = np.flatnonzero(~np.isfinite(values))
    if wrong.size:
        row = int(np.flatnonzero(table.frame[known.name].is_not_null().to_numpy())[wrong[0]]) + 1
        raise ColumnError(f"target {known.name!r} is {values[wrong[0]]} in row {row}; mend or remove the {wrong.size:,} such rows")
    return np.asarray(values, dtype=np.float64)


def _codes(known: pl.Series) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    levels = known.unique().sort()
    if levels.len() > MAX_CLASSES:
        raise ColumnError(
            f"target {known.name!r} has {levels.len():,} distinct values, a classification at most {MAX_CLASSES:,}; "
            "use --task regression for numbers, or name another column to predict"
        )
    if known.dtype.is_numeric():
        numbers = np.searchsorted(levels.to_numpy(), known.to_numpy())
        return numbers.astype(np.int64), tuple(str(v).removesuffix(".0") for v in levels.to_list())
    texts = known.cast(pl.String)
    labels = texts.unique().sort()
    return texts.cast(pl.Enum(labels)).to_physical().to_numpy().astype(np.int64), tuple(labels.to_list())
