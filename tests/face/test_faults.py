"""Faults of the world around a real process: Ctrl-C, kill -9, a full disk, closed streams."""

import json
import os
import random
import resource
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from assay.face.cli import main

ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """A folder with a table of 120 rows."""
    folder = tmp_path_factory.mktemp("faults")
    draw = random.Random(4)
    ages = [draw.randint(18, 90) for _ in range(120)]
    rows = [(age, draw.choice("abc"), "yes" if age + draw.gauss(0, 12) > 55 else "no") for age in ages]
    (folder / "visits.csv").write_text("age,ward,returned\n" + "".join(f"{a},{w},{y}\n" for a, w, y in rows), encoding="utf-8")
    return folder


def words_for(folder: Path, name: str, model: str) -> list[str]:
    return ["train", str(folder / "visits.csv"), "--target", "returned", "--model", model, "--out", str(folder / name), "--quiet"]


def started(words: list[str], **options: object) -> subprocess.Popen[str]:
    """A real process; a runner in the background may have told its children to ignore Ctrl-C."""
    options.setdefault("preexec_fn", lambda: signal.signal(signal.SIGINT, signal.default_int_handler))
    return subprocess.Popen(
        [sys.executable, "-m", "assay", *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=ENVIRONMENT, **options
    )


def wait_for(file: Path, process: subprocess.Popen[str]) -> None:
    until = time.monotonic() + 60
    while not file.exists() and process.poll() is None and time.monotonic() < until:
        time.sleep(0.002)
    assert file.exists(), process.communicate()


def told_ledger(capsys: pytest.CaptureFixture[str], run: Path) -> dict:
    assert main(["ledger", str(run), "--format", "json"]) == 0
    return json.loads(capsys.readouterr().out)


@pytest.mark.slow
def test_run_that_is_interrupted_twice_ends_like_one_that_is_not(capsys, folder):
    words, whole = words_for(folder, "stopped", "mlp"), words_for(folder, "whole", "mlp")
    run = folder / "stopped"
    for mark in ("models/mlp/checkpoint/training.npz", "evidence/30-trace.json"):
        process = started([*words, *(["--resume"] if run.exists() else [])])
        wait_for(run / mark, process)
        process.send_signal(signal.SIGINT)
        printed, errors = process.communicate(timeout=60)
        assert process.returncode == 130, errors
        assert printed == ""
        assert errors.strip() == f"assay: interrupted; what is done is kept; go on with: assay {shlex.join(words)} --resume"
        assert json.loads((run / "run.json").read_text(encoding="utf-8"))["state"] == "interrupted"
    assert main([*words, "--resume"]) == 0
    assert main(whole) == 0
    capsys.readouterr()
    resumed, reference = told_ledger(capsys, run), told_ledger(capsys, folder / "whole")
    assert resumed["closing"] == reference["closing"]
    assert resumed["learners"]["bookings"] == reference["learners"]["bookings"]


@pytest.mark.slow
def test_killed_run_is_never_read_as_whole_and_goes_on(capsys, folder):
    words, run = words_for(folder, "killed", "linear"), folder / "killed"
    for mark in ("run.json", "evidence/20-split.json", "models/linear/arrays.npz", "artifact/arrays.npz"):
        process = started([*words, *(["--resume"] if run.exists() else [])])
        wait_for(run / mark, process)
        process.kill()
        process.communicate()
        for command in (["report", run], ["ledger", run], ["judge", run], ["predict", run, folder / "visits.csv"], ["compare", run, run]):
            status = main([str(w) for w in command])
            errors = capsys.readouterr().err
            assert status in {0, 1, 2}, errors
            assert errors.count("\n") == (status == 2), (command, errors)
    (run / ".run.json.left.part").write_text('{"sta', encoding="utf-8")
    assert main([*words, "--resume"]) == 0
    assert not list(run.rglob("*.part"))
    capsys.readouterr()
    assert told_ledger(capsys, run)["model"] == "linear"


def test_two_runs_at_once_do_not_share_a_folder(capsys, folder):
    words = words_for(folder, "shared", "constant")
    first = started(words)
    wait_for(folder / "shared" / "run.json", first)
    first.send_signal(signal.SIGSTOP)
    try:
        for more in ([], ["--resume"], ["--overwrite"]):
            assert main([*words, *more]) == 2
            assert f"is being trained by process {first.pid}" in capsys.readouterr().err
    finally:
        first.send_signal(signal.SIGCONT)
    assert first.communicate(timeout=60)[1] == ""
    assert first.returncode == 0


@pytest.mark.parametrize(("bytes_at_most", "left"), [(16, []), (12_000, ["run.json"])])
def test_full_disk_is_one_line_and_nothing_half_written(folder, bytes_at_most, left):
    """A limit on the size of a file makes writing fail as a full disk does."""
    words = words_for(folder, f"full-{bytes_at_most}", "linear")

    def limited() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (bytes_at_most, bytes_at_most))

    process = started(words, preexec_fn=limited)
    errors = process.communicate(timeout=60)[1]
    assert process.returncode == 2, errors
    assert errors.startswith("assay: cannot write ")
    assert errors.count("\n") == 1
    run = folder / f"full-{bytes_at_most}"
    assert [p.name for p in run.glob("run.json")] == left
    assert not list(folder.rglob("*.part"))
    assert run.exists() == bool(left)


@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&-", "<&-"])
def test_closed_streams_are_no_fault(folder, closed):
    done = subprocess.run(["sh", "-c", f"exec {shlex.quote(sys.executable)} -m assay rules {closed}"], capture_output=True, text=True)
    assert done.returncode == 0
    assert done.stderr == ""


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_full_output_is_one_line(folder):
    with Path("/dev/full").open("w", encoding="utf-8") as full:
        done = subprocess.run([sys.executable, "-m", "assay", "samples"], stdout=full, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 2
    assert done.stderr == ("assay: cannot write the output: No space left on device; free some space, or write elsewhere with --out\n")


def test_predictions_are_utf8_whatever_the_terminal(folder):
    words = words_for(folder, "utf8", "constant")
    text = (folder / "visits.csv").read_text(encoding="utf-8").replace("yes", "là")
    (folder / "accents.csv").write_text(text, encoding="utf-8")
    words[1] = str(folder / "accents.csv")
    assert main(words) == 0
    done = subprocess.run(
        [sys.executable, "-m", "assay", "predict", folder / "utf8", folder / "accents.csv"],
        capture_output=True,
        env={**ENVIRONMENT, "PYTHONIOENCODING": "ascii"},
    )
    assert done.stderr == b""
    assert done.stdout.decode("utf-8").startswith("prediction,p_là,p_no\n")
