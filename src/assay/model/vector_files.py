"""Word vectors as files that other programs read: the word2vec text form (.txt, .vec, also gzipped) and its binary form (.bin)."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import IO, TYPE_CHECKING, BinaryIO, cast

import numpy as np

from assay.core.errors import OptionError, SourceError
from assay.core.files import write_atomically
from assay.model.vectors import WordVectors

if TYPE_CHECKING:
    from numpy.typing import NDArray

ENDINGS = (".txt", ".vec", ".txt.gz", ".vec.gz", ".bin", ".bin.gz")
LONGEST_WORD_BYTES = 1 << 16
MOST_DIM = 100_000


def is_vector_file(path: str | Path) -> bool:
    """Whether a file is one of word vectors, by its name.

    Example:
        >>> is_vector_file("glove.6B.50d.txt"), is_vector_file("wiki.vec.gz"), is_vector_file("runs/novels-embed")
        (True, True, False)
    """
    return str(path).lower().endswith(ENDINGS)


def write_vectors(path: str | Path, vectors: WordVectors) -> None:
    """Write vectors in the form that the file's ending names; text keeps all digits of single precision.

    Raises:
        OptionError: the ending is none that can be written, or a word holds a blank and the form cannot keep it.
        RunError: the file cannot be written.
    """
    path = Path(path)
    if not is_vector_file(path):
        raise OptionError(f"{str(path)!r} has no ending of a vector file; use {', '.join(ENDINGS)}")
    spaced = next((word for word in vectors.words if not word or word.split() != [word]), None)
    if spaced is not None:
        raise OptionError(f"word {spaced!r} holds a blank, which separates words from numbers in {path.name}; join its parts by _")
    is_binary, is_zipped = ".bin" in path.suffixes, path.suffix == ".gz"

    def fill(stream: IO[bytes]) -> None:
        rows = chain([f"{len(vectors)} {vectors.dim}\n".encode()], _binary_rows(vectors) if is_binary else _text_rows(vectors))
        if not is_zipped:
            stream.writelines(rows)
            return
        with gzip.GzipFile(fileobj=stream, mode="wb", mtime=0) as zipped:
            for row in rows:
                zipped.write(row)

    write_atomically(path, fill)


def _text_rows(vectors: WordVectors) -> Iterator[bytes]:
    for word, row in zip(vectors.words, vectors.matrix, strict=True):
        yield f"{word} {' '.join(format(x, '.9g') for x in row.tolist())}\n".encode()


def _binary_rows(vectors: WordVectors) -> Iterator[bytes]:
    for word, row in zip(vectors.words, vectors.matrix.astype("<f4"), strict=True):
        yield word.encode() + b" " + row.tobytes() + b"\n"


def read_vectors(path: str | Path) -> WordVectors:
    """Vectors from a file in word2vec's text or binary form; a first line with the numbers of words and of dimensions may be absent.

    Raises:
        SourceError: the file is absent, cut, or holds something else; the line or the word is named.
    """
    path = Path(path)
    try:
        with gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb") as stream:
            read = _read_binary if ".bin" in path.suffixes else _read_text
            return read(path, cast("BinaryIO", stream))
    except FileNotFoundError as problem:
        raise SourceError(f"no file {str(path)!r}; give an existing file of word vectors, or the folder of an embed run") from problem
    except (OSError, EOFError, zlib.error) as problem:
        raise SourceError(f"cannot read {path}: {problem}; the file is cut or no word vectors") from problem


def _read_text(path: Path, stream: BinaryIO) -> WordVectors:
    words: list[str] = []
    rows: list[NDArray[np.float32]] = []
    said = dim = None
    for number, raw in enumerate(stream, 1):
        try:
            fields = raw.decode("utf-8").split()
        except UnicodeDecodeError as problem:
            raise SourceError(f"{path}, line {number} is no UTF-8 text; binary vectors end in .bin") from problem
        if not fields:
            continue
        if number == 1 and len(fields) == 2 and all(f.isdigit() for f in fields):
            said, dim = int(fields[0]), int(fields[1])
            continue
        dim = dim or len(fields) - 1
        try:
            row = np.array(fields[1:], dtype=np.float32)
        except ValueError:
            row = np.zeros(0, dtype=np.float32)
        if len(row) != dim or dim == 0:
            raise SourceError(
                f"{path}, line {number}: {' '.join(fields)[:50]!r} is no word with {dim} numbers; such a line is: king 0.1 -0.2"
            )
        words.append(fields[0])
        rows.append(row)
    if said is not None and said != len(words):
        raise SourceError(f"{path} holds {len(words):,} vectors, its first line says {said:,}; the file is cut")
    return _whole(path, words, np.array(rows, dtype=np.float32))


def _read_binary(path: Path, stream: BinaryIO) -> WordVectors:
    head = stream.readline(100).split()
    if len(head) != 2 or not all(f.isdigit() for f in head) or not 0 < int(head[1]) <= MOST_DIM:
        raise SourceError(
            f"{path} begins with {b' '.join(head)[:40]!r}, not with its numbers of words and dimensions; it is no binary vectors"
        )
    n, dim = int(head[0]), int(head[1])
    words: list[str] = []
    rows: list[NDArray[np.float32]] = []
    for _ in range(n):
        word = bytearray()
        while (letter := stream.read(1)) != b" ":
            if not letter or len(word) > LONGEST_WORD_BYTES:
                raise SourceError(f"{path} ends or goes wrong after {len(words):,} of {n:,} vectors; the file is cut")
            if letter != b"\n":
                word += letter
        numbers = stream.read(4 * dim)
        if len(numbers) < 4 * dim:
            raise SourceError(f"{path} ends in the vector of {bytes(word)[:40].decode('utf-8', 'replace')!r}; the file is cut")
        words.append(bytes(word).decode("utf-8", "replace"))
        rows.append(np.frombuffer(numbers, dtype="<f4"))
    return _whole(path, words, np.array(rows, dtype=np.float32))


def _whole(path: Path, words: list[str], matrix: NDArray[np.float32]) -> WordVectors:
    if not words:
        raise SourceError(f"{path} holds 0 vectors; give a file of word vectors")
    if not np.isfinite(matrix).all():
        raise SourceError(
            f"{path}: the vector of {words[int(np.argmin(np.isfinite(matrix).all(axis=1)))]!r} holds a number that is not finite"
        )
    seen: dict[str, int] = {}
    for i, word in enumerate(words):
        seen.setdefault(word, i)
    if len(seen) < len(words):  # the first of equal words counts, as in other readers
        kept = list(seen.values())
        return WordVectors.of(list(seen), matrix[kept])
    return WordVectors.of(words, matrix)
