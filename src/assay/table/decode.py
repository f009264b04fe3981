"""Bytes of a file as UTF-8 text: unpacked, decoded, and refused with its line where that cannot be done."""

from __future__ import annotations

import codecs
import gzip
import mmap
import re
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from assay.core.errors import OptionError, SourceError

GZIP_MAGIC = b"\x1f\x8b"
BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
MIN_MIXED_SHARE = 0.05  # of the characters beyond ASCII that are valid UTF-8: below, they are chance pairs of an older encoding
MAX_CONTROL_SHARE = 0.005
LAYOUT_CODES = (9, 10, 12, 13, 27)
HEAD_BYTES = 1 << 18

_NOT_ASCII, _ESCAPED = re.compile(r"[^\x00-\x7f]"), re.compile("[\udc80-\udcff]")

Data = bytes | mmap.mmap


@contextmanager
def opened(path: Path) -> Iterator[Data]:
    """The bytes of a file, unpacked if gzipped; a plain file is mapped, not read.

    Raises:
        SourceError: absent permission, an empty file, a corrupt gzip.
    """
    try:
        with path.open("rb") as stream:
            if not path.is_file():
                yield _streamed(stream.read(), path)
                return
            if path.stat().st_size == 0:
                raise SourceError(f"{path} is empty (0 bytes); give a file with a header and rows")
            if stream.read(2) == GZIP_MAGIC:
                yield unpacked(path.read_bytes(), path)
                return
            with mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
                yield mapped
    except OSError as problem:
        raise SourceError(f"cannot read {path}: {problem.strerror or problem}; check its permissions") from problem


def _streamed(content: bytes, path: Path) -> bytes:
    """What came through a pipe."""
    if not content:
        raise SourceError(f"{path} gave 0 bytes; give a header and rows")
    return unpacked(content, path) if content.startswith(GZIP_MAGIC) else content


def unpacked(packed: bytes, path: Path) -> bytes:
    """The content of a gzipped file.

    Raises:
        SourceError: the file is cut or damaged, or holds nothing.
    """
    try:
        content = gzip.decompress(packed)
    except (OSError, EOFError, zlib.error) as problem:
        raise SourceError(f"{path} is a damaged gzip file ({problem}); fetch or compress it again") from problem
    if not content:
        raise SourceError(f"{path} is a gzip file of 0 bytes of content; give a file with a header and rows")
    return content


def declared_encoding(data: Data, encoding: str | None, where: str) -> str | None:
    """The encoding given or told by a byte order mark; None if neither (then it is UTF-8 or older).

    Raises:
        OptionError: no such encoding.
        SourceError: the file holds NUL bytes or control characters, so is no text.
    """
    if encoding is not None:
        try:
            return codecs.lookup(encoding).name
        except LookupError as problem:
            raise OptionError(f"no encoding {encoding!r}; give one such as utf-8, utf-16, cp1252 or latin-1") from problem
    head = bytes(data[:HEAD_BYTES])
    for mark, name in BOMS:
        if head.startswith(mark):
            return name
    nul = head.find(b"\0")
    if nul >= 0:
        raise SourceError(
            f"{where} holds a NUL byte in {_line(data, nul)}, so it is no text; give text, Parquet or Arrow, or --encoding utf-16"
        )
    controls = sum(head.count(bytes([code])) for code in range(1, 32) if code not in LAYOUT_CODES)
    if controls > MAX_CONTROL_SHARE * len(head):
        raise SourceError(
            f"{where} holds {controls} control characters in {len(head):,} bytes, so it is no text; give CSV, JSON lines or Parquet"
        )
    return None


def decoded(data: Data, encoding: str | None, where: str) -> tuple[bytes, str]:
    """The file as UTF-8 bytes without byte order mark, and a note for people ("" for plain UTF-8).

    Raises:
        SourceError: bytes that are not of the encoding, or lines of two encodings; says the line.
    """
    raw = bytes(data)
    try:
        text = raw.decode(encoding or "utf-8")
    except UnicodeDecodeError as problem:
        if encoding is not None:
            raise SourceError(
                f"{where} is not {encoding}: byte 0x{raw[problem.start]:02x} in {_line(data, problem.start)}; give another --encoding"
            ) from problem
        return _older(raw, problem.start, where)
    note = "" if encoding in (None, "utf-8") else f"the encoding is {encoding.removesuffix('-sig')}, told by its byte order mark or given"
    return (raw if encoding in (None, "utf-8") else text.encode()), note


def _older(raw: bytes, first_wrong: int, where: str) -> tuple[bytes, str]:
    """Decode a file that is not UTF-8 as cp1252 or latin-1, unless part of it is UTF-8."""
    text = raw.decode("utf-8", "surrogateescape")
    beyond = _NOT_ASCII.findall(text)
    proper = [c for c in beyond if not _ESCAPED.match(c)]
    if len(proper) > MIN_MIXED_SHARE * len(beyond):
        right = text.count("\n", 0, text.find(proper[0])) + 1
        raise SourceError(
            f"{where} mixes encodings: line {right} is UTF-8 ({proper[0]!r}), {_line(raw, first_wrong)} is not "
            f"(byte 0x{raw[first_wrong]:02x}); save it in one encoding, or give --encoding cp1252"
        )
    for name in ("cp1252", "latin-1"):
        try:
            return raw.decode(name).encode(), f"the encoding is {name}, because {_line(raw, first_wrong)} is not UTF-8"
        except UnicodeDecodeError:
            continue
    raise AssertionError("latin-1 decodes every byte")


def _line(data: Data, offset: int) -> str:
    return f"line {bytes(data[:offset]).count(10) + 1}"
