"""How the signals of the rules are distributed over healthy and repaired trainings, so that thresholds are measured, not guessed.

Usage: python -m benchmarks.doctor.calibrate [--beside RULE] [--match TEXT] [--seeds 3] [--extremes SIGNAL] [--json FILE]
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch

from benchmarks.doctor.case import FAULTS, HEALTHY, Case
from benchmarks.doctor.runner import ENTERED
from benchmarks.doctor.signal import SIGNALS
from benchmarks.doctor.trial import tried

QUANTILES = (0.0, 0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99, 1.0)
Measures = dict[str, dict[str, float]]


def signals_of(case: Case, seed: int, repaired: bool) -> dict[str, float]:
    """Every signal of one training."""
    found: dict[str, float] = {}
    tried(case, seed, repaired, keep=lambda evidence: found.update({name: float(signal(evidence)) for name, signal in SIGNALS.items()}))
    return found


def measures(cases: list[Case], seeds: range, repaired: bool) -> Measures:
    """Signals by training."""
    return {f"{case.name} {seed}": signals_of(case, seed, repaired) for case in cases for seed in seeds}


def quantiles(values: list[float]) -> list[float]:
    """Of the numbers that are finite."""
    known = np.array([v for v in values if np.isfinite(v)])
    return [float(q) for q in np.quantile(known, QUANTILES)] if len(known) else []


def lines(innocent: Measures, guilty: Measures) -> Iterator[str]:
    """One line a signal, and one more for the faults beside it."""
    yield f"{'signal':<34}{'n':>5}" + "".join(f"{f'{q:.0%}':>10}" for q in QUANTILES)
    for name in SIGNALS:
        for label, rows in ((name, innocent), ("  faulty", guilty)):
            found = quantiles([row[name] for row in rows.values() if name in row])
            if found:
                n = sum(np.isfinite(row.get(name, np.nan)) for row in rows.values())
                yield f"{label:<34}{n:>5}" + "".join(f"{value:>10.3g}" for value in found)


def extremes(rows: Measures, signal: str, n: int = 12) -> Iterator[str]:
    """The trainings at both ends of a signal."""
    known = sorted((row[signal], case) for case, row in rows.items() if np.isfinite(row.get(signal, np.nan)))
    for value, case in [*known[:n], *known[n:][-n:]]:
        yield f"{value:>12.4g}  {case}"


def main(argv: list[str] | None = None) -> int:
    """Measure and print."""
    options = argparse.ArgumentParser(prog="python -m benchmarks.doctor.calibrate", description="Distributions of the doctor's signals.")
    options.add_argument("--beside", default="", metavar="RULE", help="the faults of this rule beside the innocent trainings")
    options.add_argument("--match", default="", metavar="TEXT", help="only trainings whose name has this in it")
    options.add_argument("--seeds", type=int, default=1)
    options.add_argument("--extremes", choices=list(SIGNALS), metavar="SIGNAL", help="also the trainings at both ends of this signal")
    options.add_argument("--json", type=Path, metavar="FILE", help="keep every signal of every training")
    chosen = options.parse_args(argv)
    torch.set_num_threads(1)
    seeds = range(chosen.seeds)
    faults = [c for c in FAULTS.values() if c.is_quick and chosen.match in c.name]
    innocent = measures([c for c in HEALTHY.values() if chosen.match in c.name], seeds, True) | measures(faults, seeds, True)
    guilty = measures([c for c in FAULTS.values() if c.causes[0] == chosen.beside], seeds, False)
    print("\n".join(lines(innocent, guilty)))
    if chosen.extremes:
        print("\n".join(["innocent", *extremes(innocent, chosen.extremes), "faulty", *extremes(guilty, chosen.extremes)]))
    if chosen.json:
        chosen.json.write_text(json.dumps({"innocent": innocent, "faulty": guilty}, indent=1), encoding="utf-8")
    return 0 if ENTERED else 1


if __name__ == "__main__":
    sys.exit(main())
