"""A table's profile: every column measured, repeated rows counted, the target's opening balance."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from assay.audit.column import measure_column
from assay.audit.image import measure_images, pixel_columns
from assay.audit.repeat import ROWS_SHOWN, later_repeats, repeats_by_chance, row_hashes
from assay.core.table_evidence import ColumnEvidence, TableEvidence, TargetEvidence
from assay.core.units import entropy_bits
from assay.rules.dat.dat103_id_column import names_rows

if TYPE_CHECKING:
    import polars as pl

    from assay.table.table import Table
    from assay.table.target import TargetColumn

NOT_COMPARED = ("id", "dropped", "weight")


def profile(table: Table) -> TableEvidence:
    """Measure a table before any model exists; counts are exact, on all rows.

    Example:
        >>> import polars as pl
        >>> from assay.table import Table
        >>> seen = profile(Table(pl.DataFrame({"a": [1, 1, 1], "b": ["x", "y", "x"]}), {"a": "number", "b": "category"}))
        >>> seen.columns[0].distinct, seen.duplicate_rows
        (1, 1)
    """
    from assay.table.target import target_of

    images = pixel_columns(table)
    columns = tuple(
        replace(measure_column(table.frame[c], table.kinds[c], table.roles.of(c)), image=images.get(c, "")) for c in table.columns
    )
    compared = comparable(table, columns)
    repeats = later_repeats(row_hashes(compared)) if compared.width else np.empty(0, dtype=np.intp)
    return TableEvidence(
        rows=table.rows,
        columns=columns,
        source=table.source,
        fingerprint=table.fingerprint,
        duplicate_rows=len(repeats),
        duplicate_row_numbers=tuple(int(r) + 1 for r in repeats[:ROWS_SHOWN]),
        duplicates_by_chance=repeats_by_chance(compared) if len(repeats) else 0.0,
        target=measure_target(table, target_of(table)) if table.roles.target else None,
        images=measure_images(table),
    )


def comparable(table: Table, columns: tuple[ColumnEvidence, ...]) -> pl.DataFrame:
    """The columns in which copied records agree: all but ids, weights and dropped ones."""
    return table.frame.select([c.name for c in columns if c.role not in NOT_COMPARED and not names_rows(c)])


def measure_target(table: Table, target: TargetColumn) -> TargetEvidence:
    """What is to be predicted, and the loss of its best constant."""
    name = table.roles.target or ""
    rows = len(target.values)
    missing = table.rows - rows
    if target.task == "classification":
        counts = np.bincount(target.values.astype(np.int64), minlength=len(target.classes))
        order = np.argsort(-counts, kind="stable")
        classes = tuple((target.classes[i], int(counts[i])) for i in order)
        opening = entropy_bits(counts.tolist()) if rows else 0.0
        return TargetEvidence(name, target.task, rows, missing, classes, opening, "bits/row")
    variance = float(np.var(target.values)) if rows else 0.0
    return TargetEvidence(name, target.task, rows, missing, (), variance, f"{name}²")
