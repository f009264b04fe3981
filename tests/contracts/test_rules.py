"""Every rule, present and future, keeps these promises. A new rule needs no test file."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from assay.core.evidence import Evidence
from assay.core.finding import Finding
from assay.core.report import judge
from assay.core.rule import SECTIONS, Rule
from assay.rules import catalogue

RULES = list(catalogue().values())
DRAWS = 300
BAD = [(r, m) for r in RULES for m in r.bads]
GOOD = [(r, m) for r in RULES for m in r.goods]
PAGES = Path(__file__).resolve().parents[2] / "docs" / "rules"


def _id(value: object) -> str | None:
    return getattr(value, "code", None) or getattr(value, "__name__", None)


def _made(make: Callable[..., Evidence], seed: int = 0) -> Evidence:
    return make(seed) if inspect.signature(make).parameters else make()


def _margin(share: float) -> float:
    return 4 * (share * (1 - share) / DRAWS) ** 0.5


each = pytest.mark.parametrize("rule", RULES, ids=_id)
each_bad = pytest.mark.parametrize(("rule", "make"), BAD, ids=_id)
each_good = pytest.mark.parametrize(("rule", "make"), GOOD, ids=_id)


@each_bad
def test_the_faintest_fault_is_named_as_often_as_promised(rule: Rule[Any], make: Callable[..., Evidence]) -> None:
    draws = DRAWS if rule.power < 1 else 1
    named = sum(any(f.code == rule.code for f in judge([_made(make, s)], [rule]).findings) for s in range(draws))
    assert named / draws >= rule.power - _margin(rule.power), f"{rule.code} names {named} of {draws}, promised {rule.power:.0%}"


@each_good
def test_the_nearest_innocent_is_left_alone_as_often_as_promised(rule: Rule[Any], make: Callable[..., Evidence]) -> None:
    draws = DRAWS if rule.false_alarm > 0 else 1
    cries = sum(bool(judge([_made(make, s)], [rule]).findings) for s in range(draws))
    assert cries / draws <= rule.false_alarm + _margin(rule.false_alarm), f"{rule.code} cries wolf {cries} times in {draws}"


@each
def test_a_statistical_rule_promises_both_rates_and_draws_by_seed(rule: Rule[Any]) -> None:
    assert (rule.false_alarm > 0) == (rule.power < 1), f"{rule.code} promises one rate and not the other"
    if rule.power < 1:
        assert all(inspect.signature(m).parameters for m in (*rule.bads, *rule.goods)), f"{rule.code} needs makers make(seed=0)"


@each
def test_has_a_bad_and_a_good_example(rule: Rule[Any]) -> None:
    assert rule.bads
    assert rule.goods


@each
def test_file_is_named_after_the_rule_and_small(rule: Rule[Any]) -> None:
    file = Path(rule.file)
    assert file.stem == f"{rule.code.lower()}_{rule.name.replace('-', '_')}"
    assert file.parent.name == rule.code[:3].lower()
    assert len(file.read_text(encoding="utf-8").splitlines()) <= 120


@each
def test_every_rule_file_registers_its_rule(rule: Rule[Any]) -> None:
    beside = {f.stem for f in Path(rule.file).parent.glob(f"{rule.code[:3].lower()}[0-9]*.py")}
    registered = {Path(r.file).stem for r in RULES if r.code[:3] == rule.code[:3]}
    assert beside == registered


@each_bad
def test_check_is_pure(rule: Rule[Any], make: Callable[..., Evidence]) -> None:
    evidence = _made(make)
    before = repr(evidence)
    assert rule(evidence) == rule(evidence)
    assert repr(evidence) == before


@each_bad
def test_messages_carry_numbers_a_place_and_a_next_step(rule: Rule[Any], make: Callable[..., Evidence]) -> None:
    for seed in range(20):
        for finding in rule(_made(make, seed)):
            assert re.search(r"\d", finding.saw), finding.saw
            assert finding.expected
            assert finding.remedy
            assert finding.where
            assert finding.price is None or finding.unit
            assert "nan" not in f"{finding.saw} {finding.expected}".lower().split()
            assert Finding.from_dict(json.loads(json.dumps(finding.as_dict()))).as_dict() == json.loads(json.dumps(finding.as_dict()))


@pytest.mark.parametrize(("rule", "make"), BAD + GOOD, ids=_id)
def test_evidence_travels_as_json_and_is_judged_the_same(rule: Rule[Any], make: Callable[..., Evidence]) -> None:
    evidence = _made(make)
    again = type(evidence).from_json(json.loads(json.dumps(evidence.to_json(), allow_nan=False)))
    assert rule(again) == rule(evidence)


@each
def test_page_is_complete(rule: Rule[Any]) -> None:
    assert rule.summary.endswith(".")
    assert set(rule.sections) == set(SECTIONS)
    assert all(len(text.split()) >= 3 for text in rule.sections.values())
    if PAGES.is_dir():
        assert any(rule.code in page.stem or rule.name in page.stem for page in PAGES.glob("*.md")), f"no page for {rule.code}"


def test_absent_evidence_is_said_not_hidden() -> None:
    report = judge([], RULES)
    assert not report.findings
    assert set(report.not_checked) == {r.code for r in RULES}
