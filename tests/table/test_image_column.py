import io
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from PIL import Image
from tests.table.images import picture, save

from assay.core.errors import ColumnError, SourceError
from assay.table import concat, read


@pytest.fixture
def table_file(tmp_path: Path) -> Path:
    for i in range(3):
        save(tmp_path / "img" / f"{i}.png", picture(i))
    path = tmp_path / "dogs.csv"
    path.write_text("photo,age,breed\nimg/0.png,3,pug\nimg/1.png,4,\nimg/2.png,9,pug\n")
    return path


def test_file_names_beside_the_table_become_pixels(table_file: Path) -> None:
    table = read(table_file)
    assert table.columns[0] == "photo_pixel_0"
    assert table.columns[-2:] == ("age", "breed")
    assert np.array_equal(table.grids["photo"].pixels(table.frame)[2, :, :, 0], picture(2))


def test_an_empty_cell_is_a_missing_image(table_file: Path) -> None:
    table_file.write_text("photo,age\nimg/0.png,3\n,4\n")
    table = read(table_file)
    assert table.grids["photo"].missing(table.frame).tolist() == [False, True]
    assert table.frame["photo_pixel_0"].null_count() == 1


def test_a_missing_large_image_is_missing(table_file: Path) -> None:
    save(table_file.parent / "img" / "0.png", picture(1, height=40, width=40))
    table_file.write_text("photo,age\nimg/0.png,3\n,4\n")
    table = read(table_file)
    assert table.kinds == {"photo": "image", "age": "number"}
    assert table.frame["photo"].null_count() == 1
    assert (table.grids["photo"].pixels(table.frame)[1] == 0).all()


def test_a_file_that_is_not_there_is_named_with_its_row(table_file: Path) -> None:
    table_file.write_text("photo,age\nimg/0.png,3\nimg/7.png,4\n")
    with pytest.raises(SourceError, match=r"row 2 of .*dogs\.csv names 'img/7\.png' in column 'photo'.*--type photo=category"):
        read(table_file)
    assert read(table_file, types={"photo": "category"}).kind("photo") == "category"


def test_names_of_files_that_lie_elsewhere_stay_names_with_a_note(table_file: Path) -> None:
    table_file.write_text("photo,age\na.png,3\nb.png,4\n")
    table = read(table_file)
    assert table.kind("photo") == "category"
    assert any("names image files such as 'a.png', which do not lie in" in note for note in table.notes)
    with pytest.raises(SourceError, match=r"row 1 of .*names 'a\.png'"):
        read(table_file, types={"photo": "image"})


def test_a_column_of_numbers_is_no_image() -> None:
    with pytest.raises(ColumnError, match=r"column 'age' holds .* and no names of image files"):
        read({"age": [3, 4]}, types={"age": "image"})


def test_encoded_images_of_a_parquet_file_become_pixels(tmp_path: Path) -> None:
    held = []
    for i in range(3):
        stream = io.BytesIO()
        Image.fromarray(picture(i)).save(stream, "PNG")
        held.append(stream.getvalue())
    pl.DataFrame({"image": [{"bytes": b, "path": "x"} for b in held], "raw": held, "y": [1, 2, 3]}).write_parquet(tmp_path / "a.parquet")
    table = read(tmp_path / "a.parquet")
    assert set(table.grids) == {"image", "raw"}
    assert np.array_equal(table.grids["image"].pixels(table.frame)[1, :, :, 0], picture(1))


def test_other_bytes_stay_hexadecimal_text() -> None:
    table = read({"key": [b"\x01\x02", b"\xff"], "y": [1, 2]})
    assert table.frame["key"].to_list() == ["0102", "ff"]


def test_parts_with_images_of_other_sizes_are_not_joined(tmp_path: Path) -> None:
    first = read({"x": np.zeros((3, 6, 4), np.uint8), "y": [0, 1, 0]})
    second = read({"x": np.zeros((2, 4, 6), np.uint8), "y": [0, 1]})
    assert concat(first, first).grids == first.grids
    with pytest.raises(SourceError, match=r"6x4 grey in .* and 4x6 grey in .*--image-size 6x4"):
        concat(first, second)
