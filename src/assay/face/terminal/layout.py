"""How text is laid out: its width, its colours, its columns; and what keeps a table's values from steering the terminal."""

from __future__ import annotations

import os
import re
import shutil
import sys
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

WIDEST = 100
_COLOURS = {"error": "31;1", "warning": "33;1", "note": "36", "bold": "1", "soft": "2", "good": "32;1"}
_CONTROL = re.compile(r"\x1b\[[0-9;]*m")


@dataclass(frozen=True, slots=True)
class Paper:
    """What is written on.

    Attributes:
        width: Characters a line.
        colour: Escape codes are understood and wanted.
        blocks: Block characters can be encoded.
    """

    width: int = WIDEST
    colour: bool = False
    blocks: bool = True

    def paint(self, text: str, kind: str) -> str:
        """The text in the colour of that kind, or as it is on colourless paper."""
        return f"\x1b[{_COLOURS[kind]}m{text}\x1b[0m" if self.colour else text

    def bar(self, value: float, largest: float, length: int = 24) -> str:
        """A bar in proportion to |value|; at least a sliver for anything but 0."""
        if largest <= 0 or value == 0:
            return ""
        eighths = max(1, round(8 * length * min(1.0, abs(value) / largest)))
        if not self.blocks:
            return "#" * max(1, round(eighths / 8))
        return "█" * (eighths // 8) + ("", "▏", "▎", "▍", "▌", "▋", "▊", "▉")[eighths % 8]


def paper_of_stdout() -> Paper:
    """The paper that standard output is."""
    return paper_of(sys.stdout)


def paper_of(stream: Any) -> Paper:
    """The paper that a stream is: colours only on a terminal and without NO_COLOR, at most 100 columns."""
    is_terminal = stream.isatty()
    colour = is_terminal and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    width = min(WIDEST, shutil.get_terminal_size((WIDEST, 24)).columns) if is_terminal else WIDEST
    try:
        "█▏±".encode(stream.encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return Paper(max(40, width), colour, blocks=False)
    return Paper(max(40, width), colour)


def clean(text: object) -> str:
    r"""One line in which no character moves the cursor or changes a colour: what comes from data is only ever shown.

    Example:
        >>> clean("a\tb\x1b[31m")
        'a b\\x1b[31m'
    """
    spaced = re.sub(r"[\t\r\n]+", " ", str(text))
    return "".join(c if c.isprintable() else f"\\x{ord(c):02x}" if ord(c) < 256 else f"\\u{ord(c):04x}" for c in spaced)


def printable(text: str) -> str:
    r"""Text of several lines in which no character moves the cursor or changes a colour; line feeds and tabs stay.

    Example:
        >>> printable("a\nb\x1b[31m")
        'a\nb\\x1b[31m'
    """
    return "".join(c if c in "\n\t" else clean(c) for c in text)


def wrapped(text: str, paper: Paper, *, first: str = "", later: str = "") -> str:
    """The text in lines that fit the paper, with its indents."""
    return textwrap.fill(
        clean(text), paper.width, initial_indent=first, subsequent_indent=later, break_long_words=False, break_on_hyphens=False
    )


def cut(text: object, most: int) -> str:
    """The text in at most so many characters.

    Example:
        >>> cut("home.destination", 8)
        'home.d..'
    """
    shown = clean(text)
    return shown if len(shown) <= most else shown[: max(1, most - 2)] + ".."


def columns(rows: Sequence[Sequence[str]], align: str, *, indent: str = "", gap: str = "  ") -> list[str]:
    """Rows as aligned lines.

    Args:
        rows: Cells as text; escape codes in them take no room.
        align: One letter a column: "l" or "r"; the last column is never padded.
        indent: Before every line.
        gap: Between the columns.
    """
    widths = [max(len(_bare(row[i])) for row in rows) for i in range(len(align))] if rows else []
    lines = []
    for row in rows:
        cells = [_pad(cell, width, side) for cell, width, side in zip(row, widths, align, strict=True)]
        lines.append((indent + gap.join(cells)).rstrip())
    return lines


def _bare(text: str) -> str:
    return _CONTROL.sub("", text)


def _pad(cell: str, width: int, side: str) -> str:
    blank = " " * (width - len(_bare(cell)))
    return blank + cell if side == "r" else cell + blank
