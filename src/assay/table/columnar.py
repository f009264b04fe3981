"""Read Parquet and Arrow files, and bring any frame to plain columns."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import IO

import polars as pl

from assay.core.errors import SourceError
from assay.table.decode import Data
from assay.table.dialect import refuse_wide
from assay.table.image_bytes import is_image_bytes
from assay.table.raw import Raw

PARQUET_MAGIC, ARROW_MAGIC, STREAM_MAGIC = b"PAR1", b"ARROW1", b"\xff\xff\xff\xff"

# A damaged file can end in an error of polars, of the system, or in a panic of polars' native code.
DAMAGE = (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError, ValueError)


def _stream(data: Data, path: Path) -> IO[bytes]:
    """The bytes as a stream: a mapped file is opened again, so that it is not copied."""
    return io.BytesIO(data) if isinstance(data, bytes) else path.open("rb")


def read_parquet(data: Data, path: Path) -> Raw:
    """The rows of a Parquet file.

    Raises:
        SourceError: the file is damaged or cut, or has too many columns.
    """
    where = str(path)
    if bytes(data[-4:]) != PARQUET_MAGIC:
        raise SourceError(f"{where} is a damaged Parquet file: it ends with {bytes(data[-4:])!r}, so it was cut; write or fetch it again")
    try:
        with _stream(data, path) as stream:
            refuse_wide(len(pl.read_parquet_schema(stream)), where)
            stream.seek(0)
            return plain_columns(pl.read_parquet(stream, low_memory=True))
    except DAMAGE as problem:
        raise SourceError(f"{where} is a damaged Parquet file ({first_line(problem)}); write or fetch it again") from problem


def read_arrow(data: Data, path: Path) -> Raw:
    """The rows of an Arrow or Feather file, or of an Arrow stream.

    Raises:
        SourceError: the file is damaged or cut, or has too many columns.
    """
    where = str(path)
    if bytes(data[:6]) == ARROW_MAGIC != bytes(data[-6:]):
        raise SourceError(f"{where} is a damaged Arrow file: it ends with {bytes(data[-6:])!r}, so it was cut; write or fetch it again")
    try:
        with _stream(data, path) as stream:
            frame = pl.read_ipc(stream) if bytes(data[:6]) == ARROW_MAGIC else pl.read_ipc_stream(stream)
    except DAMAGE as problem:
        raise SourceError(f"{where} is a damaged Arrow file ({first_line(problem)}); write or fetch it again") from problem
    refuse_wide(frame.width, where)
    return plain_columns(frame)


def plain_columns(frame: pl.DataFrame) -> Raw:
    """The frame with every column as number, truth value, date, time without zone, or text, and notes on what changed.

    Columns of encoded images stay as they are.
    """
    columns, notes = [], []
    for column in frame.get_columns():
        values, note = (column, "") if is_image_bytes(column) else _plain(column)
        columns.append(values)
        if note:
            notes.append(f"column {column.name!r} {note}")
    return Raw(pl.DataFrame(columns), tuple(notes))


def _plain(column: pl.Series) -> tuple[pl.Series, str]:
    dtype = column.dtype
    if dtype in (pl.String, pl.Boolean, pl.Date) or (dtype.is_numeric() and not dtype.is_decimal()):
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


def first_line(problem: Exception) -> str:
    """The first line of another library's error, cut to 120 characters."""
    return str(problem).strip().split("\n", maxsplit=1)[0][:120]
