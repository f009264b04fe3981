"""SPL103 exact-duplicates-cross."""

from __future__ import annotations

from collections.abc import Iterator

from assay.core.finding import Finding, Severity
from assay.core.rule import rule
from assay.core.split_evidence import CrossDuplicates, SplitEvidence

MIN_TIMES_CHANCE = 1.8
MIN_STANDARD_ERRORS = 4.0
MIN_EXCESS_ROWS = 3.0
MIN_EXCESS_SHARE = 0.005


@rule("SPL103", "exact-duplicates-cross", severity=Severity.WARNING, since="0.1")
def exact_duplicates_cross(split: SplitEvidence) -> Iterator[Finding]:
    """Rows to test on repeat rows to learn from.

    Why it matters: A model that remembers its training rows is right on these without having learned anything; the held-out loss
        is too low by what it would have lost on them.
    How it is detected: Test rows whose features (ids left out) equal those of a training row are counted exactly; what coarse
        columns alone would give is counted against training rows whose column halves are shuffled. Named from 1.8 times that,
        four standard errors (Poisson), 3 rows and .5 % of the test rows above it: the bounds of duplicate-rows, and measured
        there.
    Remedy: Remove the copies before splitting, or keep all copies of a record on one side (--group).
    Limits: Near-copies are not seen. If production repeats the same rows too, as mammography's may, the measured loss is true for
        production and too good for anything new: the finding is right either way, the remedy is yours.
    References: Barz and Denzler 2020, Do we train on test data?; Kapoor and Narayanan 2023, type L1.4.
    """
    seen = split.duplicates
    if seen is None:
        return
    chance = seen.by_chance
    least = max(
        MIN_TIMES_CHANCE * chance,
        chance + MIN_STANDARD_ERRORS * chance**0.5,
        chance + MIN_EXCESS_ROWS,
        chance + MIN_EXCESS_SHARE * split.test_rows,
    )
    if seen.rows >= least:
        other = seen.rows - seen.same_label
        yield Finding(
            {"part": "test", "rows": list(seen.row_numbers), "rows_count": seen.rows},
            saw=f"{seen.rows:,} of {split.test_rows:,} test rows ({seen.rows / split.test_rows:.1%}) repeat a training row, "
            f"{other:,} of them with another label",
            expected=f"about {chance:,.0f}, from coarse columns alone",
            remedy="remove the copies before splitting, or split by --group",
        )


def _split(rows: int, chance: float = 0.0, test_rows: int = 1000) -> SplitEvidence:
    return SplitEvidence(4 * test_rows, test_rows, duplicates=CrossDuplicates(rows, rows, (3, 8), chance))


@exact_duplicates_cross.bad
def five_copies_in_a_thousand() -> SplitEvidence:
    return _split(5)


@exact_duplicates_cross.bad
def nearly_twice_what_coarse_columns_give() -> SplitEvidence:
    return _split(180, chance=100.0)


@exact_duplicates_cross.bad
def three_copies_in_forty() -> SplitEvidence:
    return _split(3, test_rows=40)


@exact_duplicates_cross.good
def four_copies_in_a_thousand() -> SplitEvidence:
    return _split(4)


@exact_duplicates_cross.good
def coarse_columns_that_repeat() -> SplitEvidence:
    return _split(179, chance=100.0)


@exact_duplicates_cross.good
def two_copies_in_forty() -> SplitEvidence:
    return _split(2, test_rows=40)


@exact_duplicates_cross.good
def a_few_more_than_few_by_chance() -> SplitEvidence:
    return _split(4, chance=1.0, test_rows=100)
