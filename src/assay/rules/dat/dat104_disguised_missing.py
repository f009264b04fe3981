"""DAT104 disguised-missing."""

from __future__ import annotations

import math
from collections.abc import Iterator

from assay.core.finding import Finding, Severity
from assay.core.rule import rule
from assay.core.table_evidence import ColumnEvidence, SuspectValue, TableEvidence

MIN_GAP_RANGES = 1.0
MIN_ROWS_OF_CODE = 2
MIN_SHARE_OF_MINUS_ONE = 0.01
MIN_SHARE_OF_TEXTS = 0.01


@rule("DAT104", "disguised-missing", severity=Severity.WARNING, since="0.1")
def disguised_missing(table: TableEvidence) -> Iterator[Finding]:
    """Missing values are written as ordinary ones.

    Why it matters: A 999 that means "never" is read as a number: it moves the mean, stretches the scale for every honest value,
        and a linear model learns a slope across it. A word such as "unknown" becomes a category of its own, and counts of missing
        values lie.
    How it is detected: Whole values that are words for missing (NULL, n/a, ?, -, unknown ...) or blank, in free text from 1 % of
        the rows on; and repeated nines in at least 2 rows at a column's end, that are the only negative number or lie further
        from all others than these lie apart. A lone -1 below numbers that are all 0 or more counts from 1 % of the rows.
    Remedy: Read the value as missing (--missing VALUE), and keep a flag if being missing tells something.
    Limits: Codes inside the range of honest values (99 among ages, 9999 among prices, 0 in a column that cannot be 0) are not
        seen, nor is "none", which is as often an answer, nor pixels of images. An honest amount may be capped at 99999: then the
        remedy is a cap flag.
    References: Pearson 2006, The problem of disguised missing data; Qahtan et al. 2018, FAHES.
    """
    for column in table.features:
        named = [s for s in column.suspects if not column.image and _stands_for_missing(s, column)]
        if not named:
            continue
        shown = ", ".join(f"{s.value!r} in {s.rows:,}" for s in named[:3])
        rows = sum(s.rows for s in named)
        far = [s.score for s in named if s.kind == "code"]
        apart = f", {far[0]:.1f} times the range of the other numbers away from them" if far and math.isfinite(far[0]) else ""
        yield Finding(
            {"column": column.name, "rows": list(named[0].row_numbers), "rows_count": rows},
            saw=f"{shown} of {column.rows:,} rows ({rows / column.rows:.1%}){apart}",
            expected="missing values left empty (0 rows of such words or codes)",
            remedy=f"read it as missing: --missing {named[0].value!r}",
        )


def _stands_for_missing(suspect: SuspectValue, column: ColumnEvidence) -> bool:
    if suspect.kind != "code":
        return column.kind != "text" or suspect.rows >= MIN_SHARE_OF_TEXTS * column.rows
    if suspect.value == "-1":
        return math.isinf(suspect.score) and suspect.rows >= MIN_SHARE_OF_MINUS_ONE * column.rows
    return suspect.rows >= MIN_ROWS_OF_CODE and suspect.score >= MIN_GAP_RANGES


def _column(*suspects: SuspectValue, kind: str = "number") -> TableEvidence:
    return TableEvidence(rows=1000, columns=(ColumnEvidence("pdays", kind, rows=1000, distinct=27, suspects=suspects),))


@disguised_missing.bad
def one_question_mark() -> TableEvidence:
    return _column(SuspectValue("?", rows=1, kind="word", score=0.001, row_numbers=(7,)), kind="category")


@disguised_missing.bad
def one_text_in_a_hundred() -> TableEvidence:
    return _column(SuspectValue("n/a", rows=10, kind="word", score=0.01), kind="text")


@disguised_missing.good
def a_mail_whose_subject_is_a_dot() -> TableEvidence:
    return _column(SuspectValue(".", rows=9, kind="word", score=0.009), kind="text")


@disguised_missing.bad
def two_nines_as_far_off_as_the_rest_is_wide() -> TableEvidence:
    return _column(SuspectValue("999", rows=2, kind="code", score=1.0))


@disguised_missing.bad
def the_only_negative_number() -> TableEvidence:
    return _column(SuspectValue("-999", rows=2, kind="code", score=math.inf))


@disguised_missing.bad
def minus_one_in_one_row_of_a_hundred() -> TableEvidence:
    return _column(SuspectValue("-1", rows=10, kind="code", score=math.inf))


@disguised_missing.good
def ninety_nine_hours_a_week() -> TableEvidence:
    return _column(SuspectValue("99", rows=137, kind="code", score=0.99))


@disguised_missing.good
def one_far_nine() -> TableEvidence:
    return _column(SuspectValue("999", rows=1, kind="code", score=30.0))


@disguised_missing.good
def a_few_minus_ones() -> TableEvidence:
    return _column(SuspectValue("-1", rows=9, kind="code", score=math.inf))


@disguised_missing.good
def minus_one_among_negative_numbers() -> TableEvidence:
    return _column(SuspectValue("-1", rows=500, kind="code", score=3.0))
