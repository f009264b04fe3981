"""The run folder never overwrites silently and reads back what it kept."""

from pathlib import Path

import pytest

from assay.core.errors import RunError
from assay.core.finding import Finding
from assay.core.report import Report
from assay.core.trace_evidence import TraceEvidence
from assay.train.folder import RunFolder, free_name


def test_existing_run_is_refused_then_replaced_on_demand(tmp_path: Path) -> None:
    RunFolder.create(tmp_path / "r", {"config": {"a": 1}})
    with pytest.raises(RunError, match="--resume"):
        RunFolder.create(tmp_path / "r", {})
    (tmp_path / "r" / "old").write_text("x")
    again = RunFolder.create(tmp_path / "r", {"config": {"a": 2}}, overwrite=True)
    assert again.record()["config"] == {"a": 2}
    assert [p.name for p in again.path.iterdir()] == ["run.json"]


def test_folder_of_something_else_is_never_taken(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("ten years of work")
    with pytest.raises(RunError, match="no run of assay"):
        RunFolder.create(tmp_path, {}, overwrite=True)
    assert (tmp_path / "thesis.txt").read_text() == "ten years of work"


def test_missing_run_names_those_there(tmp_path: Path) -> None:
    RunFolder.create(tmp_path / "adult", {})
    with pytest.raises(RunError, match="adult"):
        RunFolder.open(tmp_path / "aduld")


def test_evidence_and_findings_come_back(tmp_path: Path) -> None:
    folder = RunFolder.create(tmp_path / "r", {})
    trace = TraceEvidence("mlp", "bits/row", 1.0, (0.9, 0.8))
    folder.write_evidence("40-trace", [trace])
    report = Report((Finding({"column": "a"}, "1", "2", code="DAT101"),), ("DAT101",), {"TRN101": "x"}, ((Finding({}, "1", "2"), "known"),))
    folder.write_report(report)
    assert folder.evidence() == [trace]
    assert folder.first(TraceEvidence) == trace
    assert folder.read_report() == report


def test_seconds_add_up_over_updates(tmp_path: Path) -> None:
    folder = RunFolder.create(tmp_path / "r", {})
    folder.update(seconds={"audit": 1.0})
    folder.update(seconds={"split": 2.0}, state="finished")
    assert folder.record()["seconds"] == {"audit": 1.0, "split": 2.0}
    assert folder.record()["state"] == "finished"


def test_free_name_counts_up(tmp_path: Path) -> None:
    (tmp_path / "adult").mkdir()
    assert free_name(tmp_path, "adult").name == "adult-2"
