"""Fitting boosted trees: how many rounds the validation rows want, then all rows with that many."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from assay.core.seeds import seed_for
from assay.model.tree_input import TreeInput
from assay.model.trees import Trees

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from assay.model.contract import Rows
    from assay.objective.loss import Loss

MAX_ROUNDS = 1000
UNSTOPPED_ROUNDS = 100
PATIENCE = 20
LEARNING_RATE = 0.1
# Below these rows smaller steps and half the columns a split lower the held-out loss by 1 to 2 % (german, titanic, telco); above
# them they only take longer (adult, bank) or do harm (california).
SMALL_ROWS = 5_000
# Trees of wide tables look at a random share of the columns, in fewer bins: as good, and the time of a tree is mostly its bins.
WIDE_COLUMNS = 60
WIDE_BINS = 63
THREADED_CELLS = 100_000
MAX_REFIT_ROWS = 100_000
SKLEARN_LOSS = {"log": "log_loss", "squared": "squared_error", "absolute": "absolute_error"}


@dataclass(frozen=True)
class Boosted:
    """What boosting learned.

    Attributes:
        columns: The matrix that the trees read.
        trees: The trees.
        seen: Class numbers of the trees' outputs, where they occur in the training rows; empty for regression.
        valid_scores: Scores of the validation rows by the trees that had not learned from them; None where `trees` had not.
    """

    columns: TreeInput
    trees: Trees
    seen: NDArray[np.intp]
    valid_scores: NDArray[np.float64] | None = None


def fit_trees(train: Rows, valid: Rows, loss: Loss, classes: int, seed: int) -> Boosted:
    """Trees whose number the validation rows chose; small tables are then fitted again on all rows."""
    seen = np.unique(train.target).astype(np.intp) if classes else np.zeros(0, dtype=np.intp)
    with _threads_for(train):
        if len(seen) == 1:
            return Boosted(TreeInput.fit(train, classes), Trees.none(1), seen)
        # scikit-learn cannot score a class that the trees have no output for; such rows do not help to stop.
        known = np.isin(valid.target, seen) if classes else np.ones(valid.size, dtype=bool)
        return _fit_trees(train, valid.take(np.flatnonzero(known)), loss, classes, seed, seen, is_refitted=bool(known.all()))


def _fit_trees(train: Rows, valid: Rows, loss: Loss, classes: int, seed: int, seen: NDArray[np.intp], *, is_refitted: bool) -> Boosted:
    columns = TreeInput.fit(train, classes)
    matrix = columns.matrix(train.data)
    booster = _booster(columns, loss, seed, UNSTOPPED_ROUNDS if valid.size == 0 else MAX_ROUNDS, matrix.shape)
    if valid.size == 0:
        return Boosted(columns, Trees.of(booster.fit(matrix, train.target, sample_weight=train.weight), UNSTOPPED_ROUNDS), seen)
    check = columns.matrix(valid.data)
    booster.set_params(early_stopping=True, n_iter_no_change=PATIENCE, tol=1e-7)
    booster.fit(matrix, train.target, sample_weight=train.weight, X_val=check, y_val=valid.target, sample_weight_val=valid.weight)
    rounds = int(np.argmax(booster.validation_score_))
    stopped = Trees.of(booster, rounds)
    if rounds == 0 or not is_refitted or train.size + valid.size > MAX_REFIT_ROWS:
        return Boosted(columns, stopped, seen)
    both = train.followed_by(valid)
    more = TreeInput.fit(both, classes)
    booster = _booster(more, loss, seed, rounds, matrix.shape)
    booster.fit(more.matrix(both.data), both.target, sample_weight=both.weight)
    return Boosted(more, Trees.of(booster, rounds), seen, stopped.scores(check))


def _threads_for(train: Rows) -> AbstractContextManager[object]:
    """One thread for small tables, where waking several costs more than they save."""
    if train.size * (train.data.numbers.shape[1] + train.data.codes.shape[1]) >= THREADED_CELLS:
        return nullcontext()
    from threadpoolctl import threadpool_limits

    limits: AbstractContextManager[object] = threadpool_limits(limits=1)
    return limits


def _booster(columns: TreeInput, loss: Loss, seed: int, rounds: int, shape: tuple[int, ...]) -> Any:
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    family = HistGradientBoostingClassifier if loss.task == "classification" else HistGradientBoostingRegressor
    n_rows, n_columns = shape
    is_wide = n_columns > WIDE_COLUMNS
    rate, share = (LEARNING_RATE, 1.0) if n_rows >= SMALL_ROWS or is_wide else (LEARNING_RATE / 2, 0.5)
    most_codes = max((len(code_map) for code_map in columns.code_maps), default=0)
    return family(
        loss=SKLEARN_LOSS[loss.name],
        learning_rate=rate,
        max_iter=rounds,
        l2_regularization=1.0,
        max_bins=WIDE_BINS if is_wide and most_codes <= WIDE_BINS else 255,
        max_features=min(share, WIDE_COLUMNS / n_columns),
        categorical_features=np.arange(n_columns) < columns.n_categories if columns.n_categories else None,
        early_stopping=False,
        random_state=seed_for(seed, "boosting"),
    )
