"""DAT102 duplicate-rows."""

from __future__ import annotations

from collections.abc import Iterator

from assay.core.finding import Finding, Severity
from assay.core.rule import rule
from assay.core.table_evidence import TableEvidence

MIN_EXCESS_SHARE = 0.005
MIN_TIMES_CHANCE = 1.8
MIN_STANDARD_ERRORS = 4.0
MIN_EXCESS_ROWS = 3.0


@rule("DAT102", "duplicate-rows", severity=Severity.WARNING, since="0.1")
def duplicate_rows(table: TableEvidence) -> Iterator[Finding]:
    """More rows repeat an earlier row than the table's coarseness explains.

    Why it matters: A random split puts copies of one record on both sides: held-out loss then rewards memory. Copies also count
        one observation several times, so standard errors come out too small.
    How it is detected: Rows equal in every column but ids are counted exactly. What coarseness alone would give is counted after
        halves of the columns are shuffled against each other. Named are repeats of 1.8 times this count (coarse parts of adult,
        telco, german, bank and bike gave up to 1.73 times, mammography's copies 1.96), that exceed it by four standard errors
        (Poisson), by 3 rows and by .5 % of the rows: below that share they move a held-out mean by less than one standard error
        in up to 40,000 rows.
    Remedy: Find the join or export that copied them; drop the copies, or keep all copies of a record on one side (--group).
    Limits: Near-copies are not seen. Where honest measurements are coarse and depend on each other, shuffling halves breaks some
        of that dependence and explains too few repeats (3.3 times for telco without its charges): look before dropping.
    References: Kapoor and Narayanan 2023, Leakage and the reproducibility crisis, type L1.4; Barz and Denzler 2020.
    """
    chance, seen = table.duplicates_by_chance, table.duplicate_rows
    least = max(
        MIN_TIMES_CHANCE * chance,
        chance + MIN_STANDARD_ERRORS * chance**0.5,
        chance + MIN_EXCESS_ROWS,
        chance + MIN_EXCESS_SHARE * table.rows,
    )
    if seen >= least:
        yield Finding(
            {"rows": list(table.duplicate_row_numbers[:50]), "rows_count": seen},
            saw=f"{seen:,} of {table.rows:,} rows ({seen / table.rows:.1%}) repeat an earlier row",
            expected=f"about {chance:,.0f}, from coarse columns alone",
            remedy="drop the copies, or keep all copies of a record on one side of the split (--group)",
        )


@duplicate_rows.bad
def five_copies_in_a_thousand() -> TableEvidence:
    return TableEvidence(rows=1000, columns=(), duplicate_rows=5, duplicate_row_numbers=(4, 9))


@duplicate_rows.bad
def three_copies_in_forty() -> TableEvidence:
    return TableEvidence(rows=40, columns=(), duplicate_rows=3)


@duplicate_rows.bad
def nearly_twice_the_repeats_of_coarse_columns() -> TableEvidence:
    return TableEvidence(rows=1000, columns=(), duplicate_rows=180, duplicates_by_chance=100.0)


@duplicate_rows.good
def two_small_integer_columns() -> TableEvidence:
    return TableEvidence(rows=1000, columns=(), duplicate_rows=900, duplicates_by_chance=880.0)


@duplicate_rows.good
def four_copies_in_a_thousand() -> TableEvidence:
    return TableEvidence(rows=1000, columns=(), duplicate_rows=4)


@duplicate_rows.good
def two_copies_in_forty() -> TableEvidence:
    return TableEvidence(rows=40, columns=(), duplicate_rows=2)


@duplicate_rows.good
def just_under_that_by_chance() -> TableEvidence:
    return TableEvidence(rows=1000, columns=(), duplicate_rows=179, duplicates_by_chance=100.0)


@duplicate_rows.good
def a_few_more_than_few_by_chance() -> TableEvidence:
    return TableEvidence(rows=150, columns=(), duplicate_rows=4, duplicates_by_chance=1.0)
