"""What a command may import: nobody waits for PyTorch to read a help page."""

import json
import subprocess
import sys

import pytest

HEAVY = ("numpy", "polars", "scipy", "sklearn", "torch", "altair", "rich", "jinja2", "pandas")
LIST = "import json, sys; print(json.dumps(sorted(m for m in sys.modules if '.' not in m)), file=sys.stderr)"


def imported_by(code: str) -> set[str]:
    """The top packages that a fresh interpreter has after running some code."""
    done = subprocess.run([sys.executable, "-c", f"{code}\n{LIST}"], capture_output=True, text=True, check=True)
    return set(json.loads(done.stderr.splitlines()[-1]))


@pytest.mark.parametrize(
    "code",
    [
        "import assay; assay.Finding, assay.Report, assay.Ledger",
        "from assay.face.cli import main; main(['--help'])",
        "from assay.face.cli import main; main(['train', '--help'])",
        "from assay.face.cli import main; main(['rules'])",
        "from assay.face.cli import main; main(['models'])",
        "from assay.face.cli import main; main(['models', 'mlp'])",
        "from assay.face.cli import main; main(['explain', 'DAT101'])",
    ],
)
def test_nothing_heavy_before_it_is_needed(code):
    assert imported_by(code).isdisjoint(HEAVY)


def test_check_needs_neither_torch_nor_scikit_learn(tmp_path):
    file = tmp_path / "t.csv"
    file.write_text("a,y\n" + "".join(f"{i % 7},{'no' if i % 3 else 'yes'}\n" for i in range(60)), encoding="utf-8")
    used = imported_by(f"from assay.face.cli import main; assert main(['check', {str(file)!r}, '--target', 'y']) in (0, 1)")
    assert "polars" in used
    assert used.isdisjoint({"torch", "sklearn", "scipy", "pandas", "altair", "rich", "jinja2"})
