"""Which rows to learn from and which to test on: at random, by class, by group, by time, or as given."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from assay.core.errors import ColumnError, InputError, OptionError
from assay.table.table import Table
from assay.table.target import TargetColumn, target_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Positions = NDArray[np.intp]

GROUP_TRIALS = 32


@dataclass(frozen=True)
class Split:
    """Two disjoint sets of rows, as 0-based positions in rising order.

    Attributes:
        how: "random", "stratified", "group", "time", "group and time" or "given".
        notes: What a person should know, such as rows that are in neither part, one sentence each.
    """

    train: Positions
    test: Positions
    how: str
    notes: tuple[str, ...] = ()


def split(
    table: Table,
    *,
    test: float | Table = 0.2,
    group: str | None = None,
    time: str | None = None,
    task: str | None = None,
    target: TargetColumn | None = None,
    seed: int = 0,
) -> Split:
    """Cut a table into rows to learn from and rows to test on.

    Classes keep their shares and every class stays in the training part (stratified); with `group`, all rows of a group are
    on one side; with `time`, the test rows are the latest, and equal times stay together; with both, test groups are those
    that first appear after the cut, and later rows of the training groups are in neither part.

    Args:
        table: The rows; without `target`, its target role is used if it has one.
        test: Share of rows to hold out, or a second table: then positions count the rows of `concat(table, test)`.
        task: Of the target, where `target` is not given; None to infer it.
        target: The target of exactly these rows, if known already.

    Raises:
        OptionError: a share outside 0 to 1.
        ColumnError: a column is absent or unfit; InputError: a part would be empty.

    Example:
        >>> table = Table(pl.DataFrame({"x": [1, 2, 3, 4, 5]}), {"x": "number"})
        >>> split(table, test=0.4, time="x").test.tolist()
        [3, 4]
    """
    if isinstance(test, Table):
        return Split(np.arange(table.rows), np.arange(table.rows, table.rows + test.rows), "given")
    if not 0.0 < test < 1.0:
        raise OptionError(f"a test share of {test:g} leaves a part empty; give one above 0 and below 1, such as 0.2")
    if target is None and table.roles.target is not None:
        target = target_of(table, task)
    rows = target.rows_kept if target is not None and target.values.size != table.rows else np.arange(table.rows)
    notes = () if rows.size == table.rows else (f"{table.rows - rows.size:,} rows without a target are in neither part",)
    labels = target.values if target is not None and target.classes else None
    cut = _cut(table.take(rows) if notes else table, test, group, time, labels, seed)
    if not cut.train.size or not cut.test.size:
        raise InputError(f"{rows.size} rows and a test share of {test:g} leave a part empty; give more rows or another --test share")
    return Split(rows[cut.train], rows[cut.test], cut.how, (*notes, *cut.notes))


def check_parts(split: Split, target: TargetColumn) -> None:
    """Refuse parts on which nothing can be learned or tested.

    Raises:
        InputError: a part has no row, or rows of one class only.
    """
    for part, rows in (("training", split.train), ("test", split.test)):
        if not rows.size:
            raise InputError(f"the {part} part has 0 of {target.values.size} rows; give another --test share or file")
        if target.classes and np.unique(target.values[rows]).size == 1:
            label = target.classes[int(target.values[rows[0]])]
            raise InputError(
                f"all {rows.size:,} rows of the {part} part have {target.name or 'target'} = {label!r}; "
                f"a {split.how} split needs both parts with at least 2 classes, so change --test, --group or --time"
            )


def _cut(table: Table, share: float, group: str | None, time: str | None, labels: NDArray[Any] | None, seed: int) -> Split:
    rng = np.random.default_rng(seed)
    if group is not None and time is not None:
        return _by_group_and_time(_group_numbers(table, group), *_times(table, time), share)
    if time is not None:
        return _by_time(*_times(table, time), share)
    if group is not None:
        return _by_group(_group_numbers(table, group), labels, share, rng)
    if labels is not None:
        return _stratified(labels, share, rng)
    order = rng.permutation(table.rows)
    held_out = min(max(round(share * table.rows), 1), table.rows - 1)
    return Split(np.sort(order[held_out:]), np.sort(order[:held_out]), "random")


def _stratified(labels: NDArray[Any], share: float, rng: np.random.Generator) -> Split:
    order = rng.permutation(labels.size)
    order = order[np.argsort(labels[order], kind="stable")]
    counts = np.bincount(labels)
    wanted = counts * share
    taken = np.minimum(np.floor(wanted), np.maximum(counts - 1, 0)).astype(np.int64)
    spare = np.maximum(counts - 1, 0) - taken
    rest = min(max(round(share * labels.size), 1) - int(taken.sum()), int((spare > 0).sum()))
    if rest > 0:
        by_remainder = np.argsort(np.where(spare > 0, taken - wanted, np.inf), kind="stable")
        taken[by_remainder[:rest]] += 1
    starts = np.cumsum(counts) - counts
    place_in_class = np.arange(labels.size) - np.repeat(starts, counts)
    held_out = place_in_class < np.repeat(taken, counts)
    return Split(np.sort(order[~held_out]), np.sort(order[held_out]), "stratified")


def _group_numbers(table: Table, column: str) -> NDArray[np.int64]:
    """A number for each row's group; a row whose group is missing is a group of its own."""
    values = table.frame[table.require(column)]
    numbers = values.rank("dense").cast(pl.Int64).to_numpy() if values.null_count() == 0 else None
    if numbers is None:
        ranks = values.rank("dense").cast(pl.Int64)
        own = pl.Series(np.arange(values.len(), dtype=np.int64)) + values.n_unique() + 1
        numbers = pl.select(pl.coalesce(ranks, own)).to_series().rank("dense").cast(pl.Int64).to_numpy()
    numbers = numbers.astype(np.int64) - 1
    if numbers.size and numbers.max() == 0:
        raise ColumnError(
            f"group column {column!r} is {values[0]!r} in all {values.len():,} rows; a split by group needs at least 2 groups"
        )
    return numbers


def _by_group(groups: NDArray[np.int64], labels: NDArray[Any] | None, share: float, rng: np.random.Generator) -> Split:
    """Of several random draws of whole groups, the one nearest in size and, second, in class shares."""
    sizes = np.bincount(groups)
    goal = share * groups.size
    small = np.flatnonzero(sizes <= max(goal, sizes.min()))
    base = None if labels is None else np.bincount(labels) / labels.size
    best, best_distance = np.zeros(groups.size, dtype=bool), np.inf
    for _ in range(GROUP_TRIALS):
        order = rng.permutation(small)
        filled = np.cumsum(sizes[order])
        count = int(np.argmin(np.abs(filled - goal))) + 1
        chosen = np.zeros(sizes.size, dtype=bool)
        chosen[order[: min(count, sizes.size - 1)]] = True
        held_out = chosen[groups]
        distance = abs(held_out.sum() - goal) / groups.size
        if labels is not None and base is not None:
            found = np.bincount(labels[held_out], minlength=base.size) / max(1, held_out.sum())
            unlearned = np.bincount(labels[~held_out], minlength=base.size) == 0
            distance += 0.5 * np.abs(found - base).sum() + unlearned.sum()
        if distance < best_distance:
            best, best_distance = held_out, distance
    return Split(np.flatnonzero(~best), np.flatnonzero(best), "group")


def _times(table: Table, column: str) -> tuple[NDArray[np.int64], NDArray[np.bool_], str]:
    """Rank of each row's time (equal times share one), which rows have one, and the column's name."""
    kind = table.kind(column)
    if kind not in ("date", "number"):
        example = table.frame[column].drop_nulls().head(1).to_list()
        raise ColumnError(
            f"time column {column!r} holds {kind} values such as {example}, a time is a date or a number that grows with time; "
            f"write dates like 2026-01-31, or set --type {column}=date"
        )
    values = table.frame[column]
    known = values.is_not_null().to_numpy()
    ranks = values.rank("dense").cast(pl.Int64).fill_null(0).to_numpy()
    if np.unique(ranks[known]).size < 2:
        raise ColumnError(f"time column {column!r} has {np.unique(ranks[known]).size} distinct values; a split by time needs at least 2")
    return ranks.astype(np.int64), known, column


def _undated(known: NDArray[np.bool_], column: str) -> tuple[str, ...]:
    missing = int((~known).sum())
    return (f"{missing:,} rows without {column!r} are in neither part",) if missing else ()


def _by_time(ranks: NDArray[np.int64], known: NDArray[np.bool_], column: str, share: float) -> Split:
    counts = np.bincount(ranks[known])[1:]
    later = counts.sum() - np.cumsum(counts)
    last = int(np.argmin(np.abs(later[:-1] - share * counts.sum()))) + 1
    return Split(np.flatnonzero(known & (ranks <= last)), np.flatnonzero(known & (ranks > last)), "time", _undated(known, column))


def _by_group_and_time(groups: NDArray[np.int64], ranks: NDArray[np.int64], known: NDArray[np.bool_], column: str, share: float) -> Split:
    first = np.full(groups.max() + 1, np.iinfo(np.int64).max)
    np.minimum.at(first, groups[known], ranks[known])
    arrival = first[groups]
    top = int(ranks.max())
    past = np.cumsum(np.bincount(ranks[known], minlength=top + 1))
    fresh = known.sum() - np.cumsum(np.bincount(arrival[known], minlength=top + 1))
    usable = (past > 0) & (fresh > 0)
    if not usable.any():
        raise InputError(
            f"every group is there from the first {column!r} on, so no group is new in the test part; split by group or by time alone"
        )
    gap = np.where(usable, np.abs(fresh / np.maximum(past + fresh, 1) - share), np.inf)
    last = int(np.argmin(gap))
    train, test = known & (ranks <= last), known & (arrival > last)
    straddling = int(known.sum() - train.sum() - test.sum())
    notes = (f"{straddling:,} later rows of groups seen in training are in neither part",) if straddling else ()
    return Split(np.flatnonzero(train), np.flatnonzero(test), "group and time", (*_undated(known, column), *notes))
