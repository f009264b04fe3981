"""DAT107 small-sample."""

from __future__ import annotations

import math
from collections.abc import Iterator

from assay.core.finding import Finding, Severity
from assay.core.rule import rule
from assay.core.table_evidence import ColumnEvidence, TableEvidence, TargetEvidence

TEST_SHARE = 0.2
MAX_RELATIVE_ERROR = 0.1
MIN_TEST_ROWS_A_CLASS = 5
MAX_EXCESS_SHARE = 0.1


@rule("DAT107", "small-sample", severity=Severity.NOTE, since="0.1")
def small_sample(table: TableEvidence) -> Iterator[Finding]:
    """There are too few rows to measure or to learn what is asked.

    Why it matters: On few rows the held-out loss is mostly luck of the split: models that differ cannot be told apart, and one
        with many inputs fits noise.
    How it is detected: For a test part of a fifth of the rows. (1) The standard error of its mean loss, about (opening loss) /
        sqrt(test rows) since losses of rows scatter about as widely as they are large, is over a tenth of the opening: under 500
        rows. (2) It would hold under 5 rows of the rarest class. (3) A linear model over the features would lose over a tenth of
        the opening to noise: free weights / (2 rows) in nats, or weights / rows of the variance.
    Remedy: Collect more rows, repeat the split (cross-validation), use fewer columns or a simpler model.
    Limits: (1) takes the constant's scatter: a good model's loss is known better. (3) is the large-sample rule for unpenalised
        models; a penalty lowers it. Repeated or dependent rows (groups, time) count for less than they seem.
    References: Wilks 1938 and Akaike 1974 for weights / (2 rows); Varoquaux 2018, Cross-validation failure: small sample sizes
        lead to large error bars.
    """
    target = table.target
    if target is None or target.rows < 1:
        return
    tested = TEST_SHARE * target.rows
    reasons = []
    if tested**-0.5 > MAX_RELATIVE_ERROR:
        reasons.append(f"{tested:.0f} test rows know the loss to about ±{tested**-0.5:.0%} of the opening")
    if target.classes and TEST_SHARE * target.classes[-1][1] < MIN_TEST_ROWS_A_CLASS:
        reasons.append(f"class {target.classes[-1][0]!r} has {target.classes[-1][1]} rows")
    weights, excess = _excess_share(table, target)
    if excess > MAX_EXCESS_SHARE:
        reasons.append(f"{weights:,} weights of a linear model would lose {min(excess, 9.99):.0%} of the opening to noise")
    if reasons:
        yield Finding(
            {"column": target.column, "rows_count": target.rows},
            saw=f"{target.rows:,} rows: " + "; ".join(reasons),
            expected=f"±{MAX_RELATIVE_ERROR:.0%} or less (500 rows), 25 rows of each class, at most {MAX_EXCESS_SHARE:.0%} to noise",
            remedy="collect more rows, cross-validate, or use fewer columns",
        )


@small_sample.blind
def _without_target(table: TableEvidence) -> str:
    return "" if table.target else "no target named (--target)"


def _excess_share(table: TableEvidence, target: TargetEvidence) -> tuple[int, float]:
    """Free weights of a linear model, and the share of the opening that fitting noise with them costs."""
    inputs = sum(
        1 if c.kind in ("number", "date", "boolean", "text") else min(c.distinct, 20) - 1 for c in table.features if c.distinct > 1
    )
    if target.task == "regression":
        return inputs, inputs / target.rows
    weights = inputs * max(1, len(target.classes) - 1)
    return weights, weights / (2 * target.rows * math.log(2)) / target.opening if target.opening > 0 else 0.0


def _of(rows: int, *, rarest: int = 100, numbers: int = 4, opening: float = 1.0) -> TableEvidence:
    columns = tuple(ColumnEvidence(f"x{i}", "number", rows=rows, distinct=rows) for i in range(numbers))
    classes = (("no", rows - rarest), ("yes", rarest))
    return TableEvidence(rows, columns, target=TargetEvidence("y", "classification", rows, classes=classes, opening=opening))


@small_sample.bad
def just_under_five_hundred_rows() -> TableEvidence:
    return _of(499)


@small_sample.bad
def twenty_four_rows_of_a_class() -> TableEvidence:
    return _of(10_000, rarest=24)


@small_sample.bad
def seventy_columns_for_five_hundred_rows() -> TableEvidence:
    return _of(500, numbers=70)


@small_sample.good
def enough_rows_classes_and_few_columns() -> TableEvidence:
    return _of(500, rarest=25, numbers=69)
