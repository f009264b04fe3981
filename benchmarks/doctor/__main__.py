"""Run the doctor's benchmark, or one case of it: python -m benchmarks.doctor [--quick] [--json FILE] [--match TEXT] [--case NAME]."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from assay.core.errors import OptionError, nearest


def show(name: str, seed: int, repaired: bool) -> int:
    """One training, its score and its findings."""
    import torch

    from benchmarks.doctor.runner import FAULTS, HEALTHY
    from benchmarks.doctor.trial import tried

    torch.set_num_threads(1)
    cases = {**FAULTS, **HEALTHY}
    if name not in cases:
        raise OptionError(f"no case {name!r}; {nearest(name, list(cases))}")
    said = tried(cases[name], seed, repaired)
    twin = " repaired" if repaired else ""
    print(f"{name} seed {seed}{twin}: score {said.score:.3f}, overhead {said.overhead:.1%}, {said.cpu_seconds:.1f} s")
    print(f"true causes: {', '.join(said.causes) or 'none'}")
    for share, names in said.polls:
        print(f"  at {share:>4.0%}: {', '.join(names) or '-'}")
    for f in said.findings:
        print(f"{f['severity']:<8}{f['name']}{' <- ' + f['caused_by'] if f['caused_by'] else ''}  {f['at']}")
        print(f"    saw {f['saw']}\n    expected {f['expected']}\n    {f['remedy']}")
    for trouble in said.troubles:
        print(f"trouble {trouble}")
    return 0


def main(argv: list[str] | None = None) -> int:
    """Print the table and what fell short; 1 where a promise is broken."""
    options = argparse.ArgumentParser(prog="python -m benchmarks.doctor", description="Measure the training doctor.")
    options.add_argument("--quick", action="store_true", help="one seed, each fault on one ground")
    options.add_argument("--json", type=Path, metavar="FILE", help="keep everything that was said")
    options.add_argument("--match", default="", metavar="TEXT", help="only cases whose name has this in it")
    options.add_argument("--case", metavar="NAME", help="one training, with all its findings")
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--repaired", action="store_true", help="with --case: the repaired twin")
    chosen = options.parse_args(argv)
    if chosen.case:
        try:
            return show(chosen.case, chosen.seed, chosen.repaired)
        except OptionError as problem:
            print(f"doctor: {problem}", file=sys.stderr)
            return 2
    from benchmarks.doctor import runner

    began = time.process_time()
    said = []
    for one in runner.trained(chosen.quick, chosen.match):
        said.append(one)
        for line in runner.shortfalls(one):
            print(line, flush=True)
    if chosen.json:
        runner.kept(said, chosen.json)
    print("\n".join(runner.table(said)))
    print(f"{len(said)} trainings in {time.process_time() - began:.0f} s of CPU time")
    found = runner.totals(said)
    keeps = found["top"] >= runner.TOP_SHARE and found["named"] >= runner.NAMED_SHARE
    return int(not (keeps and found["alarmed"] <= runner.ALARM_SHARE and found["early"] >= 0.5))


if __name__ == "__main__":
    sys.exit(main())
