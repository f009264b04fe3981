"""Arrays on disk: one .npz of plain arrays, written whole or not at all, read without unpickling."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from assay.core.errors import RunError
from assay.core.files import write_atomically

if TYPE_CHECKING:
    from numpy.typing import NDArray


def write_arrays(path: Path, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Write named arrays; none may hold Python objects.

    Raises:
        RunError: an array holds objects, which only a pickle could keep; or the file cannot be written.
    """
    for name, array in arrays.items():
        if np.asarray(array).dtype.hasobject:
            raise RunError(f"array {name!r} holds Python objects (dtype {np.asarray(array).dtype}); keep numbers or fixed-width texts")
    write_atomically(path, lambda stream: np.savez_compressed(stream, **dict(arrays)))  # type: ignore[arg-type]


def read_arrays(path: Path) -> dict[str, NDArray[Any]]:
    """The arrays that `write_arrays` wrote.

    Raises:
        RunError: the file is absent, cut, or holds something pickled.
    """
    try:
        with path.open("rb") as stream:
            stored = np.load(stream, allow_pickle=False)
            if not isinstance(stored, np.lib.npyio.NpzFile):
                raise RunError(f"{path} is a single array, expected a .npz of named arrays; the file is not Assay's")
            return {name: stored[name] for name in stored.files}
    except FileNotFoundError as problem:
        raise RunError(f"no file {path}; this is no finished run folder") from problem
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, KeyError) as problem:
        raise RunError(f"cannot read {path}: {problem}; the file was changed or cut, train again") from problem
