"""Images in a table: which columns form one, and their pixels as an array."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from assay.core.errors import SourceError

if TYPE_CHECKING:
    from numpy.typing import NDArray

MOST_COLUMNS_AN_IMAGE = 1_024
"""Images of up to so many values (32 x 32 grey) are a column a pixel, which every model reads; larger ones are one column.

Measured on 3,000 digits: of 784 pixel columns boosting took 72 s and the audit 3 s; both grow in proportion."""

BLOCK_ROWS = 1024
FEWEST_NAMED_PIXELS = 64
CHANNELS = {1: "grey", 3: "colour", 4: "four-channel"}

_BY_NUMBER, _BY_PLACE = re.compile(r"^pixel_?(\d+)$"), re.compile(r"^(?:pixel_)?(\d+)[x_](\d+)$")


@dataclass(frozen=True, slots=True)
class Grid:
    """Columns that together are an image: one a pixel value, or one that holds all values as bytes.

    Attributes:
        columns: The pixel columns in the order row, column, channel; or the one column of bytes (uint8, the same order).
        height, width, channels: Of the image.

    Example:
        >>> Grid(("p0", "p1"), 1, 2, 1).pixels(pl.DataFrame({"p0": [0, 9], "p1": [255, 3]})).tolist()
        [[[[0], [255]]], [[[9], [3]]]]
    """

    columns: tuple[str, ...]
    height: int
    width: int
    channels: int

    @property
    def values(self) -> int:
        """Number of values of an image."""
        return self.height * self.width * self.channels

    @property
    def is_packed(self) -> bool:
        """Whether one column holds the whole image as bytes."""
        return len(self.columns) == 1 and self.values != 1

    @property
    def shape(self) -> tuple[int, int, int]:
        """Height, width and channels."""
        return self.height, self.width, self.channels

    def told(self) -> str:
        """The size in words, such as "28x28 grey"."""
        return f"{self.height}x{self.width} {CHANNELS.get(self.channels, f'{self.channels}-channel')}"

    def pixels(self, frame: pl.DataFrame) -> NDArray[Any]:
        """The images of these rows, (rows, height, width, channels): uint8, or float32 where pixel columns hold other numbers.

        A pixel column that the frame lacks is 0. A missing value is NaN in pixel columns; a missing image is all 0, see `missing`.

        Raises:
            SourceError: a value of a column of bytes has another size.
        """
        flat = self._unpacked(frame[self.columns[0]]) if self.is_packed else self._gathered(frame)
        return flat.reshape(frame.height, *self.shape)

    def missing(self, frame: pl.DataFrame) -> NDArray[np.bool_]:
        """Rows without an image."""
        held = [frame[c].is_null().to_numpy() for c in self.columns if c in frame.columns]
        return np.logical_and.reduce(held) if held else np.zeros(frame.height, dtype=np.bool_)

    def _unpacked(self, column: pl.Series) -> NDArray[np.uint8]:
        made = np.empty((len(column), self.values), dtype=np.uint8)
        nothing = bytes(self.values)
        for start in range(0, len(column), BLOCK_ROWS):
            block = [nothing if b is None else b for b in column.slice(start, BLOCK_ROWS).to_list()]
            odd = next((b for b in block if len(b) != self.values), None)
            if odd is not None:
                raise SourceError(f"column {column.name!r} holds an image of {len(odd):,} values, expected {self.values:,} ({self.told()})")
            made[start : start + len(block)] = np.frombuffer(b"".join(block), dtype=np.uint8).reshape(-1, self.values)
        return made

    def _gathered(self, frame: pl.DataFrame) -> NDArray[Any]:
        there = [(i, frame[c]) for i, c in enumerate(self.columns) if c in frame.columns]
        are_bytes = all(_fits_a_byte(column) for _, column in there)
        made: NDArray[Any] = np.zeros((frame.height, self.values), dtype=np.uint8 if are_bytes else np.float32)
        for place, column in there:
            made[:, place] = column.to_numpy() if are_bytes else column.cast(pl.Float32).fill_null(np.nan).to_numpy()
        return made


def _fits_a_byte(column: pl.Series) -> bool:
    if column.null_count() or not column.dtype.is_integer():
        return False
    return bool(column.is_between(0, 255).all())


def grid_of_array(values: NDArray[Any]) -> tuple[int, int, int] | None:
    """Height, width and channels of an array (rows, ...) of images; None if it is none.

    Bytes of three dimensions are grey images; arrays of four dimensions whose last (or second) counts 1, 3 or 4 have that many
    channels; fractions of three dimensions are grey images if all lie between 0 and 1 and the sides have 8 pixels or more.

    Example:
        >>> grid_of_array(np.zeros((5, 8, 6), np.uint8)), grid_of_array(np.zeros((5, 3, 8, 6))), grid_of_array(np.zeros((5, 8)))
        ((8, 6, 1), (8, 6, 3), None)
    """
    if values.ndim == 4 and values.dtype.kind in "uif":
        if values.shape[3] in CHANNELS:
            return values.shape[1], values.shape[2], values.shape[3]
        return (values.shape[2], values.shape[3], values.shape[1]) if values.shape[1] in CHANNELS else None
    if values.ndim != 3 or not values.size:
        return None
    is_fractions = values.dtype.kind == "f" and min(values.shape[1:]) >= 8 and bool((values >= 0).all() and (values <= 1).all())
    return (values.shape[1], values.shape[2], 1) if values.dtype == np.uint8 or is_fractions else None


def grid_of_names(kinds: Mapping[str, str]) -> Grid | None:
    """The grey image that number columns form by their names and order; None if there is none.

    Known are pixel0, pixel1, ... (or pixel_0, ...) of a square, and row and column as pixel_0_0, 0x0 or 1x1.

    Example:
        >>> grid_of_names({f"pixel{i}": "number" for i in range(64)}).told()
        '8x8 grey'
        >>> grid_of_names({f"{row}x{column}": "number" for row in range(1, 9) for column in range(1, 11)}).told()
        '8x10 grey'
    """
    numbers = [name for name, kind in kinds.items() if kind == "number"]
    counted = [(int(match[1]), name) for name in numbers if (match := _BY_NUMBER.match(name))]
    side = round(len(counted) ** 0.5)
    if side * side == len(counted) >= FEWEST_NAMED_PIXELS and [n for n, _ in counted] == [counted[0][0] + i for i in range(len(counted))]:
        return Grid(tuple(name for _, name in counted), side, side, 1)
    placed = [((int(match[1]), int(match[2])), name) for name in numbers if (match := _BY_PLACE.match(name))]
    if len(placed) < FEWEST_NAMED_PIXELS:
        return None
    (top, left), (bottom, right) = placed[0][0], placed[-1][0]
    wanted = [(row, column) for row in range(top, bottom + 1) for column in range(left, right + 1)]
    is_grid = [place for place, _ in placed] == wanted and min(bottom - top, right - left) > 0
    return Grid(tuple(name for _, name in placed), bottom - top + 1, right - left + 1, 1) if is_grid else None


def packed(name: str, pixels: NDArray[np.uint8], present: Sequence[bool] | None = None) -> pl.Series:
    r"""Images (rows, height, width, channels) as a column of bytes; those that are not present are missing.

    Example:
        >>> packed("photo", np.ones((2, 1, 1, 3), np.uint8), [True, False]).to_list()
        [b'\x01\x01\x01', None]
    """
    flat = pixels.reshape(len(pixels), -1)
    rows = [row.tobytes() for row in flat] if present is None else [r.tobytes() if p else None for r, p in zip(flat, present, strict=True)]
    return pl.Series(name, rows, dtype=pl.Binary)


def refuse_other_grids(first: Mapping[str, Grid], second: Mapping[str, Grid], where: tuple[str, str]) -> None:
    """Refuse to put rows below each other whose images have other sizes.

    Raises:
        SourceError: an image of the second part has another size than in the first.
    """
    for name, grid in first.items():
        other = second.get(name)
        if other is not None and other.shape != grid.shape:
            raise SourceError(
                f"the images {name!r} are {grid.told()} in {where[0] or 'the first table'} and {other.told()} in "
                f"{where[1] or 'the second'}; resize all to one size with --image-size {grid.height}x{grid.width}"
            )
