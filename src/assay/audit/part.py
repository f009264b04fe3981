"""Two parts of a table side by side: rows, entities and times that they share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from assay.audit.column import measure_column
from assay.audit.repeat import ROWS_SHOWN, repeats_by_chance, row_hashes
from assay.core.errors import ColumnError
from assay.core.split_evidence import CrossDuplicates, EntityOverlap, SplitEvidence, TimeOrder
from assay.rules.dat.dat103_id_column import names_rows

if TYPE_CHECKING:
    from assay.table.table import Table

NOT_COMPARED = ("target", "id", "dropped", "weight")


def compare_parts(train: Table, test: Table, how: str = "given") -> SplitEvidence:
    """Measure what the rows to test on share with the rows to learn from; counts are exact.

    Args:
        train: Rows to learn from; its roles count.
        test: Rows to test on.
        how: How the parts came about.

    Raises:
        ColumnError: the parts have no column in common.
    """
    shared = [c for c in train.columns if c in test.kinds]
    if not shared:
        raise ColumnError(
            f"{test.source or 'the second part'} has none of the columns of {train.source or 'the first'}: "
            f"it has {list(test.columns)[:5]}, expected {list(train.columns)[:5]}"
        )
    roles = train.roles
    keyed = dict.fromkeys(c for c in (roles.entity, roles.group) if c in shared and c is not None)
    return SplitEvidence(
        train_rows=train.rows,
        test_rows=test.rows,
        how=how,
        duplicates=_cross_duplicates(train, test, shared),
        entities=tuple(_overlap(train.frame[c], test.frame[c]) for c in keyed),
        time=_time_order(train.frame[roles.time], test.frame[roles.time]) if roles.time in shared and roles.time else None,
    )


def _cross_duplicates(train: Table, test: Table, shared: list[str]) -> CrossDuplicates | None:
    compared = [c for c in shared if train.roles.of(c) not in NOT_COMPARED and not _names_rows(train, c)]
    if not compared or not train.rows or not test.rows:
        return None
    ours = train.frame.select(compared)
    theirs = _alike(test.frame.select(compared), ours)
    seen, asked = row_hashes(ours), row_hashes(theirs)
    repeated = np.isin(asked, seen)
    rows = np.flatnonzero(repeated)
    same = len(rows)
    target = train.roles.target
    if target in shared and target is not None and same:
        with_label = [*compared, target]
        ours_too = row_hashes(train.frame.select(with_label))
        theirs_too = row_hashes(_alike(test.frame.select(with_label), train.frame.select(with_label)))
        same = int(np.isin(theirs_too, ours_too).sum())
    chance = repeats_by_chance(ours, theirs) if len(rows) else 0.0
    return CrossDuplicates(len(rows), same, tuple(int(r) + 1 for r in rows[:ROWS_SHOWN]), chance)


def _names_rows(train: Table, column: str) -> bool:
    return names_rows(measure_column(train.frame[column], train.kinds[column], train.roles.of(column)))


def _alike(frame: pl.DataFrame, example: pl.DataFrame) -> pl.DataFrame:
    """The columns with the types of the other part: 1 and 1.0 are the same value."""
    return frame.select(pl.col(c).cast(t, strict=False) for c, t in example.schema.items())


def _overlap(train: pl.Series, test: pl.Series) -> EntityOverlap:
    theirs = test.cast(train.dtype, strict=False)
    ours_unique, theirs_unique = train.drop_nulls().unique(), theirs.drop_nulls().unique()
    both = ours_unique.filter(ours_unique.is_in(theirs_unique.implode())).sort()
    inside = theirs.is_in(both.implode()).fill_null(value=False)
    return EntityOverlap(
        column=train.name,
        train_entities=len(ours_unique),
        test_entities=len(theirs_unique),
        shared_entities=len(both),
        test_rows=int(inside.sum()),
        examples=tuple(str(v) for v in both.head(5)),
        row_numbers=tuple(int(r) + 1 for r in inside.arg_true().head(ROWS_SHOWN)),
    )


def _time_order(train: pl.Series, test: pl.Series) -> TimeOrder | None:
    theirs = test.cast(train.dtype, strict=False)
    if train.drop_nulls().is_empty() or theirs.drop_nulls().is_empty():
        return None
    start = theirs.min()
    later = (train > start).fill_null(value=False)
    return TimeOrder(
        column=train.name,
        train_first=str(train.min()),
        train_last=str(train.max()),
        test_first=str(start),
        test_last=str(theirs.max()),
        train_rows_after_test_start=int(later.sum()),
        row_numbers=tuple(int(r) + 1 for r in later.arg_true().head(ROWS_SHOWN)),
    )
