"""Take a data frame or arrays that are in memory already; their libraries are never imported, only recognised."""

from __future__ import annotations

import datetime
import decimal
from collections import Counter
from collections.abc import Mapping
from typing import Any

import polars as pl

from assay.core.errors import SourceError
from assay.table.array import columns_of
from assay.table.columnar import plain_columns
from assay.table.dialect import refuse_wide
from assay.table.raw import Raw

KNOWN = (str, int, float, bytes, list, dict, tuple, datetime.date, datetime.timedelta, decimal.Decimal)
ACCEPTED = "a path, the name of a sample, a pandas, Polars or Arrow table, or a dict of arrays"


def read_memory(source: Any) -> Raw:
    """The rows of a pandas, Polars or Arrow table or of a dict of arrays.

    Raises:
        SourceError: another object, no rows, columns of different lengths, or two of one name.
    """
    where = "the table in memory"
    library = type(source).__module__.partition(".")[0]
    if isinstance(source, pl.LazyFrame):
        source = source.collect()
    if isinstance(source, pl.DataFrame):
        raw = plain_columns(source)
    elif library == "pandas" and hasattr(source, "columns"):
        raw = _from_pandas(source, where)
    elif isinstance(source, Mapping):
        raw = columns_of(dict(source), where)
    elif hasattr(source, "__arrow_c_stream__"):
        raw = plain_columns(pl.DataFrame(source))
    else:
        raise SourceError(f"cannot read rows from {type(source).__module__}.{type(source).__qualname__}; give {ACCEPTED}")
    refuse_wide(raw.frame.width, where)
    if raw.frame.is_empty():
        raise SourceError(f"{where} has {raw.frame.width} columns and no rows; give at least one row")
    return raw


def _from_pandas(frame: Any, where: str) -> Raw:
    """Each pandas column by itself, through NumPy, so that pyarrow is not needed."""
    names = [" ".join(map(str, name)) if isinstance(name, tuple) else str(name) for name in frame.columns]
    twice = [name for name, n in Counter(names).items() if n > 1]
    if twice:
        raise SourceError(f"{where} names {len(twice)} columns more than once, such as {twice[0]!r}; give each its own name")
    if not len(frame):
        raise SourceError(f"{where} has {len(names)} columns and no rows; give at least one row")
    columns = {name: _pandas_column(frame.iloc[:, place]) for place, name in enumerate(names)}
    return columns_of(columns, where)


def _pandas_column(column: Any) -> pl.Series:
    dtype = str(column.dtype)
    missing = column.isna().to_numpy()
    if dtype.startswith("datetime64"):
        naive = column.dt.tz_convert("UTC").dt.tz_localize(None) if "," in dtype else column
        return pl.Series(naive.to_numpy().astype("datetime64[us]"))
    whole = dtype.lower().startswith(("int", "uint"))
    if not missing.any() and (whole or dtype.startswith(("float", "bool"))):
        return pl.Series(column.to_numpy(dtype=dtype.partition("[")[0].lower()))
    if whole or dtype.lower().startswith("float"):
        numbers = pl.Series(column.to_numpy(dtype="float64", na_value=float("nan"))).fill_nan(None)
        return numbers.cast(pl.Int64) if whole else numbers
    values = [None if absent else value for value, absent in zip(column.to_list(), missing.tolist(), strict=True)]
    kinds = {type(value) for value in values if value is not None}
    if kinds - {int, float} and (len(kinds) > 1 or not all(issubclass(kind, KNOWN) for kind in kinds)):
        values = [value if value is None or isinstance(value, str) else str(value) for value in values]
    return pl.Series(values, strict=False)
