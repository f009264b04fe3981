"""EVL103 no-model-needed."""

from __future__ import annotations

from collections.abc import Iterator

from assay.core.eval_evidence import EvalEvidence, Rung
from assay.core.finding import Finding, Severity
from assay.core.rule import rule

MIN_KEPT_SHARE = 0.97
MIN_STANDARD_ERRORS = 2.0


@rule("EVL103", "no-model-needed", severity=Severity.NOTE, since="0.1")
def no_model_needed(evaluation: EvalEvidence) -> Iterator[Finding]:
    """One rule on one column keeps nearly all that the best model knows.

    Why it matters: A threshold or a table of one column can be read, checked, and put into a query; a model that adds less than
        3 % to it is upkeep without return. One column that tells all is also what a leak looks like.
    How it is detected: The one-rule's reduction of the held-out loss is at least 97 % of the best model's, and the best model's is
        above two standard errors (else there is nothing to keep: EVL102). 97 % is a convention: measure what 3 % are worth to you.
    Remedy: Ship the rule; look at its column for a leak (SPL101) first.
    Limits: A model with the same mean loss may still be better on a part of the rows: see the slices. The share has the
        noise of both reductions in it, which the finding tells.
    References: Holte 1993, Very Simple Classification Rules Perform Well on Most Commonly Used Datasets.
    """
    one_rule = evaluation.rung("one-rule")
    richer = [r for r in evaluation.ladder if r.name not in ("constant", "one-rule")]
    if one_rule is None or not richer:
        return
    best = max((one_rule, *richer), key=lambda r: r.reduction)
    if best.reduction <= MIN_STANDARD_ERRORS * best.reduction_se or one_rule.reduction < MIN_KEPT_SHARE * best.reduction:
        return
    yield Finding(
        {"model": "one-rule"},
        saw=f"{one_rule.note or 'one rule'} takes {one_rule.reduction:.4g} +- {one_rule.reduction_se:.2g} {evaluation.unit} "
        f"off the loss, the best model ({best.name}) {best.reduction:.4g}",
        expected=f"less than {MIN_KEPT_SHARE:.0%} of the best model's reduction",
        remedy="use the rule instead of the model, after checking that its column is no leak",
        price=best.reduction - one_rule.reduction,
        unit=evaluation.unit,
    )


@no_model_needed.blind
def nothing_to_compare(evaluation: EvalEvidence) -> str:
    if evaluation.rung("one-rule") is None:
        return "the one-rule was not trained"
    return "" if any(r.name not in ("constant", "one-rule") for r in evaluation.ladder) else "no model was trained but the one-rule"


def _ladder(one_rule: float, boosting: float, se: float = 0.01) -> EvalEvidence:
    rungs = (
        Rung("constant", 1.0, 1.0, 0.01),
        Rung("one-rule", 1.0 - one_rule, 1.0 - one_rule, 0.01, one_rule, se, complexity=1, note="petal length > 2.45"),
        Rung("boosting", 1.0 - boosting, 1.0 - boosting, 0.01, boosting, se, complexity=3),
    )
    return EvalEvidence("boosting", "classification", "bits/row", 500, 1.0, rungs, {})


@no_model_needed.bad
def the_rule_keeps_97_of_100() -> EvalEvidence:
    return _ladder(one_rule=0.485, boosting=0.5)


@no_model_needed.bad
def the_rule_is_the_best() -> EvalEvidence:
    return _ladder(one_rule=0.5, boosting=0.49)


@no_model_needed.good
def the_model_adds_a_little_more() -> EvalEvidence:
    return _ladder(one_rule=0.484, boosting=0.5)


@no_model_needed.good
def there_is_nothing_to_keep() -> EvalEvidence:
    return _ladder(one_rule=0.0199, boosting=0.02)
