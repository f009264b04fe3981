"""However a file is damaged, it is read or refused in one line; nothing else ever comes out."""

import gzip
import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from assay.core.errors import AssayError
from assay.table import read

ROWS = pl.DataFrame({"a": [1, 2, None, 4] * 20, "b": ["x", "y, z", 'q"r', None] * 20, "c": [1.5, 2.5, None, float("inf")] * 20})
JUNK = (b",", b";", b'"', b"\n", b"\r", b"\t", b"\0", b"\xe9", b"\xff", b" ", b"0", b"{", b"]")


def written(write: Callable[[io.BytesIO], object]) -> bytes:
    stream = io.BytesIO()
    write(stream)
    return stream.getvalue()


FILES = {
    "x.csv": ROWS.write_csv().encode(),
    "utf16.csv": "name;é\nà;1,5\n".encode("utf-16"),
    "x.tsv": b'l\tt\na\t"b\nc\td"\n',
    "x.csv.gz": gzip.compress(ROWS.write_csv().encode(), mtime=0),
    "x.jsonl": written(ROWS.write_ndjson),
    "x.json": written(ROWS.write_json),
    "x.npz": written(lambda stream: np.savez(stream, x=np.arange(20).reshape(10, 2), y=np.arange(10))),
}
CUT = {"x.parquet": written(ROWS.write_parquet), "x.feather": written(ROWS.write_ipc)}


def damaged(content: bytes, rng: np.random.Generator) -> bytes:
    """The content with a few bytes changed, cut, taken out, or put in."""
    for _ in range(int(rng.integers(1, 12))):
        place = int(rng.integers(0, len(content) + 1))
        rest = content[place:]
        match int(rng.integers(0, 4)):
            case 0:
                content = content[:place] + bytes([int(rng.integers(0, 256))]) + rest[1:]
            case 1:
                content = content[: max(place, 1)] if rng.random() < 0.3 else content
            case 2:
                content = content[:place] + rest[int(rng.integers(1, 9)) :]
            case _:
                content = content[:place] + JUNK[int(rng.integers(0, len(JUNK)))] + rest
    return content


@pytest.mark.parametrize("name", list(FILES))
def test_damaged_files_are_read_or_refused_in_one_line(tmp_path: Path, name: str, rng: np.random.Generator) -> None:
    path = tmp_path / name
    refused = 0
    for _ in range(120):
        path.write_bytes(damaged(FILES[name], rng))
        try:
            table = read(path)
        except AssayError as error:
            refused += 1
            assert "\n" not in str(error)
            assert str(path) in str(error)
        else:
            assert table.rows
            assert set(table.kinds) == set(table.columns)
    assert refused


@pytest.mark.parametrize("name", list(CUT))
def test_cut_binary_files_are_refused(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    for length in np.linspace(8, len(CUT[name]) - 1, 25).astype(int).tolist():
        path.write_bytes(CUT[name][:length])
        with pytest.raises(AssayError, match="damaged"):
            read(path)


def test_the_undamaged_files_are_whole(tmp_path: Path) -> None:
    for name, content in (FILES | CUT).items():
        (tmp_path / name).write_bytes(content)
        assert read(tmp_path / name).rows == {"utf16.csv": 1, "x.tsv": 2, "x.npz": 10}.get(name, 80)
