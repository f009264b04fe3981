"""The verdict says what the evidence allows and not more; figures are written for people."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.core.finding import Finding, Severity
from assay.core.ledger import Adjustment
from assay.core.report import Report
from assay.face.view import RunView, amount, leaking_columns, percent, quantity, significant, verdict


def with_adjustments(view: RunView, *adjustments: Adjustment) -> RunView:
    assert view.evaluation is not None and view.ledger is not None
    return replace(view, evaluation=replace(view.evaluation, ledger=replace(view.ledger, adjustments=adjustments)))


def test_a_leak_is_told_with_what_remains_without_it(leaky_view: RunView) -> None:
    learned, honesty, following = verdict(leaky_view)
    assert "60 % (± 4 %) of the uncertainty about survived" in learned and "0.579 of 0.960 bits" in learned
    assert "69 % of that is not knowledge" in honesty and "boat, body" in honesty and "18 %" in honesty
    assert "--drop boat" in following and "0.512" in following


def test_a_leak_worth_no_more_than_noise_is_not_called_a_loss(leaky_view: RunView) -> None:
    _, honesty, _ = verdict(with_adjustments(leaky_view, Adjustment("leaked", 0.01, 0.02, counts=True)))
    assert "within noise" in honesty and "not knowledge" not in honesty


def test_leak_findings_without_a_price_forbid_trust(leaky_view: RunView) -> None:
    _, honesty, _ = verdict(with_adjustments(leaky_view))
    assert "not to be trusted" in honesty and "boat" in honesty


def test_without_leak_rules_the_figure_is_an_upper_bound(leaky_view: RunView) -> None:
    blind = replace(with_adjustments(leaky_view), report=Report((), ("DAT101",), {"SPL101": "no target named"}))
    assert "upper bound" in verdict(blind)[1]


def test_regression_speaks_in_the_units_of_the_target(regression_view: RunView) -> None:
    learned, _, following = verdict(regression_view)
    assert "39 % (± 2 %) of the variance of count" in learned and "141.5" in learned and "181.1" in learned
    assert "nothing that was checked stands against" in following and "1 rule could not" in following


def test_no_model_promises_nothing(bare_view: RunView) -> None:
    assert "nothing is known" in verdict(bare_view)[0]


@pytest.mark.parametrize("model", ["boosting", "constant"])
def test_a_reduction_within_noise_is_no_knowledge(leaky_view: RunView, model: str) -> None:
    assert leaky_view.evaluation is not None and leaky_view.ledger is not None
    ladder = tuple(replace(r, reduction=0.001, reduction_se=0.03) for r in leaky_view.evaluation.ladder)
    ledger = replace(leaky_view.ledger, model=model, closing=leaky_view.ledger.opening - 0.001)
    dull = replace(leaky_view, recommended=model, evaluation=replace(leaky_view.evaluation, model=model, ladder=ladder, ledger=ledger))
    learned, _, following = verdict(replace(dull, report=Report((), ("SPL101",), {})))
    assert "othing reliable" in learned and "% of the uncertainty" not in learned
    assert "do not use" in following


def test_a_fault_in_training_another_model_is_not_the_next_step(leaky_view: RunView) -> None:
    idle = Finding(
        {"model": "another"}, "1", "2", "collect more rows", code="TRN105", name="overfitting", severity=Severity.WARNING, price=9.0
    )
    own = replace(idle, at={"model": leaky_view.model})
    assert "collect more rows" not in verdict(replace(leaky_view, report=Report((idle,), (), {})))[2]
    assert "collect more rows" in verdict(replace(leaky_view, report=Report((own,), (), {})))[2]


def test_leaking_columns_are_those_of_leak_rules_only(leaky_view: RunView) -> None:
    assert leaking_columns(leaky_view) == ("boat", "body")


@given(st.floats(allow_nan=False, allow_infinity=False, min_value=-1e12, max_value=1e12))
def test_four_digits_are_enough_to_read_the_number_back(value: float) -> None:
    text = significant(value)
    if abs(value) > 1e-8:
        assert math.isclose(float(text.replace(",", "")), value, rel_tol=1e-3)


@given(st.floats(min_value=0.0, max_value=1.0))
def test_a_share_below_one_is_never_told_as_all(share: float) -> None:
    assert ("100 %" in percent(share)) == (share == 1.0)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_not_finite_is_said(value: float) -> None:
    assert quantity(value, "bits/row") == "not finite bits/row" and significant(value) == "not finite"


def test_no_minus_zero() -> None:
    assert quantity(-0.0001) == "0.000" and quantity(0.0001, signed=True) == "0.000"


@given(st.floats(1e-6, 1e9), st.lists(st.floats(-1e9, 1e9), min_size=2))
def test_one_scale_gives_all_figures_the_same_decimals(scale: float, values: list[float]) -> None:
    decimals = {len(text.partition(".")[2]) for text in (amount(v, "squared error/row", scale) for v in values)}
    assert len(decimals) == 1
    assert not amount(-scale * 1e-13, "squared error/row", scale).startswith("-")
