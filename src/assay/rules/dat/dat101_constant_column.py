"""DAT101 constant-column."""

from __future__ import annotations

from collections.abc import Iterator

from assay.core.finding import Finding, Severity
from assay.core.rule import rule
from assay.core.table_evidence import ColumnEvidence, TableEvidence


@rule("DAT101", "constant-column", severity=Severity.WARNING, since="0.1")
def constant_column(table: TableEvidence) -> Iterator[Finding]:
    """A column holds one value in every row.

    Why it matters: A constant carries 0 bits about any target; a join or filter that went wrong
        upstream is its usual cause, and in production the column may start to vary.
    How it is detected: An exact count: at least two rows, no row missing and one distinct value, or every row missing.
    Remedy: Find the step that flattened it, or drop the column (--drop).
    Limits: Silent on tables of fewer than 2 rows. A column with one value and some rows missing is not
        constant: its being missing can tell something.
    References: The count is the definition.
    """
    for column in table.features:
        if column.rows < 2:
            continue
        if column.distinct == 1 and column.missing == 0:
            value = repr(column.top[0][0]) if column.top else "one value"
            saw = f"{value} in all {column.rows:,} rows"
        elif column.missing == column.rows:
            saw = f"all {column.rows:,} rows missing"
        else:
            continue
        yield Finding(
            {"column": column.name},
            saw=saw,
            expected="at least 2 distinct values",
            remedy=f"find what flattened it, or --drop {column.name}",
            price=0.0,
            unit=table.target.unit if table.target else "bits/row",
        )


@constant_column.bad
def two_rows_one_value() -> TableEvidence:
    return TableEvidence(rows=2, columns=(ColumnEvidence("country", "category", rows=2, distinct=1, top=(("PT", 2),)),))


@constant_column.bad
def nothing_but_holes() -> TableEvidence:
    return TableEvidence(rows=2, columns=(ColumnEvidence("country", "category", rows=2, distinct=0, missing=2),))


@constant_column.good
def one_other_country() -> TableEvidence:
    return TableEvidence(rows=900, columns=(ColumnEvidence("country", "category", rows=900, distinct=2),))


@constant_column.good
def one_value_or_none() -> TableEvidence:
    return TableEvidence(rows=900, columns=(ColumnEvidence("country", "category", rows=900, distinct=1, missing=1),))


@constant_column.good
def a_single_row_says_nothing() -> TableEvidence:
    return TableEvidence(rows=1, columns=(ColumnEvidence("country", "category", rows=1, distinct=1),))
