"""The images of a run for its report: a few of each class as inlined PNG, and how much of the loss each region took away."""

from __future__ import annotations

import base64
import re
import struct
import zlib
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from assay.core.image_evidence import ImageEvidence, ImageExample
    from assay.core.ledger import Ledger
    from assay.face.view import RunView

COLOUR_TYPES = {1: 0, 3: 2, 4: 6}
SMALLEST_SHOWN = 48


@dataclass(frozen=True, slots=True)
class Region:
    """What one region of an image took off the held-out loss."""

    row: int
    column: int
    amount: float


def sheets(view: RunView) -> list[tuple[ImageEvidence, str, str]]:
    """Each image of the table, the name of the picture of its regions, and its examples as HTML."""
    return [(image, f"regions-{place}", sheet(image)) for place, image in enumerate(view.table.images)]


def sheet(image: ImageEvidence) -> str:
    """The examples as rows of pictures, a row a class."""
    by_label: dict[str, list[ImageExample]] = {}
    for one in image.examples:
        by_label.setdefault(one.label, []).append(one)
    rows = []
    for label, examples in by_label.items():
        pictures = "".join(_picture(image, one) for one in examples)
        rows.append(f"<div><dt>{escape(label) or 'examples'}</dt><dd>{pictures}</dd></div>")
    return f'<dl class="sheet">{"".join(rows)}</dl>' if rows else ""


def _picture(image: ImageEvidence, one: ImageExample) -> str:
    height, width, channels = image.shown
    data = base64.b64encode(png(base64.b64decode(one.pixels), height, width, channels)).decode("ascii")
    told = f"the mean of all {image.rows - image.missing:,} images" if one.row == 0 else f"row {one.row:,}"
    scale = max(1, SMALLEST_SHOWN // max(height, width))
    return f'<img src="data:image/png;base64,{data}" width="{width * scale}" height="{height * scale}" alt="{told}" title="{told}">'


def png(values: bytes, height: int, width: int, channels: int) -> bytes:
    r"""A PNG file of values of one byte each, in the order row, column, channel.

    Source: PNG specification, third edition (W3C 2025).

    Example:
        >>> png(bytes(6), 2, 3, 1)[:8]
        b'\x89PNG\r\n\x1a\n'
    """
    line = width * channels
    lines = b"".join(b"\0" + values[start : start + line] for start in range(0, height * line, line))
    header = struct.pack(">IIBBBBB", width, height, 8, COLOUR_TYPES[channels], 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + _chunk(b"IDAT", zlib.compress(lines, 9)) + _chunk(b"IEND", b"")


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def regions(ledger: Ledger, image: str) -> tuple[Region, ...]:
    """The bookings of an image's regions; none where some of them are booked together with other columns.

    Example:
        >>> from assay.core.ledger import Booking, Ledger, Side
        >>> side = Side("source", (Booking("photo row 1 column 2", 0.5), Booking("photo row 1 column 1", 0.25)), 0.0, "SAGE", 0.1)
        >>> [one.amount for one in regions(Ledger("cnn", "bits/row", 9, 1.0, 0.2, 0.1, 0.1, side, side), "photo")]
        [0.25, 0.5]
    """
    named = re.compile(re.escape(image) + r" row (\d+) column (\d+)")
    found = [(named.fullmatch(b.name), b.held_out) for b in ledger.sources.bookings]
    made = sorted((int(m[1]), int(m[2]), amount) for m, amount in found if m)
    if not made or len(made) != made[-1][0] * max(column for _, column, _ in made):
        return ()
    return tuple(Region(*one) for one in made)
