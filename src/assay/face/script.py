"""A stranger's script, run as Python would run it: its own arguments, its own folder first on the path, its own tracebacks."""

from __future__ import annotations

import runpy
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

FAILED, INTERRUPTED = 1, 130


@dataclass(frozen=True, slots=True)
class Ending:
    """How a script ended.

    Attributes:
        status: Its exit status, as the shell would have seen it.
        state: "finished", "failed" or "interrupted".
    """

    status: int
    state: str


def run_script(file: Path, arguments: Sequence[str]) -> Ending:
    """Run a script as `__main__` in this process.

    An exception that it lets out is told by `sys.excepthook`, as Python does at the end of a program.

    Args:
        file: The script, which exists.
        arguments: Its own, without its name.
    """
    with _as_program(file, arguments):
        try:
            runpy.run_path(str(file.absolute()), run_name="__main__")
        except SystemExit as stop:
            return _exited(stop)
        except KeyboardInterrupt:
            return Ending(INTERRUPTED, "interrupted")
        except BaseException as problem:
            told = problem.with_traceback(_own_frames(problem.__traceback__))
            sys.excepthook(type(told), told, told.__traceback__)
            return Ending(FAILED, "failed")
    return Ending(0, "finished")


def _own_frames(trace: TracebackType | None) -> TracebackType | None:
    """The frames that are the script's: those after this file's and Python's own way of running it."""
    while trace is not None and trace.tb_frame.f_code.co_filename in (__file__, runpy.__file__, "<frozen runpy>"):
        trace = trace.tb_next
    return trace


@contextmanager
def _as_program(file: Path, arguments: Sequence[str]) -> Iterator[None]:
    """What a program finds: its arguments, and its folder first on the path."""
    argv, path = sys.argv, list(sys.path)
    sys.argv, sys.path[:] = [str(file), *arguments], [str(file.resolve().parent), *path]
    try:
        yield
    finally:
        sys.argv, sys.path[:] = argv, path


def _exited(stop: SystemExit) -> Ending:
    if stop.code is None or isinstance(stop.code, int):
        status = stop.code or 0
    else:
        print(stop.code, file=sys.stderr)
        status = FAILED
    return Ending(status & 0xFF, "finished" if status == 0 else "failed")
