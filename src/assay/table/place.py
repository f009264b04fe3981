"""Which files a source names: a path, a glob, or neither."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from assay.core.errors import SourceError, nearest


def files_of(source: str, sample_names: Iterable[str]) -> list[Path] | None:
    """The files that a source names, or None if it is a sample's name.

    Raises:
        SourceError: no such file, a folder, or a glob without a match.
    """
    path, names = Path(source).expanduser(), list(sample_names)
    if path.is_dir():
        files = sorted(p.name for p in path.iterdir() if p.is_file())
        hint = (
            f"such as {str(path / files[0])!r} or the glob {str(path / ('*' + Path(files[0]).suffix))!r}" if files else "it holds no file"
        )
        raise SourceError(f"{source} is a folder; give a file in it, {hint}")
    if path.exists():
        return [path]
    if any(mark in source for mark in "*?["):
        found = sorted(p for p in Path(path.anchor).glob(str(path.relative_to(path.anchor))) if p.is_file())
        if not found:
            raise SourceError(f"no file matches {source!r}; check the pattern, {_beside(path, names)}")
        return found
    if source in names:
        return None
    raise SourceError(f"no file {source!r}; {_beside(path, names)}")


def _beside(path: Path, sample_names: list[str]) -> str:
    """The files near a path that does not exist, as the tail of an error text."""
    folder = path.parent
    if not folder.is_dir():
        return f"the folder {str(folder)!r} does not exist either"
    names = [p.name for p in folder.iterdir() if p.is_file() and not p.name.startswith(".")]
    if str(folder) == ".":
        names += sample_names
    return nearest(path.name, sorted(names)) if names else f"the folder {str(folder)!r} holds no files"
