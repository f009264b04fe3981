"""Adult from a cold start: `assay train` as a whole process, all rungs, ledger and report; and the ledger's share of it."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.measured import Measured

ADULT = Path(__file__).resolve().parents[2] / "shared" / "data" / "adult" / "adult.csv.gz"
PROMISED_SECONDS = 60.0
PROMISED_LEDGER_SHARE = 0.30


def run(quick: bool) -> list[Measured]:
    """Two lines: whole seconds, and the ledger's share."""
    if not ADULT.is_file():
        return [Measured("adult end to end", "not measured", f"needs {ADULT}", False)]
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "adult"
        started = time.monotonic()
        command = [sys.executable, "-m", "assay", "train", str(ADULT), "--target", "income", "--out", str(out), "--quiet"]
        subprocess.run(command, check=True, capture_output=True)
        seconds = time.monotonic() - started
        stages = json.loads((out / "run.json").read_text())["seconds"]
        size = (out / "report.html").stat().st_size
    share = stages["ledger"] / seconds
    told = ", ".join(f"{name} {value:.1f}" for name, value in stages.items())
    return [
        Measured("adult end to end", f"{seconds:.1f} s ({told})", f"under {PROMISED_SECONDS:.0f} s on 2 cores", seconds < PROMISED_SECONDS),
        Measured("ledger's share of adult", f"{share:.0%}", f"at most {PROMISED_LEDGER_SHARE:.0%}", share <= PROMISED_LEDGER_SHARE),
        Measured("adult's report", f"{size / 1e6:.2f} MB", "under 2 MB", size < 2e6),
    ]
