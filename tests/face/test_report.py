"""The report: one file, whole for every kind of run, escaped, small, with every section or the reason of its absence."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from assay.core.finding import Finding, Severity
from assay.core.ledger import Booking
from assay.core.report import Report
from assay.core.table_evidence import Association, AssociationEvidence
from assay.face.report import render
from assay.face.report.page import MOST_COLUMNS, remedy_html, telling_columns, unfolded, values_text
from assay.face.view import RunView

SECTIONS = ("ledger", "findings", "models", "training", "predictions", "slices-of-rows", "data", "reproduce")
VOID = {"meta", "link", "br", "path", "line", "rect", "stop", "img", "hr"}


class Strict(HTMLParser):
    """Refuses unclosed or crossed elements, double ids, and anything that a browser would fetch."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.loads: list[str] = []
        self.headings: list[int] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = dict(attrs)
        self.ids += [str(named["id"])] if "id" in named else []
        self.loads += [
            f"{tag} {k}={v}" for k, v in attrs if k in ("src", "srcset", "href", "xlink:href") and not str(v).startswith(("#", "data:"))
        ]
        if tag == "script":
            self.loads.append("script")
        if re.fullmatch("h[1-6]", tag):
            self.headings.append(int(tag[1]))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open and self.open[-1] == tag, f"</{tag}> closes {self.open[-3:]}"
            self.open.pop()


def parsed(html: str) -> Strict:
    parser = Strict()
    parser.feed(html)
    parser.close()
    assert parser.open == []
    return parser


@pytest.mark.parametrize("name", ["leaky", "regression", "bare"])
def test_every_run_has_every_section_and_loads_nothing(name: str, request: pytest.FixtureRequest) -> None:
    html = render(request.getfixturevalue("regression_view")) if name == "regression" else request.getfixturevalue(f"{name}_page")
    page = parsed(html)
    assert page.loads == [] and "@import" not in html and "url(http" not in html
    assert len(page.ids) == len(set(page.ids)) and set(SECTIONS) <= set(page.ids)
    assert page.headings[0] == 1 and page.headings.count(1) == 1
    assert all(later - earlier <= 1 for earlier, later in zip(page.headings, page.headings[1:], strict=False))
    assert len(html) < 2_000_000


def test_what_is_missing_is_said(bare_page: str, regression_view: RunView) -> None:
    bare, regression = bare_page, render(regression_view)
    for text in (
        "No ledger: no model was evaluated",
        "No model was trained",
        "No neural training was watched",
        "No slices",
        "were not split",
    ):
        assert text in bare
    assert "No ledger was made of this run" in regression and "stands out from the others" in regression


def test_it_leads_with_verdict_then_ledger_then_findings(leaky_page: str) -> None:
    html = leaky_page
    places = [
        html.index(text) for text in ("60 % (± 4 %) of the uncertainty", 'id="waterfall"', 'id="findings"', 'id="ladder"', 'id="curves"')
    ]
    assert places == sorted(places)
    assert html.index("missing-leak <span") < html.index("overfitting <span") < html.index("miscalibrated <span")


def test_numbers_of_the_books_are_there(leaky_view: RunView, leaky_page: str) -> None:
    html = leaky_page
    for figure in ("0.960", "0.381", "0.402", "0.177", "costs 0.512 bits/row", "p = 1.2e-211"):
        assert figure in html, figure
    assert leaky_view.report.closing_line() in html
    assert "assay train titanic.csv --target survived --seed 0" in html and "sha256:4f9c1e0b77aa" in html


def test_it_is_the_same_every_time(leaky_view: RunView, leaky_page: str) -> None:
    assert render(leaky_view) == leaky_page


def test_text_from_the_data_stays_text(leaky_view: RunView) -> None:
    evil = "</style><script>alert('x')</script><img src=//evil.example/x>\"'"
    assert leaky_view.evaluation is not None and leaky_view.ledger is not None
    sources = replace(leaky_view.ledger.sources, bookings=(Booking(evil, 0.5, 0.01), Booking("opening", 0.1), Booking("opening", 0.05)))
    found = replace(leaky_view.evaluation, ledger=replace(leaky_view.ledger, sources=sources), classes=(evil, "1"),
                    slices=tuple(replace(s, rule=evil) for s in leaky_view.evaluation.slices))  # fmt: skip
    columns = tuple(replace(c, name=evil, top=((evil, 3),)) for c in leaky_view.table.columns)
    finding = Finding({"column": evil}, evil, evil, f"`{evil}` --drop {evil}", code="SPL101", name="n", severity=Severity.ERROR)
    view = replace(leaky_view, evaluation=found, table=replace(leaky_view.table, columns=columns, source=evil), name=evil, command=evil,
                   report=Report((finding,), (), {}, ((finding, evil),)), notes=(evil,), config={evil: evil})  # fmt: skip
    html = render(view)
    assert parsed(html).loads == []
    assert "<script" not in html and "<img" not in html


def test_numbers_that_are_not_finite_do_not_stop_the_report(leaky_view: RunView) -> None:
    assert leaky_view.evaluation is not None
    nan = math.nan
    ladder = (*leaky_view.evaluation.ladder[:4], replace(leaky_view.evaluation.ladder[4], held_out_loss=nan, se=nan, reduction=nan))
    trace = replace(leaky_view.traces[0], train_loss=(0.9, nan, math.inf), valid_loss=(nan, nan, nan), best_epoch=-1, stopped="nonfinite")
    odd = replace(leaky_view.table.columns[3], minimum=-math.inf, maximum=math.inf, histogram_edges=(), histogram_counts=())
    view = replace(leaky_view, evaluation=replace(leaky_view.evaluation, ladder=ladder), traces=(trace,),
                   table=replace(leaky_view.table, columns=(odd,)))  # fmt: skip
    html = render(view)
    parsed(html)
    assert "not finite" in html


def test_many_findings_of_a_rule_are_folded_not_lost(leaky_view: RunView, regression_view: RunView) -> None:
    constants = tuple(Finding({"column": f"pixel_{i}"}, "1 value", "2", code="DAT101", name="constant-column") for i in range(800))
    findings = (*leaky_view.report.findings[:2], *constants)
    shown, folded = unfolded(findings)
    assert len(shown) == 2 + 5 and [*shown, *folded] == list(findings)
    html = render(replace(regression_view, report=Report(findings, ("DAT101", "SPL102"), {})))
    assert "795 more findings" in html and "295 more are in the run" in html and len(html) < 2_000_000


def test_of_many_columns_the_telling_ones_are_shown(bare_view: RunView) -> None:
    assert bare_view.table.target is not None
    strong = AssociationEvidence(bare_view.table.target, (Association("pixel_128", "number", 0.4, 0.4, 0.0),))
    named = Report((Finding({"columns": ["pixel_100", "pixel_101"]}, "a", "b"),), (), {})
    shown, left_out = telling_columns(replace(bare_view, association=strong, report=named))
    names = [c.name for c in shown]
    assert len(shown) == MOST_COLUMNS and left_out == 70
    assert {"label", "pixel_100", "pixel_101", "pixel_128"} <= set(names)
    assert names == [c.name for c in bare_view.table.columns if c.name in names]
    assert "the 60 most telling of 130 columns" in render(bare_view)


def test_the_page_of_a_rule_is_inlined(leaky_page: str) -> None:
    assert "What DAT101 means" in leaky_page and "A constant carries 0 bits" in leaky_page


def test_values_in_words(leaky_view: RunView) -> None:
    by_name = {c.name: values_text(c) for c in leaky_view.table.columns}
    assert by_name["boat"] == "13 (39), C (38), 15 (37) and 24 more"
    assert by_name["age"] == "1.1 to 58.7, median 29.9"


def test_dates_are_days_and_not_numbers(leaky_view: RunView) -> None:
    date = replace(leaky_view.table.columns[3], kind="date", minimum=0.0, maximum=19723.5)
    assert values_text(date) == "1970-01-01 to 2024-01-01"


def test_code_in_a_remedy_is_set_as_code() -> None:
    assert str(remedy_html("use `a<b` or --drop home.dest now")) == "use <code>a&lt;b</code> or <code>--drop home.dest</code> now"
