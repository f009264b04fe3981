"""How one column is encoded: what it learned from the training rows, and the numbers or codes that it makes of a series."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from assay.core.errors import ColumnError
from assay.table.date import parsed_dates
from assay.table.kind import MISSING_WORDS

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from scipy.sparse import csr_array

MAX_CODES = 255
MAX_TERMS = 20_000
WORD_PATTERN = r"(?u)\b\w+\b"
DATE_PARTS = ("days", "month", "weekday", "hour")
TRUE_WORDS = ("true", "t", "yes", "y", "1", "1.0")
FALSE_WORDS = ("false", "f", "no", "n", "0", "0.0")


@dataclass(frozen=True)
class NumberColumn:
    """A number or a truth value: itself as float64, NaN where missing or infinite."""

    name: str
    kind: str

    def numbers(self, series: pl.Series) -> NDArray[np.float64]:
        """Float64 (rows,), NaN where missing or infinite."""
        values = as_number(series, self.name, self.kind)
        values[np.isinf(values)] = np.nan
        return values


@dataclass(frozen=True)
class DateColumn:
    """A date or time as days since 1970 (with the fraction of the day), month, weekday (1 = Monday) and hour, where they vary.

    `day_first` is the order of day and month in texts of the training rows, for new rows that fit either; None if it never counted.
    """

    name: str
    parts: tuple[str, ...]
    day_first: bool | None = None

    def numbers(self, series: pl.Series) -> NDArray[np.float64]:
        """Float64 (rows, parts), NaN where missing."""
        stamps = as_date(series, self.name, self.day_first)
        made = {
            "days": stamps.dt.epoch("us").cast(pl.Float64) / 86_400e6,
            "month": stamps.dt.month(),
            "weekday": stamps.dt.weekday(),
            "hour": stamps.dt.hour(),
        }
        return np.column_stack([_floats(made[part]) for part in self.parts])


@dataclass(frozen=True)
class CategoryColumn:
    """A category: code 0 where missing, 1 where rare or unseen, 2.. for the levels in order of their frequency in training."""

    name: str
    levels: tuple[str, ...]

    def codes(self, series: pl.Series) -> NDArray[np.int32]:
        """Int32 (rows,)."""
        words = as_words(series)
        known = pl.DataFrame(
            {"word": pl.Series(self.levels, dtype=pl.String), "code": pl.Series(range(2, len(self.levels) + 2), dtype=pl.Int32)}
        )
        found = pl.DataFrame({"word": words}).join(known, on="word", how="left", maintain_order="left")["code"]
        codes: NDArray[np.int32] = found.fill_null(1).to_numpy().astype(np.int32)
        codes[words.is_null().to_numpy()] = 0
        return codes


@dataclass(frozen=True)
class TextColumn:
    """Free text as TF-IDF of its word 1- and 2-grams, each row of length 1.

    Source: smoothed idf ln((1 + rows) / (1 + rows with the term)) + 1, as in scikit-learn.
    """

    name: str
    terms: tuple[str, ...]
    idf: NDArray[np.float64]

    def bag(self, series: pl.Series) -> csr_array:
        """Sparse float32 (rows, terms)."""
        from scipy.sparse import csr_array
        from sklearn.feature_extraction.text import CountVectorizer

        counter = CountVectorizer(
            ngram_range=(1, 2), token_pattern=WORD_PATTERN, vocabulary={t: i for i, t in enumerate(self.terms)}, dtype=np.float64
        )
        counts = csr_array(counter.transform(as_words(series).fill_null("").to_list()))
        counts.data *= self.idf[counts.indices]
        row_of = np.repeat(np.arange(counts.shape[0]), np.diff(counts.indptr))
        length = np.sqrt(np.bincount(row_of, weights=np.square(counts.data), minlength=counts.shape[0]))
        counts.data /= length[row_of]
        return csr_array(counts.astype(np.float32))


Column = NumberColumn | DateColumn | CategoryColumn | TextColumn


def as_number(series: pl.Series, name: str, kind: str = "number") -> NDArray[np.float64]:
    """A series as new float64 values, NaN where missing; texts are read as numbers.

    Raises:
        ColumnError: a value is no number; its row and the value are named.
    """
    if series.dtype == pl.Null:
        return np.full(len(series), np.nan)
    if series.dtype.is_numeric() or series.dtype == pl.Boolean:
        return _floats(series)
    if series.dtype == pl.String:
        words = series.str.strip_chars()
        read = words.cast(pl.Float64, strict=False)
        if kind == "boolean":
            low = words.str.to_lowercase()
            truth = pl.select(
                pl.when(low.is_in(TRUE_WORDS)).then(1.0).when(low.is_in(FALSE_WORDS)).then(0.0).otherwise(None).alias("truth")
            )["truth"]
            read = truth
        bad = (read.is_null() & words.is_not_null() & (words.str.len_bytes() > 0)).arg_true()
        if len(bad) == 0:
            return _floats(read)
        raise _unfit(name, kind, int(bad[0]), series[int(bad[0])])
    present = series.is_not_null().arg_true()
    if len(present) == 0:
        return np.full(len(series), np.nan)
    raise _unfit(name, kind, int(present[0]), series[int(present[0])])


def as_date(series: pl.Series, name: str, day_first: bool | None = None) -> pl.Series:
    """A series as Datetime in microseconds; texts are read as on reading a table.

    Raises:
        ColumnError: a value is no date; its row and the value are named.
    """
    if series.dtype == pl.Null:
        return series.cast(pl.Datetime("us"))
    if series.dtype in (pl.Date, pl.Datetime):
        return series.cast(pl.Datetime("us"))
    if series.dtype == pl.String:
        words = series.str.strip_chars()
        words = words.set((words == "") | words.str.to_lowercase().is_in(MISSING_WORDS), None)
        found = parsed_dates(words, loose=True, day_first=day_first)
        read = (
            found[0].cast(pl.Datetime("us")) if found is not None else pl.Series(series.name, [None] * len(series), dtype=pl.Datetime("us"))
        )
        bad = (read.is_null() & words.is_not_null()).arg_true()
        if len(bad) == 0:
            return read
        raise _unfit(name, "date", int(bad[0]), series[int(bad[0])])
    present = series.is_not_null().arg_true()
    if len(present) == 0:
        return pl.Series(series.name, [None] * len(series), dtype=pl.Datetime("us"))
    raise _unfit(name, "date", int(present[0]), series[int(present[0])])


def as_words(series: pl.Series) -> pl.Series:
    """A series as texts: whole floats lose their ".0", so that 3.0 in one file is the "3" of another."""
    if series.dtype == pl.String:
        return series
    if series.dtype.is_float():
        whole = (series.floor() == series).fill_null(False) & series.is_finite().fill_null(False)
        as_int = series.zip_with(whole, pl.Series([0.0]).new_from_index(0, len(series))).cast(pl.Int64).cast(pl.String)
        return as_int.zip_with(whole, series.cast(pl.String))
    return series.cast(pl.String)


def _floats(series: pl.Series) -> NDArray[np.float64]:
    return np.array(series.cast(pl.Float64).fill_null(float("nan")).to_numpy(), dtype=np.float64)


def _unfit(name: str, kind: str, row: int, value: object) -> ColumnError:
    return ColumnError(f"column {name!r} was a {kind} in training, row {row + 1} holds {value!r}; give {kind}s or leave the cell empty")
