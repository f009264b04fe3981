"""SPL104 entity-overlap."""

from __future__ import annotations

from collections.abc import Iterator

from assay.core.finding import Finding, Severity
from assay.core.rule import rule
from assay.core.split_evidence import EntityOverlap, SplitEvidence


@rule("SPL104", "entity-overlap", severity=Severity.ERROR, since="0.1")
def entity_overlap(split: SplitEvidence) -> Iterator[Finding]:
    """The same patient, customer or device is learned from and tested on.

    Why it matters: A model can recognise an entity instead of learning what is common to all: held-out loss then tells how it
        does on old acquaintances, and new ones fare worse.
    How it is detected: An exact count of the values of the entity or group column that occur in both parts; one is enough. A
        split by time is left alone, since old acquaintances come back in production as well.
    Remedy: Split by that column (--group), and test on entities that the model has never seen.
    Limits: Needs the column named (--entity or --group). Entities under two spellings are not seen. If the model will only ever
        serve known entities, overlap is what you want: accept the finding with that reason.
    References: Saeb et al. 2017, The need to approximate the use-case in clinical machine learning; Kapoor and Narayanan 2023,
        type L3.2.
    """
    if split.how == "time":
        return
    for one in split.entities:
        if one.shared_entities > 0:
            examples = f", such as {', '.join(one.examples[:3])}" if one.examples else ""
            yield Finding(
                {"column": one.column, "part": "test", "rows": list(one.row_numbers), "rows_count": one.test_rows},
                saw=f"{one.shared_entities:,} of {one.test_entities:,} test entities occur in training{examples}; "
                f"they own {one.test_rows:,} of {split.test_rows:,} test rows",
                expected="0 shared entities",
                remedy=f"split by it: --group {one.column}",
            )


@entity_overlap.blind
def _without_entity(split: SplitEvidence) -> str:
    return "" if split.entities else "no entity or group named (--entity, --group)"


def _split(shared: int, how: str = "given") -> SplitEvidence:
    overlap = EntityOverlap("patient", train_entities=90, test_entities=20, shared_entities=shared, test_rows=shared)
    return SplitEvidence(100, 20, how=how, entities=(overlap,))


@entity_overlap.bad
def one_patient_on_both_sides() -> SplitEvidence:
    return _split(1)


@entity_overlap.good
def all_patients_on_one_side() -> SplitEvidence:
    return _split(0)


@entity_overlap.good
def customers_who_come_back_later() -> SplitEvidence:
    return _split(20, how="time")


@entity_overlap.good
def no_entity_named() -> SplitEvidence:
    return SplitEvidence(100, 20)
