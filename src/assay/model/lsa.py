"""Latent semantic analysis: the few directions along which texts differ most, by a truncated SVD of their weighted words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from assay.core.errors import InputError
from assay.core.seeds import seed_for
from assay.model.term_matrix import term_counts, tf_idf

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from assay.model.vocabulary import Vocabulary, WordStream


@dataclass(frozen=True)
class Lsa:
    """A fitted latent semantic analysis.

    Attributes:
        words: One vector a word: right singular vectors times singular values, (vocab, dim) float32.
        documents: One vector a text: left singular vectors times singular values, (documents, dim) float32.
        singular_values: Falling, (dim,).
        explained_share: Share of the variance of the weighted words that is kept, 0 to 1.
    """

    words: NDArray[np.float32]
    documents: NDArray[np.float32]
    singular_values: NDArray[np.float64]
    explained_share: float


def fit_lsa(vocabulary: Vocabulary, stream: WordStream, *, dim: int, seed: int = 0, weighted: bool = True) -> Lsa:
    """Fit a latent semantic analysis.

    Args:
        vocabulary: The words.
        stream: The texts; a long one should be cut into passages first.
        dim: Directions to keep; at most one less than there are texts or words.
        seed: Of the randomised SVD.
        weighted: Weigh words by tf-idf; else by their bare counts.

    Raises:
        InputError: there are fewer than two texts.

    Source: Deerwester et al. 1990; randomised SVD: Halko, Martinsson and Tropp 2011.
    """
    from sklearn.decomposition import TruncatedSVD

    counts: Any = term_counts(stream, len(vocabulary))
    if counts.shape[0] < 2:
        raise InputError(f"latent semantic analysis compares texts, and {counts.shape[0]} was given; give several, or shorter passages")
    matrix = tf_idf(counts) if weighted else counts
    most = min(matrix.shape) - 1
    svd = TruncatedSVD(max(1, min(dim, most)), random_state=seed_for(seed, "lsa"))
    documents = svd.fit_transform(matrix)
    return Lsa(
        (svd.components_.T * svd.singular_values_).astype(np.float32),
        documents.astype(np.float32),
        svd.singular_values_.astype(np.float64),
        float(svd.explained_variance_ratio_.sum()),
    )
