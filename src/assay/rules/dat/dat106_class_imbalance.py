"""DAT106 class-imbalance."""

from __future__ import annotations

from collections.abc import Iterator

from assay.core.finding import Finding, Severity
from assay.core.rule import rule
from assay.core.table_evidence import TableEvidence, TargetEvidence

MAX_SHARE_OF_EVEN = 0.1


@rule("DAT106", "class-imbalance", severity=Severity.WARNING, since="0.1")
def class_imbalance(table: TableEvidence) -> Iterator[Finding]:
    """A class is so rare that accuracy says nothing about it.

    Why it matters: A constant that never names the rare class is right nearly always, so accuracy looks splendid while every case
        that matters is missed. The loss still sees them, but few rows carry it.
    How it is detected: The rarest class has under a tenth of an even share of the rows: under 5 % of two classes, where the
        constant is right in over 95 %, and whatever a model learns of the class moves accuracy by less than five points.
    Remedy: Judge by loss, average precision and cost, not accuracy; set the decision threshold from the costs of mistakes;
        collect more of the rare class. Do not resample before calibrating: it bends the probabilities.
    Limits: Says nothing of whether there are enough rare rows (small-sample does), nor of imbalance between features. The bound
        is a convention: no loss jumps at it.
    References: Provost 2000, Machine learning from imbalanced data sets 101; van den Goorbergh et al. 2022, The harm of class
        imbalance corrections.
    """
    target = table.target
    if target is None or len(target.classes) < 2:
        return
    rows = sum(n for _, n in target.classes)
    label, rarest = target.classes[-1]
    if rarest < MAX_SHARE_OF_EVEN * rows / len(target.classes):
        most, often = target.classes[0]
        yield Finding(
            {"column": target.column},
            saw=f"class {label!r} in {rarest:,} of {rows:,} rows ({rarest / rows:.2%}); "
            f"always saying {most!r} is right in {often / rows:.1%}",
            expected=f"at least {MAX_SHARE_OF_EVEN / len(target.classes):.2%}, a tenth of an even share",
            remedy="judge by loss and average precision, and choose the threshold by the costs of mistakes",
        )


@class_imbalance.blind
def _without_classes(table: TableEvidence) -> str:
    if table.target is None:
        return "no target named (--target)"
    return "" if table.target.task == "classification" else "the target is a number"


def _of(*classes: tuple[str, int]) -> TableEvidence:
    rows = sum(n for _, n in classes)
    return TableEvidence(rows=rows, columns=(), target=TargetEvidence("y", "classification", rows, classes=classes))


@class_imbalance.bad
def just_under_one_in_twenty() -> TableEvidence:
    return _of(("no", 951), ("yes", 49))


@class_imbalance.bad
def one_rare_class_of_three() -> TableEvidence:
    return _of(("a", 500), ("b", 467), ("c", 33))


@class_imbalance.good
def one_in_twenty() -> TableEvidence:
    return _of(("no", 950), ("yes", 50))


@class_imbalance.good
def thirty_even_classes() -> TableEvidence:
    return _of(*((f"c{i}", 10) for i in range(30)))


@class_imbalance.good
def a_number_has_no_classes() -> TableEvidence:
    return TableEvidence(rows=9, columns=(), target=TargetEvidence("y", "regression", 9))
