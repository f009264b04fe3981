"""DAT105 numbers-as-strings."""

from __future__ import annotations

from collections.abc import Iterator

from assay.core.finding import Finding, Severity
from assay.core.rule import rule
from assay.core.table_evidence import ColumnEvidence, TableEvidence

MIN_NUMBER_SHARE = 0.9
MIN_DISTINCT = 3


@rule("DAT105", "numbers-as-strings", severity=Severity.WARNING, since="0.1")
def numbers_as_strings(table: TableEvidence) -> Iterator[Finding]:
    """A column of numbers is read as text.

    Why it matters: As categories, 9 and 10 are no nearer than 9 and 9000: order and distance are lost, and every new number is an
        unseen category. One stray word in one row is enough to turn a column into text.
    How it is detected: At least 90 % of at least 3 distinct texts read as a number once currency signs, thousands commas, a
        percent sign or one unit are taken off. Texts with a leading zero do not count: they are codes.
    Remedy: Strip the sign or unit, name the stray words as missing (--missing), or set the type (--type COLUMN=number).
    Limits: Decimal commas and numbers in words are not read. Digits may be codes (products, districts): then text is right, and
        the finding is to be accepted with that reason.
    References: Breck et al. 2019, Data Validation for Machine Learning; Hynes, Sculley and Terry 2017, The Data Linter (number as
        string).
    """
    for column in table.features:
        held = column.rows - column.missing
        if column.kind not in ("text", "category") or column.distinct < MIN_DISTINCT:
            continue
        if column.parses_as_number < MIN_NUMBER_SHARE * held:
            continue
        stray = f"; not a number: {', '.join(repr(v) for v in column.unparsed[:3])}" if column.unparsed else ""
        example = f", such as {column.top[0][0]!r}" if column.top else ""
        yield Finding(
            {"column": column.name},
            saw=f"{column.parses_as_number:,} of {held:,} texts read as numbers{example}{stray}",
            expected=f"under {MIN_NUMBER_SHARE:.0%}, or a column of numbers",
            remedy=f"clean the texts, or read them as numbers: --type {column.name}=number",
        )


def _texts(parses: int, *, held: int = 1000, distinct: int = 50, kind: str = "category") -> TableEvidence:
    column = ColumnEvidence("price", kind, rows=1000, missing=1000 - held, distinct=distinct, parses_as_number=parses)
    return TableEvidence(rows=1000, columns=(column,))


@numbers_as_strings.bad
def nine_in_ten() -> TableEvidence:
    return _texts(900)


@numbers_as_strings.bad
def nine_in_ten_of_the_given() -> TableEvidence:
    return _texts(90, held=100, distinct=3, kind="text")


@numbers_as_strings.good
def tickets_that_are_often_numbers() -> TableEvidence:
    return _texts(899)


@numbers_as_strings.good
def a_switch_of_two_digits() -> TableEvidence:
    return _texts(1000, distinct=2)


@numbers_as_strings.good
def numbers_read_as_numbers() -> TableEvidence:
    return _texts(1000, kind="number")
