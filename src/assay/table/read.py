"""Read any source of rows as a typed table, and say what was inferred on the way."""

from __future__ import annotations

import glob
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from assay.core.errors import SourceError, nearest
from assay.table.columnar import (
    ARROW_MAGIC,
    PARQUET_MAGIC,
    STREAM_MAGIC,
    ZIP_MAGIC,
    read_arrow,
    read_json,
    read_npz,
    read_parquet,
)
from assay.table.decode import Data, opened
from assay.table.delimited import read_delimited
from assay.table.kind import Typed, typed_column
from assay.table.memory import read_memory
from assay.table.raw import Raw
from assay.table.sample import SAMPLES, sample
from assay.table.table import Table

NOTED_COLUMNS = 12


def read(
    source: Any,
    *,
    encoding: str | None = None,
    separator: str | None = None,
    header: bool | None = None,
    missing: Sequence[str] | None = None,
    types: Mapping[str, str] | None = None,
) -> Table:
    """Read a source of rows as a typed table; what was inferred is in its notes.

    CSV, TSV and the like, JSON lines, Parquet, Arrow, Feather and .npz files, any of them gzipped, are told apart by their
    content. A path that exists wins over a sample's name.

    Args:
        source: A path, a glob of files with the same columns, a sample's name, a pandas, Polars or Arrow table, or a dict of arrays.
        encoding: Of text files, such as "cp1252".
        separator: Of the fields of text files.
        header: Whether a text file's first line names the columns.
        missing: Markers of missing values, in addition to those that are known.
        types: Column -> kind, instead of inferring it.

    Raises:
        SourceError: the source is absent or cannot be read; says file and line.
        ColumnError: `types` names a column that there is not, or a kind that fits no value.

    Example:
        >>> table = read({"age": [31, 45], "plan": ["basic", "?"]})
        >>> table.kind("age"), table.frame["plan"].to_list()
        ('number', ['basic', None])
    """
    if isinstance(source, str | Path):
        paths = _paths(str(source))
        if paths is None:
            return sample(str(source))
        options = {"encoding": encoding, "separator": separator, "header": header, "types": types}
        raw = _joined(paths, options)
        name = str(source)
    else:
        raw, name = read_memory(source), "table in memory"
    return _typed(raw, name, missing or (), types or {})


def _paths(source: str) -> list[Path] | None:
    """The files that a source names, or None if it is a sample's name.

    Raises:
        SourceError: no such file, a folder, or a glob without a match.
    """
    path = Path(source).expanduser()
    if path.is_dir():
        files = sorted(p.name for p in path.iterdir() if p.is_file())
        hint = (
            f"such as {str(path / files[0])!r} or the glob {str(path / ('*' + Path(files[0]).suffix))!r}" if files else "it holds no file"
        )
        raise SourceError(f"{source} is a folder; give a file in it, {hint}")
    if path.exists():
        return [path]
    if any(mark in source for mark in "*?["):
        found = [Path(p) for p in sorted(glob.glob(str(path), recursive=True)) if Path(p).is_file()]
        if not found:
            raise SourceError(f"no file matches {source!r}; check the pattern, {_beside(path)}")
        return found
    if source in SAMPLES:
        return None
    raise SourceError(f"no file {source!r}; {_beside(path)}")


def _beside(path: Path) -> str:
    """The files near a path that does not exist, as the tail of an error text."""
    folder = path.parent
    if not folder.is_dir():
        return f"the folder {str(folder)!r} does not exist either"
    names = [p.name for p in folder.iterdir() if p.is_file() and not p.name.startswith(".")]
    if str(folder) == ".":
        names += list(SAMPLES)
    return nearest(path.name, sorted(names)) if names else f"the folder {str(folder)!r} holds no files"


def _joined(paths: Sequence[Path], options: Mapping[str, Any]) -> Raw:
    """The rows of all files, one below the other.

    Raises:
        SourceError: a file has other columns than the first; names both.
    """
    parts = [_one(path, {**options, "as_text": len(paths) > 1}) for path in paths]
    if len(parts) == 1:
        return parts[0]
    first = parts[0].frame.columns
    for path, part in zip(paths[1:], parts[1:], strict=True):
        lacking = [c for c in first if c not in part.frame.columns]
        extra = [c for c in part.frame.columns if c not in first]
        if lacking or extra:
            differing = "; ".join(
                filter(
                    None,
                    (lacking and f"lacks {', '.join(map(repr, lacking[:5]))}", extra and f"has also {', '.join(map(repr, extra[:5]))}"),
                )
            )
            raise SourceError(f"{path} has other columns than {paths[0]}: it {differing}; give files with the same columns")
    frames = [part.frame.select(first) for part in parts]
    try:
        frame = pl.concat(frames, how="vertical_relaxed")
    except pl.exceptions.PolarsError:
        frame = pl.concat([f.with_columns(pl.all().cast(pl.String)) for f in frames])
    notes = [f"{len(paths)} files, read in the order of their names", *dict.fromkeys(note for part in parts for note in part.notes)]
    return Raw(frame, tuple(notes), any(p.empty_is_null for p in parts), any(p.decimal_comma for p in parts))


def _one(path: Path, options: Mapping[str, Any]) -> Raw:
    with opened(path) as data:
        raw = _by_content(data, path, options)
    if raw.frame.is_empty():
        raise SourceError(f"{path} has {raw.frame.width} columns and no rows; give a file with at least one row")
    return raw


def _by_content(data: Data, path: Path, options: Mapping[str, Any]) -> Raw:
    head = bytes(data[:64])
    suffixes = [s.lower() for s in path.suffixes]
    if head.startswith(PARQUET_MAGIC):
        return read_parquet(data, str(path))
    if head.startswith(ARROW_MAGIC) or (head.startswith(STREAM_MAGIC) and {".arrow", ".feather", ".arrows", ".ipc"} & set(suffixes)):
        return read_arrow(data, str(path))
    if head.startswith(ZIP_MAGIC):
        return read_npz(data, str(path))
    for suffix, kind in ((".parquet", "Parquet"), (".feather", "Feather"), (".arrow", "Arrow"), (".npz", ".npz")):
        if suffix in suffixes:
            raise SourceError(f"{path} is no {kind} file: it begins with {head[:8]!r}; write or fetch it again")
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if {".jsonl", ".ndjson", ".json"} & set(suffixes) or start.startswith((b"{", b"[{")):
        return read_json(data, str(path), options["encoding"])
    return read_delimited(data, path, **options)


def _typed(raw: Raw, name: str, missing: Sequence[str], types: Mapping[str, str]) -> Table:
    """Give every column its kind, and collect what was taken as missing."""
    untyped = Table(raw.frame, dict.fromkeys(raw.frame.columns, "category"), source=name)
    for column in types:
        untyped.require(column)
    columns: list[pl.Series] = []
    kinds: dict[str, str] = {}
    markers: dict[str, dict[str, int]] = {}
    notes: list[str] = []
    for column in raw.frame.get_columns():
        typed = typed_column(column, types.get(column.name), missing=missing, decimal_comma=raw.decimal_comma)
        columns.append(typed.values.alias(column.name))
        kinds[column.name] = typed.kind
        found = _markers(column, typed, empty_is_null=raw.empty_is_null)
        if found:
            markers[column.name] = found
        notes += typed.notes
    return Table(
        pl.DataFrame(columns), kinds, source=name, notes=(*raw.notes, *_shortened(notes), *_missing_notes(markers)), markers=markers
    )


def _markers(column: pl.Series, typed: Typed, *, empty_is_null: bool) -> dict[str, int]:
    empty = column.null_count() if empty_is_null else 0
    found = dict(typed.markers)
    if empty:
        found[""] = found.get("", 0) + empty
    return found


def _shortened(notes: Sequence[str]) -> list[str]:
    rest = len(notes) - 2 * NOTED_COLUMNS
    return list(notes) if rest <= 0 else [*notes[: 2 * NOTED_COLUMNS], f"and {rest} more notes on columns"]


def _missing_notes(markers: Mapping[str, Mapping[str, int]]) -> list[str]:
    """One sentence a column: what was taken as missing there, and how often."""
    notes = []
    for column, found in markers.items():
        shown = ", ".join(
            f"{rows:,} {'empty' if marker == '' else 'blank' if not marker.strip() else repr(marker)}"
            for marker, rows in list(found.items())[:4]
        )
        notes.append(f"column {column!r}: took as missing {shown}" + (f" and {len(found) - 4} other values" if len(found) > 4 else ""))
    rest = len(notes) - NOTED_COLUMNS
    return notes if rest <= 0 else [*notes[:NOTED_COLUMNS], f"and missing values in {rest} more columns"]
