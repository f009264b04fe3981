"""A column of image files or of encoded images in a table becomes pixels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from assay.core.errors import ColumnError, SourceError
from assay.table.grid import MOST_COLUMNS_AN_IMAGE, Grid, packed
from assay.table.image_bytes import bytes_of, is_image_bytes
from assay.table.image_file import SUFFIXES, Picture, Size, decode
from assay.table.raw import Raw

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

PROBED = 20


@dataclass(frozen=True)
class ImageReading:
    """How the images of a table are read.

    Attributes:
        base: Folder that file names are relative to.
        size: Height and width to resize to; None takes images as they are.
        types: Column -> kind as the user or an earlier table has it; "image" makes it one, another kind keeps it from becoming one.
        grids: Images of an earlier table, whose channels and layout new ones are brought to.
        where: The source, for people.
    """

    base: Path
    size: Size | None
    types: Mapping[str, str]
    grids: Mapping[str, Grid]
    where: str


def with_images(raw: Raw, how: ImageReading) -> Raw:
    """The rows with every column of image files, or of encoded images, as pixels.

    A column is one of files where all its first values end like image files and at least one of them exists.

    Raises:
        SourceError: a file is absent or damaged, or sizes differ; names the row or the file.
        ColumnError: a column that was asked to be an image holds none.
    """
    columns: list[pl.Series] = []
    notes: list[str] = []
    grids = dict(raw.grids)
    for column in raw.frame.get_columns():
        wanted = how.types.get(column.name)
        found, note = (None, "") if column.name in _in_grids(raw.grids) else _pictures(column, wanted, how)
        notes += [note] if note else []
        if found is None:
            columns.append(column)
            continue
        earlier = how.grids.get(column.name)
        where = f"column {column.name!r} of {how.where}"
        pixels = decode(found, size=how.size, channels=earlier.channels if earlier else None, where=where)
        present = [p is not None for p in found]
        made, grid = as_columns(
            column.name, f"{column.name}_pixel", pixels.values, present=present, is_packed=earlier.is_packed if earlier else None
        )
        columns += made
        grids[column.name] = grid
        notes += [f"column {column.name!r}: {one}" for one in pixels.notes]
    if len(grids) == len(raw.grids):
        return Raw(raw.frame, (*raw.notes, *notes), raw.empty_is_null, raw.decimal_comma, raw.grids, raw.ids)
    return Raw(pl.DataFrame(columns), (*raw.notes, *notes), raw.empty_is_null, raw.decimal_comma, grids, raw.ids)


def as_columns(
    name: str, stem: str, pixels: NDArray[np.uint8], *, present: Sequence[bool] | None = None, is_packed: bool | None = None
) -> tuple[list[pl.Series], Grid]:
    """Images as pixel columns named after `stem` where they are small, else as one column of bytes; and their grid.

    Args:
        name: Of the image, and of the column of bytes.
        stem: Of the pixel columns.
        pixels: Uint8 (rows, height, width, channels).
        present: Which rows have an image; all if None.
        is_packed: As an earlier table has it; None decides by size.
    """
    height, width, channels = (int(n) for n in pixels.shape[1:])
    values = height * width * channels
    if values > MOST_COLUMNS_AN_IMAGE if is_packed is None else is_packed:
        return [packed(name, pixels, present)], Grid((name,), height, width, channels)
    flat = pixels.reshape(len(pixels), values)
    made = [pl.Series(f"{stem}_{i}", flat[:, i]) for i in range(values)]
    if present is not None and not all(present):
        held = pl.Series(present)
        made = [pl.select(pl.when(held).then(column)).to_series().alias(column.name) for column in made]
    return made, Grid(tuple(column.name for column in made), height, width, channels)


def _pictures(column: pl.Series, kind: str | None, how: ImageReading) -> tuple[list[Picture | None] | None, str]:
    """The column's images before they are decoded, None if it holds none; and a note, "" if there is nothing to say."""
    if is_image_bytes(column):
        held = bytes_of(column)
        values: list[Any] = [] if held is None else held.to_list()
        return [None if v is None else Picture(f"row {i + 1} of column {column.name!r}", v) for i, v in enumerate(values)], ""
    if column.dtype != pl.String or kind not in (None, "image"):
        if kind == "image":
            raise ColumnError(f"column {column.name!r} holds {column.dtype} and no names of image files, so it is no image")
        return None, ""
    names = [None if v is None or not v.strip() else v.strip() for v in column.to_list()]
    held_names = [v for v in names[: 100 * PROBED] if v is not None]
    if kind is None and (not held_names or not all(v.lower().endswith(SUFFIXES) for v in held_names)):
        return None, ""
    if kind is None and not any(_path(v, how.base).is_file() for v in held_names[:PROBED]):
        told = f"column {column.name!r} names image files such as {held_names[0]!r}, which do not lie in {how.base or '.'}; it is no image"
        return None, told
    return [None if v is None else Picture(*_existing(v, row, column.name, how)) for row, v in enumerate(names)], ""


def _path(name: str, base: Path) -> Path:
    return base / Path(name.removeprefix("file://")).expanduser()


def _existing(name: str, row: int, column: str, how: ImageReading) -> tuple[str, Path]:
    path = _path(name, how.base)
    if not path.is_file():
        raise SourceError(
            f"row {row + 1} of {how.where} names {name!r} in column {column!r}, and there is no file {str(path)!r}; "
            f"mend the name, leave the cell empty, or read the column as it stands with --type {column}=category"
        )
    return str(path), path


def _in_grids(grids: Mapping[str, Grid]) -> frozenset[str]:
    return frozenset(name for grid in grids.values() for name in grid.columns)
