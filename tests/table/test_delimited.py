"""Whatever Python's csv module writes, the fast reader reads back; rows that lack fields are always named."""

import csv
import io
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from assay.core.errors import SourceError
from assay.table import read
from assay.table.ragged import separator_counts

often = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
cell = st.text(alphabet="ab' \",;\n|é.", max_size=6).map(lambda s: "w" + s)  # a letter first keeps every cell text; tabs in TSV are no use
rows_of = st.integers(2, 4).flatmap(lambda width: st.lists(st.lists(cell, min_size=width, max_size=width), min_size=1, max_size=8))


@often
@given(
    rows=rows_of,
    separator=st.sampled_from(",;\t|"),
    ending=st.sampled_from(["\n", "\r\n"]),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
)
def test_written_rows_are_read_back(tmp_path: Path, rows: list[list[str]], separator: str, ending: str, quoting: int) -> None:
    text = io.StringIO()
    writer = csv.writer(text, delimiter=separator, lineterminator=ending, quoting=quoting)  # type: ignore[arg-type]
    writer.writerow([f"name {i}" for i in range(len(rows[0]))])
    writer.writerows(rows)
    path = tmp_path / "rows.csv"
    path.write_bytes(text.getvalue().encode())
    table = read(path, separator=separator, header=True)
    assert [list(row) for row in table.frame.rows()] == rows


@often
@given(
    rows=st.lists(st.lists(st.sampled_from(["1", "", "x", '"a,b"', '"q\nr"']), min_size=3, max_size=3), min_size=1, max_size=8),
    data=st.data(),
)
def test_a_row_that_lacks_or_adds_a_field_is_named(tmp_path: Path, rows: list[list[str]], data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(rows) - 1))
    width = data.draw(st.sampled_from([2, 4]))
    rows[place] = [*rows[place][: width - 1], *["x"] * (width - len(rows[place][: width - 1]))]
    path = tmp_path / "rows.csv"
    path.write_text("a,b,c\n" + "".join(",".join(row) + "\n" for row in rows))
    line = 2 + sum("".join(row).count("\n") + 1 for row in rows[:place])
    with pytest.raises(SourceError, match=f"line {line}: {width} fields, expected 3"):
        read(path, separator=",", header=True)


@often
@given(lines=st.lists(st.integers(0, 5), max_size=30), block=st.integers(8, 64), ending=st.sampled_from(["\n", "\r\n"]))
def test_separators_are_counted_across_blocks(lines: list[int], block: int, ending: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("assay.table.ragged.BLOCK_BYTES", block)
    text = ending.join("x" + "," * n for n in lines)
    assert np.array_equal(separator_counts(text.encode(), ","), lines)
    assert np.array_equal(separator_counts((text + ending * 2).encode(), ","), lines)
