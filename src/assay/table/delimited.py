"""Read CSV, TSV and the like: fast where the file is regular, exact in saying where it is not."""

from __future__ import annotations

import mmap
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from assay.core.errors import OptionError, SourceError
from assay.table.decode import HEAD_BYTES, Data, declared_encoding, decoded
from assay.table.dialect import Dialect, dialect_of
from assay.table.kind import typed_column
from assay.table.ragged import rows_by_line, separator_counts
from assay.table.raw import Raw

LARGE_BYTES = 1 << 25  # above, the types of the columns are taken from samples of the file, and text is held only where needed
SAMPLES, SAMPLE_BYTES = 24, 1 << 16
MAX_REREADS = 4
_UNFIT = re.compile(r"could not parse .* at column '(?P<column>.*)' \(column number")


@dataclass(frozen=True, slots=True)
class _File:
    """A decoded file: its bytes, what polars shall read (the path if the bytes are mapped from it), and its dialect."""

    data: Data
    source: Path | bytes
    dialect: Dialect
    where: str


def read_delimited(
    data: Data,
    path: Path,
    *,
    encoding: str | None = None,
    separator: str | None = None,
    header: bool | None = None,
    types: Mapping[str, str] | None = None,
    as_text: bool = False,
) -> Raw:
    """The rows of a delimited text file, columns of a large file already as numbers where that is safe.

    Args:
        data: The file's bytes, unpacked.
        types: Kinds that the user gave: such columns stay as written unless they are numbers.
        as_text: Leave every column as written.

    Raises:
        SourceError: no rows, ragged rows, mixed encodings, no text, too many columns, a name twice.
    """
    if separator is not None and len(separator) != 1:
        raise OptionError(f"a separator is one character, got {separator!r}; give one such as ';' or a tab")
    where = str(path)
    declared = declared_encoding(data, encoding, where)
    mapped = not isinstance(data, bytes) and len(data) > LARGE_BYTES and declared in (None, "utf-8")
    text, note = (data, "") if mapped else decoded(data, declared, where)
    if text.find(b"\n") < 0 <= text.find(b"\r"):
        text, mapped = bytes(text).replace(b"\r", b"\n"), False
    try:
        file = _described(text, path if mapped else bytes(text), where, separator, header)
        frame, notes = _frame(file, types or {}, as_text=as_text)
    except (UnicodeDecodeError, pl.exceptions.ComputeError) as problem:
        if not mapped or not ("utf-8" in str(problem) or isinstance(problem, UnicodeDecodeError)):
            raise
        text, note = decoded(data, None, where)
        file = _described(text, text, where, separator, header)
        frame, notes = _frame(file, types or {}, as_text=as_text)
    if frame.is_empty():
        raise SourceError(f"{where} has a header and no rows; give a file with at least one row of data")
    every_note = (*((note,) if note else ()), *file.dialect.notes, *notes)
    return Raw(frame, every_note, empty_is_null=True, decimal_comma=file.dialect.separator == ";")


def _described(data: Data, source: Path | bytes, where: str, separator: str | None, header: bool | None) -> _File:
    head = bytes(data[:HEAD_BYTES])
    while len(head) < len(data) and b"\n" not in head:
        head = bytes(data[: 4 * len(head)])
    if len(head) < len(data):
        head = head[: head.rfind(b"\n") + 1]
    return _File(data, source, dialect_of(head.decode("utf-8-sig"), where, separator=separator, header=header), where)


def _frame(file: _File, types: Mapping[str, str], *, as_text: bool) -> tuple[pl.DataFrame, tuple[str, ...]]:
    names = file.dialect.names
    schema: dict[str, Any] = dict.fromkeys(names, pl.String)
    if not as_text and len(file.data) > LARGE_BYTES:
        schema |= {name: dtype for name, dtype in _sampled_types(file).items() if types.get(name, "number") == "number"}
    frame, notes = _parsed(file, schema)
    if frame.width > 1 and frame.to_series(frame.width - 1).null_count():
        frame, dropped = _checked_rows(file, frame)
        notes += (f"left out {dropped:,} empty lines",) if dropped else ()
    elif frame.width == 1:
        kept = frame.to_series(0).is_not_null().to_numpy()
        frame = frame.head(int(np.flatnonzero(kept)[-1]) + 1 if kept.any() else 0)
    return frame, notes


def _parsed(file: _File, schema: dict[str, Any], quote: str | None = '"') -> tuple[pl.DataFrame, tuple[str, ...]]:
    """The rows by polars' reader; a column that turns out not to hold its type is read again as written."""
    for _ in range(MAX_REREADS):
        try:
            frame = _polars(file, schema, quote)
        except (pl.exceptions.ComputeError, pl.exceptions.SchemaError) as problem:
            unfit = _UNFIT.search(str(problem))
            if "utf-8" in str(problem):
                raise
            if unfit is None or schema.get(unfit["column"]) in (None, pl.String):
                return _by_line(file)
            schema = {**schema, unfit["column"]: pl.String}
        else:
            return (frame, ()) if quote is None else _literal_quotes(file, frame, schema)
    return _polars(file, dict.fromkeys(schema, pl.String), quote), ()


def _polars(file: _File, schema: dict[str, Any], quote: str | None) -> pl.DataFrame:
    try:
        return pl.read_csv(
            file.source,
            has_header=False,
            skip_lines=file.dialect.first_line,
            separator=file.dialect.separator,
            quote_char=quote,
            schema=schema,
            glob=False,
        )
    except pl.exceptions.NoDataError:
        return pl.DataFrame(schema=schema)


def _by_line(file: _File) -> tuple[pl.DataFrame, tuple[str, ...]]:
    """Read what the fast reader refuses, or say which line is wrong; quotes that do not pair are text if every line is whole."""
    names, separator = file.dialect.names, file.dialect.separator
    n_quotes = bytes(file.data).count(b'"')
    if n_quotes % 2 == 1 or (n_quotes and separator == "\t"):
        counts = separator_counts(file.data, separator)
        if (counts == len(names) - 1).all():
            frame = _polars(file, dict.fromkeys(names, pl.String), None)
            return frame, ("quotation marks do not pair; they were read as part of the text",)
    frame = rows_by_line(file.data, separator, file.dialect.first_line, len(names), file.where)
    return frame.rename(dict(zip(frame.columns, names, strict=True))), ("quotation marks inside fields were read as part of the text",)


def _literal_quotes(file: _File, frame: pl.DataFrame, schema: dict[str, Any]) -> tuple[pl.DataFrame, tuple[str, ...]]:
    """Undo quotes that swallowed lines of a tab-separated file, where quotes are mostly text.

    If every line is whole without them, there must be as many rows as lines.
    """
    if file.dialect.separator != "\t" or file.data.find(b'"') < 0:
        return frame, ()
    counts = separator_counts(file.data, "\t")
    lines = counts.size - (1 if file.dialect.has_header else 0)
    if frame.width > 1 and (counts == frame.width - 1).all() and frame.height < lines:
        return _polars(file, schema, None), ("quotation marks do not pair; they were read as part of the text",)
    return frame, ()


def _checked_rows(file: _File, frame: pl.DataFrame) -> tuple[pl.DataFrame, int]:
    """Refuse rows with too few fields, which the fast reader fills up, and leave out empty lines.

    Raises:
        SourceError: such a row; says its line.
    """
    counts = separator_counts(file.data, file.dialect.separator, quoted=True)
    if (counts != frame.width - 1).any():
        rows_by_line(file.data, file.dialect.separator, file.dialect.first_line, frame.width, file.where)
    last = frame.to_series(frame.width - 1).is_null()
    if not last.any():
        return frame, 0
    empty = frame.select(pl.all_horizontal(pl.all().is_null())).to_series()
    return (frame.filter(~empty), int(empty.sum())) if empty.any() else (frame, 0)


def _sampled_types(file: _File) -> dict[str, Any]:
    """Columns that are numbers without exception in samples from all over the file, with their types."""
    parts = []
    for place in np.linspace(0, max(0, len(file.data) - SAMPLE_BYTES), SAMPLES).astype(int).tolist():
        block = bytes(file.data[place : place + SAMPLE_BYTES])
        lines = block[block.find(b"\n") + 1 : block.rfind(b"\n") + 1]
        try:
            parts.append(
                pl.read_csv(
                    lines,
                    has_header=False,
                    separator=file.dialect.separator,
                    schema=dict.fromkeys(file.dialect.names, pl.String),
                    truncate_ragged_lines=True,
                )
            )
        except pl.exceptions.PolarsError:
            return {}
    if isinstance(file.data, mmap.mmap) and hasattr(file.data, "madvise"):
        file.data.madvise(mmap.MADV_DONTNEED)  # the pages of the samples
    sample = pl.concat(parts)
    found = {name: typed_column(sample[name]) for name in sample.columns}
    return {name: typed.values.dtype for name, typed in found.items() if typed.kind == "number" and not set(typed.markers) - {""}}
