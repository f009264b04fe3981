"""Small images whose class is where their bright spot stands, that the tests of networks on images share."""

import numpy as np
from numpy.typing import NDArray

from assay.model.contract import Rows
from assay.model.encoder import Encoder
from assay.table import Roles, Table, read

SIDE = 8


def spots(rows: int, *, seed: int = 0, channels: int = 1, side: int = SIDE) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Images of noise with a bright bar, upright or level at a random place, and which of the two it is."""
    rng = np.random.default_rng(seed)
    pixels = rng.integers(0, 80, (rows, side, side, channels), dtype=np.uint8)
    kind = rng.integers(0, 2, rows)
    for image, upright, place in zip(pixels, kind, rng.integers(1, side - 1, rows), strict=True):
        bar = image[1 : side - 1, place] if upright else image[place, 1 : side - 1]
        bar[:] = 230
    return pixels, kind.astype(np.int64)


def table_of(rows: int, *, seed: int = 0, channels: int = 1, side: int = SIDE, others: bool = False) -> Table:
    """The images with their class as a table; with `others` a number and a category beside them."""
    pixels, kind = spots(rows, seed=seed, channels=channels, side=side)
    columns: dict[str, object] = {"x": pixels if channels > 1 else pixels[..., 0], "y": kind}
    if others:
        rng = np.random.default_rng(seed + 1)
        columns |= {"age": kind + rng.normal(0, 1, rows), "town": np.where(rng.random(rows) < 0.5, "oslo", "rome")}
    return read(columns).with_roles(Roles(target="y"))


def rows_of(table: Table, encoder: Encoder | None = None, *, target: str = "class") -> Rows:
    """Encoded rows with their class, or with a value that rises with it."""
    data = (encoder or Encoder.fit(table)).transform(table)
    kind = table.frame["y"].to_numpy().astype(np.int64)
    return Rows(data, kind if target == "class" else kind * 10.0 + np.linspace(0, 1, len(kind)))
