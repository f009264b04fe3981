"""What a column is: values as written become numbers, truth values, dates, categories or text, and what was missing is counted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import polars as pl

from assay.core.errors import ColumnError, OptionError, nearest
from assay.table.date import parsed_dates
from assay.table.table import KINDS

# Words that stand for "missing" where all other values are numbers, dates or truth values. "unknown", "N/K" and codes such as
# -99 are left alone: whether they are missing is for the audit and the user to say.
MISSING_WORDS = (
    "na",
    "n/a",
    "n.a.",
    "nan",
    "null",
    "none",
    "nil",
    "nat",
    "?",
    "-",
    "--",
    ".",
    "#n/a",
    "#na",
    "<na>",
    "#null!",
    "(null)",
    r"\n",
)
TRUE_WORDS, FALSE_WORDS = ("true", "yes", "y", "t", "1", "1.0"), ("false", "no", "n", "f", "0", "0.0")
PROBE_ROWS = 2000
PROBED_DISTINCT_SHARE, FEW_DISTINCT_SHARE = 0.5, 0.1  # of a column's first rows, of all: below, its values are typed once each
MARKERS_KEPT = 50
MAX_WHOLE_DIGITS = 18  # an Int64 holds any whole number of 18 digits; longer ones are names, not amounts
TEXT_WORDS, TEXT_DISTINCT_SHARE = 2.5, 0.55


@dataclass(frozen=True)
class Typed:
    """A column after typing.

    Attributes:
        kind: One of `KINDS`.
        markers: What was taken as missing, as written, with its rows.
        notes: What a person should know, as sentences about "column 'x'".
    """

    values: pl.Series
    kind: str
    markers: Mapping[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def typed_column(column: pl.Series, kind: str | None = None, *, missing: Sequence[str] = (), decimal_comma: bool = False) -> Typed:
    """The column as one of the kinds, inferred from all of its values unless `kind` is given.

    Text that reads as a number, a date or true/false in every row (blanks and words such as NA aside) becomes that; text with
    digits that start with 0, whole numbers of more than 18 digits and numbers with units stay text.

    Args:
        kind: One of `KINDS`; values that do not fit it become missing, with a note.
        missing: Further markers of missing values, as written.
        decimal_comma: "1,5" is one and a half.

    Raises:
        ColumnError: no value fits the given kind.
        OptionError: no such kind.

    Example:
        >>> typed = typed_column(pl.Series("age", ["31", "?", "29"]))
        >>> typed.kind, typed.values.to_list(), typed.markers
        ('number', [31, None, 29], {'?': 1})
    """
    if kind == "image":
        raise ColumnError(
            f"column {column.name!r} cannot be read as image: it names no image files; the first is {column.drop_nulls()[:1].to_list()}"
        )
    if kind is not None and kind not in KINDS:
        raise OptionError(f"column {column.name!r} cannot have the kind {kind!r}; {nearest(kind, KINDS)}")
    column, found = _without(column, missing)
    typed = _from_text(column, kind, decimal_comma) if column.dtype == pl.String else _from_values(column, kind)
    return Typed(typed.values, typed.kind, {**found, **typed.markers}, typed.notes)


def _without(column: pl.Series, missing: Sequence[str]) -> tuple[pl.Series, dict[str, int]]:
    """The column with the user's markers taken out, and how many rows held each."""
    found = {}
    for marker in missing:
        if column.dtype == pl.String:
            hit = column.str.strip_chars() == marker.strip()
        elif column.dtype.is_numeric() and (value := _number(marker)) is not None:
            hit = column == value
        else:
            continue
        rows = int(hit.sum())
        if rows:
            found[marker] = rows
            column = _blanked(column, hit)
    return column, found


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _blanked(column: pl.Series, hit: pl.Series) -> pl.Series:
    """The column with missing values where `hit` is true."""
    return column.zip_with(~hit.fill_null(value=False), pl.Series([None], dtype=column.dtype).new_from_index(0, column.len()))


def _from_values(column: pl.Series, kind: str | None) -> Typed:
    """Type a column that is not text already."""
    if column.dtype.is_numeric():
        typed = Typed(_standard_number(column), "number")
    elif column.dtype == pl.Boolean:
        typed = Typed(column, "boolean")
    else:
        typed = Typed(column, "date")
    if kind in (None, typed.kind):
        return typed
    if kind == "number" and column.dtype == pl.Boolean:
        return Typed(column.cast(pl.Int64), "number")
    return _from_text(column.cast(pl.String), kind, decimal_comma=False)


def _standard_number(column: pl.Series) -> pl.Series:
    if column.dtype.is_integer() and column.dtype != pl.UInt64:
        return column.cast(pl.Int64)
    numbers = column.cast(pl.Float64)
    return numbers.fill_nan(None) if numbers.is_nan().any() else numbers


def _from_text(column: pl.Series, kind: str | None, decimal_comma: bool) -> Typed:
    """Type texts; where few values repeat, those are typed and the rows follow them."""
    if kind not in (None, "category", "text") or not _repeats(column.head(PROBE_ROWS), PROBED_DISTINCT_SHARE):
        return _from_rows(column, kind, decimal_comma)
    seen = column.to_frame("value").group_by("value", maintain_order=True).agg(rows=pl.len()).drop_nulls("value")
    if seen.height > FEW_DISTINCT_SHARE * column.len() or seen.is_empty():
        return _from_rows(column, kind, decimal_comma)
    values = seen["value"].alias(column.name)
    few = _from_rows(values, kind, decimal_comma)
    if few.kind == "text" and kind is None:
        held = seen.filter(few.values.is_not_null())
        repeated = held.height < TEXT_DISTINCT_SHARE * int(held["rows"].sum())
        few = Typed(few.values, "category" if repeated else "text", few.markers, few.notes)
    if few.values.dtype == pl.String and not few.markers and few.values.equals(values):
        return Typed(column, few.kind, {}, few.notes)
    place = column.cast(pl.Enum(values)).to_physical()
    lost = seen.filter(few.values.is_null()).sort("rows", descending=True, maintain_order=True).head(MARKERS_KEPT)
    return Typed(few.values.gather(place), few.kind, dict(lost.iter_rows()), few.notes)


def _repeats(values: pl.Series, most_distinct: float) -> bool:
    return values.n_unique() <= max(2, most_distinct * values.len())


def _from_rows(column: pl.Series, kind: str | None, decimal_comma: bool) -> Typed:
    trimmed = column.str.strip_chars()
    probe = _probe(trimmed)
    if probe is None:
        empty = _blanked(column, column.is_not_null())
        values = empty if kind in (None, "category", "text") else empty.cast(_DTYPES[kind])
        return Typed(values, kind or "category", _counted(column, column.is_not_null()))
    if kind in ("category", "text"):
        return _as_text(column, trimmed, kind)
    if kind is not None:
        return _forced(column, trimmed, kind, decimal_comma)
    for may_be, attempt in ((_may_be_boolean, _as_boolean), (_may_be_number, _as_number), (_may_be_date, _as_date)):
        if probe.len() and may_be(probe) and (parsed := attempt(trimmed, decimal_comma)) is not None:
            values, note = parsed
            lost = values.is_null() & column.is_not_null()
            found = "number" if values.dtype.is_numeric() else "boolean" if values.dtype == pl.Boolean else "date"
            return Typed(values, found, _counted(column, lost), (f"column {column.name!r} {note}",) if note else ())
    return _as_text(column, trimmed, None)


def _probe(trimmed: pl.Series) -> pl.Series | None:
    """A few values that are no words for "missing", to turn away most columns cheaply; None if all are blank."""
    probe = trimmed.head(PROBE_ROWS)
    probe = probe.filter(~_is_word(probe))
    if probe.len():
        return probe
    present = trimmed.filter(trimmed != "")
    return present.filter(~_is_word(present)).head(PROBE_ROWS) if present.len() else None


_DTYPES = {"number": pl.Float64, "boolean": pl.Boolean, "date": pl.Date}
Parsed = tuple[pl.Series, str] | None


def _is_word(trimmed: pl.Series) -> pl.Series:
    """Whether each value is blank or a word for "missing"."""
    return trimmed.str.to_lowercase().is_in(("", *MISSING_WORDS))


def _all_read(values: pl.Series, trimmed: pl.Series) -> bool:
    """Whether at least one value was read, and all but words for "missing" were."""
    unread = trimmed.filter(values.is_null() & trimmed.is_not_null())
    return values.null_count() < values.len() and bool(_is_word(unread).all())


def _may_be_boolean(probe: pl.Series) -> bool:
    return str(probe[0]).lower() in ("true", "false")


def _may_be_number(probe: pl.Series) -> bool:
    return probe.str.replace(",", ".", literal=True).cast(pl.Float64, strict=False).null_count() == 0


def _may_be_date(probe: pl.Series) -> bool:
    return _as_date(probe, False) is not None


def _as_boolean(trimmed: pl.Series, _decimal_comma: bool) -> Parsed:
    lowered = trimmed.str.to_lowercase()
    values = pl.select(pl.when(lowered == "true").then(True).when(lowered == "false").then(False)).to_series().alias(trimmed.name)
    return (values, "") if _all_read(values, trimmed) else None


def _as_number(trimmed: pl.Series, decimal_comma: bool) -> Parsed:
    note = ""
    if decimal_comma and trimmed.str.contains(r"^[+-]?\d*,\d+$").any() and not trimmed.str.contains(r"\.").any():
        if bool(trimmed.drop_nulls().str.contains(r"^[+-]?\d{1,3}(,\d{3})+$").all()):
            return None
        trimmed, note = trimmed.str.replace(",", ".", literal=True), "has decimal commas, read as such"
    text, number, whole = pl.col("text"), pl.col("number"), pl.col("whole")
    read = trimmed.to_frame("text").select(
        "text", number=text.cast(pl.Float64, strict=False).fill_nan(None), whole=text.cast(pl.Int64, strict=False)
    )
    n_unread = read["number"].null_count()
    if n_unread == read.height:
        return None
    if n_unread > trimmed.null_count() and not _is_word(read.filter(number.is_null() & text.is_not_null())["text"]).all():
        return None
    seen = read.select(
        zero_led=text.str.contains(r"^[+-]?0\d").any(),
        pointed=text.str.contains(r"[.eEiI]").any(),
        long=(text.str.len_bytes() > MAX_WHOLE_DIGITS).any(),
        broken=whole.null_count() - number.null_count().cast(pl.Int64),
    ).row(0, named=True)
    if seen["zero_led"]:
        return None
    if seen["pointed"] and seen["broken"]:  # words for "missing" may hold those letters
        return read["number"].alias(trimmed.name), note
    return None if seen["long"] and seen["broken"] > 0 else (read["whole"].alias(trimmed.name), note)


def _as_date(trimmed: pl.Series, _decimal_comma: bool) -> Parsed:
    words = _is_word(trimmed)
    parsed = parsed_dates(_blanked(trimmed, words) if words.any() else trimmed)
    return parsed if parsed is not None and _all_read(parsed[0], trimmed) else None


def _forced(column: pl.Series, trimmed: pl.Series, kind: str, decimal_comma: bool) -> Typed:
    """The column as the kind that the user gave; what does not fit is missing, counted and noted."""
    note = ""
    if kind == "number":
        plain = trimmed.str.replace(",", ".", literal=True) if decimal_comma else trimmed
        values = plain.cast(pl.Float64, strict=False).fill_nan(None)
        whole = plain.cast(pl.Int64, strict=False)
        values = whole if whole.null_count() == values.null_count() else values
    elif kind == "boolean":
        lowered = trimmed.str.to_lowercase()
        truth = pl.when(lowered.is_in(TRUE_WORDS)).then(True).when(lowered.is_in(FALSE_WORDS)).then(False)
        values = pl.select(truth).to_series().alias(column.name)
    else:
        parsed = parsed_dates(trimmed, loose=True)
        values, note = parsed if parsed is not None else (_blanked(column, column.is_not_null()).cast(pl.Date), "")
    if values.null_count() == values.len():
        raise ColumnError(f"column {column.name!r} cannot be read as {kind}: no value fits, the first is {trimmed.drop_nulls()[0]!r}")
    lost = values.is_null() & column.is_not_null()
    notes = [f"column {column.name!r} {note}"] if note else []
    unfit = lost & ~_is_word(trimmed)
    if unfit.any():
        example = column.filter(unfit)[0]
        notes.append(f"column {column.name!r}: {int(unfit.sum()):,} values that are no {kind}, such as {example!r}, became missing")
    return Typed(values, kind, _counted(column, lost), tuple(notes))


def _as_text(column: pl.Series, trimmed: pl.Series, kind: str | None) -> Typed:
    """Category or text; blank fields and a lone question mark are missing."""
    lost = (trimmed == "") | (trimmed == "?")
    values = _blanked(column, lost) if lost.any() else column
    kept = trimmed.filter(~lost.fill_null(value=True))
    if kept.is_empty():
        return Typed(values, kind or "category", _counted(column, lost))
    notes: tuple[str, ...] = ()
    if column.filter(~lost.fill_null(value=True)).str.starts_with(" ").all():
        values = _blanked(trimmed, lost)
        notes = (f"column {column.name!r} had a blank before every value, which was taken off",)
    if kept.head(PROBE_ROWS).str.contains(r"^0\d+$").any() and kept.str.contains(r"^\d+$").all():
        notes = (*notes, f"column {column.name!r} has digits that start with 0, taken as codes and not as numbers")
    return Typed(values, kind or _text_kind(kept), _counted(column, lost), notes)


def _text_kind(kept: pl.Series) -> str:
    """Tell text, whose values are mostly distinct and of several words, from category."""
    step = max(1, kept.len() // PROBE_ROWS)
    words = kept.gather_every(step).str.count_matches(r"\S+").mean()
    several = isinstance(words, float) and words >= TEXT_WORDS
    return "text" if several and kept.n_unique() >= max(2, TEXT_DISTINCT_SHARE * kept.len()) else "category"


def _counted(column: pl.Series, lost: pl.Series) -> dict[str, int]:
    """How many rows held each of the values that became missing, the most frequent first (at most `MARKERS_KEPT` values)."""
    if not lost.any():
        return {}
    counts = column.filter(lost).value_counts(sort=True).head(MARKERS_KEPT)
    return dict(zip(counts.to_series(0).to_list(), counts.to_series(1).to_list(), strict=True))
