"""The command line: parse, hand over to one command, and turn every error into one line of cause and cure."""

from __future__ import annotations

import contextlib
import errno
import os
import shlex
import sys
import traceback
from collections.abc import Sequence

from assay.core.errors import AssayError

EXIT_CLEAN, EXIT_FINDINGS, EXIT_UNUSABLE = 0, 1, 2
EXIT_FAULT_OF_ASSAY = 70
EXIT_INTERRUPTED, EXIT_PIPE_CLOSED = 130, 141


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command line and say its exit status.

    Args:
        argv: The words after `assay`; those of the process when None.

    Returns:
        0 done or clean, 1 findings at or above --fail-on, 2 the input cannot be used, 130 interrupted,
        141 the reader of the output went away, 70 a fault of Assay itself.

    Example:
        >>> main(["--version"])
        assay 0.1.0
        0
    """
    words = list(sys.argv[1:] if argv is None else argv)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    try:
        status = _dispatch(words)
        sys.stdout.flush()
        return status
    except AssayError as problem:
        return _unusable(str(problem))
    except KeyboardInterrupt:
        return _interrupted(words)
    except BrokenPipeError:
        with contextlib.suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_PIPE_CLOSED
    except OSError as problem:
        return _unusable(_of_the_system(problem))
    except MemoryError:
        return _unusable("out of memory; give fewer rows, drop wide columns with --drop, or use a larger machine")
    except Exception:
        traceback.print_exc()
        print("assay: this is a fault of Assay, not of your data; please report it with the lines above", file=sys.stderr)
        return EXIT_FAULT_OF_ASSAY


def _dispatch(words: list[str]) -> int:
    from assay.face.commands import parse

    try:
        arguments = parse(words)
    except SystemExit as done:  # argparse ends so after --help and --version
        return int(done.code or 0)
    return int(arguments.run(arguments))


def _unusable(text: str) -> int:
    print(f"assay: {' '.join(text.split())}", file=sys.stderr)
    return EXIT_UNUSABLE


def _of_the_system(problem: OSError) -> str:
    what = problem.strerror or str(problem)
    where = f"use {problem.filename}" if problem.filename else "write the output"
    cure = {
        errno.ENOSPC: "free some space, or write elsewhere with --out",
        errno.EDQUOT: "free some space, or write elsewhere with --out",
        errno.EACCES: "check the permissions, or write elsewhere with --out",
        errno.EPERM: "check the permissions, or write elsewhere with --out",
        errno.EROFS: "the file system is read-only; write elsewhere with --out",
        errno.EMFILE: "too many files are open; raise the limit with ulimit -n",
    }.get(problem.errno or 0, "check the path and try again")
    return f"cannot {where}: {what}; {cure}"


def _interrupted(words: list[str]) -> int:
    if words and words[0] == "train":
        again = shlex.join(["assay", *words, *([] if "--resume" in words else ["--resume"])])
        print(f"\nassay: interrupted; what is done is kept; go on with: {again}", file=sys.stderr)
    elif words and words[0] == "demo":
        print("\nassay: interrupted; begin anew with: assay demo --overwrite", file=sys.stderr)
    else:
        print("\nassay: interrupted; nothing half written stays", file=sys.stderr)
    return EXIT_INTERRUPTED
