"""The command line: parse, hand over to one command, and turn every error into one line of cause and cure."""

from __future__ import annotations

import codecs
import contextlib
import errno
import os
import shlex
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path

from assay.core.errors import AssayError, Interrupted, LeaderEnded, OptionError
from assay.core.process import rank_here

EXIT_CLEAN, EXIT_FINDINGS, EXIT_UNUSABLE = 0, 1, 2
EXIT_FAULT_OF_ASSAY = 70
EXIT_INTERRUPTED, EXIT_PIPE_CLOSED = 130, 141
TOGETHER = ("train", "demo")
PLAIN = "assay.plain"
TYPEWRITTEN = {"±": "+-", "→": "->", "–": "-", "—": "-", "…": "...", "−": "-", "×": "x", "·": ".", "│": "|", "█": "#"}


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
    # Polars' allocator then gives freed pages back at once: reading a large CSV peaks 50 MB lower, as fast as before.
    os.environ.setdefault("_RJEM_MALLOC_CONF", "dirty_decay_ms:0,muzzy_decay_ms:0")
    words = list(sys.argv[1:] if argv is None else argv)
    _open_closed_streams()
    if rank_here()[0]:  # of several processes the first one speaks
        sys.stdout = os.fdopen(os.open(os.devnull, os.O_WRONLY), "w", encoding="utf-8")
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors=PLAIN)
    try:
        status = _dispatch(words)
        sys.stdout.flush()
        return status
    except LeaderEnded:  # whose status counts; torchrun ends all as soon as one ends badly
        return EXIT_CLEAN
    except AssayError as problem:
        return _unusable(str(problem))
    except KeyboardInterrupt as stop:
        if rank_here()[0]:
            return EXIT_INTERRUPTED
        return _interrupted(words, stop.folder if isinstance(stop, Interrupted) else None)
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


def _open_closed_streams() -> None:
    """Let what is said go nowhere where the caller closed standard output or error (`>&-`)."""
    if sys.stdout is None:
        sys.stdout = os.fdopen(os.open(os.devnull, os.O_WRONLY), "w", encoding="utf-8")
    if sys.stderr is None:
        sys.stderr = os.fdopen(os.open(os.devnull, os.O_WRONLY), "w", encoding="utf-8")


def _plain(problem: UnicodeError) -> tuple[str | bytes, int]:
    """What an old terminal shows for characters that it does not know: the usual typewriter form, else the escape."""
    if not isinstance(problem, UnicodeEncodeError):
        raise problem
    unknown = problem.object[problem.start : problem.end]
    return "".join(TYPEWRITTEN.get(c) or ascii(c)[1:-1] for c in unknown), problem.end


codecs.register_error(PLAIN, _plain)


def _dispatch(words: list[str]) -> int:
    from assay.face.commands import parse

    try:
        arguments = parse(words)
    except SystemExit as done:  # argparse ends so after --help and --version
        return int(done.code or 0)
    rank, world = rank_here()
    if world > 1 and arguments.command not in TOGETHER:
        if rank:
            raise LeaderEnded(f"process {rank} of {world} has no part in this command")
        raise OptionError(f"{arguments.command} is for 1 process, and {world} were started; call it without torchrun")
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


def _interrupted(words: list[str], folder: Path | None) -> int:
    command = words[0] if words else ""
    if command == "train" and folder is not None:
        kept = [w for w in words if w not in {"--overwrite", "--resume"}]
        where = [] if any(w.partition("=")[0] == "--out" for w in words) else ["--out", str(folder)]
        told = f"what is done is kept; go on with: {shlex.join(['assay', *kept, *where, '--resume'])}"
    elif command == "train":
        told = f"nothing was begun yet; start again with: {shlex.join(['assay', *words])}"
    elif command == "demo" and folder is not None:
        told = f"what is done is kept; go on with: {shlex.join(['assay', 'train', '--out', str(folder), '--resume'])}"
    elif command == "embed" and folder is not None:
        told = f"the vectors so far are kept; ask them: {shlex.join(['assay', 'similar', str(folder), 'WORD'])}"
    else:
        told = "nothing half written stays"
    print(f"\nassay: interrupted; {told}", file=sys.stderr)
    return EXIT_INTERRUPTED
