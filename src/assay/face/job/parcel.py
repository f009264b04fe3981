"""What travels to another machine and back: the files that a run reads, and the folder that it leaves, each as one zip archive."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from assay.core.errors import SourceError
from assay.face.job.language_settings import LanguageSettings
from assay.face.job.settings import Settings

MAGIC = "*?["
PROJECT = "pyproject.toml"


@dataclass(frozen=True)
class Parcel:
    """A run to be worked on elsewhere.

    Attributes:
        settings: As JSON, with paths as they are where the files are unpacked.
        is_text: Whether they are those of a text.
        files: A zip archive of what the run reads.
    """

    settings: dict[str, Any]
    is_text: bool
    files: bytes


def packed(settings: Settings | LanguageSettings, project: Path | None = None) -> Parcel:
    """Everything that a run needs.

    Args:
        settings: Of the run; its source and the file of rows to test on are packed, a bundled sample is not.
        project: The file with the project's decisions.

    Raises:
        SourceError: a file is not there.
    """
    found = {} if _is_sample(settings.source) else _files(settings.source, "")
    source, test = next(iter(found), settings.source), settings.test
    files = dict(found.get(source, {}))
    if settings.test_share is None:
        held_out = _files(settings.test, "held-out")
        test = next(iter(held_out))
        files |= held_out[test]
    if project is not None:
        files[PROJECT] = project
    there = replace(settings, source=source, test=test)
    return Parcel(there.to_json(), isinstance(settings, LanguageSettings), archive(files.items()))


def archive(files: Iterable[tuple[str, Path]]) -> bytes:
    """A zip archive of files by their names in it."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as made:
        for name, path in files:
            made.write(path, name)
    return buffer.getvalue()


def archive_of(folder: Path) -> bytes:
    """A zip archive of all that is in a folder."""
    return archive((file.relative_to(folder).as_posix(), file) for file in sorted(folder.rglob("*")) if file.is_file())


def unpack(data: bytes, folder: Path) -> None:
    """Put an archive's files into a folder; names that lead out of it do not."""
    with zipfile.ZipFile(io.BytesIO(data)) as opened:
        opened.extractall(folder)


def _is_sample(source: str) -> bool:
    from assay.table import samples

    return source in {sample.name for sample in samples()} and not Path(source).exists()


def _files(source: str, under: str) -> dict[str, dict[str, Path]]:
    """What a path, a folder or a glob is called where it is unpacked, and its files by their names there.

    Raises:
        SourceError: there is none.
    """
    path = Path(source)
    parts = path.parts
    first = next((i for i, part in enumerate(parts) if any(c in part for c in MAGIC)), len(parts) - 1)
    base, pattern = Path(*parts[:first]), "/".join(parts[first:])
    matches = [path] if path.exists() else sorted(base.glob(pattern))
    inside = [file for match in matches for file in (sorted(match.rglob("*")) if match.is_dir() else [match]) if file.is_file()]
    if not inside:
        raise SourceError(f"no file {source!r} to send; give an existing path, a glob or the name of a bundled sample")
    named = {"/".join(filter(None, (under, file.relative_to(base).as_posix()))): file for file in inside}
    return {"/".join(filter(None, (under, pattern))): named}
