"""How much each term of a text says of the classes by itself: what a linear model may believe of it before the others are heard."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from assay.model.contract import Rows
    from assay.model.design import Design

# Rows that every term is given in advance, in each class and outside of it.
SMOOTHING = 1.0
# On sentences and messages the square root of the evidence served held-out rows better than the evidence itself, and than none.
POWER = 0.5


def term_scale(design: Design, matrix: Any, rows: Rows, classes: int) -> NDArray[np.float64] | None:
    """What the columns of the design matrix are multiplied by before they are fitted; None where there is no text, or no class.

    A term's column is multiplied by the square root of its evidence, others by 1. Under a penalty on squares that is a penalty a
    term of its own, which falls as the term tells classes apart by itself: rare words that stand anywhere are not learned by heart.

    Args:
        design: What made the matrix.
        matrix: Of these rows.
        rows: Only those that are fitted, for the evidence looks at their targets.
        classes: Number of classes, 0 for regression.

    Source: Wang and Manning 2012, "Baselines and Bigrams", section 2.3, whose features are the log-count ratios themselves.
    """
    n_terms = sum(design.bag_sizes)
    if not n_terms or not classes:
        return None
    sides = (rows.target[:, None] == np.arange(classes)) * np.ones((rows.size, 1))
    if rows.weight is not None:
        # of mean 1, so that the smoothing weighs as much as without
        sides = sides * (rows.weight / rows.weight.mean())[:, None]
    scale = np.ones(matrix.shape[1])
    scale[-n_terms:] = evidence(matrix[:, matrix.shape[1] - n_terms :], sides) ** POWER
    return scale


def scaled(matrix: Any, scale: NDArray[np.float64] | None) -> Any:
    """The matrix with each column multiplied by its scale; itself without one."""
    if scale is None:
        return matrix
    if isinstance(matrix, np.ndarray):
        return matrix * scale
    stretched = matrix.copy()
    stretched.data = stretched.data * scale[stretched.indices]
    return stretched


def evidence(terms: Any, sides: NDArray[np.float64]) -> NDArray[np.float64]:
    """The log-ratio of each term's share within a class to its share outside, without its sign, averaged over the classes, in nats.

    Args:
        terms: (rows, terms), sparse; what is not 0 is there.
        sides: Weight of each row in each class, (rows, classes).

    Example:
        >>> from scipy.sparse import csr_array
        >>> there = csr_array([[1.0, 1.0], [1.0, 0.0], [1.0, 0.0], [1.0, 0.0]])
        >>> evidence(there, np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [0.0, 1.0]])).round(2).tolist()
        [0.22, 0.47]
    """
    present = terms.copy()
    present.data = (present.data != 0).astype(np.float64)
    within = np.asarray(present.T @ sides)
    outside = within.sum(axis=1, keepdims=True) - within
    seen = sides.sum(axis=0) > 0
    ratio = _log_shares(within) - _log_shares(outside)
    found: NDArray[np.float64] = np.abs(ratio[:, seen]).mean(axis=1) if seen.any() else np.ones(len(within))
    return found


def _log_shares(counts: NDArray[np.float64]) -> NDArray[np.float64]:
    smoothed = counts + SMOOTHING
    return np.asarray(np.log(smoothed / smoothed.sum(axis=0)))
