"""A whole run in several processes: one does the job, all train its networks, and the run is that of one process."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.train.processes import in_processes

import assay
from assay.core.ledger import Ledger
from assay.face.run import Run

BRIEF = {"quiet": True, "epochs": 3, "dropout": 0.0}
"""Without dropout, of which each process draws its own."""
ROUNDING = 1e-5
"""Relative: single precision, whose sums over two halves differ from whole ones in the last digit, through three epochs."""
TEXT = "the cat sat on the mat and the dog sat on the log while the bird sang in the tree\n" * 60


def train_table(_rank: int, folder: Path) -> str:
    return str(assay.train(folder.parent / "rows.csv", target="y", model="mlp", width=8, out=folder, **BRIEF).folder)


def write_rows(folder: Path) -> None:
    """Two columns that tell a little of the target, and one that gives most of it away."""
    stream = np.random.default_rng(0)
    x, noise = stream.normal(size=(300, 2)), stream.normal(size=300)
    y = x[:, 0] + noise > 0
    lines = [f"{a:.3f},{b:.3f},{5 * given + c:.3f},{'yes' if given else 'no'}" for (a, b), given, c in zip(x, y, noise, strict=True)]
    (folder / "rows.csv").write_text("\n".join(["x1,x2,billed,y", *lines]))


def train_text(_rank: int, folder: Path) -> str:
    source = folder.parent / "words.txt"
    return str(assay.train(source, model="gru", width=8, block=8, steps=20, out=folder, quiet=True).folder)


def train_nothing(_rank: int, folder: Path) -> None:
    assay.train(folder / "absent.csv", target="y", quiet=True)


def traces(folder: Path, model: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "models" / model / "trace.json").read_text())
    return found


def ledger_of(folder: Path) -> Ledger:
    found = Run(folder).ledger
    assert found is not None
    return found


def test_a_tables_run_is_one_run_with_the_losses_of_one_process(tmp_path: Path) -> None:
    write_rows(tmp_path)
    train_table(0, tmp_path / "one")
    assert in_processes(train_table, tmp_path / "two") == [str(tmp_path / "two")] * 2
    one, two = traces(tmp_path / "one", "mlp"), traces(tmp_path / "two", "mlp")
    for name in ("train_loss", "valid_loss"):
        np.testing.assert_allclose(one[name], two[name], rtol=ROUNDING)
    # the network was trained again, by both, without the leak
    leaked = [next(a.amount for a in ledger_of(tmp_path / name).adjustments if a.kind == "leaked") for name in ("one", "two")]
    assert leaked[1] == pytest.approx(leaked[0], rel=1e-3)


def test_a_texts_run_is_one_run_with_the_losses_of_one_process(tmp_path: Path) -> None:
    (tmp_path / "words.txt").write_text(TEXT)
    train_text(0, tmp_path / "one")
    assert in_processes(train_text, tmp_path / "two") == [str(tmp_path / "two")] * 2
    one, two = traces(tmp_path / "one", "gru"), traces(tmp_path / "two", "gru")
    np.testing.assert_allclose(one["valid_loss"], two["valid_loss"], rtol=ROUNDING)


def test_where_process_0_refuses_its_input_the_others_are_told(tmp_path: Path) -> None:
    first, second = in_processes(train_nothing, tmp_path)
    assert first.startswith("SourceError: no file")
    assert second.startswith("LeaderEnded: process 0 ended without a finished run")


def torchrun(*words: str, cwd: Path) -> subprocess.Popen[str]:
    line = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m", "assay", *words]
    own = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(line, cwd=cwd, env=own, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True)


@pytest.mark.slow
def test_torchrun_starts_it_and_only_one_process_speaks(tmp_path: Path) -> None:
    begun = torchrun("train", "iris", "--model", "mlp", "--epochs", "2", "--out", "run", "--quiet", cwd=tmp_path)
    out, err = begun.communicate(timeout=120)
    assert (begun.returncode, out.strip()) == (0, "run/report.html"), err
    assert json.loads((tmp_path / "run" / "run.json").read_text())["state"] == "finished"


@pytest.mark.slow
def test_ctrl_c_under_torchrun_keeps_what_is_done(tmp_path: Path) -> None:
    (tmp_path / "words.txt").write_text(TEXT)
    begun = torchrun("train", "words.txt", "--model", "gru", "--steps", "200000", "--out", "run", cwd=tmp_path)
    kept = tmp_path / "run" / "models" / "gru" / "checkpoint" / "history.jsonl"
    try:
        while begun.poll() is None and not kept.exists():
            with pytest.raises(subprocess.TimeoutExpired):
                begun.wait(0.2)
        begun.send_signal(signal.SIGINT)
        _, err = begun.communicate(timeout=120)
    finally:
        begun.kill()
    assert err.count("assay: interrupted; what is done is kept") == 1, err
    assert json.loads((tmp_path / "run" / "run.json").read_text())["state"] == "interrupted"
    assert kept.with_name("training.npz").exists()


@pytest.mark.parametrize(("rank", "told"), [("0", "check is for 1 process, and 2 were started"), ("1", "")])
def test_a_command_without_a_training_wants_one_process(rank: str, told: str, tmp_path: Path) -> None:
    own = {**os.environ, "RANK": rank, "WORLD_SIZE": "2"}
    done = subprocess.run([sys.executable, "-m", "assay", "check", "iris"], cwd=tmp_path, env=own, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (2 if told else 0, "")
    assert told in done.stderr
    assert bool(done.stderr) == bool(told)
