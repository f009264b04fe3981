"""Rows with too few or too many fields: counted fast, and found by line."""

from __future__ import annotations

import csv
import mmap
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from assay.core.errors import SourceError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from assay.table.decode import Data

BLOCK_BYTES = 1 << 24
MAX_FIELD_CHARACTERS = 1 << 28


def separator_counts(data: Data, separator: str, *, quoted: bool = False) -> NDArray[np.int64]:
    r"""Separators in each line that is not blank; the last line may lack its newline.

    Args:
        data: UTF-8 text, or an older encoding that holds ASCII.
        separator: One ASCII character.
        quoted: Disregard separators and line ends between quotation marks.

    Example:
        >>> separator_counts(b'a,b\n1,"2,\n3"\n3\n', ",", quoted=True).tolist()
        [1, 1, 0]
    """
    mark, parts, carried = ord(separator), [], b""
    for start in range(0, len(data), BLOCK_BYTES):
        block = carried + data[start : start + BLOCK_BYTES]
        last = start + BLOCK_BYTES >= len(data)
        codes = np.frombuffer(block + b"\n" if last and not block.endswith(b"\n") else block, dtype=np.uint8)
        ends, marks = np.flatnonzero(codes == 10), np.flatnonzero(codes == mark)
        quotes = np.flatnonzero(codes == ord('"')) if quoted else marks[:0]
        if quotes.size:
            ends, marks = (places[np.searchsorted(quotes, places) % 2 == 0] for places in (ends, marks))
        whole = int(ends[-1]) + 1 if ends.size else 0
        carried = b"" if last else block[whole:]
        counts = np.diff(np.searchsorted(marks, ends), prepend=0)
        lengths = np.diff(ends, prepend=-1) - 1
        begins = ends - lengths
        blank = (lengths == 0) | ((lengths == 1) & (codes[begins] == 13))
        parts.append(counts[~blank])
        if isinstance(data, mmap.mmap) and hasattr(data, "madvise"):
            data.madvise(mmap.MADV_DONTNEED, start, min(BLOCK_BYTES, len(data) - start))  # keeps memory at one block
    return np.concatenate(parts) if parts else np.zeros(0, dtype=np.int64)


def plain_lines(lines: Sequence[str]) -> Iterator[str]:
    """Lines as the csv module takes them: ended by one newline, other carriage returns as blanks."""
    return (line.removesuffix("\r").replace("\r", " ") + "\n" for line in lines)


@contextmanager
def long_fields() -> Iterator[None]:
    """Let the csv module read long texts meanwhile."""
    before = csv.field_size_limit(MAX_FIELD_CHARACTERS)
    try:
        yield
    finally:
        csv.field_size_limit(before)


def rows_by_line(data: Data, separator: str, first_line: int, width: int, where: str) -> pl.DataFrame:
    """All rows, read field by field: slow, lenient with stray quotes, strict with the number of fields.

    Raises:
        SourceError: a row has too few or too many fields, or a quoted field does not end; says its line.
    """
    content = bytes(data).decode("utf-8-sig")
    reader = csv.reader(plain_lines(content.split("\n")[first_line:]), delimiter=separator)
    columns: list[list[str | None]] = [[] for _ in range(width)]
    with long_fields():
        begin = end = first_line + 1
        for row in reader:
            begin, end = end, first_line + reader.line_num + 1
            if row and len(row) != width:
                raise SourceError(
                    f"{where}, line {begin}: {len(row)} fields, expected {width} as in the header; "
                    "quote fields that hold the separator, or give --separator"
                )
            for column, value in zip(columns, row, strict=False):
                column.append(value or None)
    if end - begin > 1 and content.count('"') % 2 == 1:
        raise SourceError(
            f"{where}, line {begin}: a quotation mark opens a field that never ends; close it, or double it inside a quoted field"
        )
    return pl.DataFrame([pl.Series(f"{i}", column, dtype=pl.String) for i, column in enumerate(columns)])
