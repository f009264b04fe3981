"""Texts for terminals and build servers: their form (golden files), their width, what they never let through."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.core.finding import Finding, Severity
from assay.core.ledger import Booking, Side
from assay.core.report import Report
from assay.face.terminal import (
    compare_text,
    findings_github,
    findings_text,
    ladder_text,
    ledger_text,
    live_progress,
    rules_text,
    run_text,
    samples_text,
)
from assay.face.terminal.layout import Paper, clean, columns, paper_of_stdout
from assay.face.view import RunView
from assay.rules import catalogue

Golden = Callable[[str, str], None]
WHITE = Paper()


def test_run_as_text(leaky_view: RunView, golden: Golden) -> None:
    golden("titanic.txt", run_text(leaky_view, WHITE))


def test_regression_as_text(regression_view: RunView, golden: Golden) -> None:
    golden("bikes.txt", run_text(regression_view, WHITE))


def test_github_annotations(leaky_view: RunView, golden: Golden) -> None:
    golden("titanic_github.txt", findings_github(leaky_view.report, "data/titanic.csv"))


def test_two_runs_side_by_side(leaky_view: RunView, golden: Golden) -> None:
    assert leaky_view.evaluation is not None and leaky_view.ledger is not None
    sources = replace(leaky_view.ledger.sources, bookings=leaky_view.ledger.sources.bookings[1:])
    ledger = replace(leaky_view.ledger, closing=0.79, sources=sources, adjustments=())
    clean_run = replace(
        leaky_view, name="titanic-honest", report=Report((), (), {}), evaluation=replace(leaky_view.evaluation, ledger=ledger)
    )
    golden("titanic_compared.txt", compare_text(leaky_view, clean_run, WHITE))


def test_runs_of_other_tables_are_not_compared_silently(leaky_view: RunView, regression_view: RunView) -> None:
    told = compare_text(leaky_view, regression_view, WHITE)
    assert "tables differ" in told and "no books to compare" in told


@pytest.mark.parametrize("width", [40, 72, 100])
def test_findings_keep_to_the_width(leaky_view: RunView, width: int) -> None:
    for line in findings_text(leaky_view.report, Paper(width)).splitlines():
        assert len(line) <= width or line.startswith(("SPL", "DAT", "TRN", "EVL"))


def test_ledger_keeps_to_100_columns_with_long_names(leaky_view: RunView) -> None:
    assert leaky_view.ledger is not None
    many = tuple(Booking("a very long column name indeed " * 3 + str(i), 0.01 * i, 0.002) for i in range(60))
    ledger = replace(leaky_view.ledger, sources=Side("source", many, 0.0, "SAGE", 0.1))
    text = ledger_text(ledger, WHITE)
    assert max(map(len, text.splitlines())) <= 100
    assert "48 other columns" in text


def test_ledger_prints_both_remainders_and_whether_they_hold(leaky_view: RunView) -> None:
    assert leaky_view.ledger is not None
    off = replace(leaky_view.ledger, learners=replace(leaky_view.ledger.learners, remainder=0.2))
    text = ledger_text(off, WHITE)
    assert text.count("remainder") == 2 and "NOT within the promised 1e-06" in text


def test_colour_only_where_it_is_wanted(leaky_view: RunView, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "\x1b[" not in findings_text(leaky_view.report)  # captured: no terminal
    assert "\x1b[31;1merror\x1b[0m" in findings_text(leaky_view.report, Paper(colour=True))
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert paper_of_stdout().colour
    monkeypatch.setenv("NO_COLOR", "1")
    assert not paper_of_stdout().colour


def test_bars_where_blocks_cannot_be_encoded() -> None:
    assert Paper(blocks=False).bar(1.0, 1.0, length=4) == "####"
    assert Paper().bar(0.5, 1.0, length=4) == "██"


def test_left_out_findings_are_counted(leaky_view: RunView) -> None:
    text = findings_text(leaky_view.report, WHITE, most=2)
    assert text.count("next:") == 2 and "and 3 cheaper ones" in text and "5 findings" in text


def test_nothing_from_the_data_steers_the_terminal() -> None:
    evil = Finding({"column": "x"}, "\x1b[2J\x07 in\r\n row 1", "b\x9b31m", code="DAT101", name="n", severity=Severity.ERROR)
    text = findings_text(Report((evil,), ("DAT101",), {}), WHITE)
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]", text)


@given(st.text())
def test_clean_is_one_printable_line(text: str) -> None:
    assert all(c.isprintable() for c in clean(text))


@given(st.text(), st.text(), st.text())
def test_github_lines_cannot_be_broken(file: str, saw: str, column: str) -> None:
    report = Report((Finding({"column": column}, saw, "e", code="DAT101", name="n", severity=Severity.ERROR),), ("DAT101",), {})
    lines = re.split("[\r\n]", findings_github(report, file))
    assert len(lines) == 2 and lines[0].startswith("::error file=")
    assert lines[0].split("::")[1].count(",") == 1  # file and title, whatever their text


def test_github_names_the_line_of_a_csv(leaky_view: RunView) -> None:
    assert "line=8," in findings_github(leaky_view.report, "a.csv")  # data row 7 below the header
    assert "line=" not in findings_github(leaky_view.report, "a.parquet")


def test_ladder_marks_the_recommended(leaky_view: RunView) -> None:
    assert leaky_view.evaluation is not None
    marked = [line for line in ladder_text(leaky_view.evaluation, "linear", WHITE).splitlines() if line.lstrip().startswith("->")]
    assert len(marked) == 1 and "linear" in marked[0]


def test_every_rule_is_listed() -> None:
    text = rules_text(catalogue(), WHITE)
    assert all(code in text for code in catalogue()) and max(map(len, text.splitlines())) <= 100


def test_samples_in_columns() -> None:
    @dataclass(frozen=True)
    class Sample:
        name: str
        rows: int
        about: str

    text = samples_text([Sample("iris", 150, "flowers"), Sample("claims", 4000, "medical claim lines " * 9)], WHITE)
    assert "claims  4,000  medical" in text and max(map(len, text.splitlines())) <= 100
    assert samples_text([], WHITE) == "no samples are bundled"


def test_columns_ignore_escape_codes() -> None:
    assert columns([["\x1b[1mab\x1b[0m", "1"], ["c", "22"]], "lr")[1] == "c   22"


def test_progress_is_silent_without_a_terminal() -> None:
    stream = io.StringIO()
    with live_progress(stream) as bar:
        bar.stage("mlp")
        bar.update(0.5, 0.4, 3.0)
        bar.note("x")
    assert stream.getvalue() == ""


def test_progress_tells_stage_loss_and_time(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "100")
    stream = Terminal()
    with live_progress(stream) as bar:
        bar.update(0.5, None, None)  # before the first stage: nothing to tell, no fault
        bar.stage("mlp [/x]")
        bar.update(0.5, 0.4123, 3.0)
        bar.note("a note with [markup]")
    told = stream.getvalue()
    assert "mlp [/x]" in told and "loss 0.412, 3 s left" in told and "a note with [markup]" in told
    with live_progress(stream) as bar:
        bar.stage("mlp [/x]")
        bar.update(0.5, 0.4123, 3.0)
        bar.stage("ledger")
    assert "mlp [/x] ended at 0.412" in stream.getvalue()
