"""What a reader hands on before the columns get their kinds."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl


@dataclass(frozen=True, slots=True)
class Raw:
    """Rows as read.

    Attributes:
        frame: The rows; columns of text as written.
        notes: What was inferred, one sentence each.
        empty_is_null: A missing value of the frame is an empty field of the file.
        decimal_comma: Numbers may be written with a comma.
    """

    frame: pl.DataFrame
    notes: tuple[str, ...] = ()
    empty_is_null: bool = False
    decimal_comma: bool = False
