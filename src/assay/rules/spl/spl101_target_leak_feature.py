"""SPL101 target-leak-feature."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from assay.core.finding import Finding, Severity
from assay.core.rule import rule
from assay.core.table_evidence import Association, AssociationEvidence, TargetEvidence

NEAR_COPY_SHARE = 0.97
LEAD_SHARE, LEAD_TIMES_REST = 0.5, 1.5
HIGH_SHARE, MAX_SHARE_OF_REMAINDER = 0.9, 0.5
HINTED_SHARE, HINTED_SHARE_OF_STRONGEST = 0.1, 0.8
LABEL_IN_TEXT_SHARE = 0.9


@rule("SPL101", "target-leak-feature", severity=Severity.ERROR, since="0.1")
def target_leak_feature(told: AssociationEvidence) -> Iterator[Finding]:
    """A feature alone tells suspiciously much about the target.

    Why it matters: A column written at or after the outcome makes held-out loss look splendid and is absent, or not yet filled,
        when the model must answer. It is the commonest cause of results that do not hold up.
    How it is detected: Each column's own held-out reduction, cross-fitted, is taken as a share of the opening loss. Named is
        a column (1) that gives a numeric target by exact arithmetic, alone or with others; (2) that explains 97 % alone; (3)
        whose text holds the label; (4) that explains half and 1.5 times what all others jointly do, or 90 % while it leaves
        (with two standard errors of so few rows) at most half of what they leave; (5) whose name tells of the outcome or
        later, that explains 10 % and is among the strongest. Measured on 15 clean tables: no column with half has over 1.11
        times the others (iris' petal length).
    Remedy: Ask whether the column is known, with this value, at the moment of prediction. If not, --drop it.
    Limits: A leak of middling strength with an innocent name looks like an honest feature (adult's relationship takes off 21 % of
        the label's entropy, bank marketing's duration too), and so do two leaks that hide behind each other below 97 %. An honest
        law between one input and the target is named too: accept it with the reason.
    References: Kaufman et al. 2012, Leakage in Data Mining; Kapoor and Narayanan 2023, Leakage and the reproducibility crisis.
    """
    strongest = max((a.share for a in told.columns), default=0.0)
    for one in told.columns:
        why, expected = _reason(one, told, strongest)
        if why:
            yield Finding(
                {"column": one.column},
                saw=f"{one.share:.0%} of the opening loss ({one.bits:.3g} {told.target.unit}) by this column alone; {why}",
                expected=expected,
                remedy=f"is it known when a prediction is asked for? If not: --drop {one.column}",
                p=None if one.formula else one.p,
                price=one.bits,
                unit=told.target.unit,
            )


def _reason(one: Association, told: AssociationEvidence, strongest: float) -> tuple[str, str]:
    """Why a column is suspect, and what an innocent one would have shown; two empty texts if it is not."""
    # On 105 rows of iris the joint share runs from .40 to .83; yet all others know at least what the best of them does.
    rest = 1.0 if one.rest_share is None else max(one.rest_share, *(a.share for a in told.columns if a is not one), 0.0)
    left = 1 - one.share + 2 * ((1 - min(1.0, one.share)) / max(1, told.rows)) ** 0.5
    if one.formula:
        return one.formula, "a target that no columns give by exact arithmetic"
    if one.share >= NEAR_COPY_SHARE:
        return one.rule or f"nearly a copy of {told.target.column}", f"under {NEAR_COPY_SHARE:.0%}"
    if one.contains_label >= LABEL_IN_TEXT_SHARE and one.share >= LEAD_SHARE:
        return f"its text holds the label itself in {one.contains_label:.0%} of rows", f"under {LABEL_IN_TEXT_SHARE:.0%} of rows"
    leads = one.share >= max(LEAD_SHARE, LEAD_TIMES_REST * rest)
    if leads or (one.share >= HIGH_SHARE and left <= MAX_SHARE_OF_REMAINDER * (1 - rest)):
        return f"all others jointly explain {rest:.0%}; {one.rule}", f"under {LEAD_SHARE:.0%} or {LEAD_TIMES_REST} times the others"
    if one.name_hint and one.share >= max(HINTED_SHARE, HINTED_SHARE_OF_STRONGEST * strongest):
        why = f"its name says {one.name_hint!r}, something known only at the outcome or later; {one.rule}"
        return why, f"under {HINTED_SHARE:.0%}, or a stronger column of another name"
    return "", ""


def _told(*columns: Association) -> AssociationEvidence:
    return AssociationEvidence(TargetEvidence("y", "classification", 1000, opening=1.0), columns, rows=1000)


def _share(column: str, share: float, rest: float | None = 0.3, **more: Any) -> Association:
    return Association(column, "number", bits=share, share=share, p=0.0, rest_share=rest, **more)


@target_leak_feature.bad
def a_near_copy_behind_its_twin() -> AssociationEvidence:
    return _told(_share("owner", 0.97, rest=0.99))


@target_leak_feature.bad
def half_of_it_and_half_as_much_again_as_the_rest() -> AssociationEvidence:
    return _told(_share("boat", 0.5, rest=0.333), _share("sex", 0.333))


@target_leak_feature.bad
def nine_tenths_beside_strong_honest_columns() -> AssociationEvidence:
    return _told(_share("closed_on", 0.9001, rest=0.75))


@target_leak_feature.bad
def a_strong_column_called_duration() -> AssociationEvidence:
    return _told(_share("euribor3m", 0.125), _share("duration", 0.1, name_hint="duration"))


@target_leak_feature.bad
def the_label_in_a_file_name() -> AssociationEvidence:
    return _told(_share("file", 0.5, rest=0.9, contains_label=0.9))


@target_leak_feature.bad
def one_summand_of_the_target() -> AssociationEvidence:
    return _told(_share("casual", 0.05, formula="casual + other = count in 99 of 99 rows"))


@target_leak_feature.good
def the_nearest_honest_columns() -> AssociationEvidence:
    twin = _share("petal length", 0.899, rest=0.6, contains_label=0.89)
    both = _share("petal width", 0.94, rest=0.3)
    return _told(twin, both, _share("nswprice", 0.499, rest=0.2), _share("the only strong one", 0.9, rest=None))


@target_leak_feature.good
def weak_columns_of_such_names() -> AssociationEvidence:
    weak = _share("duration", 0.103, name_hint="duration")
    return _told(_share("euribor3m", 0.13), weak, _share("until", 0.099, name_hint="until"))
