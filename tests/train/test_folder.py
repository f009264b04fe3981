"""The run folder never overwrites silently and reads back what it kept."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from assay.core.errors import RunError
from assay.core.finding import Finding
from assay.core.process import born, this_process
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


def sleeper() -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])


def test_run_that_another_process_is_at_work_on_is_neither_resumed_nor_replaced(tmp_path: Path) -> None:
    folder = RunFolder.create(tmp_path / "r", {})
    other = sleeper()
    try:
        folder.update(process={**this_process(), "pid": other.pid, "born": born(other.pid)})
        for act in (folder.claim, lambda: RunFolder.create(folder.path, {}), lambda: RunFolder.create(folder.path, {}, overwrite=True)):
            with pytest.raises(RunError, match=f"is being trained by process {other.pid}"):
                act()
    finally:
        other.kill()
        other.wait()
    folder.claim()
    assert folder.record()["process"] == this_process()


def test_claiming_removes_what_a_killed_process_left(tmp_path: Path) -> None:
    folder = RunFolder.create(tmp_path / "r", {})
    left = [folder.path / ".run.json.x.part", folder.path / "models" / "mlp" / ".a.npz.y.part", tmp_path / ".r.old.part" / "run.json"]
    for file in left:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text('{"sta')
    folder.claim()
    assert list(tmp_path.rglob("*.part")) == []


def test_only_one_of_two_runs_gets_a_folder(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        made = [pool.submit(RunFolder.create, tmp_path / "r", {"who": i}) for i in range(8)]
    assert sum(f.exception() is None for f in made) == 1
    assert all(f.exception() is None or isinstance(f.exception(), RunError) for f in made)


def test_broken_record_can_be_replaced(tmp_path: Path) -> None:
    RunFolder.create(tmp_path / "r", {})
    (tmp_path / "r" / "run.json").write_text('{"sta')
    assert RunFolder.create(tmp_path / "r", {}, overwrite=True).record()["state"] == "running"


def test_free_name_counts_up(tmp_path: Path) -> None:
    (tmp_path / "adult").mkdir()
    assert free_name(tmp_path, "adult").name == "adult-2"
