"""Texts stay as they are until a model asks for their words."""

from itertools import pairwise

import numpy as np
import polars as pl
import pytest

from assay.model.encoding import Encoder
from assay.model.text_words import Texts
from assay.table.table import Roles, Table

SAID = ["Don't panic!", None, "", "panic, then panic 42", "我们 go"]


def read(texts: Texts) -> list[list[str]]:
    starts, places, words = texts.words()
    return [[words[p] for p in places[low:high]] for low, high in pairwise(starts)]


def test_words_are_lower_cased_signs_apart_and_nothing_is_no_word():
    assert read(Texts.of(pl.Series(SAID))) == [
        ["don't", "panic", "!"],
        [],
        [],
        ["panic", ",", "then", "panic", "42"],
        ["我", "们", "go"],
    ]


def test_a_selection_reads_as_its_rows_in_their_order():
    texts, whole = Texts.of(pl.Series(SAID)), read(Texts.of(pl.Series(SAID)))
    assert read(texts.take(np.array([3, 1, 3]))) == [whole[3], [], whole[3]]
    assert read(texts.take(np.array([], dtype=int))) == []


@pytest.mark.parametrize("shared", [True, False])
def test_texts_of_one_pool_or_two_are_joined_and_mixed_row_by_row(shared):
    texts = Texts.of(pl.Series(SAID))
    other = texts.take(np.array([4, 3, 0])) if shared else Texts.of(pl.Series(["a b", "c", "panic d"]))
    mine, theirs = read(texts.take(np.arange(3))), read(other)
    assert read(texts.take(np.arange(3)).followed_by(other)) == mine + theirs
    mixed = texts.take(np.arange(3)).mixed(other, np.array([True, False, True]))
    assert read(mixed) == [mine[0], theirs[1], mine[2]]


def test_encoding_a_table_splits_no_text():
    frame = pl.DataFrame({"said": ["so it is"] * 4 + ["it was so"] * 4, "y": [0.0, 1.0] * 4})
    table = Table(frame, {"said": "text", "y": "number"}, Roles(target="y"), "sayings")
    encoded = Encoder.fit(table).transform(table).take(np.arange(5))
    assert "split" not in vars(encoded.texts[0].pool)
    assert read(encoded.texts[0])[4] == ["it", "was", "so"]
    assert "split" in vars(encoded.texts[0].pool)
