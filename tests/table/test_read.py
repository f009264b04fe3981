"""Every format gives the same table, and every bad file one line of cause and cure."""

import datetime
import gzip
import json
import os
import threading
import time
import zipfile
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from assay.core.errors import AssayError, ColumnError, SourceError
from assay.table import read

ROWS = pl.DataFrame(
    {
        "age": pl.Series([31, 45, None, 28], dtype=pl.Int64),
        "fare": [7.25, 0.5, None, -3.0],
        "plan": ["basic", "", "gold, yearly", 'he said "no"'],
        "paid": pl.Series([True, None, False, True]),
        "since": pl.Series(["2024-02-29", "2025-01-01", None, "1999-12-31"]).str.to_date(),
        "seen": pl.Series(["2024-02-29 10:00:00", "2025-01-01 23:59:59", None, "1999-12-31 00:00:00"]).str.to_datetime(time_unit="us"),
    }
).with_columns(plan=pl.when(pl.col("plan") != "").then("plan"))
KINDS = {"age": "number", "fare": "number", "plan": "category", "paid": "boolean", "since": "date", "seen": "date"}


def write_csv(frame: pl.DataFrame, path: Path, separator: str) -> None:
    frame.write_csv(path, separator=separator, datetime_format="%Y-%m-%d %H:%M:%S")


WRITERS = {
    "rows.csv": lambda frame, path: write_csv(frame, path, ","),
    "rows.tsv": lambda frame, path: write_csv(frame, path, "\t"),
    "semicolons.csv": lambda frame, path: write_csv(frame, path, ";"),
    "bars.txt": lambda frame, path: write_csv(frame, path, "|"),
    "rows.jsonl": lambda frame, path: frame.write_ndjson(path),
    "rows.json": lambda frame, path: frame.write_json(path),
    "rows.parquet": lambda frame, path: frame.write_parquet(path),
    "rows.feather": lambda frame, path: frame.write_ipc(path),
    "rows.arrow": lambda frame, path: frame.write_ipc_stream(path),
}


@pytest.mark.parametrize("zipped", [False, True], ids=["plain", "gzipped"])
@pytest.mark.parametrize("name", list(WRITERS))
def test_every_format_gives_the_same_table(tmp_path: Path, name: str, zipped: bool) -> None:
    path = tmp_path / name
    WRITERS[name](ROWS, path)
    if zipped:
        path = tmp_path / f"{name}.gz"
        path.write_bytes(gzip.compress((tmp_path / name).read_bytes()))
    table = read(path)
    assert table.frame.equals(ROWS), table.frame
    assert dict(table.kinds) == KINDS
    assert table.fingerprint == read(ROWS).fingerprint


def test_objects_in_memory_give_the_same_table() -> None:
    pandas = pytest.importorskip("pandas")
    columns = {name: ROWS[name].to_list() for name in ("age", "fare", "plan", "paid")}
    want = ROWS.select("age", "fare", "plan", "paid")
    frames = {
        "polars": want,
        "lazy": want.lazy(),
        "dict": columns,
        "arrow": want.to_arrow(),
        "pandas": pandas.DataFrame(
            {**columns, "age": pandas.array(columns["age"], dtype="Int64"), "paid": pandas.Series(columns["paid"], dtype=object)}
        ),
    }
    for name, frame in frames.items():
        assert read(frame).frame.equals(want), name


def test_pandas_dates_categories_and_index_names() -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(
        {
            "day": pandas.to_datetime(["2024-01-01", None]),
            "zoned": pandas.to_datetime(["2024-01-01T12:00:00+02:00", "2024-06-01T00:00:00+02:00"]),
            "sort": pandas.Categorical(["a", "b"]),
            7: [1, 2],
        }
    )
    table = read(frame)
    assert dict(table.kinds) == {"day": "date", "zoned": "date", "sort": "category", "7": "number"}
    pandas_types = pandas.DataFrame(
        {
            "big": pandas.array([2**60 + 1, 5], dtype="Int64"),
            "holes": pandas.array([1, None], dtype="Int64"),
            "month": pandas.period_range("2024-01", periods=2, freq="M"),
            "span": pandas.to_timedelta(["1D", "2h"]),
            "stamp": pandas.Series([pandas.Timestamp("2024-01-01"), None], dtype=object),
            "real": pandas.array([1.5, None], dtype="Float64"),
            "mixed": pandas.Series([1, "x"], dtype=object),
            "text": pandas.Series(["a b", None], dtype="string"),
        }
    )
    assert read(pandas_types).frame.rows() == [
        (2**60 + 1, 1, "2024-01", 86400.0, datetime.datetime(2024, 1, 1), 1.5, "1", "a b"),
        (5, None, "2024-02", 7200.0, None, None, "x", None),
    ]
    assert str(table.frame["zoned"][0]) == "2024-01-01 10:00:00"
    assert table.frame["day"][1] is None


def test_arrays_of_more_dimensions_become_columns(tmp_path: Path) -> None:
    path = tmp_path / "digits.npz"
    np.savez(
        path,
        x_train=np.arange(24, dtype=np.uint8).reshape(3, 2, 4),
        y_train=np.array([0, 1, 0]),
        x_test=np.zeros((1, 2, 4)),
        y_test=np.zeros(1),
    )
    table = read(path)
    assert table.columns == (*(f"pixel_{i}" for i in range(8)), "y")
    assert table.frame["pixel_7"].to_list() == [7, 15, 23]
    assert "left out x_test, y_test" in table.notes[0]


def test_a_glob_reads_files_one_below_the_other(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("x,y\n1,2\n")
    (tmp_path / "b.csv").write_text("y,x\n2.5,N\n")
    table = read(str(tmp_path / "*.csv"))
    assert table.frame.to_dict(as_series=False) == {"x": ["1", "N"], "y": [2.0, 2.5]}
    (tmp_path / "c.csv").write_text("x,z\n1,2\n")
    with pytest.raises(SourceError, match=r"c\.csv has other columns than .*a\.csv: it lacks 'y', has also 'z'"):
        read(str(tmp_path / "*.csv"))


def test_an_existing_path_wins_over_a_sample(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert read("iris").rows == 150
    Path("iris").write_text("a,b\n1,2\n")
    assert read("iris").rows == 1


@pytest.mark.parametrize(
    ("content", "encoding", "kind"),
    [
        ("name,n\nJosé,1\n", "utf-8", None),
        ("name,n\nJosé,1\n", "utf-8-sig", "utf-8"),
        ("name,n\nJosé,1\n", "utf-16", "utf-16"),
        ("name,n\nJosé,1\n", "cp1252", "cp1252"),
    ],
)
def test_encodings_are_found_and_noted(tmp_path: Path, content: str, encoding: str, kind: str | None) -> None:
    path = tmp_path / "names.csv"
    path.write_bytes(content.encode(encoding))
    table = read(path)
    assert table.frame.to_dict(as_series=False) == {"name": ["José"], "n": [1]}
    assert any(f"encoding is {kind}" in note for note in table.notes) == (kind is not None)


def test_headers_are_told_from_data(tmp_path: Path) -> None:
    def columns(text: str) -> tuple[str, ...]:
        path = tmp_path / "file.csv"
        path.write_text(text)
        return read(path).columns

    assert columns("5.1,setosa\n4.9,setosa\n4.7,virginica\n") == ("column_1", "column_2")
    assert columns("ham,see you\nham,ok then\nspam,win now\nham,bye\n") == ("column_1", "column_2")
    assert columns("0,1,2\n5,6,7\n") == ("0", "1", "2")
    assert columns("species,name\nham,x\nham,y\n") == ("species", "name")
    assert columns(",a\n0,5\n1,6\n") == ("column_1", "a")
    assert columns('"two\nlines",b\n1,2\n') == ("two\nlines", "b")
    assert columns("# made by hand\n# a\tb\n1\t2\n") == ("a", "b")


def test_options_override_what_is_inferred(tmp_path: Path) -> None:
    path = tmp_path / "zip.csv"
    path.write_text("zip,score,when\n12345,-99,20240131\n54321,4,20240201\n")
    plain = read(path)
    assert set(plain.kinds.values()) == {"number"}
    table = read(path, types={"zip": "category", "when": "date"}, missing=("-99",))
    assert dict(table.kinds) == {"zip": "category", "score": "number", "when": "date"}
    assert table.frame["score"].to_list() == [None, 4]
    assert table.markers == {"score": {"-99": 1}}
    assert read(path, header=False).rows == 3
    with pytest.raises(ColumnError, match="did you mean 'zip'"):
        read(path, types={"zipp": "category"})


def test_unpaired_quotation_marks_swallow_no_rows(tmp_path: Path) -> None:
    path = tmp_path / "quotes.tsv"
    path.write_text('label\ttext\nham\t"well\nspam\tbuy "now"\nham\t6" pipe\nham\tbye"\n')
    table = read(path)
    assert table.frame["text"].to_list() == ['"well', 'buy "now"', '6" pipe', 'bye"']
    assert any("quotation marks" in note for note in table.notes)


def test_unpaired_quotes_of_whole_lines_are_text(tmp_path: Path) -> None:
    path = tmp_path / "quotes.csv"
    path.write_text('a,b\n1,"two\n3,four\n')
    assert read(path).frame["b"].to_list() == ['"two', "four"]


def test_quotes_inside_fields_and_line_ends(tmp_path: Path) -> None:
    path = tmp_path / "file.csv"
    path.write_bytes(b'a,b\r\n1,"x, y"\r\n2,5" z\r\n')
    assert read(path).frame["b"].to_list() == ["x, y", '5" z']
    path.write_bytes(b"a,b\r1,2\r3,4\r")
    assert read(path).frame["b"].to_list() == [2, 4]
    path.write_bytes(b"a,b\n1,2\n\n3,\n\n")
    table = read(path)
    assert table.frame["b"].to_list() == [2, None]
    assert any("2 empty lines" in note for note in table.notes)


def test_markers_are_counted_as_written(tmp_path: Path) -> None:
    path = tmp_path / "file.csv"
    path.write_text("n,s\n1,a\nNA,?\n,b\n?,None\nNA,\n")
    table = read(path)
    assert table.frame["n"].to_list() == [1, None, None, None, None]
    assert table.frame["s"].to_list() == ["a", None, "b", "None", None]
    assert table.markers == {"n": {"NA": 2, "?": 1, "": 1}, "s": {"?": 1, "": 1}}
    assert "column 'n': took as missing 2 'NA', 1 '?', 1 empty" in table.notes


def test_a_large_file_is_typed_like_a_small_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rng: np.random.Generator) -> None:
    rows = 30_000
    frame = pl.DataFrame(
        {
            "whole": rng.integers(0, 50, rows),
            "late_fraction": pl.Series(["7"] * (rows - 1) + ["7.5"]),
            "late_word": pl.Series(["7"] * (rows - 1) + ["N/K"]),
            "zip": pl.Series([f"{n:05d}" for n in rng.integers(0, 99_999, rows).tolist()]),
            "gap": pl.Series(rng.normal(size=rows)).set(pl.Series(rng.random(rows) < 0.1), None),
            "word": pl.Series(["é", "b"] * (rows // 2)),
        }
    )
    path = tmp_path / "large.csv"
    frame.write_csv(path)
    small = read(path)
    monkeypatch.setattr("assay.table.delimited.LARGE_BYTES", 1000)
    large = read(path)
    assert large.fingerprint == small.fingerprint
    assert (large.kinds, large.markers, large.notes) == (small.kinds, small.markers, small.notes)
    assert large.frame.schema == {
        "whole": pl.Int64,
        "late_fraction": pl.Float64,
        "late_word": pl.String,
        "zip": pl.String,
        "gap": pl.Float64,
        "word": pl.String,
    }
    path.write_bytes(path.read_bytes().replace("é".encode(), b"\xe9"))
    assert read(path).frame["word"][0] == "é"


def bad(path: Path, content: bytes | str) -> Path:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


BAD_FILES = {
    "empty": ("x.csv", "", "is empty"),
    "blank lines only": ("x.csv", "\n\n", "no row of data"),
    "header only": ("x.csv", "a,b\n", "header and no rows"),
    "too few fields": ("x.csv", "a,b\n1,2\n\n3\n", r"line 4: 1 fields, expected 2"),
    "too few fields at first": ("x.csv", "a,b\n1\n3,4\n", r"line 2: 1 fields, expected 2"),
    "too many fields": ("x.csv", "a,b\n1,2\n3,4,5\n", r"line 3: 3 fields, expected 2"),
    "ragged behind quoted lines": ("x.csv", 'a,b\n"1\n\n1",2\n3\n', r"line 5: 1 fields, expected 2"),
    "an open quote": ("x.csv", 'a,b\n1,"2\n3\n4,5\n', r"line 2: a quotation mark opens a field that never ends"),
    "a name twice": ("x.csv", "a,b,a\n1,2,3\n", r"'a' is column 1 and 3"),
    "mixed encodings": ("x.csv", "n,m\né,1\n".encode() + "ü,2\n".encode("latin-1"), r"line 2 is UTF-8 .*line 3 is not \(byte 0xfc\)"),
    "nul bytes": ("x.csv", b"a,b\n1,2\n\x00\x01\x02,4\n", "NUL byte in line 3"),
    "control characters": ("x.bin", bytes(range(1, 32)) * 40, "control characters"),
    "cut gzip": ("x.csv.gz", gzip.compress(b"a,b\n1,2\n" * 100, mtime=0)[:-12], "damaged gzip"),
    "empty gzip": ("x.csv.gz", gzip.compress(b"", mtime=0), "0 bytes"),
    "cut parquet": ("x.parquet", b"PAR1 and then nothing of use PAR1", "damaged Parquet"),
    "text called parquet": ("x.parquet", "a,b\n1,2\n", "is no Parquet file"),
    "cut arrow": ("x.arrow", b"ARROW1\x00\x00 and then nothing", "damaged Arrow"),
    "cut npz": ("x.npz", b"PK\x03\x04 and then nothing", "cannot be read as .npz"),
    "json of numbers": ("x.json", "[1, 2, 3]", "array of other things"),
    "broken json line": ("x.jsonl", '{"a": 1}\n{"a": \n', "line 2: no JSON"),
    "json line of a list": ("x.jsonl", '{"a": 1}\n[2]\n', "line 2: '\\[2\\]' is no JSON object"),
    "many columns": ("x.csv", ",".join(f"c{i}" for i in range(100_000)) + "\n" + ",".join(["1"] * 100_000), "100,000 columns"),
}


@pytest.mark.parametrize("case", list(BAD_FILES))
def test_bad_files_are_refused_with_cause_and_cure(tmp_path: Path, case: str) -> None:
    name, content, text = BAD_FILES[case]
    path = bad(tmp_path / name, content)
    with pytest.raises(SourceError, match=text) as caught:
        read(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_pickled_arrays_are_not_loaded(tmp_path: Path) -> None:
    path = tmp_path / "objects.npz"
    np.savez(path, x=np.array([{"a": 1}, None], dtype=object))
    with pytest.raises(SourceError, match=r"cannot be read as \.npz"):
        read(path)
    with zipfile.ZipFile(tmp_path / "other.zip", "w") as file:
        file.writestr("a.csv", "a,b\n1,2\n")
    with pytest.raises(SourceError, match="zip file without NumPy arrays"):
        read(tmp_path / "other.zip")


def test_absent_files_offer_the_nearest(tmp_path: Path) -> None:
    (tmp_path / "adult.csv").write_text("a,b\n1,2\n")
    with pytest.raises(SourceError, match=r"did you mean 'adult\.csv'"):
        read(tmp_path / "adlt.csv")
    with pytest.raises(SourceError, match=r"is a folder; give a file in it, such as .*adult\.csv"):
        read(tmp_path)
    with pytest.raises(SourceError, match="no file matches"):
        read(str(tmp_path / "*.parquet"))
    with pytest.raises(SourceError, match="does not exist either"):
        read(tmp_path / "nowhere" / "x.csv")


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ({"a": [1, 2], "b": [1]}, "not rectangular: 'a' has 2 rows and 'b' has 1"),
        ({}, "0 columns"),
        ({"a": 5}, "one value and no rows"),
        ({"a": []}, "no rows"),
        (pl.DataFrame({"a": []}), "no rows"),
        (42, "cannot read rows from builtins.int"),
        ({"x": np.zeros((2, 20_000))}, "20,000 columns"),
    ],
)
def test_bad_objects_are_refused(source: object, text: str) -> None:
    with pytest.raises(AssayError, match=text):
        read(source)


def test_pandas_names_twice_are_refused() -> None:
    pandas = pytest.importorskip("pandas")
    with pytest.raises(SourceError, match="'a'"):
        read(pandas.DataFrame([[1, 2]], columns=["a", "a"]))


def test_one_row_is_read_and_wrong_options_are_refused(tmp_path: Path) -> None:
    path = bad(tmp_path / "x.csv", "a,b\n1,2")
    assert read(path).rows == 1
    with pytest.raises(AssayError, match="no encoding 'utf-9'"):
        read(path, encoding="utf-9")
    with pytest.raises(AssayError, match="one character"):
        read(path, separator=",,")
    with pytest.raises(AssayError, match="cannot have the kind 'integer'"):
        read(path, types={"a": "integer"})
    bad(path, "n\né\n".encode())
    with pytest.raises(SourceError, match="is not ascii: byte 0xc3 in line 2"):
        read(path, encoding="ascii")


def test_json_fields_may_be_absent_or_nested(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    path.write_text("\n".join(json.dumps(one) for one in ({"a": 1, "b": [1, 2]}, {"c": "x"}, {"a": 2.5, "b": None})))
    table = read(path)
    assert table.frame.to_dict(as_series=False) == {"a": [1.0, None, 2.5], "b": ["[1, 2]", None, None], "c": [None, "x", None]}
    path.write_text('{"a": 1}\n{"a": "x"}\n')
    assert read(path).frame["a"].to_list() == ["1", "x"]


def test_infinite_numbers_stay_and_nan_is_missing(tmp_path: Path) -> None:
    path = bad(tmp_path / "x.csv", "a,b\ninf,1\nNaN,2\n-inf,3\n1.5,4\n")
    want = [float("inf"), None, float("-inf"), 1.5]
    assert read(path).frame["a"].to_list() == want
    assert read({"a": np.array([np.inf, np.nan, -np.inf, 1.5])}).frame["a"].to_list() == want


def test_a_pipe_is_read_like_a_file(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=lambda: pipe.write_bytes(gzip.compress(b"a,b\n1,2\n")))
    writer.start()
    table = read(pipe)
    writer.join()
    assert table.frame.rows() == [(1, 2)]


def test_a_file_that_may_not_be_read_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = bad(tmp_path / "x.csv", "a,b\n1,2")

    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(SourceError, match=r"cannot read .*x\.csv: Permission denied"):
        read(path)


def test_refusing_a_wide_file_is_quick(tmp_path: Path) -> None:
    path = bad(tmp_path / "x.csv", ",".join(f"c{i}" for i in range(100_000)) + "\n" + (",".join(["1"] * 100_000) + "\n") * 200)
    start = time.process_time()
    with pytest.raises(SourceError, match="100,000 columns"):
        read(path)
    assert time.process_time() - start < 3
