"""A stranger's script, run as Python would run it: its own arguments, its own folder first on the path, its own tracebacks."""

from __future__ import annotations

import builtins
import io
import sys
import types
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from assay.core.errors import SourceError

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

    An exception that it lets out is printed by `sys.excepthook`, as Python does at the end of a program.

    Args:
        file: The script.
        arguments: Its own, without its name.

    Raises:
        SourceError: there is no such file, or it is no text in Python's encoding.
    """
    code = _compiled(file)
    if isinstance(code, Ending):
        return code
    module = types.ModuleType("__main__")
    module.__dict__.update(__file__=str(file), __builtins__=builtins, __cached__=None)
    with _as_program(module, file, arguments):
        try:
            exec(code, module.__dict__)  # noqa: S102  running the script is what was asked
        except SystemExit as stop:
            return _exited(stop)
        except KeyboardInterrupt:
            return Ending(INTERRUPTED, "interrupted")
        except BaseException as problem:
            trace = problem.__traceback__
            told = problem.with_traceback(trace.tb_next if trace is not None else None)  # the frame of this file is none of its own
            sys.excepthook(type(told), told, told.__traceback__)
            return Ending(FAILED, "failed")
    return Ending(0, "finished")


def _compiled(file: Path) -> types.CodeType | Ending:
    try:
        with io.open_code(str(file)) as stream:
            source = stream.read()
    except OSError as problem:
        raise SourceError(f"cannot read {file}: {problem.strerror or problem}; give the path of a Python script") from problem
    try:
        return compile(source, str(file), "exec")
    except (SyntaxError, ValueError) as problem:
        sys.excepthook(type(problem), problem.with_traceback(None), None)
        return Ending(FAILED, "failed")


@contextmanager
def _as_program(module: types.ModuleType, file: Path, arguments: Sequence[str]) -> Iterator[None]:
    """What a program finds: itself as `__main__`, its arguments, its folder first on the path."""
    argv, path, main = sys.argv, list(sys.path), sys.modules.get("__main__")
    sys.argv, sys.path[:] = [str(file), *arguments], [str(file.resolve().parent), *path]
    sys.modules["__main__"] = module
    try:
        yield
    finally:
        sys.argv, sys.path[:] = argv, path
        if main is not None:
            sys.modules["__main__"] = main


def _exited(stop: SystemExit) -> Ending:
    if stop.code is None or isinstance(stop.code, int):
        status = stop.code or 0
    else:
        print(stop.code, file=sys.stderr)
        status = FAILED
    return Ending(status & 0xFF, "finished" if status == 0 else "failed")
