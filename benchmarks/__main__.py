"""Run the benchmarks: python -m benchmarks [NAME ...] [--quick]."""

from __future__ import annotations

import argparse
import importlib
import pkgutil
import sys
import time
from collections.abc import Callable, Iterable

import benchmarks
from assay.core.errors import AssayError, OptionError, nearest
from benchmarks.measured import Measured

NOT_BENCHMARKS = {"__main__", "measured"}


def names() -> list[str]:
    """Every benchmark: a file of this folder with a function run(quick) that gives Measured values."""
    return sorted(info.name for info in pkgutil.iter_modules(benchmarks.__path__) if info.name not in NOT_BENCHMARKS)


def load(name: str) -> Callable[[bool], Iterable[Measured]]:
    """The run function of a benchmark.

    Raises:
        OptionError: there is no benchmark of that name.
    """
    if name not in names():
        raise OptionError(f"no benchmark {name!r}; {nearest(name, names())}")
    run: Callable[[bool], Iterable[Measured]] = importlib.import_module(f"benchmarks.{name}").run
    return run


def line(measured: Measured) -> str:
    """One promise as it is printed."""
    return f"{measured.name:<58} {measured.figure:>22}   {measured.promise:<34} {'holds' if measured.holds else 'falls short'}"


def main(argv: list[str] | None = None) -> int:
    """Measure, print, and say 1 if a promise falls short."""
    options = argparse.ArgumentParser(prog="python -m benchmarks", description="Measure what was promised.")
    options.add_argument("names", nargs="*", metavar="NAME", help=f"which: {', '.join(names())} (default: all)")
    options.add_argument("--quick", action="store_true", help="smaller inputs, for a first look")
    chosen = options.parse_args(argv)
    try:
        runs = {name: load(name) for name in chosen.names or names()}
    except AssayError as problem:
        print(f"benchmarks: {problem}", file=sys.stderr)
        return 2
    short = 0
    for name, run in runs.items():
        began = time.perf_counter()
        for measured in run(chosen.quick):
            print(line(measured), flush=True)
            short += not measured.holds
        print(f"  ({name}: {time.perf_counter() - began:.0f} s)", flush=True)
    return int(short > 0)


if __name__ == "__main__":
    sys.exit(main())
