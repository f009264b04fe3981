"""`assay train`, `predict`, `ledger`, `report`, `compare` and `judge` through the command line, on one small table."""

import json
from pathlib import Path

import polars as pl
import pytest

from assay.face.cli import main


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """A folder with 400 rows to learn from and 20 new ones without the target."""
    folder = tmp_path_factory.mktemp("runs")
    rows = [(f"{(i * 37) % 101},{'abcde'[(i * i) % 5]}", "yes" if (i * 37) % 101 + (i * 7) % 23 > 60 else "no") for i in range(420)]
    (folder / "visits.csv").write_text("age,ward,returned\n" + "\n".join(f"{x},{y}" for x, y in rows[:400]) + "\n", encoding="utf-8")
    (folder / "new.csv").write_text("age,ward\n" + "\n".join(x for x, _ in rows[400:]) + "\n", encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def run(folder) -> Path:
    """A finished run of one quick model."""
    out = folder / "first"
    words = ["train", str(folder / "visits.csv"), "--target", "returned", "--model", "linear", "--out", str(out), "--quiet"]
    assert main(words) == 0
    return out


def said(capsys, *words: object) -> str:
    assert main([str(w) for w in words]) == 0
    return capsys.readouterr().out


def test_report_path_is_printed_and_whole(capsys, run):
    path = Path(said(capsys, "report", run).strip())
    assert path == run / "report.html"
    assert path.read_text(encoding="utf-8").rstrip().endswith("</html>")


def test_ledger_balances_in_json_and_text(capsys, run):
    book = json.loads(said(capsys, "ledger", run, "--format", "json"))
    reduction = book["opening"] - book["closing"]
    for side in (book["sources"], book["learners"]):
        booked = sum(line["held_out"] for line in side["bookings"])
        assert booked + side["remainder"] == pytest.approx(reduction, abs=1e-9)
    assert reduction > 0.3
    text = said(capsys, "ledger", run)
    assert "age" in text
    assert f"{book['closing']:.3f}"[:4] in text


def test_predictions_go_to_standard_output_as_csv(capsys, folder, run):
    lines = said(capsys, "predict", run, folder / "new.csv").splitlines()
    assert lines[0] == "prediction,p_no,p_yes"
    assert len(lines) == 21
    assert {line.partition(",")[0] for line in lines[1:]} == {"no", "yes"}


@pytest.mark.parametrize(("ending", "read"), [("csv", pl.read_csv), ("parquet", pl.read_parquet), ("jsonl", pl.read_ndjson)])
def test_predictions_are_written_by_ending(capsys, folder, run, ending, read):
    out = folder / f"predictions.{ending}"
    assert said(capsys, "predict", run, folder / "new.csv", "--out", out) == ""
    frame = read(out)
    assert frame.columns == ["prediction", "p_no", "p_yes"]
    assert (frame["p_no"] + frame["p_yes"]).to_list() == pytest.approx([1.0] * 20)


def test_predicting_without_a_column_is_refused(capsys, folder, run):
    (folder / "short.csv").write_text("ward\na\nb\n", encoding="utf-8")
    assert main(["predict", str(run), str(folder / "short.csv")]) == 2
    assert "age" in capsys.readouterr().err


def test_judging_again_gives_the_stored_findings(capsys, run):
    again = json.loads(said(capsys, "judge", run, "--fail-on", "never", "--format", "json"))
    stored = json.loads((run / "findings.json").read_text(encoding="utf-8"))
    assert [f["code"] for f in again["findings"]] == [f["code"] for f in stored["findings"]]
    assert again["checked"] == stored["checked"]


def test_two_runs_side_by_side(capsys, folder, run):
    other = folder / "second"
    words = ["train", folder / "visits.csv", "--target", "returned", "--drop", "age", "--model", "linear", "--out", other, "--quiet"]
    assert Path(said(capsys, *words).strip()) == other / "report.html"
    text = said(capsys, "compare", run, other)
    assert "first" in text
    assert "second" in text


def test_a_run_is_never_overwritten_silently(capsys, folder, run):
    assert main(["train", str(folder / "visits.csv"), "--target", "returned", "--model", "constant", "--out", str(run), "--quiet"]) == 2
    told = capsys.readouterr().err
    assert "--overwrite" in told
    assert "--resume" in told
    assert (run / "report.html").is_file()


def test_training_says_json_and_nothing_else(capsys, folder):
    words = ["train", folder / "visits.csv", "--target", "returned", "--model", "constant", "--out", folder / "third", "--format", "json"]
    told = json.loads(said(capsys, *words))
    assert told["run"] == str(folder / "third")
    assert told["recommended"] == "constant"
    assert {"ledger", "findings", "checked", "not_checked", "report_html"} <= set(told)


@pytest.mark.parametrize("command", ["report", "ledger", "judge"])
def test_absent_run_is_refused_with_the_runs_there_are(capsys, run, command):
    assert main([command, str(run.parent / "frist")]) == 2
    told = capsys.readouterr().err
    assert told.startswith("assay: ")
    assert "first" in told


def test_nothing_to_resume_is_said(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["train", "--resume"]) == 2
    assert "no interrupted run under runs/" in capsys.readouterr().err
