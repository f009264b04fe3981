"""What the images of a table look like, and their brightness as a number."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from assay.audit.repeat import row_hashes
from assay.core.image_evidence import ImageEvidence, ImageExample

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from assay.table.grid import Grid
    from assay.table.table import Table

BLOCK_ROWS = 2048
MOST_CLASSES, SHOWN_A_CLASS = 12, 4
MOST_SIDE = 48


def measure_images(table: Table) -> tuple[ImageEvidence, ...]:
    """Measure every image of the table, on all its rows.

    Example:
        >>> from assay.table import read
        >>> seen = measure_images(read({"x": np.eye(4, dtype=np.uint8).reshape(4, 2, 2)}))[0]
        >>> seen.height, seen.width, seen.distinct, seen.plain, seen.constant
        (2, 2, 4, 0, 0)
    """
    return tuple(_measure(name, grid, table) for name, grid in table.grids.items())


def pixel_columns(table: Table) -> dict[str, str]:
    """Pixel column -> the image that it is part of; nothing for images in one column."""
    return {column: name for name, grid in table.grids.items() if not grid.is_packed for column in grid.columns}


def brightness(name: str, grid: Grid, frame: pl.DataFrame) -> pl.Series:
    """The mean of each image's values, missing where there is no image."""
    means = np.concatenate([np.empty(0), *(block.reshape(len(block), -1).mean(axis=1, dtype=np.float64) for block in _blocks(grid, frame))])
    means[grid.missing(frame)] = np.nan
    return pl.Series(name, means).fill_nan(None)


def _blocks(grid: Grid, frame: pl.DataFrame) -> list[NDArray[Any]]:
    return [grid.pixels(frame.slice(start, BLOCK_ROWS)) for start in range(0, frame.height, BLOCK_ROWS)]


def _measure(name: str, grid: Grid, table: Table) -> ImageEvidence:
    frame = table.frame.select(grid.columns)
    missing = grid.missing(frame)
    total, low, high = np.zeros(grid.shape), np.full(grid.shape, np.inf), np.full(grid.shape, -np.inf)
    plain, start = 0, 0
    for block in _blocks(grid, frame):
        held = block[~missing[start : start + len(block)]]
        start += len(block)
        if not len(held):
            continue
        total += np.nan_to_num(held).sum(axis=0, dtype=np.float64)
        low, high = np.minimum(low, held.min(axis=0)), np.maximum(high, held.max(axis=0))
        plain += int((held.min(axis=(1, 2)) == held.max(axis=(1, 2))).all(axis=1).sum())
    n_held = int((~missing).sum())
    hashes = row_hashes(frame.filter(pl.Series(~missing))) if n_held else np.empty(0)
    step = max(1, -(-max(grid.height, grid.width) // MOST_SIDE))
    scale = 1.0 if not n_held or high.max() > 1.0 else 255.0
    mean = [ImageExample("mean", 0, _encoded(total / n_held, step, scale))] if n_held else []
    return ImageEvidence(
        name=name,
        columns=len(grid.columns),
        first=grid.columns[0],
        height=grid.height,
        width=grid.width,
        channels=grid.channels,
        rows=table.rows,
        missing=int(missing.sum()),
        distinct=len(np.unique(hashes)),
        plain=plain,
        constant=int((low == high).sum()),
        shown=tuple(int(n) for n in total[::step, ::step].shape),
        examples=(*mean, *_examples(grid, table, missing, step, scale)),
    )


def _examples(grid: Grid, table: Table, missing: NDArray[np.bool_], step: int, scale: float) -> list[ImageExample]:
    """The first few images of each class (or of all rows), classes in their order, the most frequent where there are many."""
    labels = table.frame[table.roles.target].cast(pl.String) if table.roles.target else pl.Series(np.full(table.rows, ""))
    if labels.n_unique() > MOST_CLASSES and table.kinds.get(table.roles.target or "") == "number":
        labels = pl.Series(np.full(table.rows, ""))
    named = pl.DataFrame({"label": labels, "row": np.arange(table.rows)}).filter(pl.Series(~missing)).drop_nulls("label")
    counts = named["label"].value_counts(name="rows").sort(["rows", "label"], descending=[True, False]).head(MOST_CLASSES)
    few = SHOWN_A_CLASS if counts.height > 1 else MOST_CLASSES
    found = []
    for label in sorted(counts["label"].to_list(), key=lambda text: (len(text) if text.isdecimal() else 0, text)):
        rows = named.filter(pl.col("label") == label)["row"].head(few).to_numpy()
        for row, image in zip(rows.tolist(), grid.pixels(table.frame[rows].select(grid.columns)), strict=True):
            found.append(ImageExample(label, row + 1, _encoded(image, step, scale)))
    return found


def _encoded(image: NDArray[Any], step: int, scale: float) -> str:
    few = np.nan_to_num(image[::step, ::step].astype(np.float64)) * scale
    return base64.b64encode(np.clip(np.rint(few), 0, 255).astype(np.uint8).tobytes()).decode("ascii")
