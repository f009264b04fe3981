"""The encoder learns from training rows only, and reads any table with those columns or says why not."""

import json

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.core.errors import ColumnError, RunError
from assay.model.encoding import Encoder
from assay.table.table import Roles, Table


def make(columns: dict, kinds: dict, **roles) -> Table:
    return Table(pl.DataFrame(columns), kinds, Roles(**roles), "data.csv")


def test_levels_come_from_the_training_rows_alone():
    train = make({"c": ["a"] * 6 + ["b"] * 3 + ["once"]}, {"c": "category"})
    encoder = Encoder.fit(train)
    codes = encoder.transform(make({"c": ["a", "b", "once", "never", None]}, {"c": "category"})).codes
    assert codes[:, 0].tolist() == [2, 3, 1, 1, 0]
    assert encoder.transform(train).code_sizes == (4,)


def test_the_vocabulary_and_its_weights_come_from_the_training_rows_alone():
    train = make({"t": ["red fox", "red hen", "blue hen", "grey cow"]}, {"t": "text"})
    encoder = Encoder.fit(train)
    encoded = encoder.transform(make({"t": ["red unicorn", "", None]}, {"t": "text"}))
    assert encoded.bag_terms == (("hen", "red"),)
    assert encoded.bags[0].toarray().tolist() == [[0.0, 1.0], [0.0, 0.0], [0.0, 0.0]]


def test_text_weights_equal_scikit_learns():
    from sklearn.feature_extraction.text import TfidfVectorizer

    texts = ["the cat sat", "the cat ran off", "a dog sat", "the dog ran", "no"]
    mine = Encoder.fit(make({"t": texts}, {"t": "text"})).transform(make({"t": texts}, {"t": "text"}))
    theirs = TfidfVectorizer(ngram_range=(1, 2), min_df=2, token_pattern=r"(?u)\b\w+\b").fit(texts)  # noqa: S106
    assert mine.bag_terms[0] == tuple(theirs.get_feature_names_out())
    np.testing.assert_allclose(mine.bags[0].toarray(), theirs.transform(texts).toarray(), atol=1e-7)


def test_infinite_numbers_are_missing_and_counted():
    encoder = Encoder.fit(make({"x": [1.0, float("inf"), float("-inf"), 2.0, None]}, {"x": "number"}))
    assert encoder.infinite == {"x": 2}
    encoded = encoder.transform(make({"x": [float("inf"), 3.0]}, {"x": "number"}))
    np.testing.assert_array_equal(encoded.numbers[:, 0], [np.nan, 3.0])


def test_dates_become_the_parts_that_vary():
    days = pl.Series(["2024-01-01", "2024-01-02", None]).str.to_date()
    encoded = Encoder.fit(make({"d": days}, {"d": "date"})).transform(make({"d": days}, {"d": "date"}))
    assert encoded.number_names == ("d: days", "d: weekday")
    assert encoded.number_sources == ("d", "d")
    np.testing.assert_array_equal(encoded.numbers, [[19723, 1], [19724, 2], [np.nan, np.nan]])


def test_times_keep_their_hour():
    times = pl.Series(["2024-01-01 06:00", "2024-01-01 18:00"]).str.to_datetime()
    encoded = Encoder.fit(make({"d": times}, {"d": "date"})).transform(make({"d": times}, {"d": "date"}))
    assert encoded.number_names == ("d: days", "d: hour")
    assert encoded.numbers.tolist() == [[19723.25, 6], [19723.75, 18]]


def test_columns_that_tell_nothing_are_left_out_with_a_reason():
    rows = 40
    table = make(
        {
            "x": list(range(rows)),
            "key": [f"row-{i}" for i in range(rows)],
            "same": ["a"] * rows,
            "one": [7] * rows,
            "none": pl.Series([None] * rows, dtype=pl.Float64),
            "number": [f"{i}" for i in range(rows)],
        },
        {"x": "number", "key": "category", "same": "category", "one": "number", "none": "number", "number": "category"},
        ids=("number",),
    )
    encoder = Encoder.fit(table)
    assert [c.name for c in encoder.columns] == ["x"]
    assert set(encoder.left_out) == {"key", "same", "one", "none", "number"}
    assert "40 of 40" in encoder.left_out["key"]
    assert "id" in encoder.left_out["number"]
    assert encoder.left_out["one"] == "it is 7 in every training row"


def test_distinct_texts_that_are_often_missing_stay_because_missing_may_tell():
    table = make({"boat": [f"b{i}" if i % 3 == 0 else None for i in range(60)]}, {"boat": "category"})
    assert Encoder.fit(table).transform(table).codes[:4, 0].tolist() == [1, 0, 0, 1]


def test_nothing_left_to_read_is_an_error_that_says_why():
    with pytest.raises(ColumnError, match="it is 'a' in every training row"):
        Encoder.fit(make({"c": ["a", "a"]}, {"c": "category"}))


def test_an_absent_column_is_named_with_its_nearest():
    encoder = Encoder.fit(make({"income": [1, 2]}, {"income": "number"}))
    with pytest.raises(ColumnError, match=r"'income'.*did you mean 'incme'"):
        encoder.transform(make({"incme": [1]}, {"incme": "number"}))


def test_a_word_among_numbers_is_named_with_its_row():
    encoder = Encoder.fit(make({"x": [1.5, 2.0]}, {"x": "number"}))
    with pytest.raises(ColumnError, match="row 2 holds 'many'"):
        encoder.transform(make({"x": ["3", "many", ""]}, {"x": "category"}))
    assert encoder.transform(make({"x": [" 3 ", "4.5", ""]}, {"x": "category"})).numbers[:2, 0].tolist() == [3.0, 4.5]


def test_a_number_among_dates_is_named_with_its_row():
    days = pl.Series(["2024-01-01", "2024-02-02"]).str.to_date()
    encoder = Encoder.fit(make({"d": days}, {"d": "date"}))
    with pytest.raises(ColumnError, match="row 1 holds 5"):
        encoder.transform(make({"d": [5, 6]}, {"d": "number"}))
    assert encoder.transform(make({"d": ["2024-01-01", "2024-01-02"]}, {"d": "category"})).numbers[0, 0] == 19723


def test_truth_values_may_come_as_words():
    encoder = Encoder.fit(make({"b": [True, False]}, {"b": "boolean"}))
    assert encoder.transform(make({"b": ["Yes", "false", "1"]}, {"b": "category"})).numbers[:, 0].tolist() == [1.0, 0.0, 1.0]
    with pytest.raises(ColumnError, match="row 1 holds 'maybe'"):
        encoder.transform(make({"b": ["maybe"]}, {"b": "category"}))


def test_levels_that_come_back_as_numbers_are_the_same_levels():
    encoder = Encoder.fit(make({"zip": ["10", "10", "20", "20"]}, {"zip": "category"}))
    assert encoder.transform(make({"zip": [10.0, 20.0, 30.5, None]}, {"zip": "number"})).codes[:, 0].tolist() == [2, 3, 1, 0]
    assert encoder.transform(make({"zip": [20, 10]}, {"zip": "number"})).codes[:, 0].tolist() == [3, 2]


def test_at_most_255_codes_are_kept():
    table = make({"c": [f"v{i % 400}" for i in range(4000)]}, {"c": "category"})
    assert Encoder.fit(table).transform(table).code_sizes == (255,)


def test_json_gives_back_an_equal_encoder(table):
    encoder = Encoder.fit(table)
    data, arrays = encoder.to_json()
    again = Encoder.from_json(json.loads(json.dumps(data, allow_nan=False)), arrays)
    left, right = encoder.transform(table), again.transform(table)
    np.testing.assert_array_equal(left.numbers, right.numbers)
    np.testing.assert_array_equal(left.codes, right.codes)
    assert (left.bags[0] != right.bags[0]).nnz == 0
    assert (left.sources, left.bag_terms, left.code_levels) == (right.sources, right.bag_terms, right.code_levels)
    assert (again.kinds, again.left_out, again.infinite) == (encoder.kinds, encoder.left_out, encoder.infinite)


def test_a_cut_description_is_told(table):
    data, arrays = Encoder.fit(table).to_json()
    with pytest.raises(RunError, match="kinds"):
        Encoder.from_json({k: v for k, v in data.items() if k != "kinds"}, arrays)


@given(st.lists(st.one_of(st.none(), st.sampled_from(["a", "b", "c", "", "é"])), min_size=2, max_size=40))
def test_codes_are_within_their_size_and_missing_is_zero(words):
    table = make({"c": pl.Series(words, dtype=pl.String), "x": range(len(words))}, {"c": "category", "x": "number"})
    encoded = Encoder.fit(table).transform(table)
    if "c" not in encoded.code_names:
        return
    codes = encoded.codes[:, 0]
    assert codes.min() >= 0
    assert codes.max() < encoded.code_sizes[0]
    assert ((codes == 0) == np.array([w is None for w in words])).all()
