"""How long `assay check` takes and how much memory: whole processes, beside deepchecks' data integrity suite on the same files.

deepchecks (0.19.1) is measured where it is installed apart, with libraries of its time: python -m venv build/deepchecks &&
build/deepchecks/bin/pip install deepchecks 'scikit-learn==1.6.1' 'numpy<2' 'pandas<2.3' 'pyarrow<20'
(later versions of pyarrow refuse numpy 1, and pandas then reads no Parquet).
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from benchmarks.measured import Measured

DEEPCHECKS = Path(__file__).resolve().parents[1] / "build" / "deepchecks" / "bin" / "python"
TIMES_FASTER = 20
TEXT_CELL_BYTES = 16  # Polars holds a text of up to 12 bytes in a view of 16; `estimated_size` counts its letters alone
NOT_INHERITED = ("_RJEM_MALLOC_CONF", "PYTHONDONTWRITEBYTECODE")  # Polars sets the first here; an installed package has its bytecode
MEMORY_PROMISED_FROM_ROWS = 1_000_000
STARTER = """
import os, subprocess, sys, time
began = time.perf_counter()
child = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
_, status, used = os.wait4(child.pid, 0)
child.returncode = os.waitstatus_to_exitcode(status)
print(child.returncode, time.perf_counter() - began, used.ru_utime + used.ru_stime, used.ru_maxrss)
"""
SUITE = """
import sys, warnings
warnings.filterwarnings("ignore")
import pandas as pd
from deepchecks.tabular import Dataset
from deepchecks.tabular.suites import data_integrity
path = sys.argv[1]
frame = pd.read_parquet(path) if path.endswith("parquet") else pd.read_csv(path)
data_integrity().run(Dataset(frame, label="y", cat_features=[c for c in frame if c.startswith("c")]))
"""


@dataclass(frozen=True, slots=True)
class Cost:
    """Wall and processor seconds of one process, and the most memory that it held."""

    wall_s: float
    cpu_s: float
    peak_mb: float


def run(quick: bool) -> list[Measured]:
    """Check 10,000 x 20 and 1,000,000 x 20 (100,000 when quick) rows from CSV and Parquet."""
    with tempfile.TemporaryDirectory() as folder:
        found = [_small(Path(folder))]
        for kind in ("csv", "parquet"):
            found += _large(Path(folder), 100_000 if quick else 1_000_000, kind)
        return found


def _small(folder: Path) -> Measured:
    path = written(folder, 10_000, "csv")
    best = min((assay_check(path) for _ in range(5)), key=lambda cost: cost.wall_s)
    figure = f"{best.wall_s:.2f} s ({best.cpu_s:.2f} s cpu)"  # apart on a busy machine
    return Measured("check 10,000 x 20 csv, whole process, best of 5", figure, "under 1 s", best.wall_s < 1.0)


def _large(folder: Path, rows: int, kind: str) -> list[Measured]:
    path = written(folder, rows, kind)
    table = frame(rows)
    table_mb, content_mb = held_mb(table), table.estimated_size() / 1e6
    del table
    ours = assay_check(path)
    idle = process([sys.executable, "-c", "import polars, assay.audit, assay.table"])
    idle_mb = idle.peak_mb if idle else 0.0
    name = f"check {rows:,} x 20 {kind}"
    times = (ours.peak_mb - idle_mb) / table_mb
    found = [Measured(f"{name}, wall", f"{ours.wall_s:.1f} s ({ours.cpu_s:.1f} s cpu)", "under 6 s", ours.wall_s < 6.0)]
    if rows >= MEMORY_PROMISED_FROM_ROWS:
        figure = f"{times:.1f} x {table_mb:.0f} MB ({times * table_mb / content_mb:.1f} x its {content_mb:.0f} MB of numbers and letters)"
        found.append(Measured(f"{name}, memory over the imports'", figure, "at most 2 x the table", times <= 2.0))
    label = f"{name}, deepchecks' cpu time over ours"
    if not DEEPCHECKS.exists():
        return [*found, Measured(label, "deepchecks not installed", f"at least {TIMES_FASTER} x", False)]
    theirs = process([str(DEEPCHECKS), "-c", SUITE, str(path)])
    if theirs is None:
        return [*found, Measured(label, "deepchecks failed", f"at least {TIMES_FASTER} x", False)]
    ratio = theirs.cpu_s / ours.cpu_s
    figure = f"{ratio:.0f} x ({theirs.cpu_s:.0f} s, {theirs.peak_mb:.0f} MB)"
    return [*found, Measured(label, figure, f"at least {TIMES_FASTER} x", ratio >= TIMES_FASTER)]


def frame(rows: int) -> pl.DataFrame:
    """Ten numbers, four counts, five categories and a label, seeded."""
    rng = np.random.default_rng(0)
    columns: dict[str, Any] = {f"n{i}": rng.normal(size=rows) for i in range(10)}
    columns |= {f"i{i}": rng.integers(0, 50, rows) for i in range(4)}
    columns |= {f"c{i}": rng.choice(list("abcdefgh"), rows) for i in range(5)}
    columns["y"] = np.where(columns["n0"] + rng.normal(size=rows) > 0, "yes", "no")
    return pl.DataFrame(columns)


def held_mb(table: pl.DataFrame) -> float:
    """Megabytes that a frame of numbers and short texts holds: 8 bytes a number, 16 a text."""
    return sum(TEXT_CELL_BYTES if dtype == pl.String else 8 for dtype in table.dtypes) * table.height / 1e6


def written(folder: Path, rows: int, kind: str) -> Path:
    """The table on disk as csv or parquet."""
    path = folder / f"table_{rows}.{kind}"
    if kind == "csv":
        frame(rows).write_csv(path)
    else:
        frame(rows).write_parquet(path)
    return path


def assay_check(path: Path) -> Cost:
    """What `assay check` costs on this file."""
    cost = process([sys.executable, "-m", "assay", "check", str(path), "--target", "y", "--fail-on", "never"])
    if cost is None:
        raise SystemExit(f"assay check failed on {path}")
    return cost


def process(words: list[str]) -> Cost | None:
    """Run a program to its end; None if it failed.

    A small process starts it: a child's peak memory counts what its parent held when it was started.
    """
    clean = {name: value for name, value in os.environ.items() if name not in NOT_INHERITED}
    told = subprocess.run([sys.executable, "-c", STARTER, *words], check=False, capture_output=True, text=True, env=clean).stdout.split()
    if len(told) != 4 or int(told[0]):
        return None
    unit = 1e6 if sys.platform == "darwin" else 1e3
    return Cost(float(told[1]), float(told[2]), float(told[3]) / unit)
