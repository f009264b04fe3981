"""Images among encoded rows: their pixels, the regions that the ledger books, and the thumbnail that other models read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from assay.core.errors import ColumnError
from assay.table.grid import Grid

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from assay.table.table import Table

REGIONS_A_SIDE = 4
THUMBNAIL_SIDES = {1: 16}
THUMBNAIL_SIDE = 8  # of images in colour: three channels
BLOCK_ROWS = 1024
LUMINANCE = (0.299, 0.587, 0.114)  # of red, green, blue: ITU-R BT.601
CHANNEL_NAMES = {1: ("",), 3: (" red", " green", " blue"), 4: (" red", " green", " blue", " alpha")}


@dataclass(frozen=True)
class Pictures:
    """The images of encoded rows; rows are chosen without copying pixels until these are asked for.

    Attributes:
        name: Of the image in the table.
        stored: Uint8 or float32 (stored rows, height, width, channels), NaN where a pixel is missing.
        absent: Of the stored rows, those without an image.
        region_names: The sources that the ledger books: parts of the image.
        region_of: Number of the region of each pixel, (height, width).
        number_places: Columns of `Encoded.numbers` that tell of this image: its pixels or its thumbnail.
        chosen: Which stored rows these are; None for all.
    """

    name: str
    stored: NDArray[Any]
    absent: NDArray[np.bool_]
    region_names: tuple[str, ...]
    region_of: NDArray[np.intp]
    number_places: tuple[int, ...] = ()
    chosen: NDArray[np.intp] | None = None

    @property
    def rows(self) -> int:
        """Number of rows."""
        return len(self.stored) if self.chosen is None else len(self.chosen)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Height, width and channels."""
        height, width, channels = self.stored.shape[1:]
        return height, width, channels

    @cached_property
    def pixels(self) -> NDArray[Any]:
        """(rows, height, width, channels)."""
        return self.stored if self.chosen is None else self.stored[self.chosen]

    @property
    def missing(self) -> NDArray[np.bool_]:
        """Rows without an image."""
        return self.absent if self.chosen is None else self.absent[self.chosen]

    def take(self, rows: NDArray[np.intp]) -> Pictures:
        """These rows (positions), in this order."""
        places = np.asarray(rows)
        return replace(self, chosen=places if self.chosen is None else self.chosen[places])

    def followed_by(self, other: Pictures) -> Pictures:
        """These rows and then the other's."""
        if self.stored is other.stored:
            sides = (np.arange(one.rows) if one.chosen is None else one.chosen for one in (self, other))
            return replace(self, chosen=np.concatenate(list(sides)))
        stored, absent = np.concatenate([self.pixels, other.pixels]), np.concatenate([self.missing, other.missing])
        return replace(self, stored=stored, absent=absent, chosen=None)

    def mixed(self, others: Pictures, own: NDArray[np.bool_]) -> Pictures:
        """These images with the regions where `own` (rows, regions) is False taken from the row of `others` beside each."""
        stored = np.where(own[:, self.region_of][..., None], self.pixels, others.pixels)
        return replace(self, stored=stored, absent=self.missing & others.missing, chosen=None)

    def crossed(self, others: Pictures, known: NDArray[np.bool_]) -> Pictures:
        """Every row under every coalition beside every other row, in that order; unknown regions are the other row's.

        Args:
            others: Background rows.
            known: (rows, coalitions, regions).
        """
        mask = known[:, :, None][..., self.region_of][..., None]
        made = np.where(mask, self.pixels[:, None, None], others.pixels[None, None])
        flat = made.reshape(-1, *self.shape)
        return replace(self, stored=flat, absent=np.zeros(len(flat), dtype=np.bool_), chosen=None)


@dataclass(frozen=True)
class ImageColumn:
    """How one image of the table is encoded.

    Attributes:
        name: Of the image.
        columns: The pixel columns, "" for those that no model may read; or the one column of bytes.
        height, width, channels: Of the image.
    """

    name: str
    columns: tuple[str, ...]
    height: int
    width: int
    channels: int

    @property
    def grid(self) -> Grid:
        """The same as the table has it."""
        return Grid(self.columns, self.height, self.width, self.channels)

    @cached_property
    def region_of(self) -> NDArray[np.intp]:
        """Number of the region of each pixel, (height, width)."""
        down, across = (np.repeat(np.arange(len(n)), n) for n in (self._lengths(self.height), self._lengths(self.width)))
        return down[:, None] * len(self._lengths(self.width)) + across

    @property
    def region_names(self) -> tuple[str, ...]:
        """What the regions are called, such as "image row 1 column 2"."""
        down, across = len(self._lengths(self.height)), len(self._lengths(self.width))
        return tuple(f"{self.name} row {row} column {column}" for row in range(1, down + 1) for column in range(1, across + 1))

    @property
    def pixel_sources(self) -> Mapping[str, str]:
        """Pixel column -> its region; nothing for an image in one column."""
        if self.grid.is_packed:
            return {}
        regions = np.repeat(self.region_of.ravel(), self.channels)
        return {name: self.region_names[regions[i]] for i, name in enumerate(self.columns)}

    @staticmethod
    def _lengths(side: int) -> NDArray[np.intp]:
        return np.diff(_edges(side, REGIONS_A_SIDE))

    def pictures(self, table: Table) -> Pictures:
        """The images of a table's rows.

        Raises:
            ColumnError: the table has none of this name, or of another size.
        """
        found = table.grids.get(self.name)
        if found is not None and (found.height, found.width) != (self.height, self.width):
            raise ColumnError(
                f"the model reads images of {self.grid.told()} in {self.name!r}, those of {table.source or 'the table'} are "
                f"{found.told()}; read them with --image-size {self.height}x{self.width}"
            )
        grid = replace(found, columns=self.columns) if found is not None and found.is_packed and self.grid.is_packed else self.grid
        pixels = _with_channels(grid.pixels(table.frame), self.channels)
        return Pictures(self.name, pixels, grid.missing(table.frame), self.region_names, self.region_of)

    def thumbnail(self, pictures: Pictures) -> tuple[NDArray[np.float64], list[tuple[str, str]]]:
        """The mean of each cell of a coarse grid, (rows, cells times channels), NaN without an image; and name and region of each."""
        side = THUMBNAIL_SIDES.get(self.channels, THUMBNAIL_SIDE)
        down, across = (_edges(n, side) for n in (self.height, self.width))
        area = np.diff(down)[:, None, None] * np.diff(across)[:, None]
        parts = []
        for start in range(0, pictures.rows, BLOCK_ROWS):
            block = pictures.take(np.arange(start, min(start + BLOCK_ROWS, pictures.rows))).pixels.astype(np.float64)
            parts.append(np.add.reduceat(np.add.reduceat(block, down[:-1], axis=1), across[:-1], axis=2) / area)
        means = np.concatenate([np.empty((0, len(down) - 1, len(across) - 1, self.channels)), *parts])
        means[pictures.missing] = np.nan
        tints = CHANNEL_NAMES[self.channels]
        named = [
            (f"{self.name}: {row + 1},{column + 1}{tint}", self.region_names[self.region_of[top, left]])
            for row, top in enumerate(down[:-1])
            for column, left in enumerate(across[:-1])
            for tint in tints
        ]
        return means.reshape(pictures.rows, -1), named


def learn_image(name: str, grid: Grid, table: Table, features: tuple[str, ...]) -> ImageColumn | str | None:
    """How an image is encoded, why it is left out, or None where none of its columns is a feature."""
    readable = set(features)
    columns = tuple(c if c in readable else "" for c in grid.columns)
    if not any(columns):
        return None
    if bool(grid.missing(table.frame).all()):
        return "every training row is missing"
    return ImageColumn(name, columns, *grid.shape)


def _edges(side: int, parts: int) -> NDArray[np.intp]:
    """Where at most so many even stretches of a side begin, and its end."""
    n = min(side, parts)
    return np.arange(n + 1) * side // n


def _with_channels(pixels: NDArray[Any], channels: int) -> NDArray[Any]:
    """Grey as colour, or colour as grey, where the model reads other channels than the rows have."""
    if pixels.shape[3] == channels:
        return pixels
    if pixels.shape[3] == 1:
        return np.repeat(pixels, channels, axis=3)
    grey = np.tensordot(pixels[..., :3].astype(np.float32), np.array(LUMINANCE, dtype=np.float32), axes=1)[..., None]
    return np.repeat(np.rint(grey).astype(pixels.dtype), channels, axis=3)
