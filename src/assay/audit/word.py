"""What a text column's words tell: the best single word, and whether texts contain their own label."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from assay.audit.gain import FOLDS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

ROWS_READ = 5_000
CHARACTERS_READ = 600
MIN_ROWS_A_WORD = 5
MAX_WORDS = 20_000


def words_of(column: pl.Series) -> pl.DataFrame:
    """The distinct words of each text: columns "row" and "word", lower case, letters and digits only."""
    frame = pl.DataFrame({"row": np.arange(len(column)), "word": column.str.head(CHARACTERS_READ)})
    words = frame.lazy().with_columns(pl.col("word").str.to_lowercase().str.extract_all(r"[\p{L}\p{N}]+"))
    return words.explode("word").drop_nulls().unique().collect()


def word_indicator(
    words: pl.DataFrame, target: NDArray[np.int64], classes: int, folds: NDArray[np.int64]
) -> tuple[NDArray[np.float64], str]:
    """Rows by fold, (absent, present) and class for the best word of the other folds; and the word best overall.

    Each fold's word is chosen on the other folds, so that picking among thousands of words does not pass for a tell.
    """
    counted = words.group_by("word").len().filter(pl.col("len") >= MIN_ROWS_A_WORD)
    common = counted.sort(["len", "word"], descending=[True, False]).head(MAX_WORDS)["word"].sort()
    if not len(common):
        return _against_nothing(target, classes, folds), ""
    kept = words.filter(pl.col("word").is_in(common.implode()))
    number = kept["word"].cast(pl.Enum(common)).to_physical().cast(pl.Int64).to_numpy()
    row = kept["row"].to_numpy()
    flat = (folds[row] * len(common) + number) * classes + target[row]
    present = np.bincount(flat, minlength=FOLDS * len(common) * classes).reshape(FOLDS, len(common), classes).astype(np.float64)
    overall = np.bincount(folds * classes + target, minlength=FOLDS * classes).reshape(FOLDS, classes).astype(np.float64)
    counts = np.empty((FOLDS, 2, classes))
    for fold in range(FOLDS):
        best = int(np.argmax(_information(present.sum(axis=0) - present[fold], overall.sum(axis=0) - overall[fold])))
        counts[fold, 1] = present[fold, best]
        counts[fold, 0] = overall[fold] - present[fold, best]
    best = int(np.argmax(_information(present.sum(axis=0), overall.sum(axis=0))))
    return counts, str(common[best])


def _against_nothing(target: NDArray[np.int64], classes: int, folds: NDArray[np.int64]) -> NDArray[np.float64]:
    absent = np.bincount(folds * classes + target, minlength=FOLDS * classes).reshape(FOLDS, 1, classes)
    return np.concatenate([absent, np.zeros_like(absent)], axis=1).astype(np.float64)


def _information(present: NDArray[np.float64], overall: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mutual information of each word's presence with the class, up to the factor of the rows, in bits."""
    absent = np.maximum(overall - present, 0.0)
    return _concentration(present) + _concentration(absent)


def _concentration(counts: NDArray[np.float64]) -> NDArray[np.float64]:
    size = counts.sum(axis=1)
    inside: NDArray[np.float64] = np.where(counts > 0, counts * np.log2(np.maximum(counts, 1e-12)), 0.0).sum(axis=1)
    return inside - np.where(size > 0, size * np.log2(np.maximum(size, 1e-12)), 0.0)


def contains_label_share(words: pl.DataFrame, target: NDArray[np.int64], classes: Sequence[str], rows: int) -> float:
    """Share of rows whose text has the row's own label as a word and no other label's word.

    Labels of one character are not looked for: "1" or "a" stands in too many texts.
    """
    names = {name.strip().lower(): number for number, name in enumerate(classes)}
    if min((len(name) for name in names), default=0) < 2 or not rows:
        return 0.0
    found = words.filter(pl.col("word").is_in(list(names)))
    if not found.height:
        return 0.0
    single = found.group_by("row").agg(pl.len().alias("labels"), pl.col("word").first()).filter(pl.col("labels") == 1)
    said = np.array([names[w] for w in single["word"]], dtype=np.int64)
    return float((target[single["row"].to_numpy()] == said).sum()) / rows if len(said) else 0.0
