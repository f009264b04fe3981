"""DAT103 id-column."""

from __future__ import annotations

import re
from collections.abc import Iterator

from assay.core.finding import Finding, Severity
from assay.core.rule import rule
from assay.core.table_evidence import ColumnEvidence, TableEvidence

MIN_ROWS = 20
MIN_DISTINCT_SHARE = 0.999
MAX_WORDS = 1.5
MAX_LENGTH = 64.0
MAX_RANGE_A_ROW = 1.5
NAMES = frozenset({"id", "ids", "uid", "uuid", "guid", "key", "pk", "index", "idx", "rowid", "serial"})


def names_rows(column: ColumnEvidence) -> bool:
    """Whether a column names rows instead of measuring them: every row its own short code or whole number.

    Example:
        >>> names_rows(ColumnEvidence("customer", "number", rows=100, distinct=100, minimum=1, maximum=100, integer=True))
        True
    """
    held = column.rows - column.missing
    if held < MIN_ROWS or held < 0.5 * column.rows or column.distinct < MIN_DISTINCT_SHARE * held:
        return False
    if column.kind in ("text", "category"):
        return column.mean_words <= MAX_WORDS and 0 < column.mean_length <= MAX_LENGTH
    if column.kind != "number" or not column.integer or column.minimum is None or column.maximum is None:
        return False
    words = {w.lower() for w in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", column.name)}
    dense = column.maximum - column.minimum + 1 <= MAX_RANGE_A_ROW * held
    return dense or column.sequential or bool(words & NAMES)


@rule("DAT103", "id-column", severity=Severity.WARNING, since="0.1")
def id_column(table: TableEvidence) -> Iterator[Finding]:
    """A feature names the rows instead of describing them.

    Why it matters: A model can learn an id by heart and learns nothing for new rows from it; where ids were given out in the
        order of collection they can carry the label across a random split.
    How it is detected: At least 99.9 % of at least 20 values occur once, and the column is a short single-word text, or whole
        numbers that fill their range (at most 1.5 numbers a row), that rise by a constant step, or whose name says id, key or
        index.
    Remedy: Give it the role of an id (--drop), or, if rows of one id belong together, name it with --entity.
    Limits: An id that repeats (a customer over many orders) is not seen; name it with --entity. Whole numbers of a wide range,
        such as prices in cents that never repeat, are left alone unless their name says id. Dates and fractions never are ids.
    References: Breck et al. 2019, Data Validation for Machine Learning; the definition of a key.
    """
    for column in table.features:
        if names_rows(column):
            yield Finding(
                {"column": column.name},
                saw=f"{column.distinct:,} distinct values in {column.rows - column.missing:,} rows",
                expected="values that repeat, or that measure something",
                remedy=f"--drop {column.name}, or name it with --entity if its rows belong together",
            )


@id_column.bad
def twenty_customer_codes() -> TableEvidence:
    codes = ColumnEvidence("customer", "text", rows=20, distinct=20, mean_length=10, mean_words=1.0)
    return TableEvidence(rows=20, columns=(codes,))


@id_column.bad
def shuffled_row_numbers() -> TableEvidence:
    numbers = ColumnEvidence("n", "number", rows=1000, distinct=999, missing=1, integer=True, minimum=1.0, maximum=1498.0)
    return TableEvidence(rows=1000, columns=(numbers,))


@id_column.bad
def wide_numbers_called_id() -> TableEvidence:
    numbers = ColumnEvidence("orderID", "number", rows=1000, distinct=1000, integer=True, minimum=7.0, maximum=9e12)
    return TableEvidence(rows=1000, columns=(numbers,))


@id_column.good
def prices_in_cents_that_never_repeat() -> TableEvidence:
    cents = ColumnEvidence("price", "number", rows=1000, distinct=1000, integer=True, minimum=1.0, maximum=1502.0)
    return TableEvidence(rows=1000, columns=(cents,))


@id_column.good
def fractions_that_never_repeat() -> TableEvidence:
    weights = ColumnEvidence("weight_id", "number", rows=1000, distinct=1000, minimum=0.0, maximum=1.0)
    return TableEvidence(rows=1000, columns=(weights,))


@id_column.good
def sentences_that_never_repeat() -> TableEvidence:
    texts = ColumnEvidence("name", "text", rows=1309, distinct=1309, mean_length=27, mean_words=1.6)
    return TableEvidence(rows=1309, columns=(texts,))


@id_column.good
def days_that_never_repeat() -> TableEvidence:
    days = ColumnEvidence("day", "date", rows=731, distinct=731, sequential=True, minimum=0.0, maximum=730.0)
    return TableEvidence(rows=731, columns=(days,))


@id_column.good
def one_code_shared_in_five_hundred() -> TableEvidence:
    codes = ColumnEvidence("ticket", "text", rows=500, distinct=499, mean_length=8, mean_words=1.0)
    return TableEvidence(rows=500, columns=(codes,))
