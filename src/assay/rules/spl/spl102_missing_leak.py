"""SPL102 missing-leak."""

from __future__ import annotations

import random
from collections.abc import Iterator

from assay.core.finding import Finding, Severity
from assay.core.rule import rule
from assay.core.statistics import binomial_sf
from assay.core.table_evidence import Association, AssociationEvidence, MissingTell, TargetEvidence

MIN_PURITY = 0.95
MAX_SHARE_OF_IMPURITY = 0.2
MIN_ROWS = 20
MIN_SHARE = 0.05


@rule("SPL102", "missing-leak", severity=Severity.ERROR, since="0.1", false_alarm=0.01, power=0.9)
def missing_leak(told: AssociationEvidence) -> Iterator[Finding]:
    """Whether a column is filled in gives the outcome away.

    Why it matters: A field that is only filled after the outcome (the lifeboat, the closing date) tells the label by being there
        at all. Dropping its values does not help: imputation and missing flags carry the tell on.
    How it is detected: On one side, missing or present, of at least 20 rows, one class holds at least 95 % and its share of
        errors is at most a fifth of the base rate's; the indicator takes off at least 5 % of the opening loss; independence is
        rejected. On Titanic boat (98.1 % of the filled survived, base 38.2 %) and body (100 % died) pass, cabin (65 %) and age do
        not; on adult workclass reaches 90.6 %; in Enron an empty subject is always spam, but takes off 2 %: a habit, no leak.
    Remedy: Find out when the field is written. If after the outcome: --drop the column, flag and imputed values with it.
    Limits: A leak through a field that is filled for a part of one class only, or for both classes unequally, is taken for an
        honest tell. A numeric target is named only if its variance nearly vanishes on one side.
    References: Kaufman et al. 2012, Leakage in Data Mining; Rubin 1976 on missing at random.
    """
    for one in told.columns:
        tell = one.missing
        if tell is None or not _gives_away(tell):
            continue
        rows = tell.missing if tell.side == "missing" else tell.present
        of_class = f"{told.target.column} = {tell.outcome}" if told.target.task == "classification" else tell.outcome
        yield Finding(
            {"column": one.column},
            saw=f"where {tell.side} ({rows:,} rows), {of_class} in {tell.purity:.1%} against {tell.base_rate:.1%} of all rows; "
            f"that alone is {tell.share:.0%} of the opening loss",
            expected=f"under {max(MIN_PURITY, 1 - MAX_SHARE_OF_IMPURITY * (1 - tell.base_rate)):.1%} of one outcome on that side",
            remedy=f"is {one.column} filled in after the outcome? Then --drop {one.column}",
            p=tell.p,
            price=tell.bits,
            unit=told.target.unit,
        )


def _gives_away(tell: MissingTell) -> bool:
    rows = tell.missing if tell.side == "missing" else tell.present
    pure = tell.purity >= MIN_PURITY and 1 - tell.purity <= MAX_SHARE_OF_IMPURITY * (1 - tell.base_rate)
    return pure and rows >= MIN_ROWS and tell.share >= MIN_SHARE


def _filled(seed: int, *, rows: int, purity: float, base_rate: float = 0.4, share: float = 0.1) -> AssociationEvidence:
    """A column filled in `rows` of 1,000 rows, where the outcome has this chance."""
    draw = random.Random(seed)
    hits = sum(draw.random() < purity for _ in range(rows))
    p = binomial_sf(hits, rows, base_rate)
    tell = MissingTell(1000 - rows, rows, share, share, "present", "yes", hits / rows, base_rate, p)
    target = TargetEvidence("y", "classification", 1000, opening=1.0)
    return AssociationEvidence(target, (Association("boat", "category", bits=share, share=share, p=p, missing=tell),))


@missing_leak.bad
def forty_filled_and_nearly_all_of_one_class(seed: int = 0) -> AssociationEvidence:
    return _filled(seed, rows=40, purity=0.99, share=0.05)


@missing_leak.good
def filled_at_random(seed: int = 0) -> AssociationEvidence:
    return _filled(seed, rows=20, purity=0.4)


@missing_leak.good
def an_honest_tell(seed: int = 0) -> AssociationEvidence:
    return _filled(seed, rows=100, purity=0.85)


@missing_leak.good
def a_pure_habit_of_few_rows(seed: int = 0) -> AssociationEvidence:
    return _filled(seed, rows=60, purity=1.0, share=0.049)
