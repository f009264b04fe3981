"""Arrays as columns: .npz files, and mappings of names to arrays or sequences."""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np
import polars as pl

from assay.core.errors import SourceError
from assay.table.columnar import first_line, plain_columns
from assay.table.decode import Data
from assay.table.dialect import refuse_wide
from assay.table.raw import Raw

ZIP_MAGIC = b"PK\x03\x04"


def read_npz(data: Data, where: str) -> Raw:
    """The arrays of a .npz file as columns; of x_train, y_train, x_test, y_test the training arrays, with a note.

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
    training = [name for name in arrays if name.endswith("_train")]
    if training:
        rest = [name for name in arrays if name not in training]
        notes.append(f"took the arrays {', '.join(training)}" + (f" and left out {', '.join(rest)}" if rest else ""))
        arrays = {name.removesuffix("_train"): arrays[name] for name in training}
    raw = columns_of(arrays, where)
    return Raw(raw.frame, (*notes, *raw.notes))


def columns_of(arrays: Mapping[str, Any], where: str) -> Raw:
    """A mapping of names to arrays or sequences as columns; an array of more dimensions becomes name_0, name_1 and so on.

    Raises:
        SourceError: different lengths, no column, too many columns.
    """
    shaped = {str(name): values if isinstance(values, pl.Series) else _array(values) for name, values in arrays.items()}
    _refuse_uneven(shaped, where)
    refuse_wide(sum(int(np.prod(values.shape[1:])) for values in shaped.values()), where)
    columns: list[pl.Series] = []
    notes = []
    for name, values in shaped.items():
        if isinstance(values, pl.Series):
            columns.append(values.alias(name))
        elif values.ndim == 1:
            columns.append(_series(name, values))
        else:
            stem = "pixel" if values.dtype == np.uint8 and values.ndim >= 3 else name
            wide = values.reshape(len(values), -1)
            columns += [_series(f"{stem}_{i}", wide[:, i]) for i in range(wide.shape[1])]
            shape = "x".join(map(str, values.shape))
            notes.append(f"array {name!r} of shape {shape} became the columns {stem}_0 to {stem}_{wide.shape[1] - 1}")
    raw = plain_columns(pl.DataFrame(columns))
    return Raw(raw.frame, (*notes, *raw.notes))


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
