"""Files of a run are whole or absent."""

from pathlib import Path

import pytest

from assay.core.errors import RunError
from assay.core.files import read_json, write_atomically, write_json


def test_failed_write_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", {"x": 1})

    def full(stream: object) -> None:
        raise OSError(28, "No space left on device")

    with pytest.raises(RunError, match="No space left"):
        write_atomically(tmp_path / "a.json", full)
    assert read_json(tmp_path / "a.json") == {"x": 1}
    assert [p.name for p in tmp_path.iterdir()] == ["a.json"]


def test_unwritable_place_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(RunError, match="--out"):
        write_json(tmp_path / "file" / "a.json", 1)


def test_absent_and_cut_json_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="no file"):
        read_json(tmp_path / "none.json")
    (tmp_path / "cut.json").write_text('{"x": ')
    with pytest.raises(RunError, match="cut"):
        read_json(tmp_path / "cut.json")


def test_new_file_is_refused_where_one_is(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", 1, new=True)
    with pytest.raises(FileExistsError):
        write_json(tmp_path / "a.json", 2, new=True)
    assert read_json(tmp_path / "a.json") == 1
    assert [p.name for p in tmp_path.iterdir()] == ["a.json"]
