"""Values that may stand for "missing": words left in a column, and numbers that no measurement gives."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from assay.core.table_evidence import SuspectValue

if TYPE_CHECKING:
    import polars as pl
    from numpy.typing import NDArray

WORDS = frozenset({
    "?", "-", "--", ".", "#n/a", "n/a", "na", "n.a.", "nan", "null", "nil", "missing", "unknown", "unk", "undefined",
    "not available", "not applicable", "not known", "unspecified", "not specified", "tbd", "(blank)", "<na>", "\\n",
})  # fmt: skip
ROWS_SHOWN = 5
MIN_OTHER_VALUES = 5


def suspect_words(column: pl.Series, counts: pl.DataFrame) -> tuple[SuspectValue, ...]:
    """Whole values of a text column that are words for "missing", or blank.

    Args:
        column: The texts.
        counts: Its distinct values ("value") with their rows ("rows").
    """
    import polars as pl

    total = max(1, int(counts["rows"].sum() or 0))
    plain = counts.with_columns(plain=pl.col("value").str.strip_chars().str.to_lowercase())
    found = plain.filter(pl.col("plain").is_in(sorted(WORDS | {""})))
    suspects = []
    for value, rows, word in found.select("value", "rows", "plain").iter_rows():
        where = (column == value).arg_true().head(ROWS_SHOWN).to_list()
        suspects.append(SuspectValue(value, rows, "word" if word else "blank", rows / total, tuple(r + 1 for r in where)))
    return tuple(sorted(suspects, key=lambda s: (-s.rows, s.value)))


def suspect_codes(numbers: NDArray[np.float64], values: NDArray[np.float64], counts: NDArray[np.integer]) -> tuple[SuspectValue, ...]:
    """Repeated nines (99, 999, -999 ...) and -1 that stand apart from all other numbers of the column.

    Args:
        numbers: The column by row, NaN where missing.
        values: Its distinct numbers, ascending.
        counts: Their rows.
    """
    if len(values) <= MIN_OTHER_VALUES:
        return ()
    suspects = []
    for place in (0, len(values) - 1):
        code = float(values[place])
        if not _is_code(code) or counts[place] < 2:
            continue
        others = values[1:] if place == 0 else values[:-1]
        score = _gap(code, others)
        if score > 0:
            where = np.flatnonzero(numbers == code)[:ROWS_SHOWN] + 1
            suspects.append(SuspectValue(f"{code:.0f}", int(counts[place]), "code", score, tuple(int(r) for r in where)))
    return tuple(suspects)


def _is_code(value: float) -> bool:
    digits = f"{abs(value):.0f}" if math.isfinite(value) and value == round(value) else ""
    return value == -1 or (len(digits) >= (1 if value < 0 else 2) and set(digits) == {"9"})


def _gap(code: float, others: NDArray[np.float64]) -> float:
    """Distance from the other values in multiples of their range; infinite if the code is the only negative one."""
    low, high = float(others[0]), float(others[-1])
    if code < 0 <= low:
        return math.inf
    return min(abs(code - low), abs(code - high)) / (high - low) if high > low else 0.0
