"""How long a person waits before Assay says anything: whole processes, median of seven."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time

from benchmarks.measured import Measured

PROMISE_S = 0.3
COMMANDS = {
    "import assay": ["-c", "import assay"],
    "assay --help": ["-m", "assay", "--help"],
    "assay train --help": ["-m", "assay", "train", "--help"],
}


def run(quick: bool) -> list[Measured]:
    """Median seconds of seven processes each (three when quick), the interpreter's own start included."""
    return [_measured(name, words, 3 if quick else 7) for name, words in COMMANDS.items()]


def _measured(name: str, words: list[str], times: int) -> Measured:
    seconds = statistics.median(_seconds(words) for _ in range(times))
    return Measured(name, f"{seconds:.3f} s", f"under {PROMISE_S} s", seconds < PROMISE_S)


def _seconds(words: list[str]) -> float:
    began = time.perf_counter()
    subprocess.run([sys.executable, *words], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - began
