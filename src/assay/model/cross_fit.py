"""Rows that a fit has not learned from: by folds where there are few, else the validation rows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from assay.model.contract import Rows

# On 50 validation rows the lowest loss is mostly luck; five fits on few rows cost little.
MAX_CROSS_FITTED_ROWS = 5_000
FOLDS = 5
CROSS_FIT_SEED = 5


def folds_of(train: Rows, valid: Rows, *, is_cheap: bool = True) -> NDArray[np.intp]:
    """The fold in which each row of `train`, then of `valid`, is asked; -1 for a row that is only learned from.

    Args:
        train: Rows to learn from.
        valid: Rows kept apart.
        is_cheap: Whether five fits are worth their time; if not, or with many rows, the validation rows are the only fold.
    """
    n_rows = train.size + valid.size
    if is_cheap and n_rows <= MAX_CROSS_FITTED_ROWS:
        return np.asarray(np.random.default_rng(CROSS_FIT_SEED).permutation(n_rows) % FOLDS)
    fold_of = np.full(n_rows, -1)
    fold_of[train.size :] = 0
    return fold_of


def each_fold(fold_of: NDArray[np.intp]) -> Iterator[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    """Positions of the rows to learn from and of those to ask, fold by fold.

    Example:
        >>> [(kept.tolist(), asked.tolist()) for kept, asked in each_fold(np.array([-1, 0, -1, 0]))]
        [([0, 2], [1, 3])]
    """
    for fold in np.unique(fold_of[fold_of >= 0]):
        yield np.flatnonzero(fold_of != fold), np.flatnonzero(fold_of == fold)
