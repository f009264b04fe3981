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
    How it is detected: Test rows whose features (ids left out) equal those of a training row are counted exactly. Chance meetings
        are taken off: twice the rows whose label differs, since rows that merely look alike disagree at most half the time, copies
        never. What is left must be 1.8 times what coarse columns give after their halves are shuffled, and exceed it by four
        standard errors (Poisson), 3 rows and .5 % of the test rows. Random splits of mammography give 1.9 to 2.0 times, with
        labels that agree; of adult, telco and bank none is named. Of a text, passages of 64 characters are the rows; of
        tinyshakespeare, wikitext2, text8 and 74 novels none is named (0.03 % and less repeat).
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
    other = seen.rows - seen.same_label
    if seen.rows - 2 * other < least:
        return
    if split.row != "row":
        yield Finding(
            {"part": "held-out text"},
            saw=f"{seen.rows:,} of {split.test_rows:,} held-out {split.row}s ({seen.rows / split.test_rows:.1%}) are in the training text",
            expected=f"fewer than {least:,.0f}",
            remedy="take the copies out before training, or hold out another text",
        )
    else:
        yield Finding(
            {"part": "test", "rows": list(seen.row_numbers), "rows_count": seen.rows},
            saw=f"{seen.rows:,} of {split.test_rows:,} test rows ({seen.rows / split.test_rows:.1%}) repeat a training row, "
            f"{other:,} of them with another label",
            expected=f"about {chance:,.0f}, from coarse columns alone",
            remedy="remove the copies before splitting, or split by --group",
        )


def _split(rows: int, chance: float = 0.0, test_rows: int = 1000, other_label: int = 0) -> SplitEvidence:
    return SplitEvidence(4 * test_rows, test_rows, duplicates=CrossDuplicates(rows, rows - other_label, (3, 8), chance))


@exact_duplicates_cross.bad
def nine_passages_of_a_text_in_a_thousand_and_seven_hundred() -> SplitEvidence:
    return SplitEvidence(15_000, 1700, "position", CrossDuplicates(9, 9), row="passage")


@exact_duplicates_cross.bad
def five_copies_in_a_thousand() -> SplitEvidence:
    return _split(5)


@exact_duplicates_cross.bad
def copies_among_a_few_chance_meetings() -> SplitEvidence:
    return _split(15, other_label=5)


@exact_duplicates_cross.bad
def nearly_twice_what_coarse_columns_give() -> SplitEvidence:
    return _split(180, chance=100.0)


@exact_duplicates_cross.bad
def three_copies_in_forty() -> SplitEvidence:
    return _split(3, test_rows=40)


@exact_duplicates_cross.good
def three_quotations_in_ten_thousand_passages() -> SplitEvidence:
    return SplitEvidence(97_000, 10_746, "position", CrossDuplicates(3, 3), row="passage")


@exact_duplicates_cross.good
def four_copies_in_a_thousand() -> SplitEvidence:
    return _split(4)


@exact_duplicates_cross.good
def new_customers_who_look_alike_and_differ() -> SplitEvidence:
    return _split(14, other_label=5)


@exact_duplicates_cross.good
def coarse_columns_that_repeat() -> SplitEvidence:
    return _split(179, chance=100.0)


@exact_duplicates_cross.good
def two_copies_in_forty() -> SplitEvidence:
    return _split(2, test_rows=40)


@exact_duplicates_cross.good
def a_few_more_than_few_by_chance() -> SplitEvidence:
    return _split(4, chance=1.0, test_rows=100)
