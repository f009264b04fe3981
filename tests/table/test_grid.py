from pathlib import Path

import numpy as np
import polars as pl
import pytest

from assay.core.errors import SourceError
from assay.table import read
from assay.table.grid import Grid, grid_of_names


def arrays(**held: np.ndarray) -> dict[str, np.ndarray]:
    n = len(next(iter(held.values())))
    return {**held, "y": np.arange(n) % 2}


def test_bytes_are_pixel_columns_with_their_grid() -> None:
    x = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
    table = read(arrays(x=x))
    assert table.grids["image"].shape == (3, 4, 1)
    assert np.array_equal(table.grids["image"].pixels(table.frame)[..., 0], x)


def test_channels_may_come_first() -> None:
    x = np.arange(2 * 3 * 8 * 9, dtype=np.uint8).reshape(2, 3, 8, 9)
    table = read(arrays(x=x))
    assert np.array_equal(table.grids["image"].pixels(table.frame), np.moveaxis(x, 1, 3))


def test_fractions_keep_their_values_in_pixel_columns() -> None:
    x = np.random.default_rng(0).random((3, 8, 8))
    table = read(arrays(x=x))
    assert table.columns[0] == "x_0"
    assert np.allclose(table.grids["x"].pixels(table.frame)[..., 0], x, atol=1e-7)


def test_large_fractions_are_kept_in_256_steps() -> None:
    x = np.random.default_rng(0).random((3, 40, 40)).round(2)
    table = read(arrays(x=x))
    assert table.kind("x") == "image"
    assert np.abs(table.grids["x"].pixels(table.frame)[..., 0] / 255 - x).max() <= 0.5 / 255 + 1e-9


def test_series_of_measurements_are_no_images() -> None:
    assert read(arrays(x=np.random.default_rng(0).normal(size=(3, 9, 8)))).grids == {}


def test_two_arrays_of_images_keep_apart() -> None:
    x, z = (np.full((2, 2, 2), n, dtype=np.uint8) for n in (1, 2))
    table = read(arrays(x=x, z=z))
    assert set(table.grids) == {"image", "z"}
    assert table.columns[4] == "z_0"


def test_columns_named_as_pixels_are_an_image(tmp_path: Path) -> None:
    names = [f"pixel{i}" for i in range(64)]
    path = tmp_path / "digits.csv"
    path.write_text(",".join(["label", *names]) + "\n" + ",".join(["3", *map(str, range(64))]) + "\n")
    table = read(path)
    assert table.grids["image"].told() == "8x8 grey"
    assert any("pixel0 to pixel63 were taken as 8x8 grey images" in note for note in table.notes)


def test_names_with_a_gap_are_no_image() -> None:
    assert grid_of_names({f"pixel{i}": "number" for i in range(65) if i != 7}) is None
    assert grid_of_names({f"pixel{i}": "text" if i == 7 else "number" for i in range(64)}) is None
    assert grid_of_names({f"{i % 8}x{i // 8}": "number" for i in range(64)}) is None


def test_the_digits_sample_is_images() -> None:
    table = read("digits")
    assert table.grids["image"].told() == "8x8 grey"


def test_missing_pixels_are_nan() -> None:
    grid = Grid(("a", "b"), 1, 2, 1)
    frame = pl.DataFrame({"a": [1, None], "b": [2, None]})
    assert np.isnan(grid.pixels(frame)[1]).all()
    assert grid.missing(frame).tolist() == [False, True]


def test_bytes_of_another_size_are_refused() -> None:
    with pytest.raises(SourceError, match=r"holds an image of 3 values, expected 4 \(2x2 grey\)"):
        Grid(("x",), 2, 2, 1).pixels(pl.DataFrame({"x": [b"abc"]}))


def test_the_test_arrays_of_a_file_are_taken_for_testing(tmp_path: Path) -> None:
    path = tmp_path / "d.npz"
    np.savez(path, x_train=np.zeros((4, 2, 2), np.uint8), y_train=[0, 1, 0, 1], x_test=np.ones((2, 2, 2), np.uint8), y_test=[1, 0])
    train, test = read(path), read(path, part="test")
    assert (train.rows, test.rows) == (4, 2)
    assert test.frame["pixel_0"].to_list() == [1, 1]
    assert any("to test on them, name the file again: --test" in note for note in train.notes)
