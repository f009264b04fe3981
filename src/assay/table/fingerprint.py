"""Content hash of a frame: equal names, types and values in order give equal fingerprints, whatever file they came from."""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import polars as pl

BLOCK_ROWS = 1 << 17


def fingerprint(frame: pl.DataFrame) -> str:
    """The SHA-256 of names, types and values in order, as "sha256:" and 64 hexadecimal digits.

    Each column is hashed by itself, in blocks of rows so that the memory layout does not matter, and the column
    digests are hashed together. Zero and minus zero are equal; missing is unlike any value.

    Source: definition.

    Example:
        >>> a, b = pl.DataFrame({"x": [1, 2]}), pl.DataFrame({"x": [1, 3]})
        >>> fingerprint(a) == fingerprint(a.clone()), fingerprint(a) == fingerprint(b)
        (True, False)
    """
    whole = hashlib.sha256(f"{frame.width} {frame.height}".encode())
    with ThreadPoolExecutor(max_workers=2) as pool:
        for digest in pool.map(_column_digest, frame.get_columns()):
            whole.update(digest)
    return f"sha256:{whole.hexdigest()}"


def _column_digest(column: pl.Series) -> bytes:
    state = hashlib.sha256(f"{column.name}\0{column.dtype}\0".encode())
    for start in range(0, column.len(), BLOCK_ROWS):
        block = column.slice(start, BLOCK_ROWS)
        present = np.packbits(block.is_not_null().to_numpy())
        state.update(present.tobytes())
        for part in _buffers(block):
            state.update(part)
    return state.digest()


def _buffers(block: pl.Series) -> tuple[bytes, ...]:
    if block.dtype == pl.String:
        lengths = block.str.len_bytes().fill_null(0).to_numpy()
        return lengths.tobytes(), (block.str.join("").item() or "").encode()
    if block.dtype == pl.Binary:
        return block.bin.size().fill_null(0).to_numpy().tobytes(), b"".join(v or b"" for v in block.to_list())
    if block.dtype == pl.Boolean:
        return (np.packbits(block.fill_null(value=False).to_numpy()).tobytes(),)
    numbers = block.to_physical().fill_null(0).to_numpy()
    return ((numbers + 0).tobytes(),)  # adding zero makes minus zero zero
