"""EVL102 no-signal."""

from __future__ import annotations

from collections.abc import Iterator

from assay.core.eval_evidence import EvalEvidence, Rung
from assay.core.finding import Finding, Severity
from assay.core.rule import rule

MIN_STANDARD_ERRORS = 2.0


@rule("EVL102", "no-signal", severity=Severity.WARNING, since="0.1")
def no_signal(evaluation: EvalEvidence) -> Iterator[Finding]:
    """No model beats the best constant on held-out rows beyond noise.

    Why it matters: A score that looks fine (accuracy 95 % where 95 % of rows are of one class) can be what always giving the
        same answer scores. Whatever such a model decides, it decides by chance.
    How it is detected: For every model above the constant, the reduction of the held-out loss is at most two standard errors of
        that reduction, taken row by row against the constant. Two: a model without knowledge passes in 2.3 % of
        tables if it loses nothing by overfitting; one that overfits passes less often. Measured: of ten real tables (iris to
        california) none is named as it is, all ten are with their targets shuffled.
    Remedy: Get columns that can tell the target, or more rows; until then use the constant. Check the join of target and features.
    Limits: With few held-out rows a weak signal is not told from none: the finding says how small a reduction could still
        have been seen. It judges the models that were trained, not all possible ones.
    References: The baseline of every study; paired comparison as in Dietterich 1998.
    """
    rungs = [r for r in evaluation.ladder if r.name != "constant"]
    if not rungs or any(r.reduction > MIN_STANDARD_ERRORS * r.reduction_se for r in rungs):
        return
    best = max(rungs, key=lambda r: r.reduction)
    yield Finding(
        {"model": best.name},
        saw=f"the best of {len(rungs)} models takes {best.reduction:.4g} +- {best.reduction_se:.2g} {evaluation.unit} "
        f"off the constant's {evaluation.opening:.4g} on {evaluation.rows:,} held-out rows",
        expected=f"more than {MIN_STANDARD_ERRORS * best.reduction_se:.2g} {evaluation.unit} (2 standard errors)",
        remedy="hold out more rows, look for columns that can tell the target, or use the constant",
        unit=evaluation.unit,
    )


@no_signal.blind
def only_a_constant(evaluation: EvalEvidence) -> str:
    return "" if any(r.name != "constant" for r in evaluation.ladder) else "no model was trained but the constant"


def _ladder(*reductions: tuple[str, float]) -> EvalEvidence:
    rungs = [Rung("constant", 1.0, 1.0, 0.01)]
    rungs += [Rung(name, 0.9, 1.0 - r, 0.01, r, 0.01, complexity=i + 1) for i, (name, r) in enumerate(reductions)]
    return EvalEvidence(rungs[-1].name, "classification", "bits/row", 500, 1.0, tuple(rungs), {})


@no_signal.bad
def two_standard_errors_are_noise() -> EvalEvidence:
    return _ladder(("one-rule", -0.001), ("boosting", 0.02))


@no_signal.good
def one_model_is_just_beyond_noise() -> EvalEvidence:
    return _ladder(("one-rule", -0.001), ("boosting", 0.0201), ("mlp", -0.3))
