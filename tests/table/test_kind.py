"""What a column is taken for, at the borders between kinds."""

import datetime

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.core.errors import ColumnError
from assay.table.kind import _from_rows, _from_text, typed_column


def typed(*values: str | None, kind: str | None = None) -> tuple[str, list[object]]:
    column = typed_column(pl.Series("x", list(values), dtype=pl.String), kind)
    return column.kind, column.values.to_list()


def test_numbers_and_what_only_looks_like_one() -> None:
    assert typed("1", "-2", "+3") == ("number", [1, -2, 3])
    assert typed("1", "2.5e3", " 4 ") == ("number", [1.0, 2500.0, 4.0])
    assert typed("1", " ") == ("number", [1, None])
    assert typed("?", *["1"] * 3)[0] == "number"
    assert typed(*["n/a"] * 3000, "7")[0] == "number"
    for words in (
        ["1", "N/K"],
        ["1,234", "5"],
        ["12 kg", "3"],
        ["01234", "98765"],
        ["123456789012345678901", "5"],
        ["2.5.1", "3"],
        ["-99", "unknown"],
    ):
        assert typed(*words) == ("category", words)
    assert typed("0", "0.5", "00")[0] == "category"
    assert typed("NA", "NA") == ("category", ["NA", "NA"])
    assert typed("", None) == ("category", [None, None])


def test_decimal_commas_need_a_hint_and_no_thousands() -> None:
    column = pl.Series("x", ["1,5", "-2,25", "3"])
    assert typed_column(column).kind == "category"
    assert typed_column(column, decimal_comma=True).values.to_list() == [1.5, -2.25, 3.0]
    assert typed_column(pl.Series("x", ["1,234", "12,000"]), decimal_comma=True).kind == "category"


def test_truth_values_and_categories() -> None:
    assert typed("true", "False", "NA") == ("boolean", [True, False, None])
    assert typed("yes", "no") == ("category", ["yes", "no"])
    assert typed("yes", "no", kind="boolean") == ("boolean", [True, False])
    assert typed(" a", " b ") == ("category", ["a", "b"])
    assert typed(" a", "b") == ("category", [" a", "b"])
    assert typed("?", "a", " ", "None") == ("category", [None, "a", None, "None"])


def test_text_is_mostly_distinct_and_of_several_words() -> None:
    lines = [f"the patient came at {i} with pain" for i in range(50)]
    assert typed(*lines)[0] == "text"
    assert typed(*lines[:5] * 10)[0] == "category"
    assert typed(*[f"id-{i}" for i in range(50)])[0] == "category"
    assert typed(*lines, kind="category")[0] == "category"


def test_dates_in_many_hands() -> None:
    day = datetime.date(2026, 1, 31)
    for text in (
        "2026-01-31",
        "2026/01/31",
        "31.01.2026",
        "31/01/2026",
        "1/31/2026",
        "31-01-2026",
        "31 Jan 2026",
        "31 January 2026",
        "Jan 31, 2026",
    ):
        assert typed(text, "?") == ("date", [day, None]), text
    moment = datetime.datetime(2026, 1, 31, 17, 5)
    for text in (
        "2026-01-31 17:05",
        "2026-01-31T17:05:00",
        "2026-01-31T17:05:00Z",
        "2026-01-31 19:05:00+02:00",
        "31.01.2026 17:05",
        "1/31/2026 5:05 PM",
    ):
        assert typed(text) == ("date", [moment]), text
    assert typed("2026-01-31", "2026-02-30")[0] == "category"
    assert typed("13/01/2026", "01/13/2026")[0] == "category"
    assert typed("20260131", "20260201") == ("number", [20260131, 20260201])
    assert typed("20260131", kind="date") == ("date", [day])


def test_doubt_about_day_and_month_is_noted() -> None:
    doubtful, sure = (typed_column(pl.Series("x", [text, "02/01/2026"])) for text in ("01/02/2026", "13/02/2026"))
    assert "either order fits" in doubtful.notes[0]
    assert doubtful.values[0] == datetime.date(2026, 1, 2)
    assert "day/month/year" in sure.notes[0]
    assert "either" not in sure.notes[0]


def test_a_given_kind_makes_misfits_missing_and_says_so() -> None:
    column = typed_column(pl.Series("x", ["1", "12 kg", "NA", "3"]), "number")
    assert column.values.to_list() == [1, None, None, 3]
    assert column.markers == {"12 kg": 1, "NA": 1}
    assert column.notes == ("column 'x': 1 values that are no number, such as '12 kg', became missing",)
    with pytest.raises(ColumnError, match="cannot be read as date: no value fits, the first is 'red'"):
        typed("red", "blue", kind="date")


def test_typed_columns_keep_their_values() -> None:
    assert typed_column(pl.Series("x", [1, 2], dtype=pl.UInt8)).values.dtype == pl.Int64
    assert typed_column(pl.Series("x", [1.0, float("nan")])).values.to_list() == [1.0, None]
    assert typed_column(pl.Series("x", [1, 2]), "category").values.to_list() == ["1", "2"]
    assert typed_column(pl.Series("x", [True, None]), "number").values.to_list() == [1, None]
    assert typed_column(pl.Series("x", [-99.0, 1.5]), missing=("-99",)).markers == {"-99": 1}


@settings(max_examples=100, deadline=None)
@given(st.lists(st.one_of(st.floats(allow_nan=False, width=64), st.integers(-(10**15), 10**15)), min_size=1, max_size=20))
def test_written_numbers_are_read_back(numbers: list[float]) -> None:
    kind, values = typed(*map(repr, numbers))
    assert kind == "number"
    assert values == [float(n) if any(isinstance(m, float) for m in numbers) else n for n in numbers]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.one_of(st.none(), st.dates()), min_size=1, max_size=20).filter(any))
def test_written_dates_are_read_back(dates: list[datetime.date | None]) -> None:
    assert typed(*(None if d is None else d.isoformat() for d in dates)) == ("date", dates)


WORDS = [
    "1",
    "2.5",
    "07",
    "?",
    "NA",
    "n/a",
    "",
    " ",
    "true",
    "False",
    "yes",
    " a",
    "a ",
    "12/01/2024",
    "31/01/2024",
    "1,5",
    "one two three",
    None,
]


@given(st.lists(st.sampled_from(WORDS), min_size=1, max_size=6), st.booleans(), st.sampled_from([None, "category", "text"]))
@settings(max_examples=150, deadline=None)
def test_values_that_repeat_are_typed_as_if_each_row_were_read(values: list[str | None], comma: bool, kind: str | None) -> None:
    column = pl.Series("x", values * 20, dtype=pl.String)
    few, rows = _from_text(column, kind, comma), _from_rows(column, kind, comma)
    assert few.values.equals(rows.values) and few.values.dtype == rows.values.dtype and few.values.name == "x"
    assert (few.kind, dict(few.markers), few.notes) == (rows.kind, dict(rows.markers), rows.notes)


def test_few_long_texts_are_categories_unless_the_column_is_mostly_blank() -> None:
    texts = [f"text number {i}" for i in range(50)]
    assert typed(*texts * 20)[0] == "category"
    assert typed(*[""] * 3000, *texts)[0] == "text"
