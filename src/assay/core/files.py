"""Files that are whole or absent: everything a run keeps is written beside its place and moved there in one step."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

from assay.core.errors import RunError
from assay.core.evidence import plain


def write_atomically(path: Path, write: Callable[[IO[bytes]], object], *, new: bool = False) -> None:
    """Let `write` fill a temporary file beside `path`, flush it to disk and move it there in one step.

    Args:
        path: Where it is to be.
        write: Fills the open file.
        new: Refuse, with FileExistsError, where a file is there already: of two writers one gets the place.

    Raises:
        RunError: the disk is full or the folder cannot be written; nothing half written stays.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
    except OSError as problem:
        raise RunError(f"cannot write {path}: {problem.strerror or problem}; choose another folder with --out") from problem
    try:
        with os.fdopen(handle, "wb") as stream:
            write(stream)
            stream.flush()
            os.fsync(stream.fileno())
        Path(name).chmod(0o644)
        if not (new and _linked(Path(name), path)):
            Path(name).replace(path)
    except FileExistsError:
        raise
    except OSError as problem:
        raise RunError(
            f"cannot write {path}: {problem.strerror or problem}; free some space or choose another folder with --out"
        ) from problem
    finally:
        Path(name).unlink(missing_ok=True)


def _linked(file: Path, place: Path) -> bool:
    """Whether a file could be put in an empty place by a link, the one way that fails where a file is there already."""
    try:
        place.hardlink_to(file)
    except FileExistsError:
        raise
    except OSError:  # some file systems know no links; there the check before must do
        return False
    return True


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 text, whole or not at all."""
    write_atomically(path, lambda stream: stream.write(text.encode("utf-8")))


def write_json(path: Path, data: Any, *, new: bool = False) -> None:
    """Write data (dataclasses included) as strict JSON, whole or not at all; `new` as in `write_atomically`."""
    text = json.dumps(plain(data), indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    write_atomically(path, lambda stream: stream.write(text.encode("utf-8")), new=new)


def remove_parts(folder: Path) -> None:
    """Remove what a killed process left half written in a folder and below it; no reader ever looks at these files."""
    for file in folder.rglob(".*.part"):
        if file.is_file():
            file.unlink(missing_ok=True)


def read_json(path: Path) -> Any:
    """Read JSON of a run folder.

    Raises:
        RunError: the file is absent, or is no JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as problem:
        raise RunError(f"no file {path}; this is no finished run folder") from problem
    except (OSError, ValueError) as problem:
        raise RunError(f"cannot read {path}: {problem}; the file was changed by hand or cut") from problem
