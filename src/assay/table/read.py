"""Read any source of rows as a typed table, and say what was inferred on the way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl

from assay.core.errors import SourceError
from assay.table.array import ZIP_MAGIC, read_npz
from assay.table.columnar import ARROW_MAGIC, PARQUET_MAGIC, STREAM_MAGIC, read_arrow, read_parquet
from assay.table.decode import Data, opened
from assay.table.delimited import read_delimited
from assay.table.grid import Grid, grid_of_names, refuse_other_grids
from assay.table.image_column import ImageReading, with_images
from assay.table.image_file import parsed_size
from assay.table.image_folder import FILE, LABEL, is_image_folder, read_image_folder
from assay.table.json_lines import read_json
from assay.table.kind import Typed, typed_column
from assay.table.memory import read_memory
from assay.table.place import files_of
from assay.table.raw import Raw
from assay.table.sample import SAMPLES, sample
from assay.table.table import Roles, Table

NOTED_COLUMNS = 12
KEPT_KINDS = ("category", "text", "image")  # what a column keeps from an earlier table, though its new rows may look otherwise


def read(
    source: Any,
    *,
    encoding: str | None = None,
    separator: str | None = None,
    header: bool | None = None,
    missing: Sequence[str] | None = None,
    types: Mapping[str, str] | None = None,
    like: Mapping[str, str] | None = None,
    image_size: str | None = None,
    grids: Mapping[str, Grid] | None = None,
    part: str = "train",
) -> Table:
    """Read a source of rows as a typed table; what was inferred is in its notes.

    CSV, TSV and the like, JSON lines, Parquet, Arrow, Feather and .npz files, any of them gzipped, are told apart by their
    content. A path that exists wins over a sample's name. Images come from arrays, from a folder of image files, whose
    sub-folders are the classes, or from a column of file names or encoded images.

    Args:
        source: A path, a glob of files with the same columns, a sample's name, a pandas, Polars or Arrow table, or a dict of
            arrays. A `Table` is given back as it is.
        encoding: Of text files, such as "cp1252".
        separator: Of the fields of text files.
        header: Whether a text file's first line names the columns.
        missing: Markers of missing values, in addition to those that are known.
        types: Column -> kind, instead of inferring it.
        like: Column -> kind of an earlier table: texts, categories and images of these names stay so, though these rows may look
            like numbers; names that are not there are passed over.
        image_size: Height and width to resize images to, such as "64x64"; without it all must have one size.
        grids: Images of an earlier table, whose channels and layout those of the same name are brought to.
        part: "train" or "test": of a .npz file that holds arrays of both, those to take.

    Raises:
        SourceError: the source is absent or cannot be read; says file and line.
        ColumnError: `types` names a column that there is not, or a kind that fits no value.

    Example:
        >>> table = read({"age": [31, 45], "plan": ["basic", "?"]})
        >>> table.kind("age"), table.frame["plan"].to_list()
        ('number', ['basic', None])
    """
    if isinstance(source, Table):
        return source
    wanted = {c: kind for c, kind in (like or {}).items() if kind in KEPT_KINDS} | dict(types or {})
    size, name = None if image_size is None else parsed_size(image_size), str(source)
    how = ImageReading(Path(), size, wanted, grids or {}, name)
    if is_image_folder(source):
        raw = read_image_folder(name, size=size, grids=grids)
        wanted = {FILE: "category", LABEL: "category"} | wanted
    elif isinstance(source, str | Path):
        paths = files_of(name, SAMPLES)
        if paths is None:
            return sample(name)
        raw = _joined(paths, {"encoding": encoding, "separator": separator, "header": header, "types": wanted, "part": part})
        raw = with_images(raw, replace(how, base=paths[0].parent))
    else:
        name = "table in memory"
        raw = with_images(read_memory(source), replace(how, where=name))
    for column in types or {}:
        Table(raw.frame, dict.fromkeys(raw.frame.columns, "category"), source=name).require(column)
    columns, raw = raw.frame.get_columns(), replace(raw, frame=raw.frame.clear())
    return _typed(columns, raw, name, missing or (), wanted)


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
            differing = [f"lacks {name!r}" for name in lacking[:5]] + [f"has also {name!r}" for name in extra[:5]]
            raise SourceError(f"{path} has other columns than {paths[0]}: it {', '.join(differing)}; give files with the same columns")
    frames = [part.frame.select(first) for part in parts]
    try:
        frame = pl.concat(frames, how="vertical_relaxed")
    except pl.exceptions.PolarsError:
        frame = pl.concat([f.with_columns(pl.all().cast(pl.String)) for f in frames])
    notes = [f"{len(paths)} files, read in the order of their names", *dict.fromkeys(note for part in parts for note in part.notes)]
    return Raw(frame, tuple(notes), any(p.empty_is_null for p in parts), any(p.decimal_comma for p in parts), _one_grid(parts, paths))


def _one_grid(parts: Sequence[Raw], paths: Sequence[Path]) -> Mapping[str, Grid]:
    for path, part in zip(paths[1:], parts[1:], strict=True):
        refuse_other_grids(parts[0].grids, part.grids, (str(paths[0]), str(path)))
    return parts[0].grids


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
        return read_parquet(data, path)
    if head.startswith((ARROW_MAGIC, STREAM_MAGIC)):
        return read_arrow(data, path)
    if head.startswith(ZIP_MAGIC):
        return read_npz(data, str(path), options["part"])
    for suffix, kind in ((".parquet", "Parquet"), (".feather", "Feather"), (".arrow", "Arrow"), (".npz", ".npz")):
        if suffix in suffixes:
            raise SourceError(f"{path} is no {kind} file: it begins with {head[:8]!r}; write or fetch it again")
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if {".jsonl", ".ndjson", ".json"} & set(suffixes) or start.startswith((b"{", b"[{")):
        return read_json(data, str(path), options["encoding"])
    return read_delimited(data, path, **{name: value for name, value in options.items() if name != "part"})


def _typed(columns: list[pl.Series], raw: Raw, name: str, missing: Sequence[str], types: Mapping[str, str]) -> Table:
    """Give every column its kind, and collect what was taken as missing.

    Args:
        columns: As read; taken off the list one by one, so that no column is long in memory both as read and as typed.
        raw: How they were read.
    """
    values: list[pl.Series] = []
    kinds: dict[str, str] = {}
    markers: dict[str, dict[str, int]] = {}
    notes: list[str] = []
    columns.reverse()
    while columns:
        column = columns.pop()
        if column.dtype == pl.Binary:
            values.append(column)
            kinds[column.name] = "image"
            continue
        typed = typed_column(column, types.get(column.name), missing=missing, decimal_comma=raw.decimal_comma)
        values.append(typed.values.alias(column.name))
        kinds[column.name] = typed.kind
        notes += typed.notes
        if found := _markers(raw, column, typed):
            markers[column.name] = found
    grids = dict(raw.grids)
    if not grids and (named := grid_of_names(kinds)) is not None:
        grids["image"] = named
        notes.append(f"the columns {named.columns[0]} to {named.columns[-1]} were taken as {named.told()} images")
    every_note = (*raw.notes, *_shortened(notes), *_missing_notes(markers))
    return Table(pl.DataFrame(values), kinds, Roles(ids=raw.ids), name, every_note, markers, grids)


def _markers(raw: Raw, column: pl.Series, typed: Typed) -> dict[str, int]:
    found = dict(typed.markers)
    empty = column.null_count() if raw.empty_is_null else 0
    return {**found, "": found.get("", 0) + empty} if empty else found


def _shortened(notes: Sequence[str]) -> list[str]:
    rest = len(notes) - 2 * NOTED_COLUMNS
    return list(notes) if rest <= 0 else [*notes[: 2 * NOTED_COLUMNS], f"and {rest} more notes on columns"]


def _missing_notes(markers: Mapping[str, Mapping[str, int]]) -> list[str]:
    """One sentence a column: what was taken as missing there, and how often."""
    notes = []
    for column, found in markers.items():
        shown = [f"{rows:,} {_marker_word(marker)}" for marker, rows in list(found.items())[:4]]
        rest = f" and {len(found) - 4} other values" if len(found) > 4 else ""
        notes.append(f"column {column!r}: took as missing {', '.join(shown)}{rest}")
    more = len(notes) - NOTED_COLUMNS
    return notes if more <= 0 else [*notes[:NOTED_COLUMNS], f"and missing values in {more} more columns"]


def _marker_word(marker: str) -> str:
    if not marker:
        return "empty"
    return repr(marker) if marker.strip() else "blank"
