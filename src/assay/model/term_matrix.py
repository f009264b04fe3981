"""Texts as bags of words: how often each word stands in each text, the order forgotten; and as weights that tell texts apart."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from assay.model.vocabulary import WordStream


def term_counts(stream: WordStream, vocab: int) -> Any:
    """Occurrences of each word in each text, a sparse matrix (documents, vocab) of float64.

    Example:
        >>> from assay.model.vocabulary import read_words
        >>> vocabulary, stream = read_words(["cat dog cat", "dog"], min_count=1)
        >>> vocabulary.words, term_counts(stream, 2).toarray().tolist()
        (('cat', 'dog'), [[2.0, 1.0], [0.0, 1.0]])
    """
    from scipy.sparse import csr_matrix

    # a copy, for equal entries are added up in place
    counted = csr_matrix((np.ones(len(stream.ids)), stream.ids, stream.starts), shape=(len(stream.starts) - 1, vocab), copy=True)
    counted.sum_duplicates()
    return counted


def term_shares(counts: Any) -> Any:
    """Each word's share of its text, a sparse matrix (documents, vocab) whose rows sum to 1; an empty text stays zero.

    Example:
        >>> import scipy.sparse
        >>> term_shares(scipy.sparse.csr_matrix([[3.0, 1.0]])).toarray().tolist()
        [[0.75, 0.25]]
    """
    from scipy.sparse import diags

    totals = np.asarray(counts.sum(axis=1)).ravel()
    return diags(1.0 / np.where(totals > 0, totals, 1.0)) @ counts


def tf_idf(counts: Any) -> Any:
    """(1 + ln count) * (1 + ln((1 + documents) / (1 + documents with the word))), rows at length 1; sparse (documents, vocab).

    Source: Sparck Jones 1972; damped counts and smoothing as in scikit-learn.
    """
    from sklearn.feature_extraction.text import TfidfTransformer

    return TfidfTransformer(sublinear_tf=True).fit_transform(counts)


def document_shares(counts: Any) -> NDArray[np.float64]:
    """Share of the texts in which each word stands, (vocab,)."""
    present = np.asarray((counts > 0).mean(axis=0), dtype=np.float64)
    return present.ravel()
