"""Columns of encoded images, recognised by how their bytes begin."""

from __future__ import annotations

import polars as pl

MAGICS = (b"\x89PNG", b"\xff\xd8\xff", b"BM", b"GIF8", b"II*\0", b"MM\0*", b"RIFF", b"P5\n", b"P6\n")
BYTES_FIELDS = ("bytes", "data")


def is_encoded_image(value: object) -> bool:
    """Whether bytes begin as a PNG, JPEG, BMP, GIF, TIFF, WebP or Netpbm file does."""
    return isinstance(value, bytes) and value.startswith(MAGICS)


def is_image_bytes(column: pl.Series) -> bool:
    """Whether a column holds encoded images: bytes, or structures with a field `bytes` as Hugging Face data sets have."""
    held = bytes_of(column)
    if held is None:
        return False
    first = held.drop_nulls().head(1)
    return bool(len(first)) and is_encoded_image(first[0])


def bytes_of(column: pl.Series) -> pl.Series | None:
    """The bytes of a column of bytes or of structures with a field of them; None for another column."""
    if column.dtype == pl.Binary:
        return column
    if isinstance(column.dtype, pl.Struct):
        name = next((f.name for f in column.dtype.fields if f.name in BYTES_FIELDS and f.dtype == pl.Binary), None)
        return None if name is None else column.struct.field(name)
    return None
