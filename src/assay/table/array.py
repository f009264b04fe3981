"""Arrays as columns: .npz files, and mappings of names to arrays or sequences."""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from assay.core.errors import SourceError
from assay.table.columnar import first_line, plain_columns
from assay.table.decode import Data
from assay.table.dialect import refuse_wide
from assay.table.grid import MOST_COLUMNS_AN_IMAGE, Grid, grid_of_array, packed
from assay.table.raw import Raw

if TYPE_CHECKING:
    from numpy.typing import NDArray

ZIP_MAGIC = b"PK\x03\x04"


def read_npz(data: Data, where: str, part: str = "train") -> Raw:
    """The arrays of a .npz file as columns; of x_train, y_train, x_test, y_test those of one part, with a note.

    Args:
        data: The file.
        where: Its name.
        part: "train" or "test": which arrays to take where there are both; where there are only those of the other part, these.

    Raises:
        SourceError: the file is damaged, holds Python objects, or arrays of different lengths.
    """
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files if isinstance(file[name], np.ndarray)}
    except (ValueError, OSError, EOFError, RuntimeError, zipfile.BadZipFile, zlib.error) as problem:
        raise SourceError(f"{where} cannot be read as .npz ({first_line(problem)}); save plain arrays with numpy.savez") from problem
    if not arrays:
        raise SourceError(f"{where} is a zip file without NumPy arrays; unpack it, or save a spreadsheet as CSV")
    notes = []
    wanted = next((end for end in (f"_{part}", "_train") if any(name.endswith(end) for name in arrays)), "")
    if wanted:
        taken = [name for name in arrays if name.endswith(wanted)]
        rest = [name for name in arrays if name not in taken]
        has_test = wanted == "_train" and any(name.endswith("_test") for name in rest)
        notes.append(
            f"took the arrays {', '.join(taken)}"
            + (f" and left out {', '.join(rest)}" if rest else "")
            + (" (to test on them, name the file again: --test)" if has_test else "")
        )
        arrays = {name.removesuffix(wanted): arrays[name] for name in taken}
    raw = columns_of(arrays, where)
    return replace(raw, notes=(*notes, *raw.notes))


def columns_of(arrays: Mapping[str, Any], where: str) -> Raw:
    """A mapping of names to arrays or sequences as columns; an array of more dimensions becomes name_0, name_1 and so on.

    An array of images is noted as a grid; large images become one column of bytes.

    Raises:
        SourceError: different lengths, no column, too many columns.
    """
    shaped = {str(name): values if isinstance(values, pl.Series) else _array(values) for name, values in arrays.items()}
    _refuse_uneven(shaped, where)
    columns: list[pl.Series] = []
    notes: list[str] = []
    grids: dict[str, Grid] = {}
    for name, values in shaped.items():
        if isinstance(values, pl.Series):
            columns.append(values.alias(name))
        elif values.ndim == 1:
            columns.append(_series(name, values))
        else:
            columns += _spread(name, values, grids, notes, where)
    refuse_wide(len(columns), where)
    whole = {grid.columns[0] for grid in grids.values() if grid.is_packed}
    raw = plain_columns(pl.DataFrame([c for c in columns if c.name not in whole]))
    plain = {c.name: c for c in raw.frame.get_columns()}
    frame = pl.DataFrame([plain.get(c.name, c) for c in columns])
    return Raw(frame, (*notes, *raw.notes), grids=grids)


def _spread(name: str, values: NDArray[Any], grids: dict[str, Grid], notes: list[str], where: str) -> list[pl.Series]:
    """An array of two dimensions or more as columns; images are added to `grids`, what was done to `notes`."""
    shape, size = "x".join(map(str, values.shape)), grid_of_array(values)
    if size is not None and values.shape[1:] == (size[2], *size[:2]) and size[2] != values.shape[-1]:
        values = np.moveaxis(values, 1, -1)
    wide = values.reshape(len(values), -1)
    if size is not None and wide.shape[1] > MOST_COLUMNS_AN_IMAGE and (as_bytes := _as_bytes(wide)) is not None:
        grids[name] = Grid((name,), *size)
        notes.append(f"array {name!r} of shape {shape} became one column of {grids[name].told()} images")
        return [packed(name, as_bytes)]
    refuse_wide(wide.shape[1], where)
    stem = "pixel" if values.dtype == np.uint8 and values.ndim >= 3 and "image" not in grids else name
    columns = [_series(f"{stem}_{i}", wide[:, i]) for i in range(wide.shape[1])]
    notes.append(f"array {name!r} of shape {shape} became the columns {stem}_0 to {stem}_{wide.shape[1] - 1}")
    if size is not None and wide.shape[1] > 1:
        grids["image" if stem == "pixel" else name] = Grid(tuple(c.name for c in columns), *size)
    return columns


def _as_bytes(values: NDArray[Any]) -> NDArray[np.uint8] | None:
    """Whole numbers from 0 to 255 as they are, fractions from 0 to 1 in 256 steps; None for other numbers."""
    if values.dtype == np.uint8:
        return values
    if not values.size or not np.isfinite(values).all() or values.min() < 0:
        return None
    if values.max() <= 1 and values.dtype.kind == "f":
        return np.rint(values * 255.0).astype(np.uint8)
    is_whole = values.max() <= 255 and bool((values == np.floor(values)).all())
    return values.astype(np.uint8) if is_whole else None


def _refuse_uneven(shaped: Mapping[str, Any], where: str) -> None:
    if not shaped:
        raise SourceError(f"{where} has 0 columns; give at least one column with rows")
    flat = next((name for name, values in shaped.items() if not values.shape), None)
    if flat is not None:
        raise SourceError(f"{where} holds one value and no rows in {flat!r}; each column is a sequence of values")
    first, rows = next((name, len(values)) for name, values in shaped.items())
    odd = next((name for name, values in shaped.items() if len(values) != rows), None)
    if odd is not None:
        raise SourceError(
            f"{where} is not rectangular: {first!r} has {rows:,} rows and {odd!r} has {len(shaped[odd]):,}; give columns of one length"
        )


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
