"""Word vectors at work: distances, nearest neighbours, and arithmetic with meanings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from assay.core.errors import InputError, OptionError, nearest
from assay.model.vocabulary import Vocabulary

if TYPE_CHECKING:
    from numpy.typing import NDArray

DISTANCES = ("cosine", "euclidean", "dot")


def cosine(a: NDArray[np.floating], b: NDArray[np.floating]) -> float:
    """The cosine of the angle between two vectors, -1 to 1; 0 where one of them is zero, for it has no direction.

    Example:
        >>> round(cosine(np.array([10.0, 1.0]), np.array([200.0, 1.0])), 4), cosine(np.zeros(2), np.ones(2))
        (0.9955, 0.0)
    """
    lengths = float(np.linalg.norm(a)) * float(np.linalg.norm(b))
    return float(a @ b) / lengths if lengths > 0.0 else 0.0


def euclidean(a: NDArray[np.floating], b: NDArray[np.floating]) -> float:
    """The straight distance between two vectors, 0 and up.

    Example:
        >>> euclidean(np.array([0.0, 3.0]), np.array([4.0, 0.0]))
        5.0
    """
    return float(np.linalg.norm(a - b))


@dataclass(frozen=True)
class Neighbour:
    """A word near another.

    Attributes:
        word: The word.
        score: Cosine or dot product (more is nearer), or Euclidean distance (less is nearer).
    """

    word: str
    score: float


@dataclass(frozen=True)
class WordVectors:
    """Words with one vector each.

    Attributes:
        vocabulary: The words and how often each occurred.
        matrix: Their vectors, (vocab, dim) float32.
    """

    vocabulary: Vocabulary
    matrix: NDArray[np.float32]

    def __post_init__(self) -> None:
        if self.matrix.ndim != 2 or len(self.matrix) != len(self.vocabulary):
            raise InputError(f"{len(self.vocabulary):,} words need a table of as many vectors, got one of shape {self.matrix.shape}")

    @classmethod
    def of(cls, words: Sequence[str], matrix: NDArray[np.floating], counts: NDArray[np.int64] | None = None) -> WordVectors:
        """Vectors of these words; where no counts are known, all are 0."""
        known = np.zeros(len(words), dtype=np.int64) if counts is None else counts
        return cls(Vocabulary(tuple(words), known), np.ascontiguousarray(matrix, dtype=np.float32))

    @property
    def words(self) -> tuple[str, ...]:
        """The words."""
        return self.vocabulary.words

    @property
    def dim(self) -> int:
        """Numbers a vector."""
        return int(self.matrix.shape[1])

    def __len__(self) -> int:
        return len(self.vocabulary)

    def __contains__(self, word: str) -> bool:
        return word in self.vocabulary.index

    def __getitem__(self, word: str) -> NDArray[np.float32]:
        return np.asarray(self.matrix[self.vocabulary.number_of(word)])

    @cached_property
    def directions(self) -> NDArray[np.float32]:
        """The vectors at length 1, (vocab, dim); zero vectors stay zero."""
        return directions_of(self.matrix)

    def similarity(self, a: str, b: str) -> float:
        """The cosine between two words.

        Raises:
            InputError: a word is unknown.
        """
        return cosine(self[a], self[b])

    def scores(self, vector: NDArray[np.floating], distance: str = "cosine") -> NDArray[np.float32]:
        """How near every word is to a vector, more being nearer, (vocab,); Euclidean distances have a minus before them.

        Raises:
            OptionError: there is no such distance.
        """
        if distance == "cosine":
            return np.asarray(self.directions @ directions_of(np.asarray(vector, dtype=np.float32)[None])[0], dtype=np.float32)
        if distance == "euclidean":
            return np.asarray(-np.linalg.norm(self.matrix - vector, axis=1), dtype=np.float32)
        if distance == "dot":
            return np.asarray(self.matrix @ vector, dtype=np.float32)
        raise OptionError(f"no distance {distance!r}; {nearest(distance, DISTANCES)}")

    def nearest(
        self, at: str | NDArray[np.floating], n: int = 10, *, distance: str = "cosine", without: Sequence[str] = ()
    ) -> list[Neighbour]:
        """The words nearest to a word (itself left out) or to a vector, the nearest first.

        Args:
            at: A word or a vector.
            n: How many at most.
            distance: "cosine", "euclidean" or "dot".
            without: Words to leave out.

        Raises:
            InputError: a word is unknown.
            OptionError: there is no such distance, or `n` is below 1.

        Example:
            >>> vectors = WordVectors.of(["up", "high", "down"], np.array([[1.0, 0.1], [1.0, 0.2], [-1.0, 0.0]]))
            >>> [one.word for one in vectors.nearest("up", 2)]
            ['high', 'down']
        """
        if n < 1:
            raise OptionError(f"{n} neighbours were asked for, it must be 1 or more")
        left_out = [self.vocabulary.number_of(word) for word in without]
        if isinstance(at, str):
            left_out.append(self.vocabulary.number_of(at))
            vector: NDArray[np.floating] = self.matrix[left_out[-1]]
        else:
            vector = at
        scores = self.scores(vector, distance)
        scores[left_out] = -np.inf
        n = min(n, len(self) - len(set(left_out)))
        first = np.argpartition(-scores, n - 1)[:n] if 0 < n < len(scores) else np.arange(len(scores))
        order = first[np.lexsort((first, -scores[first]))][: max(0, n)]
        sign = -1.0 if distance == "euclidean" else 1.0
        return [Neighbour(self.words[i], sign * float(scores[i])) for i in order]

    def analogy(
        self, plus: Sequence[str], minus: Sequence[str] = (), n: int = 10, *, distance: str = "cosine", with_inputs: bool = False
    ) -> list[Neighbour]:
        """The words nearest to a sum of words minus others: king - man + woman.

        The words' directions are added, so that frequent words with long vectors weigh no more than others; for "euclidean" and
        "dot" their vectors themselves.

        Args:
            plus: Words to add.
            minus: Words to take away.
            n: How many at most.
            distance: "cosine", "euclidean" or "dot".
            with_inputs: Let the words of the question be answers; often one of them is the nearest.

        Raises:
            InputError: a word is unknown, or there is none.

        Source: Mikolov, Yih and Zweig 2013, equation 1.
        """
        if not plus:
            raise InputError("an analogy needs at least one word to add; such as: king - man + woman")
        table = self.directions if distance == "cosine" else self.matrix
        target = sum(table[self.vocabulary.number_of(w)] for w in plus) - sum(table[self.vocabulary.number_of(w)] for w in minus)
        return self.nearest(np.asarray(target), n, distance=distance, without=() if with_inputs else [*plus, *minus])


def directions_of(matrix: NDArray[np.float32]) -> NDArray[np.float32]:
    """Each row at length 1; a zero row stays zero, (rows, dim)."""
    lengths = np.linalg.norm(matrix, axis=1, keepdims=True)
    return np.asarray(matrix / np.where(lengths > 0.0, lengths, 1.0), dtype=np.float32)
