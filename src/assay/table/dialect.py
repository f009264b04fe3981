"""How a delimited text file is written: its separator, whether a header names the columns, where the rows start."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from assay.core.errors import SourceError
from assay.table.ragged import long_fields, plain_lines

SEPARATORS = (",", ";", "\t", "|")
SEPARATOR_NAMES = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "vertical bars", " ": "blanks"}
SNIFFED_LINES = 300
MIN_REPEAT_SHARE = 0.02
MIN_NUMBERED = 3  # from so many columns on, names 0, 1, 2 ... are taken for names and not for the first row
MAX_COLUMNS = 10_000


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a delimited file is written.

    Attributes:
        names: Column names; made up as column_1, column_2 ... where the file has no header.
        first_line: Physical lines before the first row of data.
        notes: What was inferred, one sentence each.
    """

    separator: str
    names: tuple[str, ...]
    first_line: int
    has_header: bool
    notes: tuple[str, ...] = ()


def dialect_of(head: str, where: str, *, separator: str | None = None, header: bool | None = None) -> Dialect:
    r"""The dialect of a file, from its first lines.

    Args:
        head: Whole lines from the beginning of the file.
        where: The file, for error texts.
        separator: One character, instead of inferring it.
        header: Whether the first line names the columns, instead of inferring it.

    Raises:
        SourceError: no line, two columns of one name, or more than 10,000 columns.

    Example:
        >>> dialect_of("a;b\n1,5;2\n", "x.csv").names
        ('a', 'b')
    """
    lines = head.removesuffix("\n").split("\n")
    skipped, comments = _preamble(lines)
    lines = lines[skipped : skipped + SNIFFED_LINES]
    if not lines:
        raise SourceError(f"{where} has {skipped} lines and no row of data; give a file with rows")
    notes = [f"skipped {comments} comment lines at the top"] if comments else []
    chosen = separator or _separator(lines)
    refuse_wide(lines[0].count(chosen) + 1, where)
    if separator is None and chosen != ",":
        notes.append(f"fields are separated by {SEPARATOR_NAMES[chosen]}")
    rows, header_lines = _fields(lines, chosen)
    if header or (header is None and _has_header(rows)):
        blank = [i + 1 for i, name in enumerate(rows[0]) if not name.strip()]
        if blank:
            notes.append(f"{len(blank)} columns have no name; the first is called 'column_{blank[0]}' by its place")
        return Dialect(chosen, _checked(rows[0], where), skipped + header_lines, has_header=True, notes=tuple(notes))
    above = _names_above(head, skipped, chosen, len(rows[0]))
    if above:
        notes.append("took the names from the last comment line")
        return Dialect(chosen, _checked(above, where), skipped, has_header=False, notes=tuple(notes))
    notes.append("the first line is data; columns were named column_1, column_2 and so on")
    return Dialect(chosen, tuple(f"column_{i + 1}" for i in range(len(rows[0]))), skipped, has_header=False, notes=tuple(notes))


def _fields(lines: Sequence[str], separator: str) -> tuple[list[list[str]], int]:
    """The rows of some lines, and how many lines the first row takes, with blank ones behind it."""
    reader = csv.reader(plain_lines(lines), delimiter=separator)
    rows, first = [], 0
    with long_fields():
        for row in reader:
            first = first or reader.line_num
            rows.append(row)
    while first < len(lines) and not lines[first].strip():
        first += 1
    return rows, first


def refuse_wide(width: int, where: str) -> None:
    """Refuse a table of more than 10,000 columns.

    Raises:
        SourceError: it has more.
    """
    if width > MAX_COLUMNS:
        raise SourceError(
            f"{where} has {width:,} columns, Assay reads at most {MAX_COLUMNS:,}; select columns or store it the other way round"
        )


def _preamble(lines: Sequence[str]) -> tuple[int, int]:
    """How many lines at the top are blank or comments, and how many are comments."""
    skipped = comments = 0
    for line in lines:
        if line.strip() and not line.startswith("#"):
            break
        skipped += 1
        comments += line.startswith("#")
    return skipped, comments


def _names_above(head: str, skipped: int, separator: str, width: int) -> list[str]:
    """The fields of the last skipped comment line if it names that many columns, else nothing."""
    for line in reversed(head.split("\n")[:skipped]):
        if line.startswith("#"):
            fields = [f.strip() for f in line.lstrip("# ").split(separator)]
            return fields if len(fields) == width else []
    return []


def _checked(names: Sequence[str], where: str) -> tuple[str, ...]:
    found = [name.strip() or f"column_{i + 1}" for i, name in enumerate(names)]
    twice = [name for name, n in Counter(found).items() if n > 1]
    if twice:
        places = [str(i + 1) for i, name in enumerate(found) if name == twice[0]]
        raise SourceError(
            f"{where} names {len(twice)} columns more than once: {twice[0]!r} is column {' and '.join(places[:4])}; give each its own name"
        )
    return tuple(found)


def _separator(lines: Sequence[str]) -> str:
    """The separator under which the most lines have the same number of fields, at least two."""
    best, best_score = ",", (0.0, 0)
    for candidate in SEPARATORS:
        widths = [len(row) for row in _fields(lines, candidate)[0] if row]
        if not widths or widths[0] < 2:
            continue
        score = (sum(w == widths[0] for w in widths) / len(widths), widths[0])
        if score > best_score:
            best, best_score = candidate, score
    return best


def _has_header(rows: Sequence[Sequence[str]]) -> bool:
    """Whether the first row names the columns: it holds no number or date, and its fields do not come again as values."""
    first = [field.strip() for field in rows[0]]
    if all(field.isdigit() for field in first) and len(first) >= MIN_NUMBERED:
        start = int(first[0])
        if start in (0, 1) and first == [str(start + i) for i in range(len(first))]:
            return True
    if any(_is_number(field) for field in first):
        return False
    below = [row for row in rows[1:] if list(row) != list(rows[0]) and len(row) == len(first)]
    if len(below) < 2 or len(first) < 2:
        return True
    repeats = [sum(row[i].strip() == field for row in below) for i, field in enumerate(first) if field]
    return not repeats or max(repeats) < max(2, MIN_REPEAT_SHARE * len(below))


def _is_number(field: str) -> bool:
    try:
        float(field)
    except ValueError:
        return False
    return field.lower() not in ("nan", "inf", "infinity")
