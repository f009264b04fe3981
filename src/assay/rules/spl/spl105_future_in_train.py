"""SPL105 future-in-train."""

from __future__ import annotations

from collections.abc import Iterator

from assay.core.finding import Finding, Severity
from assay.core.rule import rule
from assay.core.split_evidence import SplitEvidence, TimeOrder


@rule("SPL105", "future-in-train", severity=Severity.ERROR, since="0.1")
def future_in_train(split: SplitEvidence) -> Iterator[Finding]:
    """Rows to learn from are later than rows to test on.

    Why it matters: In production a model knows the past alone. One that has seen what came after its test rows (prices, fashions,
        the end of an epidemic) is tested on an easier task than the one it will have.
    How it is detected: An exact count of training rows whose time is later than the first test row's; equal times are no fault.
    Remedy: Split by time (--time): learn from the past, test on what follows.
    Limits: Needs the time column named. One mistyped early date among the test rows accuses all training rows; look at the first
        ones. Times of recording may be later than what they record.
    References: Kapoor and Narayanan 2023, type L3.1, temporal leakage; Bergmeir and Benítez 2012, On the use of cross-validation
        for time series.
    """
    order = split.time
    if order is None or order.train_rows_after_test_start < 1:
        return
    later = order.train_rows_after_test_start
    yield Finding(
        {"column": order.column, "part": "train", "rows": list(order.row_numbers), "rows_count": later},
        saw=f"{later:,} of {split.train_rows:,} training rows ({later / split.train_rows:.0%}) are later than the first test row "
        f"({order.test_first}); training runs to {order.train_last}",
        expected="0 rows",
        remedy=f"split by time: --time {order.column}",
    )


@future_in_train.blind
def _without_time(split: SplitEvidence) -> str:
    return "" if split.time else "no time column named (--time)"


def _split(later: int) -> SplitEvidence:
    order = TimeOrder("date", "2020-01-01", "2020-03-31", "2020-03-31", "2020-04-30", later)
    return SplitEvidence(100, 20, time=order)


@future_in_train.bad
def one_later_row() -> SplitEvidence:
    return _split(1)


@future_in_train.good
def the_last_day_shared() -> SplitEvidence:
    return _split(0)


@future_in_train.good
def no_time_named() -> SplitEvidence:
    return SplitEvidence(100, 20)
