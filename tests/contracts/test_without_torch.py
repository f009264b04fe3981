"""The base installs without PyTorch: classical models still train, the neural one says which extra it needs."""

import json
import subprocess
import sys

import pytest

WITHOUT_TORCH = """
import importlib.machinery, sys

class NoTorch(importlib.machinery.PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        return None if name.partition(".")[0] == "torch" else super().find_spec(name, path, target)

sys.meta_path[:] = [NoTorch if f is importlib.machinery.PathFinder else f for f in sys.meta_path]
from assay.face.cli import main
sys.exit(main(sys.argv[1:]))
"""


@pytest.fixture
def table(tmp_path):
    file = tmp_path / "visits.csv"
    rows = [f"{(i * 37) % 101},{'abcde'[(i * i) % 5]},{'yes' if (i * 37) % 101 + (i * 7) % 23 > 60 else 'no'}" for i in range(200)]
    file.write_text("age,ward,returned\n" + "\n".join(rows) + "\n", encoding="utf-8")
    return file


def run(*words: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", WITHOUT_TORCH, *map(str, words)], capture_output=True, text=True)


def test_the_ladder_goes_without_its_neural_rung(table, tmp_path):
    done = run("train", table, "--target", "returned", "--out", tmp_path / "run", "--format", "json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["ledger"]["model"] == told["recommended"] != "mlp"
    assert "TRN101" in told["not_checked"]


def test_asking_for_the_neural_model_names_the_extra(table, tmp_path):
    done = run("train", table, "--target", "returned", "--model", "mlp", "--out", tmp_path / "run", "--quiet")
    assert done.returncode == 2
    assert done.stderr.strip().endswith("needs the extra 'torch', which is not installed; run: pip install 'assay[torch]'")
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "run").exists()
