"""What one column looks like: counts, moments, frequent values, suspects."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from assay.audit.numeral import reads_as_number
from assay.audit.suspect import suspect_codes, suspect_words
from assay.core.table_evidence import ColumnEvidence

if TYPE_CHECKING:
    from numpy.typing import NDArray

TOP_VALUES = 20
HISTOGRAM_BINS = 24
BLOCK_ROWS = 1 << 16
MICROSECONDS_A_DAY = 86_400_000_000


def measure_column(column: pl.Series, kind: str, role: str) -> ColumnEvidence:
    """Profile one column exactly, on all its rows.

    Example:
        >>> seen = measure_column(pl.Series("age", [31, 45, None, 31]), "number", "feature")
        >>> seen.distinct, seen.missing, seen.top[0], seen.maximum
        (2, 1, ('31', 2), 45.0)
    """
    blank = ColumnEvidence(column.name, kind, rows=len(column), distinct=0, missing=column.null_count(), role=role)
    if blank.missing == blank.rows:
        return blank
    if column.dtype == pl.String:
        return _texts(column, blank)
    if column.dtype == pl.Binary:
        return replace(blank, distinct=column.drop_nulls().n_unique())
    if column.dtype == pl.Boolean:
        trues = int(column.sum())
        counts = sorted(((trues, "true"), (blank.rows - blank.missing - trues, "false")), reverse=True)
        top = tuple((name, n) for n, name in counts if n)
        return replace(blank, distinct=len(top), top=top)
    return _numbers(column, blank)


def numbers_of(column: pl.Series) -> NDArray[np.float64]:
    """A column of numbers, truth values, dates or times as floats (times in days since 1970), NaN where missing."""
    if column.dtype == pl.Date:
        column = column.to_physical()
    elif column.dtype == pl.Datetime:
        column = column.cast(pl.Datetime("us")).to_physical() / MICROSECONDS_A_DAY
    elif column.dtype == pl.Boolean:
        column = column.cast(pl.Int8)
    values: NDArray[np.float64] = column.cast(pl.Float64).fill_null(np.nan).to_numpy()
    return values


def _numbers(column: pl.Series, blank: ColumnEvidence) -> ColumnEvidence:
    """Everything is read off the sorted column, whose slices are views: a column of the table is held twice, not nine times."""
    raw = numbers_of(column)
    ordered = np.sort(raw)
    ordered = ordered[: np.searchsorted(ordered, np.nan)]
    finite = ordered[np.searchsorted(ordered, -np.inf, side="right") : np.searchsorted(ordered, np.inf)]
    values, counts = _runs(ordered)
    if not len(finite):
        return replace(blank, distinct=len(values))
    integer = column.dtype.is_integer() or _is_whole(finite)
    low, high = float(finite[0]), float(finite[-1])
    edges = np.linspace(low, high, HISTOGRAM_BINS + 1) if high > low else np.array([low, low])
    bounds = np.searchsorted(finite, edges[1:-1], side="left")
    bins = np.diff(np.concatenate([[0], bounds, [len(finite)]]))
    return replace(
        blank,
        distinct=len(values),
        top=_top_numbers(column, values, counts, integer),
        mean=float(finite.mean()),
        std=float(finite.std()),
        minimum=low,
        maximum=high,
        quartiles=(_quantile(finite, 0.25), _quantile(finite, 0.5), _quantile(finite, 0.75)),
        integer=integer and blank.kind == "number",
        histogram_edges=tuple(float(e) for e in edges),
        histogram_counts=tuple(int(n) for n in bins),
        suspects=suspect_codes(raw, values, counts) if blank.kind == "number" else (),
        sequential=_is_sequential(raw),
    )


def _runs(ordered: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.integer]]:
    """The distinct values of a sorted column, and the rows of each."""
    if not len(ordered):
        return ordered, np.empty(0, dtype=np.int8)
    begins = np.ones(len(ordered), dtype=np.bool_)
    np.not_equal(ordered[1:], ordered[:-1], out=begins[1:])
    if begins.all():
        return ordered, begins.view(np.int8)
    starts = np.flatnonzero(begins)
    counts = np.empty_like(starts)
    np.subtract(starts[1:], starts[:-1], out=counts[:-1])
    counts[-1] = len(ordered) - starts[-1]
    return ordered[starts], counts


def _is_whole(finite: NDArray[np.float64]) -> bool:
    blocks = (finite[at : at + BLOCK_ROWS] for at in range(0, len(finite), BLOCK_ROWS))
    return all(bool((block == np.floor(block)).all()) for block in blocks)


def _quantile(ordered: NDArray[np.float64], share: float) -> float:
    """Between the two nearest of the sorted values, in proportion (Hyndman and Fan 1996, definition 7)."""
    place = share * (len(ordered) - 1)
    below = int(place)
    low, high = float(ordered[below]), float(ordered[min(below + 1, len(ordered) - 1)])
    return low + (place - below) * (high - low)


def _top_numbers(column: pl.Series, values: NDArray[np.float64], counts: NDArray[np.integer], integer: bool) -> tuple[tuple[str, int], ...]:
    most = np.argsort(-counts, kind="stable")[:TOP_VALUES] if len(counts) < 1000 else _largest(counts)
    if column.dtype in (pl.Date, pl.Datetime):
        as_time = pl.Series(values[most]) * MICROSECONDS_A_DAY if column.dtype == pl.Datetime else pl.Series(values[most])
        shown: list[Any] = as_time.round().cast(pl.Int64).cast(column.dtype if column.dtype == pl.Date else pl.Datetime("us")).to_list()
        return tuple((str(v), int(counts[i])) for v, i in zip(shown, most, strict=True))
    return tuple((f"{values[i]:.0f}" if integer else repr(float(values[i])), int(counts[i])) for i in most)


def _largest(counts: NDArray[np.integer]) -> NDArray[np.intp]:
    """Places of the largest counts, ties by place, without sorting all of them."""
    cut = np.partition(counts, len(counts) - TOP_VALUES)[len(counts) - TOP_VALUES]
    above = np.flatnonzero(counts > cut)
    room = TOP_VALUES - len(above)
    ties = np.flatnonzero(counts[:BLOCK_ROWS] == cut)[:room]
    ties = ties if len(ties) == room else np.flatnonzero(counts == cut)[:room]
    return np.concatenate([above[np.argsort(-counts[above], kind="stable")], ties])


def _is_sequential(raw: NDArray[np.float64]) -> bool:
    if len(raw) < 3:
        return False
    with np.errstate(invalid="ignore"):  # no step leads from one infinite value to the next
        return _has_one_step(raw)


def _has_one_step(raw: NDArray[np.float64]) -> bool:
    steps = np.diff(raw[:1001])
    steps = np.sort(steps[np.isfinite(steps)])
    step = _quantile(steps, 0.5) if len(steps) else 0.0
    if step == 0.0:
        return False
    blocks = (raw[at : at + BLOCK_ROWS + 1] for at in range(0, len(raw) - 1, BLOCK_ROWS))
    alike = sum(int((np.abs(np.diff(block) - step) <= 1e-9 * abs(step)).sum()) for block in blocks)
    return alike >= 0.99 * (len(raw) - 1)


def _texts(column: pl.Series, blank: ColumnEvidence) -> ColumnEvidence:
    counts = column.alias("value").drop_nulls().value_counts(name="rows").sort(["rows", "value"], descending=[True, False])
    numeral = reads_as_number(counts["value"])
    parses = int(counts["rows"].filter(numeral).sum() or 0)
    texts = pl.col("value").str
    sizes = counts.select(
        length=(texts.len_chars() * pl.col("rows")).sum(),
        words=((texts.strip_chars().str.count_matches(r"\s+") + 1) * pl.col("rows")).sum(),
    ).row(0)
    held = blank.rows - blank.missing
    return replace(
        blank,
        distinct=counts.height,
        top=tuple(counts.head(TOP_VALUES).rows()),
        parses_as_number=parses,
        unparsed=tuple(counts["value"].filter(~numeral).head(5)) if parses > held / 2 else (),
        suspects=suspect_words(column, counts),
        mean_length=sizes[0] / held,
        mean_words=sizes[1] / held,
    )
