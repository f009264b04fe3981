"""Files that do not fit memory: every row once an epoch, mixed by the seed, going on in the middle, in bounded memory."""

from itertools import chain
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch
from tests.train.nets import BRIEF, stack

from assay.core.errors import ColumnError, InputError, OptionError, SourceError
from assay.train import StreamData, fit


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """Two Parquet files and one Arrow file, 230 rows, in the order of `row`."""
    rng = np.random.default_rng(0)
    at = 0
    for i, rows in enumerate((100, 90, 40)):
        x = rng.normal(size=(rows, 5)).astype(np.float32)
        frame = pl.DataFrame({f"x{j}": x[:, j] for j in range(5)} | {"y": x[:, :3].argmax(axis=1), "row": np.arange(at, at + rows)})
        frame = frame.with_columns(pl.Series("pair", x[:, :2].tolist()), (pl.col("row") % 3 + 1.0).alias("w"))
        at += rows
        if i < 2:
            frame.write_parquet(tmp_path / f"part{i}.parquet", row_group_size=17)
        else:
            frame.write_ipc(tmp_path / "part2.arrow")
    return tmp_path


def rows(files: Path, **knobs: int) -> StreamData:
    return StreamData([files / "*.parquet", files / "part2.arrow"], ["row"], "y", chunk_rows=knobs.get("chunk", 16), buffer_chunks=3)


def read(data: StreamData, seed: int = 0, **options: int) -> list[list[float]]:
    return [batch.inputs[:, 0].tolist() for batch in data.batches(32, seed, **options)]


def test_each_row_comes_once_an_epoch_in_an_order_of_the_seed(files: Path) -> None:
    data = rows(files)
    epoch = read(data)
    assert [len(batch) for batch in epoch] == [32] * 7 + [6]
    assert data.rows == 230
    assert sorted(chain.from_iterable(epoch)) == list(range(230))
    assert epoch == read(data)
    assert epoch != read(data, seed=1)
    # a buffer is three chunks of 16 rows, from anywhere in the files
    assert np.ptp(epoch[0]) > 48


def test_an_epoch_goes_on_in_its_middle_and_is_shared_between_processes(files: Path) -> None:
    data = rows(files)
    epoch = read(data)
    for skip in range(9):
        assert read(data, skip=skip) == epoch[skip:]
    halves = [[batch.inputs[:, 0].tolist() for batch in data.batches(32, 0, part=(i, 2))] for i in range(2)]
    assert [a + b for a, b in zip(*halves, strict=True)] == epoch


def test_rows_in_order_are_all_or_a_few_chunks(files: Path) -> None:
    data = rows(files)
    assert list(chain.from_iterable(b.inputs[:, 0].tolist() for b in data.in_order(50))) == list(range(230))
    few = list(chain.from_iterable(b.inputs[:, 0].tolist() for b in data.in_order(10, at_most=40)))
    assert len(few) == 40
    assert few == sorted(few)


def test_memory_holds_a_buffer_not_the_files(files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    original = StreamData._read
    monkeypatch.setattr(StreamData, "_read", lambda self, chunks: asked.append(sum(c.rows for c in chunks)) or original(self, chunks))
    list(rows(files).batches(32, 0))
    assert max(asked) <= 3 * 16


def test_a_network_trains_on_files_as_on_tensors(files: Path, tmp_path: Path) -> None:
    data = StreamData(files / "*.parquet", [f"x{j}" for j in range(5)], "y", chunk_rows=64)
    whole = fit(stack(), "log", data, valid=data, settings=BRIEF)
    assert whole.history.train_loss[-1] < whole.history.train_loss[0]
    fit(stack(), "log", data, valid=data, settings=BRIEF, out=tmp_path / "r", budget_seconds=0.0)
    again = fit(stack(), "log", data, valid=data, settings=BRIEF, out=tmp_path / "r", resume=True)
    assert all(torch.equal(a, b) for a, b in zip(again.network.parameters(), whole.network.parameters(), strict=True))


def test_lists_of_numbers_weights_and_values(files: Path) -> None:
    data = StreamData(files / "part0.parquet", ["pair", "x4"], "w", weight="w")
    batch = next(iter(data.in_order(8)))
    assert batch.inputs.shape == (8, 3)
    assert batch.targets.dtype == torch.float32
    assert batch.weights is not None
    assert batch.weights.tolist() == batch.targets.tolist()


def test_bad_files_and_columns_are_refused(files: Path) -> None:
    for given, columns, target, error, told in (
        (files / "*.csv", ["x0"], "y", SourceError, "no file matches"),
        (files / "none.parquet", ["x0"], "y", SourceError, "no file"),
        (files / "part0.txt", ["x0"], "y", SourceError, "'.txt'"),
        (files / "part0.parquet", ["x9"], "y", ColumnError, "no column 'x9'"),
        (files / "part0.parquet", ["x0"], "pair", ColumnError, "not numbers"),
    ):
        with pytest.raises(error, match=told):
            StreamData(given, columns, target)
    with pytest.raises(OptionError, match="chunk_rows is 0"):
        StreamData(files / "part0.parquet", ["x0"], "y", chunk_rows=0)
    (files / "cut.parquet").write_bytes((files / "part0.parquet").read_bytes()[:200])
    with pytest.raises(SourceError, match="cannot read"):
        StreamData(files / "cut.parquet", ["x0"], "y")
    pl.DataFrame({"x": [1.0, None], "y": [0, 1]}).write_parquet(files / "gap.parquet")
    with pytest.raises(InputError, match="'x' lacks 1 values in rows 0 to 2"):
        list(StreamData(files / "gap.parquet", ["x"], "y").in_order(2))
