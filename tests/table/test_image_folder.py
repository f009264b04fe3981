from pathlib import Path

import numpy as np
import pytest
from tests.table.images import folder_of, picture, save

from assay.core.errors import SourceError
from assay.table import read
from assay.table.image_folder import folder_target, is_image_folder


def test_sub_folders_are_the_classes_and_pixels_the_columns(tmp_path: Path) -> None:
    table = read(folder_of(tmp_path / "pets"))
    assert table.frame["file"].to_list() == ["cat/0.png", "cat/1.png", "cat/2.png", "dog/0.png", "dog/1.png", "dog/2.png"]
    assert table.frame["label"].to_list() == ["cat"] * 3 + ["dog"] * 3
    assert (table.grids["image"].told(), table.columns[2], table.columns[-1]) == ("6x5 grey", "pixel_0", "pixel_29")
    assert np.array_equal(table.grids["image"].pixels(table.frame)[4, :, :, 0], picture(101))
    assert table.roles.ids == ("file",)


def test_the_target_of_a_folder_is_known(tmp_path: Path) -> None:
    assert folder_target(str(folder_of(tmp_path / "pets"))) == "label"


def test_class_names_that_are_numbers_stay_names(tmp_path: Path) -> None:
    table = read(folder_of(tmp_path / "digits", classes=("0", "1", "10")))
    assert table.kind("label") == "category"
    assert table.frame["label"].unique().sort().to_list() == ["0", "1", "10"]


def test_large_images_become_one_column_of_the_kind_image(tmp_path: Path) -> None:
    table = read(folder_of(tmp_path / "photos", height=20, width=24, channels=3))
    assert (table.columns, table.kind("image"), table.grids["image"].told()) == (("file", "label", "image"), "image", "20x24 colour")
    assert np.array_equal(table.grids["image"].pixels(table.frame)[0], picture(0, height=20, width=24, channels=3))


def test_rows_keep_their_images_when_they_are_taken(tmp_path: Path) -> None:
    table = read(folder_of(tmp_path / "photos", height=20, width=24, channels=3))
    few = table.take([4, 0])
    assert np.array_equal(few.grids["image"].pixels(few.frame)[0], picture(101, height=20, width=24, channels=3))
    assert few.fingerprint != table.take([0, 4]).fingerprint


def test_a_folder_without_sub_folders_is_read_but_has_no_target(tmp_path: Path) -> None:
    save(tmp_path / "new" / "a.png", picture(1))
    assert read(tmp_path / "new").columns[:2] == ("file", "pixel_0")
    with pytest.raises(SourceError, match=r"holds 1 images and no sub-folder with images.*sub-folder named after it"):
        folder_target(str(tmp_path / "new"))


def test_images_two_folders_deep_are_refused_with_the_command_that_works(tmp_path: Path) -> None:
    folder_of(tmp_path / "data" / "train")
    folder_of(tmp_path / "data" / "test")
    with pytest.raises(SourceError, match=r"two folders deep.*assay train .*data/train --test .*data/test"):
        read(tmp_path / "data")
    with pytest.raises(SourceError, match="two folders deep"):
        folder_target(str(tmp_path / "data"))


def test_what_is_left_out_is_noted(tmp_path: Path) -> None:
    root = folder_of(tmp_path / "pets")
    save(root / "stray.png", picture(1))
    (root / "bird").mkdir()
    (root / "cat" / "notes.txt").write_text("hello")
    notes = " | ".join(read(root).notes)
    assert "2 sub-folders are the classes in the column 'label', of 3 to 3 images" in notes
    assert "left out 1 images that lie beside the class folders, such as 'stray.png'" in notes
    assert "the sub-folder 'bird' held no image and made no class" in notes
    assert "left out 1 files that are no images of a class, such as 'notes.txt'" in notes


def test_images_of_other_sizes_are_refused_with_two_files_and_the_remedy(tmp_path: Path) -> None:
    root = folder_of(tmp_path / "pets")
    save(root / "dog" / "9.png", picture(1, height=7))
    with pytest.raises(SourceError, match=r"2 sizes: .*cat/0\.png is 6x5, .*dog/9\.png is 7x5 .*--image-size 6x5"):
        read(root)


def test_images_are_resized_on_request(tmp_path: Path) -> None:
    root = folder_of(tmp_path / "pets")
    save(root / "dog" / "9.png", picture(1, height=12, width=10))
    table = read(root, image_size="6x5")
    assert table.grids["image"].told() == "6x5 grey"
    assert "1 of 7 images were resized, without keeping their proportions" in table.notes
    assert np.array_equal(table.grids["image"].pixels(table.frame)[0, :, :, 0], picture(0))


@pytest.mark.parametrize("content", [b"", b"\x89PNG\r\n\x1a\nrubbish", "cut"])
def test_a_damaged_file_is_named(tmp_path: Path, content: bytes | str) -> None:
    root = folder_of(tmp_path / "pets")
    bad = root / "cat" / "1.png"
    bad.write_bytes(bad.read_bytes()[:50] if isinstance(content, str) else content)
    with pytest.raises(SourceError, match=r"cat/1\.png cannot be read as an image .*mend it or take it out"):
        read(root)


def test_a_folder_without_an_image_is_told_what_counts_as_one(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert not is_image_folder(tmp_path / "empty")
    assert not is_image_folder("iris")
    with pytest.raises(SourceError, match="is a folder"):
        read(tmp_path / "empty")


def test_new_images_are_brought_to_the_channels_of_earlier_ones(tmp_path: Path) -> None:
    table = read(folder_of(tmp_path / "grey"))
    save(tmp_path / "new" / "a.png", np.repeat(picture(7)[:, :, None], 3, axis=2))
    new = read(tmp_path / "new", grids=table.grids)
    assert np.array_equal(new.grids["image"].pixels(new.frame)[0, :, :, 0], picture(7))


def test_more_pixels_than_memory_is_given_are_refused_before_they_are_decoded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("assay.table.image_file.MOST_BYTES", 100)
    with pytest.raises(SourceError, match=r"the 6 images of .* take 0\.0 GiB as pixels.*--image-size \dx\d or less"):
        read(folder_of(tmp_path / "pets"))
