"""What an embed run has to show, in one value that terminal and report read; and a flat map of its words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from assay.evaluate.word_similarity import WordEvaluation
from assay.model.lda import Topic
from assay.model.vectors import Neighbour, WordVectors, directions_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

N_SHOWN, N_NEIGHBOURS, N_MAPPED = 8, 6, 70
FIRST_RANK, LAST_RANK = 80, 1500
FEWEST_LETTERS = 4
"""The most frequent and the shortest words are those of grammar, whose neighbours tell little."""


@dataclass(frozen=True)
class EmbeddingView:
    """One embed run as faces show it.

    Attributes:
        name: Its folder's last part.
        folder: Where it lies.
        state: "finished" or "interrupted".
        command: The command that does it again.
        config: What it was asked, by option.
        sources: What it read.
        texts: How many texts.
        raw_words: Words of the texts.
        vocabulary: Words with a vector.
        dim: Numbers a vector.
        method: "skip-gram", "cbow", "lsa" or "lda".
        epochs: Passes over the text, 0 where there are none.
        unit: Of the losses, "bits/prediction" or "bits/word"; "" where there is no loss.
        opening: Loss before anything was learned.
        losses: Loss of each pass; of "lda" the last alone.
        engine: "numba", "torch" or "scikit-learn".
        repeatable: The same command gives the same bits on this machine.
        seconds: Of the training, compilation left out.
        compile_seconds: Processor time of the compilation, 0 where there was none.
        words_per_second: Speed of the training, 0 where it has no meaning.
        explained_share: Of "lsa": share of the variance kept.
        topics: Of "lda".
        neighbours: Some frequent words with their nearest.
        places: Some frequent words on a flat map: (word, x, y).
        map_share: Share of the variance of their directions that the map shows.
        evaluation: How far the vectors agree with people.
        notes: What a person should know, one sentence each.
        versions: Name of a library -> its version.
        fingerprint: Content hash of the texts.
    """

    name: str
    folder: str
    state: str
    command: str
    config: Mapping[str, Any]
    sources: tuple[str, ...]
    texts: int
    raw_words: int
    vocabulary: int
    dim: int
    method: str
    epochs: int = 0
    unit: str = ""
    opening: float = 0.0
    losses: tuple[float, ...] = ()
    engine: str = ""
    repeatable: bool = True
    seconds: float = 0.0
    compile_seconds: float = 0.0
    words_per_second: float = 0.0
    explained_share: float | None = None
    topics: tuple[Topic, ...] = ()
    neighbours: tuple[tuple[str, tuple[Neighbour, ...]], ...] = ()
    places: tuple[tuple[str, float, float], ...] = ()
    map_share: float = 0.0
    evaluation: WordEvaluation = field(default_factory=WordEvaluation)
    notes: tuple[str, ...] = ()
    versions: Mapping[str, str] = field(default_factory=dict)
    fingerprint: str = ""


def telling_words(vectors: WordVectors, n: int) -> list[str]:
    """So many frequent words that are likely to carry meaning: not the very commonest, not the shortest."""
    words = vectors.words
    long = [(rank, word) for rank, word in enumerate(words) if len(word) >= FEWEST_LETTERS and word.isalpha()]
    common = [word for rank, word in long if FIRST_RANK <= rank < LAST_RANK]
    chosen = common or [word for _, word in long] or list(words)
    at = np.unique(np.linspace(0, len(chosen) - 1, min(n, len(chosen))).round().astype(int))
    return [chosen[i] for i in at]


def shown_neighbours(vectors: WordVectors) -> tuple[tuple[str, tuple[Neighbour, ...]], ...]:
    """Some frequent words with their nearest by cosine."""
    return tuple((word, tuple(vectors.nearest(word, N_NEIGHBOURS))) for word in telling_words(vectors, N_SHOWN))


def flat_map(vectors: WordVectors, words: Sequence[str]) -> tuple[tuple[tuple[str, float, float], ...], float]:
    """Words on the plane along which their directions differ most (principal components), and the share of variance that it shows."""
    rows = directions_of(np.stack([vectors[word] for word in words])).astype(np.float64)
    centred = rows - rows.mean(axis=0)
    left, values, _ = np.linalg.svd(centred, full_matrices=False)
    points: NDArray[np.float64] = np.zeros((len(words), 2))
    kept = min(2, len(values))
    points[:, :kept] = left[:, :kept] * values[:kept]
    points *= np.where(points[np.abs(points).argmax(axis=0), [0, 1]] < 0, -1.0, 1.0)  # a sign that no library chooses
    total = float((values**2).sum())
    share = float((values[:kept] ** 2).sum()) / total if total > 0 else 0.0
    return tuple((word, float(x), float(y)) for word, (x, y) in zip(words, points, strict=True)), share
