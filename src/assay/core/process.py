"""Which process works on something, and whether it still lives, so that a mark that a dead one left behind blocks nobody."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def rank_here() -> tuple[int, int]:
    """Which process this is of how many that were started to work together, as torchrun does, by RANK and WORLD_SIZE; (0, 1) alone.

    Example:
        >>> rank_here()
        (0, 1)
    """
    rank, world = os.environ.get("RANK", ""), os.environ.get("WORLD_SIZE", "")
    return (int(rank), int(world)) if rank.isdigit() and world.isdigit() and int(world) > 1 else (0, 1)


def this_process() -> dict[str, Any]:
    """This process as it is written down: its number, when it was born (0 where the system does not tell), its machine.

    Example:
        >>> is_at_work(this_process())
        False
    """
    return {"pid": os.getpid(), "born": born(os.getpid()), "host": platform.node()}


def is_at_work(written: Mapping[str, Any] | None) -> bool:
    """Whether the process that was written down is another one than this, on this machine, and lives.

    A number that was given to a new process since is told by its time of birth. Of processes on other machines nothing is
    known; they count as gone, so that a run can be taken along to another machine.
    """
    if not written or written.get("host") != platform.node():
        return False
    pid = written.get("pid")
    if not isinstance(pid, int) or pid <= 0 or pid == os.getpid() or not _lives(pid):
        return False
    return bool(written.get("born", 0) == born(pid))


def _lives(pid: int) -> bool:
    if os.name != "posix":  # signal 0 asks on POSIX and ends the process elsewhere
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return _stat(pid)[:1] != ["Z"]


def born(pid: int) -> int:
    """Clock ticks from the machine's start to the process's; 0 where the system does not tell."""
    fields = _stat(pid)
    return int(fields[19]) if len(fields) > 19 else 0


def _stat(pid: int) -> list[str]:
    """The fields of /proc/PID/stat after the name, which may hold blanks: the state, then numbers; empty without /proc."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except OSError:
        return []
