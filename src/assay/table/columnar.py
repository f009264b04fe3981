"""Read Parquet, Arrow, NumPy and JSON files into plain columns."""

from __future__ import annotations

import io
import json
import zipfile
from typing import Any

import numpy as np
import polars as pl

from assay.core.errors import SourceError
from assay.table.decode import Data, declared_encoding, decoded
from assay.table.dialect import MAX_COLUMNS
from assay.table.raw import Raw

PARQUET_MAGIC, ARROW_MAGIC, ZIP_MAGIC, STREAM_MAGIC = b"PAR1", b"ARROW1", b"PK\x03\x04", b"\xff\xff\xff\xff"


def read_parquet(data: Data, where: str) -> Raw:
    """The rows of a Parquet file.

    Raises:
        SourceError: the file is damaged or cut, or has too many columns.
    """
    try:
        width = len(pl.read_parquet_schema(io.BytesIO(data)))
        _refuse_wide(width, where)
        return plain_columns(pl.read_parquet(io.BytesIO(data)))
    except (pl.exceptions.PolarsError, OSError) as problem:
        raise SourceError(f"{where} is a damaged Parquet file ({_first_line(problem)}); write or fetch it again") from problem


def read_arrow(data: Data, where: str) -> Raw:
    """The rows of an Arrow or Feather file, or of an Arrow stream.

    Raises:
        SourceError: the file is damaged or cut, or has too many columns.
    """
    stream = not bytes(data[:6]) == ARROW_MAGIC
    try:
        frame = pl.read_ipc_stream(io.BytesIO(data)) if stream else pl.read_ipc(io.BytesIO(data))
    except (pl.exceptions.PolarsError, OSError) as problem:
        raise SourceError(f"{where} is a damaged Arrow file ({_first_line(problem)}); write or fetch it again") from problem
    _refuse_wide(frame.width, where)
    return plain_columns(frame)


def read_npz(data: Data, where: str) -> Raw:
    """The arrays of a .npz file as columns; of x_train, y_train, x_test, y_test the training arrays, with a note.

    Raises:
        SourceError: the file is damaged, holds Python objects, or arrays of different lengths.
    """
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
    except (ValueError, OSError, EOFError, zipfile.BadZipFile) as problem:
        raise SourceError(f"{where} cannot be read as .npz ({_first_line(problem)}); save plain arrays with numpy.savez") from problem
    notes = []
    training = [name for name in arrays if name.endswith("_train")]
    if training:
        rest = [name for name in arrays if name not in training]
        notes.append(f"took the arrays {', '.join(training)}" + (f" and left out {', '.join(rest)}" if rest else ""))
        arrays = {name.removesuffix("_train"): arrays[name] for name in training}
    raw = columns_of(arrays, where)
    return Raw(raw.frame, (*notes, *raw.notes))


def columns_of(arrays: dict[str, Any], where: str) -> Raw:
    """A mapping of names to arrays or sequences as columns; an array of more dimensions becomes name_0, name_1 and so on.

    Raises:
        SourceError: different lengths, no column, too many columns.
    """
    shaped = {name: values if isinstance(values, pl.Series) else _array(values) for name, values in arrays.items()}
    lengths = {name: len(values) for name, values in shaped.items() if np.ndim(values) > 0}
    if len(lengths) < len(shaped) or not shaped:
        scalar = next((name for name in shaped if name not in lengths), "nothing")
        raise SourceError(f"{where} has no rows in {scalar!r}; each column is a sequence of values")
    if len(set(lengths.values())) > 1:
        names = list(lengths)
        odd = next(name for name in names if lengths[name] != lengths[names[0]])
        raise SourceError(
            f"{where} is not rectangular: {names[0]!r} has {lengths[names[0]]:,} rows and {odd!r} has {lengths[odd]:,}; give columns of one length"
        )
    _refuse_wide(sum(int(np.prod(np.shape(v)[1:])) for v in shaped.values()), where)
    columns, notes = [], []
    for name, values in shaped.items():
        if np.ndim(values) == 1:
            columns.append(values.alias(str(name)) if isinstance(values, pl.Series) else _series(str(name), values))
            continue
        wide = values.reshape(len(values), -1)
        stem = "pixel" if name == "x" and values.dtype == np.uint8 and values.ndim == 3 else str(name)
        columns += [_series(f"{stem}_{i}", np.ascontiguousarray(wide[:, i])) for i in range(wide.shape[1])]
        notes.append(
            f"array {name!r} of shape {'x'.join(map(str, values.shape))} became the columns {stem}_0 to {stem}_{wide.shape[1] - 1}"
        )
    raw = plain_columns(pl.DataFrame(columns))
    return Raw(raw.frame, (*notes, *raw.notes))


def _array(values: Any) -> Any:
    if isinstance(values, np.ndarray):
        return values
    if isinstance(values, str | bytes) or not hasattr(values, "__len__"):
        return np.asarray(values)
    if hasattr(values, "to_numpy") and not isinstance(values, list | tuple):
        return values.to_numpy()
    return pl.Series(values, strict=False)


def _series(name: str, values: Any) -> pl.Series:
    if values.dtype.kind == "O":
        return pl.Series(name, [None if v is None or v != v else v for v in values.tolist()], strict=False)  # noqa: PLR0124
    if values.dtype.kind == "S":
        return pl.Series(name, np.char.decode(values, "latin-1"))
    return pl.Series(name, values.astype(values.dtype.newbyteorder("=")))


def read_json(data: Data, where: str, encoding: str | None) -> Raw:
    """The objects of a JSON array, or of JSON lines, as rows.

    Raises:
        SourceError: no JSON, or no objects; says the line.
    """
    text, note = decoded(data, declared_encoding(data, encoding, where), where)
    notes = (note,) if note else ()
    lined = text.lstrip()[:1] != b"["
    try:
        frame = pl.read_ndjson(text, infer_schema_length=None) if lined else pl.read_json(text, infer_schema_length=None)
    except (pl.exceptions.PolarsError, ValueError) as problem:
        frame = _by_object(text, where, lined=lined, problem=problem)
    if frame.is_empty() or not frame.width:
        raise SourceError(f'{where} holds no objects with fields; give JSON lines such as {{"age": 31}}')
    _refuse_wide(frame.width, where)
    raw = plain_columns(frame)
    return Raw(raw.frame, (*notes, *raw.notes))


def _by_object(text: bytes, where: str, *, lined: bool, problem: Exception) -> pl.DataFrame:
    """Read objects whose fields change their type, or say which line is no JSON object."""
    objects: list[dict[str, Any]] = []
    if lined:
        for number, line in enumerate(text.decode().split("\n"), 1):
            if not line.strip():
                continue
            try:
                objects.append(json.loads(line))
            except ValueError as wrong:
                raise SourceError(f'{where}, line {number}: no JSON ({wrong}); each line is one object, such as {{"age": 31}}') from wrong
            if not isinstance(objects[-1], dict):
                raise SourceError(f'{where}, line {number}: {line[:40]!r} is no JSON object; each line is one, such as {{"age": 31}}')
    else:
        try:
            objects = json.loads(text)
        except ValueError as wrong:
            raise SourceError(f"{where} is no JSON ({wrong}); give an array of objects, or JSON lines") from wrong
        if not all(isinstance(one, dict) for one in objects):
            raise SourceError(f'{where} is a JSON array of other things than objects; give objects such as {{"age": 31}}') from problem
    names = list(dict.fromkeys(name for one in objects for name in one))
    _refuse_wide(len(names), where)
    return pl.DataFrame([_mixed(name, [one.get(name) for one in objects]) for name in names])


def _mixed(name: str, values: list[Any]) -> pl.Series:
    kinds = {type(v) for v in values if v is not None}
    if len(kinds) <= 1 or kinds == {int, float}:
        return pl.Series(name, values, strict=False)
    return pl.Series(name, [v if v is None or isinstance(v, str) else json.dumps(v) for v in values], dtype=pl.String)


def plain_columns(frame: pl.DataFrame) -> Raw:
    """The frame with every column as number, truth value, date, time without zone, or text, and notes on what changed."""
    columns, notes = [], []
    for column in frame.get_columns():
        values, note = _plain(column)
        columns.append(values)
        if note:
            notes.append(f"column {column.name!r} {note}")
    return Raw(pl.DataFrame(columns), tuple(notes))


def _plain(column: pl.Series) -> tuple[pl.Series, str]:
    dtype = column.dtype
    if dtype == pl.String or dtype == pl.Boolean or dtype == pl.Date or (dtype.is_numeric() and not dtype.is_decimal()):
        return column, ""
    if dtype.is_decimal():
        return column.cast(pl.Float64), ""
    if isinstance(dtype, pl.Datetime):
        zone = dtype.time_zone
        moments = column if zone is None else column.dt.convert_time_zone("UTC").dt.replace_time_zone(None)
        return moments.cast(pl.Datetime("us")), "" if zone is None else f"has times of the zone {zone}, taken as UTC"
    if dtype in (pl.Categorical, pl.Enum, pl.Time, pl.Null):
        return column.cast(pl.String), ""
    if isinstance(dtype, pl.Duration):
        return column.dt.total_microseconds() / 1e6, "has durations, taken as seconds"
    if dtype == pl.Binary:
        return column.bin.encode("hex"), "has bytes, taken as hexadecimal text"
    texts = [None if v is None else v if isinstance(v, str) else json.dumps(v, default=str) for v in column.to_list()]
    return pl.Series(column.name, texts, dtype=pl.String), "has nested values, taken as JSON text"


def _refuse_wide(width: int, where: str) -> None:
    if width > MAX_COLUMNS:
        raise SourceError(
            f"{where} has {width:,} columns, Assay reads at most {MAX_COLUMNS:,}; select columns or store it the other way round"
        )


def _first_line(problem: Exception) -> str:
    return str(problem).strip().split("\n", maxsplit=1)[0][:120]
