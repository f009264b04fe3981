"""A run on a Ray cluster: what is sent, what is told on the way, what comes back, and what is said where there is no cluster."""

import importlib.util
import json
import socket
from pathlib import Path

import pytest

import assay
from assay.core.errors import ExtraMissing, InputError, OptionError, RunError, SourceError
from assay.face.job import cluster
from assay.face.job.cluster import Told, heard
from assay.face.job.language_settings import LanguageSettings
from assay.face.job.parcel import archive_of, packed, unpack
from assay.face.job.settings import Settings
from assay.face.progress import Noting, Silent

ROWS = "x,y\n1,a\n2,b\n"


def contents(parcel_files: bytes, folder: Path) -> list[str]:
    unpack(parcel_files, folder)
    return sorted(file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file())


def test_a_parcel_holds_source_held_out_rows_and_project_under_the_names_that_its_settings_say(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    for name in ("a/rows.csv", "test.csv", "pyproject.toml"):
        (tmp_path / name).write_text(ROWS)
    parcel = packed(Settings(str(tmp_path / "a" / "rows.csv"), "y", test=str(tmp_path / "test.csv")), tmp_path / "pyproject.toml")
    assert (parcel.settings["source"], parcel.settings["test"], parcel.is_text) == ("rows.csv", "held-out/test.csv", False)
    assert contents(parcel.files, tmp_path / "there") == ["held-out/test.csv", "pyproject.toml", "rows.csv"]


def test_a_parcel_holds_all_files_of_a_glob_or_a_folder(tmp_path: Path) -> None:
    for name in ("books/one/a.txt", "books/b.txt", "books/c.csv"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("words")
    glob = packed(LanguageSettings(str(tmp_path / "books" / "*.txt")))
    assert (glob.settings["source"], contents(glob.files, tmp_path / "glob")) == ("*.txt", ["b.txt"])
    folder = packed(LanguageSettings(str(tmp_path / "books")))
    assert folder.is_text
    assert contents(folder.files, tmp_path / "folder") == ["books/b.txt", "books/c.csv", "books/one/a.txt"]


def test_a_sample_travels_by_its_name_and_an_absent_file_not_at_all(tmp_path: Path) -> None:
    parcel = packed(Settings("iris", "species"))
    assert (parcel.settings["source"], contents(parcel.files, tmp_path)) == ("iris", [])
    with pytest.raises(SourceError, match=r"no file 'absent\.csv' to send"):
        packed(Settings("absent.csv", "y"))


def test_a_folder_comes_back_as_it_was(tmp_path: Path) -> None:
    (tmp_path / "run" / "models").mkdir(parents=True)
    (tmp_path / "run" / "models" / "one.json").write_text("{}")
    unpack(archive_of(tmp_path / "run"), tmp_path / "back")
    assert (tmp_path / "back" / "models" / "one.json").read_text() == "{}"


def test_progress_is_told_on_and_seldom_enough() -> None:
    said: list[str | bytes | None] = []
    told = Told(said.append)
    told.stage("mlp")
    for share in (0.1, 0.2, 0.3, 1.0):
        told.update(share, 0.5, 3.0, "bits/row")
    told.note("a note")
    assert [json.loads(one or "")[0] for one in said] == ["stage", "update", "update", "note"]
    listener = Noting(Silent())
    assert heard(iter([*(one for one in said if one), b"folder"]), listener) == b"folder"
    assert listener.notes == ["a note"]


@pytest.mark.parametrize(
    ("event", "kind", "text"),
    [
        ('["input", ["no column"]]', InputError, "no column"),
        ('["failed", ["full disk"]]', RunError, "full disk"),
        (None, RunError, "without"),
    ],
)
def test_what_fails_there_is_said_here(event: str | None, kind: type[Exception], text: str) -> None:
    with pytest.raises(kind, match=text):
        heard(iter([] if event is None else [event]), Silent())


def test_a_cluster_that_nobody_runs_is_told_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    monkeypatch.setenv("RAY_ADDRESS", address)
    with pytest.raises(RunError, match=f"no Ray cluster at RAY_ADDRESS={address}: Connection refused; start one with ray start --head"):
        assay.train("iris", model="mlp", out=tmp_path / "run", on="ray", quiet=True)
    assert not (tmp_path / "run").exists()


def test_without_ray_its_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    known = importlib.util.find_spec
    monkeypatch.setattr(cluster, "find_spec", lambda name: None if name == "ray" else known(name))
    with pytest.raises(ExtraMissing, match=r"pip install 'assay\[ray\]'"):
        assay.train("iris", out=tmp_path / "run", on="ray", quiet=True)


def test_what_cannot_be_sent_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="no place 'rays' to train on; did you mean 'ray'"):
        assay.train("iris", on="rays", quiet=True)
    with pytest.raises(OptionError, match="a table in memory cannot be sent to ray"):
        assay.train({"x": [1, 2], "y": [0, 1]}, target="y", on="ray", quiet=True)
    with pytest.raises(OptionError, match="goes on here, where its folder is"):
        assay.train("iris", on="ray", out=tmp_path, resume=True, quiet=True)


def test_the_work_in_the_cluster_says_what_was_refused_and_leaves_its_folder(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text(ROWS)
    parcel, here = packed(Settings(str(tmp_path / "rows.csv"), "z")), Path.cwd()
    with pytest.raises(InputError, match="no column 'z'"):
        heard(cluster.carried_out(parcel), Silent())
    assert Path.cwd() == here


@pytest.mark.slow
def test_a_cluster_begun_here_trains_and_the_run_comes_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    monkeypatch.chdir(tmp_path)
    stages: list[str] = []

    class Heard(Silent):
        def stage(self, name: str) -> None:
            stages.append(name)

    source = tmp_path / "rows.csv"
    source.write_text("x,y\n" + "".join(f"{i % 17},{'a' if i % 17 < 8 else 'b'}\n" for i in range(200)))
    run = assay.train(source, target="y", model="linear", out="run", on="ray", progress=Heard())
    record = json.loads((run.folder / "run.json").read_text())
    assert (record["state"], record["worked_on"], record["config"]["source"]) == ("finished", "ray", str(source))
    assert stages[0] == "ray"
    assert {"read", "linear", "ledger"} <= set(stages)
    assert run.ledger is not None
    assert list(run.predict({"x": [1, 16]})["prediction"]) == ["a", "b"]
    assert not list(tmp_path.glob(".*part"))
