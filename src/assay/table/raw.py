"""What a reader hands on before the columns get their kinds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import polars as pl

from assay.table.grid import Grid


@dataclass(frozen=True, slots=True)
class Raw:
    """Rows as read.

    Attributes:
        frame: The rows; columns of text as written.
        notes: What was inferred, one sentence each.
        empty_is_null: A missing value of the frame is an empty field of the file.
        decimal_comma: Numbers may be written with a comma.
        grids: Name of an image -> the columns that it is.
        ids: Columns that only name a row.
    """

    frame: pl.DataFrame
    notes: tuple[str, ...] = ()
    empty_is_null: bool = False
    decimal_comma: bool = False
    grids: Mapping[str, Grid] = field(default_factory=dict)
    ids: tuple[str, ...] = ()
