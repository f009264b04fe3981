"""DAT101 constant-column."""

from __future__ import annotations

from collections.abc import Iterator

from assay.core.finding import Finding, Severity
from assay.core.rule import rule
from assay.core.table_evidence import ColumnEvidence, TableEvidence

MAX_SINGLE_FINDINGS = 5


@rule("DAT101", "constant-column", severity=Severity.WARNING, since="0.1")
def constant_column(table: TableEvidence) -> Iterator[Finding]:
    """A column holds one value in every row.

    Why it matters: A constant carries 0 bits about any target; a join or filter that went wrong upstream is its usual cause, and
        in production the column may start to vary.
    How it is detected: An exact count: at least two rows, no row missing and one distinct value, or every row missing.
    Remedy: Find the step that flattened it, or drop the column (--drop).
    Limits: More than five such columns are named in one finding. Silent on tables of fewer than 2 rows. A column with one value
        and some rows missing is not constant: its being missing can tell something. Pixels of images are left alone: corners of
        images are often empty.
    References: The count is the definition.
    """
    unit = table.target.unit if table.target else "bits/row"
    constant = [(c.name, _saw(c)) for c in table.features if _saw(c)]
    if len(constant) > MAX_SINGLE_FINDINGS:
        names = [name for name, _ in constant]
        yield Finding(
            {"columns": names},
            saw=f"{len(names):,} of {len(table.features):,} features hold one value; {names[0]!r}: {constant[0][1]}",
            expected="at least 2 distinct values in each",
            remedy="drop them (--drop); they cost time and tell nothing",
            price=0.0,
            unit=unit,
        )
        return
    for name, saw in constant:
        remedy = f"find what flattened it, or --drop {name}"
        yield Finding({"column": name}, saw=saw, expected="at least 2 distinct values", remedy=remedy, price=0.0, unit=unit)


def _saw(column: ColumnEvidence) -> str:
    """What is constant about a column, "" if nothing is."""
    if column.rows < 2 or column.image:
        return ""
    if column.missing == column.rows:
        return f"all {column.rows:,} rows missing"
    if column.distinct == 1 and column.missing == 0:
        return f"{repr(column.top[0][0]) if column.top else 'one value'} in all {column.rows:,} rows"
    return ""


@constant_column.bad
def two_rows_one_value() -> TableEvidence:
    return TableEvidence(rows=2, columns=(ColumnEvidence("country", "category", rows=2, distinct=1, top=(("PT", 2),)),))


@constant_column.bad
def nothing_but_holes() -> TableEvidence:
    return TableEvidence(rows=2, columns=(ColumnEvidence("country", "category", rows=2, distinct=0, missing=2),))


@constant_column.bad
def six_empty_corners_of_an_image() -> TableEvidence:
    return TableEvidence(rows=2, columns=tuple(ColumnEvidence(f"p{i}", "number", rows=2, distinct=1) for i in range(6)))


@constant_column.good
def one_other_country() -> TableEvidence:
    return TableEvidence(rows=900, columns=(ColumnEvidence("country", "category", rows=900, distinct=2),))


@constant_column.good
def one_value_or_none() -> TableEvidence:
    return TableEvidence(rows=900, columns=(ColumnEvidence("country", "category", rows=900, distinct=1, missing=1),))


@constant_column.good
def an_empty_corner_of_an_image() -> TableEvidence:
    return TableEvidence(rows=900, columns=(ColumnEvidence("pixel_0", "number", rows=900, distinct=1, image="image"),))


@constant_column.good
def a_single_row_says_nothing() -> TableEvidence:
    return TableEvidence(rows=1, columns=(ColumnEvidence("country", "category", rows=1, distinct=1),))
