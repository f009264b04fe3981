"""Fitting boosted trees: how many rounds the validation rows want, then all rows with that many."""

from __future__ import annotations

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
PATIENCE = 20
LEARNING_RATE = 0.1
# Trees of wide tables look at a random share of the columns: as good, and many times as fast.
WIDE_COLUMNS = 60
MAX_REFIT_ROWS = 20_000
SKLEARN_LOSS = {"log": "log_loss", "squared": "squared_error", "absolute": "absolute_error"}


def fit_trees(train: Rows, valid: Rows, loss: Loss, classes: int, seed: int) -> tuple[TreeInput, Trees, NDArray[np.float64] | None]:
    """Trees whose number the validation rows chose; small tables are then fitted again on all rows.

    Returns:
        The matrix they read, the trees, and if they were fitted again the scores (rows, outputs) of the validation rows before.
    """
    columns = TreeInput.fit(train, classes)
    matrix = columns.matrix(train.data)
    if valid.size == 0:
        booster = _booster(columns, loss, seed, 100, matrix.shape)
        return columns, Trees.of(booster.fit(matrix, train.target, sample_weight=train.weight), 100), None
    check = columns.matrix(valid.data)
    booster = _booster(columns, loss, seed, MAX_ROUNDS, matrix.shape)
    booster.set_params(early_stopping=True, n_iter_no_change=PATIENCE, tol=1e-7)
    booster.fit(matrix, train.target, sample_weight=train.weight, X_val=check, y_val=valid.target, sample_weight_val=valid.weight)
    rounds = int(np.argmax(booster.validation_score_))
    if rounds == 0 or train.size + valid.size > MAX_REFIT_ROWS:
        return columns, Trees.of(booster, rounds), None
    honest = Trees.of(booster, rounds).scores(check)
    both = train.followed_by(valid)
    columns = TreeInput.fit(both, classes)
    booster = _booster(columns, loss, seed, rounds, matrix.shape)
    return columns, Trees.of(booster.fit(columns.matrix(both.data), both.target, sample_weight=both.weight), rounds), honest


def _booster(columns: TreeInput, loss: Loss, seed: int, rounds: int, shape: tuple[int, ...]) -> Any:
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    family = HistGradientBoostingClassifier if loss.task == "classification" else HistGradientBoostingRegressor
    n_rows, n_columns = shape
    return family(
        loss=SKLEARN_LOSS[loss.name],
        learning_rate=LEARNING_RATE if n_rows >= 5_000 else LEARNING_RATE / 2,
        max_iter=rounds,
        l2_regularization=1.0,
        max_features=min(1.0, WIDE_COLUMNS / n_columns),
        categorical_features=np.arange(n_columns) < columns.n_categories if columns.n_categories else None,
        early_stopping=False,
        random_state=seed_for(seed, "boosting"),
    )
