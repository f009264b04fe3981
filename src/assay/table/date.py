"""Dates as people write them: one pattern for the whole column, with a note where day and month could be either."""

from __future__ import annotations

import re
from collections.abc import Sequence

import polars as pl

_TIME = (
    r"(?P<time>[T ]+\d{1,2}:\d{2}(?P<seconds>:\d{2}(?P<fraction>[.,]\d+)?)?)?(?P<half> ?[AaPp][Mm])?(?P<zone> ?(Z|UTC|[+-]\d{2}:?\d{2}))?$"
)
_SHAPES = (
    (re.compile(r"\d{4}-\d{1,2}-\d{1,2}" + _TIME), "%Y-%m-%d"),
    (re.compile(r"\d{4}/\d{1,2}/\d{1,2}" + _TIME), "%Y/%m/%d"),
    (re.compile(r"\d{4}\.\d{1,2}\.\d{1,2}" + _TIME), "%Y.%m.%d"),
    (re.compile(r"\d{1,2}\.\d{1,2}\.\d{4}" + _TIME), "%d.%m.%Y"),
    (re.compile(r"\d{1,2}\.\d{1,2}\.\d{2}" + _TIME), "%d.%m.%y"),
    (re.compile(r"\d{1,2}/\d{1,2}/\d{4}" + _TIME), "?/?/%Y"),
    (re.compile(r"\d{1,2}/\d{1,2}/\d{2}" + _TIME), "?/?/%y"),
    (re.compile(r"\d{1,2}-\d{1,2}-\d{4}" + _TIME), "?-?-%Y"),
    (re.compile(r"\d{1,2} [A-Za-z]{3} \d{4}" + _TIME), "%d %b %Y"),
    (re.compile(r"\d{1,2} [A-Za-z]{4,9} \d{4}" + _TIME), "%d %B %Y"),
    (re.compile(r"\d{1,2}-[A-Za-z]{3}-\d{4}" + _TIME), "%d-%b-%Y"),
    (re.compile(r"\d{1,2}-[A-Za-z]{3}-\d{2}" + _TIME), "%d-%b-%y"),
    (re.compile(r"[A-Za-z]{3} \d{1,2}, \d{4}" + _TIME), "%b %d, %Y"),
    (re.compile(r"[A-Za-z]{4,9} \d{1,2}, \d{4}" + _TIME), "%B %d, %Y"),
)
_COMPACT = re.compile(r"(1[6-9]|2[01])\d{2}(0[1-9]|1[0-2])([0-2]\d|3[01])$")
MONTHS = 12


def parsed_dates(trimmed: pl.Series, *, loose: bool = False, day_first: bool | None = None) -> tuple[pl.Series, str] | None:
    """The column as dates or times without zone, with a note for people, or None if its first value is no date.

    The pattern comes from the first value, the order of day and month from the largest number in either place. Values that
    do not fit the pattern become null: the caller decides whether that is allowed. Times with a zone become UTC.

    Args:
        loose: Also read 20260131 as a date.
        day_first: The order of day and month where either fits all rows; None to take the usual one.

    Example:
        >>> dates, note = parsed_dates(pl.Series(["31/01/2026", "01/02/2026"]))
        >>> dates.to_list(), note
        ([datetime.date(2026, 1, 31), datetime.date(2026, 2, 1)], 'has dates as day/month/year')
    """
    first = next(iter(trimmed.drop_nulls().head(1).to_list()), "")
    if loose and _COMPACT.match(first):
        return trimmed.str.to_date("%Y%m%d", strict=False), "has dates as year, month and day without separators"
    for shape, pattern in _SHAPES:
        if match := shape.match(first):
            ordered = _ordered(trimmed, pattern, day_first)
            return None if ordered is None else _read(trimmed, *ordered, match)
    return None


def is_day_first(column: str, notes: Sequence[str]) -> bool | None:
    """The order of day and month in which a column of dates was read, by the notes on its table; None if they do not say.

    Example:
        >>> is_day_first("when", ["column 'when' has dates as day/month/year"])
        True
    """
    for first, is_day in (("day", True), ("month", False)):
        if any(note.startswith(f"column {column!r} has dates as {first}") for note in notes):
            return is_day
    return None


def _ordered(trimmed: pl.Series, pattern: str, asked: bool | None) -> tuple[str, str] | None:
    """The pattern with day and month in place, and the note; None if the column has both orders."""
    if "?" not in pattern:
        return pattern, ""
    mark = pattern[1]
    first, second = (_largest(trimmed, rf"^{skip}(\d{{1,2}})[/-]") for skip in ("", r"\d{1,2}[/-]"))
    if first > MONTHS and second > MONTHS:
        return None
    is_usual = mark == "-" if asked is None else asked
    day_first = first > MONTHS or (second <= MONTHS and is_usual)
    order = f"%d{mark}%m" if day_first else f"%m{mark}%d"
    words = f"day{mark}month{mark}year" if day_first else f"month{mark}day{mark}year"
    doubt = " (either order fits all rows; convert to 2026-01-31 if that is wrong)" if max(first, second) <= MONTHS else ""
    return order + pattern[3:], f"has dates as {words}{doubt}"


def _largest(trimmed: pl.Series, pattern: str) -> int:
    largest = trimmed.str.extract(pattern).cast(pl.Int64, strict=False).max()
    return largest if isinstance(largest, int) else 0


def _read(trimmed: pl.Series, pattern: str, note: str, match: re.Match[str]) -> tuple[pl.Series, str]:
    if match["time"] is None:
        return trimmed.str.to_date(pattern, strict=False), note
    clock = "%I:%M" if match["half"] else "%H:%M"
    clock += ":%S%.f" if match["seconds"] else ""
    gap = "T" if match["time"].startswith("T") else " "
    pattern += gap + clock + ((" %p" if match["half"].startswith(" ") else "%p") if match["half"] else "")
    if match["zone"] is None:
        return trimmed.str.to_datetime(pattern, time_unit="us", strict=False), note
    plain = trimmed.str.replace(r" ?(Z|UTC)$", "+00:00").str.replace(r" ([+-]\d{2}:?\d{2})$", "$1")
    moments = plain.str.to_datetime(pattern + "%z", time_unit="us", strict=False)
    return moments.dt.replace_time_zone(None), "; ".join(filter(None, (note, "has times with a zone, taken as UTC")))
