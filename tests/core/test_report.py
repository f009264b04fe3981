"""The engine: what is checked, what is dropped by false discovery control, what is accepted."""

import datetime

import pytest

from assay.core.acceptance import Acceptance, accept
from assay.core.errors import OptionError
from assay.core.finding import Finding, Severity
from assay.core.report import Report, controlled, judge, merge
from assay.core.table_evidence import ColumnEvidence, TableEvidence
from assay.rules import catalogue

CONSTANT = TableEvidence(rows=9, columns=(ColumnEvidence("country", "category", rows=9, distinct=1, top=(("PT", 9),)),))


def test_no_evidence_is_said_and_not_hidden() -> None:
    report = judge([], catalogue().values())
    assert not report.findings
    assert set(report.not_checked) == set(catalogue())
    assert "not checked" in report.closing_line()


def test_reason_for_absent_evidence_can_be_given() -> None:
    report = judge([], catalogue().values(), absent={"TableEvidence": "the table is empty"})
    assert report.not_checked["DAT101"] == "the table is empty"


def test_findings_are_stamped_by_the_registry() -> None:
    (finding,) = judge([CONSTANT], [catalogue()["DAT101"]]).findings
    assert (finding.code, finding.name, finding.severity) == ("DAT101", "constant-column", Severity.WARNING)


def test_false_discovery_control_drops_what_chance_explains_and_keeps_exact_findings() -> None:
    found = [Finding({"column": str(i)}, "saw 1", "2", p=0.009) for i in range(2)] + [Finding({}, "saw 1", "2")]
    assert len(controlled(found, looks=100)) == 1
    assert len(controlled(found, looks=2)) == 3


def test_dearest_finding_comes_first() -> None:
    cheap = Finding({}, "saw 1", "2", price=0.1, code="DAT102")
    dear = Finding({}, "saw 1", "2", price=0.9, code="DAT103")
    report = merge([Report((cheap,), ("DAT102",), {"DAT103": "x"}), Report((dear,), ("DAT103",), {"DAT102": "x"})])
    assert report.findings == (dear, cheap) or [f.price for f in report.findings] == [0.9, 0.1]
    assert report.checked == ("DAT102", "DAT103")
    assert not report.not_checked


def test_accepting_needs_a_reason() -> None:
    with pytest.raises(OptionError, match="three words"):
        Acceptance("DAT101", "because")


def test_accepted_finding_moves_with_its_reason_and_ends_with_its_date() -> None:
    report = judge([CONSTANT], [catalogue()["DAT101"]])
    one = Acceptance("constant-column", "a pilot in one country", at="country", until=datetime.date(2030, 1, 1))
    after, idle = accept(report, [one], datetime.date(2029, 1, 1))
    assert not after.findings and not idle
    assert after.accepted[0][1] == "a pilot in one country"
    late, idle = accept(report, [one], datetime.date(2031, 1, 1))
    assert late.findings and "ended" in idle[0]


def test_acceptance_that_covers_nothing_is_said() -> None:
    _, idle = accept(Report((), (), {}), [Acceptance("DAT101", "a pilot in Portugal")], datetime.date(2029, 1, 1))
    assert "covered no finding" in idle[0]
