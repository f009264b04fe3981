import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tests.table.images import picture, save

from assay.core.errors import ExtraMissing, OptionError, SourceError
from assay.table.image_file import Picture, decode, parsed_size


def encoded(image: Image.Image, kind: str = "PNG") -> Picture:
    stream = io.BytesIO()
    image.save(stream, kind)
    return Picture("a picture", stream.getvalue())


def test_sixteen_bits_a_pixel_become_eight() -> None:
    deep = Image.fromarray(np.array([[0, 256, 65535]], dtype=np.uint16))
    found = decode([encoded(deep)])
    assert found.values.ravel().tolist() == [0, 1, 255]
    assert "1 images of 16 bits a pixel were read with 8" in found.notes


def test_transparent_pixels_become_white() -> None:
    clear = Image.fromarray(np.array([[[255, 0, 0, 255], [9, 9, 9, 0]]], dtype=np.uint8), "RGBA")
    found = decode([encoded(clear)])
    assert found.values.tolist() == [[[[255, 0, 0], [255, 255, 255]]]]
    assert "1 images have transparent parts, which were read as white" in found.notes


def test_grey_among_colour_becomes_colour() -> None:
    grey, colour = Image.fromarray(picture(1)), Image.fromarray(picture(2, channels=3))
    found = decode([encoded(grey), encoded(colour)])
    assert found.values.shape == (2, 6, 5, 3)
    assert np.array_equal(found.values[0, :, :, 2], picture(1))
    assert "1 of 2 images are grey and were read as colour, as the others are" in found.notes


@pytest.mark.parametrize("mode", ["1", "L", "P"])
def test_palettes_and_bits_of_grey_are_grey(mode: str) -> None:
    image = Image.fromarray(picture(3)).convert(mode)
    assert decode([encoded(image)]).values.shape == (1, 6, 5, 1)


@pytest.mark.parametrize(("kind", "exact"), [("PNG", True), ("BMP", True), ("TIFF", True), ("GIF", True), ("WEBP", False), ("JPEG", False)])
def test_common_kinds_of_files_are_read(kind: str, exact: bool) -> None:
    smooth = np.add.outer(np.arange(16), np.arange(16)).astype(np.uint8) * 8
    found = decode([encoded(Image.fromarray(smooth), kind)], channels=1).values[0, :, :, 0]
    assert np.array_equal(found, smooth) if exact else np.abs(found.astype(int) - smooth).max() < 16


def test_photographs_are_turned_upright() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    stream = io.BytesIO()
    Image.fromarray(picture(1, height=16, width=8)).save(stream, "JPEG", exif=exif, quality=100)
    assert decode([Picture("turned", stream.getvalue())], channels=1).values.shape == (1, 8, 16, 1)


def test_a_missing_image_is_black_among_others() -> None:
    found = decode([None, encoded(Image.fromarray(picture(1)))])
    assert (found.values[0] == 0).all()
    with pytest.raises(SourceError, match="has 0 images"):
        decode([None], where="photos.csv")


def test_fractions_are_refused(tmp_path: Path) -> None:
    image = Image.fromarray(np.zeros((2, 2), dtype=np.float32))
    with pytest.raises(SourceError, match="holds fractions"):
        decode([encoded(image, "TIFF")])


def test_a_file_of_another_kind_is_told() -> None:
    with pytest.raises(SourceError, match="it is no image of a known kind"):
        decode([Picture("x.png", b"hello")])


@pytest.mark.parametrize("text", ["", "x", "3x", "0x4", "axb", "3x4x5", "-3x4", "99999x1"])
def test_an_odd_size_is_refused(text: str) -> None:
    with pytest.raises(OptionError, match="height and width in pixels such as 64x64"):
        parsed_size(text)


def test_without_pillow_the_extra_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    save(tmp_path / "a.png", picture(1))
    monkeypatch.setattr("assay.table.image_file.find_spec", lambda _name: None)
    with pytest.raises(ExtraMissing, match=r"pip install 'assay\[images\]'"):
        decode([Picture("a", tmp_path / "a.png")], where="photos")
