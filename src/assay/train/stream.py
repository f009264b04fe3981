"""Examples of files that do not fit memory, read in chunks, mixed within a buffer, resumable in the middle of an epoch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assay.core.errors import ColumnError, InputError, OptionError, SourceError, nearest
from assay.core.seeds import seed_for
from assay.train.data import WHOLE, Batch, Data, of_part, order_of

if TYPE_CHECKING:
    import polars as pl
    import torch
    from torch import Tensor

READERS = {".parquet": "scan_parquet", ".pq": "scan_parquet", ".arrow": "scan_ipc", ".feather": "scan_ipc", ".ipc": "scan_ipc"}


@dataclass(frozen=True)
class Chunk:
    """Consecutive rows of one file."""

    file: Path
    start: int
    rows: int


@dataclass(frozen=True, eq=False)
class StreamData(Data):
    """Rows of Parquet or Arrow files, one example each.

    An epoch takes the chunks in an order drawn by its seed, `buffer_chunks` of them at a time, whose rows are mixed and cut into batches;
    what is left of a buffer begins the next one. At most one buffer, one batch and one chunk on its way are in memory:
    about (buffer_chunks + 1) * chunk_rows rows. Files written in the order of something are so mixed over the buffer, and the more
    the larger it is.

    Attributes:
        files: Paths, or globs, of .parquet or .arrow files with the same columns.
        inputs: Names of the number columns that the network is fed, as one float32 tensor (batch, columns); a column of lists or arrays of
            equal length gives as many columns.
        target: Name of the column that it learns: whole numbers become classes (int64), others values (float32).
        weight: Name of a column of weights, or None.
        chunk_rows: Rows read at once.
        buffer_chunks: Chunks mixed together.

    Raises:
        SourceError: no such file, or one of an unknown kind.
        ColumnError: a column is absent, or holds no numbers.
        OptionError: a size below 1.
    """

    files: str | Path | Sequence[str | Path]
    inputs: Sequence[str]
    target: str
    weight: str | None = None
    chunk_rows: int = 16_384
    buffer_chunks: int = 8
    device: Any = None
    chunks: tuple[Chunk, ...] = field(init=False)

    def __post_init__(self) -> None:
        for name in ("chunk_rows", "buffer_chunks"):
            if getattr(self, name) < 1:
                raise OptionError(f"{name} is {getattr(self, name)}; accepted are whole numbers from 1")
        chunks: list[Chunk] = []
        for file in _found(self.files):
            length = self._check(file)
            chunks += [Chunk(file, at, min(self.chunk_rows, length - at)) for at in range(0, length, self.chunk_rows)]
        object.__setattr__(self, "chunks", tuple(chunks))

    def _columns(self) -> list[str]:
        return list(dict.fromkeys([*self.inputs, self.target, *([self.weight] if self.weight else [])]))

    def _check(self, file: Path) -> int:
        """The number of rows of a file, whose columns fit."""
        import polars as pl

        frame = _scan(file)
        try:
            schema = frame.collect_schema()
            length = int(frame.select(pl.len()).collect().item())
        except (pl.exceptions.PolarsError, OSError) as problem:
            raise SourceError(f"cannot read {file}: {problem}; give whole Parquet or Arrow files") from problem
        for name in self._columns():
            if name not in schema:
                raise ColumnError(f"no column {name!r} in {file}; {nearest(name, schema.names())}")
            kind = schema[name]
            inner = kind.inner if isinstance(kind, pl.List | pl.Array) and name in self.inputs else kind
            if not (inner is not None and (inner.is_numeric() or inner == pl.Boolean)):
                raise ColumnError(f"column {name!r} of {file} holds {kind}, not numbers; encode it first")
        return length

    @property
    def rows(self) -> int:
        return sum(chunk.rows for chunk in self.chunks)

    def batches(self, batch_rows: int, seed: int, *, skip: int = 0, part: tuple[int, int] = WHOLE) -> Iterator[Batch]:
        order = [self.chunks[i] for i in order_of(len(self.chunks), seed_for(seed, "chunks")).tolist()]
        buffers = [order[i : i + self.buffer_chunks] for i in range(0, len(order), self.buffer_chunks)]
        first, behind = self._entered(buffers, skip * batch_rows)
        left: list[Tensor] = []
        for place in range(first, len(buffers)):
            read = self._read(buffers[place])
            mixed = order_of(len(read[0]), seed_for(seed, f"buffer {place}"))[behind:]
            behind = 0
            whole = [_joined(a, t[mixed]) for a, t in zip(left or [t[:0] for t in read], read, strict=True)]
            length = len(whole[0])
            ends = length if place == len(buffers) - 1 else length - length % batch_rows
            for start in range(0, ends, batch_rows):
                yield self._batch([t[start : min(start + batch_rows, ends)] for t in whole], part)
            left = [t[ends:] for t in whole]

    @staticmethod
    def _entered(buffers: list[list[Chunk]], rows: int) -> tuple[int, int]:
        """The buffer in which an epoch is after so many rows, and how many of its own rows are behind it."""
        for place, buffer in enumerate(buffers):
            size = sum(chunk.rows for chunk in buffer)
            if rows < size:
                return place, rows
            rows -= size
        return len(buffers), 0

    def _batch(self, tensors: list[Tensor], part: tuple[int, int]) -> Batch:
        import torch

        n = len(tensors[0])
        if part != WHOLE:
            rows = of_part(torch.arange(n), part)
            tensors = [t[rows] for t in tensors]
        if self.device is not None:
            tensors = [t.to(self.device, non_blocking=True) for t in tensors]
        return Batch(tensors[0], tensors[1], tensors[2] if self.weight else None, n)

    def _read(self, chunks: Sequence[Chunk]) -> list[Tensor]:
        """Inputs, targets and weights of these chunks, in their order."""
        import torch

        parts = [self._tensors(_scan(c.file).slice(c.start, c.rows).select(self._columns()).collect(), c) for c in chunks]
        return [torch.cat(same) for same in zip(*parts, strict=True)]

    def _tensors(self, frame: pl.DataFrame, chunk: Chunk) -> list[Tensor]:
        import numpy as np
        import torch

        gone = {name: n for name in self._columns() if (n := frame[name].null_count())}
        if gone:
            name, n = next(iter(gone.items()))
            at = f"rows {chunk.start:,} to {chunk.start + chunk.rows:,} of {chunk.file}"
            raise InputError(f"column {name!r} lacks {n:,} values in {at}; fill them, or drop those rows")
        columns = []
        for name in self.inputs:
            series = frame[name]
            flat = series.to_list() if series.dtype.is_nested() else series.cast(float).to_numpy()
            values = np.asarray(flat, np.float32)
            columns.append(values.reshape(len(values), -1))
        target = frame[self.target]
        is_class = target.dtype.is_integer() or str(target.dtype) == "Boolean"
        wanted = torch.as_tensor(target.cast(int if is_class else float).to_numpy().astype(np.int64 if is_class else np.float32))
        found = [torch.as_tensor(np.concatenate(columns, axis=1)), wanted]
        return [*found, torch.as_tensor(frame[self.weight].cast(float).to_numpy().astype(np.float32))] if self.weight else found

    def in_order(self, batch_rows: int, *, at_most: int | None = None, seed: int = 0) -> Iterator[Batch]:
        chunks = list(self.chunks)
        if at_most is not None and at_most < self.rows:
            # whole chunks are drawn until there is enough, so that a sample of a long file stays cheap
            drawn, total = [], 0
            for i in order_of(len(chunks), seed).tolist():
                drawn.append(i)
                total += chunks[i].rows
                if total >= at_most:
                    break
            chunks = [chunks[i] for i in sorted(drawn)]
        left = at_most if at_most is not None else self.rows
        for chunk in chunks:
            tensors = self._read([chunk])
            for start in range(0, min(chunk.rows, left), batch_rows):
                yield self._batch([t[start : min(start + batch_rows, left)] for t in tensors], WHOLE)
            left -= min(chunk.rows, left)

    def to(self, device: torch.device) -> StreamData:
        return replace(self, device=device)

    def fingerprint_parts(self) -> list[Tensor]:
        import torch

        sizes = [[c.file.stat().st_size, c.rows] for c in self.chunks]
        names = torch.frombuffer(bytearray(" ".join(self._columns()).encode()), dtype=torch.uint8)
        return [torch.tensor([self.chunk_rows, self.buffer_chunks]), torch.tensor(sizes), names, *self._read(self.chunks[:1])]


def _joined(a: Tensor, b: Tensor) -> Tensor:
    import torch

    return torch.cat([a, b]) if len(a) else b


def _found(files: str | Path | Sequence[str | Path]) -> list[Path]:
    given = [files] if isinstance(files, str | Path) else list(files)
    found: list[Path] = []
    for one in given:
        path = Path(one)
        is_pattern = any(c in str(one) for c in "*?[")
        matches = sorted(Path(path.anchor).glob(str(path.relative_to(path.anchor)))) if is_pattern else [path]
        if not matches:
            raise SourceError(f"no file matches {str(one)!r}; give paths or a glob of Parquet or Arrow files")
        found += matches
    for path in found:
        if path.suffix.lower() not in READERS:
            raise SourceError(f"{path} ends in {path.suffix!r}; accepted are {', '.join(READERS)}")
        if not path.is_file():
            raise SourceError(f"no file {path}; give paths or a glob of Parquet or Arrow files")
    return found


def _scan(file: Path) -> pl.LazyFrame:
    import polars as pl

    frame: pl.LazyFrame = getattr(pl, READERS[file.suffix.lower()])(file)
    return frame
