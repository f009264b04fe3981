"""Latent Dirichlet allocation: every text a mixture of topics, every topic a distribution over words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from assay.core.errors import InputError
from assay.core.seeds import seed_for
from assay.core.units import entropy_bits
from assay.model.term_matrix import document_shares, term_counts

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from assay.model.vocabulary import Vocabulary, WordStream

MOST_DOCUMENT_SHARE = 0.2
"""Words in more than this share of the texts ("the", "and") would fill every topic and tell none apart."""

ENTRIES_AT_ONCE = 100_000
BATCH_DOCUMENTS = 1024
"""More texts than this are learned in small batches, else all at once."""


@dataclass(frozen=True)
class Topic:
    """One topic.

    Attributes:
        share: Its share of all words, 0 to 1.
        words: Its likeliest words, the likeliest first, with their probability in it.
    """

    share: float
    words: tuple[tuple[str, float], ...]


@dataclass(frozen=True)
class Lda:
    """A fitted topic model.

    Attributes:
        kept: Numbers of the words that it knows, (kept,).
        words: Probability of each topic given the word, (kept, topics) float32.
        documents: Topics of each text, rows sum to 1, (documents, topics) float32.
        topics: The topics, the largest first.
        bits: Loss on the texts it learned from, each with its own mixture: mean of -log2 sum over topics of mixture * p(word), bits a word.
        opening_bits: Loss of one topic for all: the entropy of the words.
    """

    kept: NDArray[np.intp]
    words: NDArray[np.float32]
    documents: NDArray[np.float32]
    topics: tuple[Topic, ...]
    bits: float
    opening_bits: float


def fit_lda(
    vocabulary: Vocabulary,
    stream: WordStream,
    *,
    topics: int,
    passes: int = 10,
    seed: int = 0,
    most_document_share: float = MOST_DOCUMENT_SHARE,
    n_words: int = 10,
) -> Lda:
    """Fit a topic model by variational Bayes.

    Args:
        vocabulary: The words.
        stream: The texts; a long one should be cut into passages first.
        topics: How many.
        passes: Over all texts.
        seed: Of the start and of the order.
        most_document_share: Words in a larger share of the texts are left out.
        n_words: Words to name a topic by.

    Raises:
        InputError: no word is left, or there are fewer than two texts.

    Source: Blei, Ng and Jordan 2003; Hoffman, Blei and Bach 2010.
    """
    from sklearn.decomposition import LatentDirichletAllocation

    counts: Any = term_counts(stream, len(vocabulary))
    kept = np.flatnonzero(document_shares(counts) <= most_document_share)
    counts = counts[:, kept]
    counts = counts[np.flatnonzero(np.asarray(counts.sum(axis=1)).ravel())] if len(kept) else counts[:0]
    if counts.shape[0] < 2:
        raise InputError(
            f"topics need 2 texts or more with words that are not in more than {most_document_share:.0%} of them,"
            f" and {counts.shape[0]} was left; give more texts, or shorter passages"
        )
    method = "online" if counts.shape[0] > BATCH_DOCUMENTS else "batch"
    model = LatentDirichletAllocation(topics, max_iter=passes, learning_method=method, batch_size=256, random_state=seed_for(seed, "lda"))
    documents = model.fit_transform(counts)
    weights = model.components_ / model.components_.sum(axis=1, keepdims=True)
    lengths = np.asarray(counts.sum(axis=1)).ravel()
    share = documents.T @ lengths / lengths.sum()
    order = np.argsort(-share, kind="stable")
    weights, share, documents = weights[order], share[order], documents[:, order]
    given = weights * share[:, None]
    names = [vocabulary.words[i] for i in kept]
    return Lda(
        kept,
        (given / given.sum(axis=0)).T.astype(np.float32),
        documents.astype(np.float32),
        tuple(Topic(float(s), _likeliest(names, row, n_words)) for s, row in zip(share, weights, strict=True)),
        _bits(counts.tocoo(), documents, weights),
        entropy_bits(np.asarray(counts.sum(axis=0)).ravel().tolist()),
    )


def _bits(counts: Any, documents: NDArray[np.float64], weights: NDArray[np.float64]) -> float:
    lost = 0.0
    for start in range(0, counts.nnz, ENTRIES_AT_ONCE):
        some = slice(start, start + ENTRIES_AT_ONCE)
        chance = (documents[counts.row[some]] * weights[:, counts.col[some]].T).sum(axis=1)
        lost -= float(counts.data[some] @ np.log2(chance))
    return lost / float(counts.data.sum())


def _likeliest(names: list[str], row: NDArray[np.float64], n: int) -> tuple[tuple[str, float], ...]:
    return tuple((names[i], float(row[i])) for i in np.argsort(-row, kind="stable")[:n])
