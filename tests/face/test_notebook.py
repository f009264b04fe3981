"""What a notebook shows: findings, ledger and run as HTML, and as text where there is no notebook."""

from __future__ import annotations

import re
from dataclasses import asdict

from assay.core.finding import Finding
from assay.face.notebook import FindingList, LedgerView, findings_html, ledger_html, run_html
from assay.face.view import RunView


def test_findings_show_themselves(leaky_view: RunView) -> None:
    findings = FindingList(leaky_view.report.findings)
    assert findings._repr_html_().count("<tr>") == 6
    assert repr(findings).startswith("[5 findings]\nSPL102 missing-leak, error, column 'boat': costs 0.512 bits/row")
    assert isinstance(findings, list) and findings[0].price == 0.512


def test_no_findings_are_said() -> None:
    assert repr(FindingList()) == "[0 findings]" and findings_html([]) == "<p>No findings.</p>"


def test_what_comes_from_data_is_escaped() -> None:
    evil = "<img src=x onerror=alert(1)>"
    html = findings_html([Finding({"column": evil}, evil, evil, evil, code="DAT101", name="n")])
    assert "<img" not in html and html.count("&lt;img") == 4


def test_a_ledger_keeps_its_books_and_shows_them(leaky_view: RunView) -> None:
    assert leaky_view.ledger is not None
    shown = LedgerView.of(leaky_view.ledger)
    assert asdict(shown) == asdict(leaky_view.ledger) and shown.honest == leaky_view.ledger.honest
    assert "by source" in repr(shown) and repr(shown) == str(shown)
    html = shown._repr_html_()
    assert html.count('aria-roledescription="bar"') == 18 and "taken off" in html


def test_two_ledgers_on_one_page_share_no_id(leaky_view: RunView) -> None:
    assert leaky_view.ledger is not None and leaky_view.evaluation is not None
    one = ledger_html(leaky_view.ledger)
    other = ledger_html(LedgerView.of(leaky_view.ledger))
    ids = [set(re.findall(r'id="([^"]+)"', html)) for html in (one, other)]
    assert ids[0] and not ids[0] & ids[1]


def test_a_run_shows_verdict_ledger_and_findings(leaky_view: RunView, bare_view: RunView) -> None:
    html = run_html(leaky_view)
    assert "60 % (± 4 %) of the uncertainty" in html and "<svg" in html and "missing-leak" in html and "Checked 6 of 9 rules" in html
    assert "No ledger was made" in run_html(bare_view)
