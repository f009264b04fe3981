"""Word vectors as commands read them: of an embed run's folder, or of a vector file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from assay.artifact.arrays import read_arrays
from assay.core.errors import OptionError, RunError
from assay.core.evidence import build
from assay.core.files import read_json
from assay.face.embedding_view import EmbeddingView
from assay.face.job.embedding import SHOWN_FILE, VECTORS_FILE, WORDS_FILE
from assay.model.vector_files import is_vector_file, read_vectors
from assay.model.vectors import WordVectors
from assay.train.folder import RunFolder

SIGNS = ("+", "-", "−", "–")


def open_vectors(source: str) -> WordVectors:
    """The vectors of an embed run, by its folder, or of a file in word2vec's text or binary form.

    Raises:
        RunError: the folder holds no vectors, or its files were changed.
        SourceError: the file is absent, cut, or no file of vectors.
    """
    path = Path(source)
    if path.is_file() or (is_vector_file(source) and not path.is_dir()):
        return read_vectors(path)
    folder = RunFolder.open(path).path
    if not (folder / VECTORS_FILE).is_file():
        raise RunError(f"{source} holds no word vectors; give the folder of an embed run, or make one: assay embed TEXT")
    listed, arrays = read_json(folder / WORDS_FILE), read_arrays(folder / VECTORS_FILE)
    try:
        return WordVectors.of(listed["words"], arrays["inputs"], np.array(listed["counts"], dtype=np.int64))
    except (KeyError, TypeError, ValueError) as problem:
        raise RunError(f"cannot read the vectors in {source}: {problem!r}; the files were changed, make them again") from problem


def embedding_view(folder: Path) -> EmbeddingView:
    """What an embed run has to show.

    Raises:
        RunError: it ended before its vectors were kept.
    """
    data = read_json(folder / SHOWN_FILE)
    try:
        view: EmbeddingView = build(EmbeddingView, data)
    except (TypeError, ValueError) as problem:
        raise RunError(f"cannot read {folder / SHOWN_FILE}: {problem}; the file was changed by hand") from problem
    return replace(view, folder=str(folder))


def terms_of(words: list[str]) -> tuple[list[str], list[str]]:
    """The words to add and to take away, from "king - man + woman" in one piece or several, or from "man king woman".

    Three words without a sign are a question: man is to king as woman is to what.

    Raises:
        OptionError: a sign has no word, words have no sign between them, or there is one word alone.

    Example:
        >>> terms_of(["king", "-", "man", "+", "woman"]), terms_of(["man", "king", "woman"])
        ((['king', 'woman'], ['man']), (['king', 'woman'], ['man']))
    """
    parts = [part for word in words for part in word.split()]
    example = "such as: king - man + woman, or: man king woman"
    if not any(part in SIGNS for part in parts):
        if len(parts) != 3:
            raise OptionError(f"{' '.join(parts)!r} is no analogy; write it {example}")
        return [parts[1], parts[2]], [parts[0]]
    sides: dict[str, list[str]] = {"+": [], "-": []}
    sign: str | None = "+"
    for part in parts:
        if part in SIGNS:
            if sign is not None and (sides["+"] or sides["-"] or sign == "-"):
                raise OptionError(f"two signs follow each other in {' '.join(parts)!r}; write it {example}")
            sign = "+" if part == "+" else "-"
        elif sign is None:
            raise OptionError(f"{part!r} has no + or - before it in {' '.join(parts)!r}; write it {example}")
        else:
            sides[sign].append(part)
            sign = None
    if sign is not None:
        raise OptionError(f"no word follows the last sign of {' '.join(parts)!r}; write it {example}")
    if len(sides["+"]) + len(sides["-"]) < 2:
        raise OptionError(f"{' '.join(parts)!r} holds one word; for its neighbours ask: assay similar RUN WORD")
    return sides["+"], sides["-"]
