import json

import numpy as np
import pytest
from tests.model.pictures import rows_of, spots, table_of

from assay.core.errors import ColumnError
from assay.evaluate.coalition import Coalitions, players_of
from assay.model.encoder import Encoder
from assay.objective.loss import LOSSES
from assay.table import read


def test_every_pixel_belongs_to_a_region_and_a_region_to_its_pixels() -> None:
    table = table_of(30)
    encoder = Encoder.fit(table)
    image = encoder.images[0]
    assert np.bincount(image.region_of.ravel()).tolist() == [4] * 16
    data = encoder.transform(table)
    assert data.sources == image.region_names
    assert data.number_sources[data.number_names.index("pixel_0")] == "image row 1 column 1"
    assert data.number_sources[data.number_names.index("pixel_63")] == "image row 4 column 4"


def test_pixels_come_out_of_columns_as_they_went_in() -> None:
    pixels, _ = spots(30)
    table = table_of(30)
    data = Encoder.fit(table).transform(table)
    assert np.array_equal(data.images[0].pixels, pixels)
    few = data.take(np.array([3, 1])).take(np.array([1]))
    assert np.array_equal(few.images[0].pixels, pixels[[1]])
    both = few.followed_by(data)
    assert np.array_equal(both.images[0].pixels, np.concatenate([pixels[[1]], pixels]))


def test_constant_pixels_are_left_out_of_numbers_and_stay_in_the_image() -> None:
    pixels, kind = spots(30)
    pixels[:, 0] = 7
    table = read({"x": pixels[..., 0], "y": kind})
    encoder = Encoder.fit(table, features=[c for c in table.columns if c != "y"])
    data = encoder.transform(table)
    assert data.numbers.shape[1] == 56
    assert (data.images[0].pixels[:, 0] == 7).all()
    assert encoder.unread == ("8 columns are not read, such as 'pixel_0': it is 7 in every training row",)


def test_large_images_are_read_as_a_thumbnail_by_other_models() -> None:
    table = table_of(20, side=40, channels=3)
    data = Encoder.fit(table).transform(table)
    assert data.numbers.shape == (20, 8 * 8 * 3)
    assert data.number_names[:3] == ("x: 1,1 red", "x: 1,1 green", "x: 1,1 blue")
    pixels, _ = spots(20, side=40, channels=3)
    assert data.numbers[0, 0] == pytest.approx(pixels[0, :5, :5, 0].mean())
    assert data.images[0].number_places == tuple(range(192))


def test_the_encoder_travels_with_its_images() -> None:
    for table in (table_of(20), table_of(20, side=40)):
        encoder = Encoder.fit(table)
        told, arrays = encoder.to_json()
        again = Encoder.from_json(json.loads(json.dumps(told)), arrays)
        assert again == encoder
        assert np.array_equal(again.transform(table).images[0].pixels, encoder.transform(table).images[0].pixels)


@pytest.mark.parametrize("side", [8, 40])
def test_images_of_another_size_are_refused_with_the_remedy(side: int) -> None:
    encoder = Encoder.fit(table_of(20, side=side))
    other = table_of(20, side=side + 2)
    with pytest.raises(ColumnError, match=f"reads images of {side}x{side} grey .* --image-size {side}x{side}"):
        encoder.transform(other)


def test_grey_is_read_as_colour_where_colour_was_learned() -> None:
    encoder = Encoder.fit(table_of(20, side=40, channels=3))
    pixels = encoder.transform(table_of(5, side=40)).images[0].pixels
    assert pixels.shape == (5, 40, 40, 3)
    assert np.array_equal(pixels[..., 0], pixels[..., 2])


def test_a_dropped_pixel_reaches_no_model() -> None:
    table = table_of(20)
    encoder = Encoder.fit(table, features=[c for c in table.columns if c not in ("y", "pixel_9")])
    data = encoder.transform(table)
    assert "pixel_9" not in data.number_names
    assert (data.images[0].pixels[:, 1, 1] == 0).all()


def test_a_coalition_shows_the_known_regions_alone() -> None:
    rows = rows_of(table_of(12))
    image = rows.data.images[0]

    def brightness(data: object) -> np.ndarray:
        share = data.images[0].pixels.mean(axis=(1, 2, 3)) / 255  # type: ignore[attr-defined]
        return np.stack([share, 1 - share], axis=1)

    players = players_of(rows.data.sources)
    game = Coalitions(brightness, LOSSES["log"], rows, rows.data.take(np.array([0, 1])), players)
    known = np.zeros((1, 1, 16), dtype=np.bool_)
    known[0, 0, 5] = True
    mixed = game.mixed(np.array([7]), known).images[0].pixels
    assert mixed.shape == (2, 8, 8, 1)
    assert np.array_equal(mixed[:, 2:4, 2:4], np.repeat(image.pixels[7:8, 2:4, 2:4], 2, axis=0))
    assert np.array_equal(mixed[1, 4:], image.pixels[1, 4:])


def test_replaced_sources_take_the_other_rows_regions() -> None:
    data = rows_of(table_of(6)).data
    mask = np.ones((3, len(data.sources)), dtype=np.bool_)
    mask[:, 0] = False
    mixed = data.take(np.arange(3)).replace_sources(data.take(np.arange(3, 6)), mask)
    assert np.array_equal(mixed.images[0].pixels[:, :2, :2], data.images[0].pixels[3:, :2, :2])
    assert np.array_equal(mixed.images[0].pixels[:, 2:], data.images[0].pixels[:3, 2:])
