"""Fitting boosted trees: how many rounds the validation rows want, then all rows with that many."""

from __future__ import annotations

import time
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
# Of the best constant's loss: 20 rounds that win less are not worth their time, whatever the unit of the target. Measured against
# no such limit, the held-out loss changes by less than 0.3 % on five real tables, and sure cases take 138 rounds instead of 1000.
MIN_GAIN_SHARE = 1e-4
LEARNING_RATE = 0.1
# Below these rows smaller steps and half the columns a split lower the held-out loss by 1 to 2 % (german, titanic, telco); above
# them they only take longer (adult, bank) or do harm (california).
SMALL_ROWS = 5_000
# Trees of wide tables look at a random share of the columns, in fewer bins: as good, and the time of a tree is mostly its bins.
WIDE_COLUMNS = 60
WIDE_BINS = 63
THREADED_CELLS = 100_000
MAX_REFIT_ROWS = 100_000
# Rounds fitted to learn what a round takes; the first trees are the slowest, so that a budget is rather kept than used up.
MEASURED_ROUNDS = 3
SKLEARN_LOSS = {"log": "log_loss", "squared": "squared_error", "absolute": "absolute_error"}


@dataclass(frozen=True)
class Boosted:
    """What boosting learned.

    Attributes:
        columns: The matrix that the trees read.
        trees: The trees.
        seen: Class numbers of the trees' outputs, where they occur in the training rows; empty for regression.
        valid_scores: Scores of the validation rows by the trees that had not learned from them; None where `trees` had not.
        is_cut: The budget allowed fewer rounds than the validation rows would have taken.
    """

    columns: TreeInput
    trees: Trees
    seen: NDArray[np.intp]
    valid_scores: NDArray[np.float64] | None = None
    is_cut: bool = False


def fit_trees(train: Rows, valid: Rows, loss: Loss, classes: int, seed: int, budget_seconds: float | None = None) -> Boosted:
    """Trees whose number the validation rows chose; small tables are then fitted again on all rows.

    With a budget a few rounds are measured first, and as many allowed as fit into it.
    """
    seen = np.unique(train.target).astype(np.intp) if classes else np.zeros(0, dtype=np.intp)
    with _threads_for(train):
        if len(seen) == 1:
            return Boosted(TreeInput.fit(train, classes), Trees.none(1), seen)
        # scikit-learn cannot score a class that the trees have no output for; such rows do not help to stop.
        known = np.isin(valid.target, seen) if classes else np.ones(valid.size, dtype=bool)
        known_valid = valid.take(np.flatnonzero(known))
        return _fit_trees(train, known_valid, loss, classes, seed, seen, is_refitted=bool(known.all()), budget_seconds=budget_seconds)


def _fit_trees(
    train: Rows,
    valid: Rows,
    loss: Loss,
    classes: int,
    seed: int,
    seen: NDArray[np.intp],
    *,
    is_refitted: bool,
    budget_seconds: float | None,
) -> Boosted:
    columns = TreeInput.fit(train, classes)
    matrix = columns.matrix(train.data)
    is_refitted = is_refitted and 0 < valid.size <= MAX_REFIT_ROWS - train.size
    wanted = MAX_ROUNDS if valid.size else UNSTOPPED_ROUNDS
    booster = _booster(columns, loss, seed, wanted, matrix.shape)
    if budget_seconds is not None:
        allowed = _rounds_within(budget_seconds, booster, matrix, train, passes=2 if is_refitted else 1)
        booster.set_params(max_iter=min(wanted, allowed))
        is_refitted = is_refitted and allowed > 1
    if valid.size == 0:
        booster.fit(matrix, train.target, sample_weight=train.weight)
        return Boosted(columns, Trees.of(booster, booster.max_iter), seen, is_cut=booster.max_iter < wanted)
    check = columns.matrix(valid.data)
    constant = np.repeat(loss.best_constant(train.target, train.weight, classes=classes)[None], valid.size, axis=0)
    least = MIN_GAIN_SHARE * loss.mean(valid.target, constant, valid.weight)
    booster.set_params(early_stopping=True, n_iter_no_change=PATIENCE, tol=least)
    booster.fit(matrix, train.target, sample_weight=train.weight, X_val=check, y_val=valid.target, sample_weight_val=valid.weight)
    rounds = int(np.argmax(booster.validation_score_))
    stopped, is_cut = Trees.of(booster, rounds), booster.max_iter < wanted and booster.n_iter_ == booster.max_iter
    if rounds == 0 or not is_refitted:
        return Boosted(columns, stopped, seen, is_cut=is_cut)
    both = train.followed_by(valid)
    more = TreeInput.fit(both, classes)
    booster = _booster(more, loss, seed, rounds, matrix.shape)
    booster.fit(more.matrix(both.data), both.target, sample_weight=both.weight)
    return Boosted(more, Trees.of(booster, rounds), seen, stopped.scores(check), is_cut)


def _rounds_within(seconds: float, booster: Any, matrix: NDArray[np.float64], train: Rows, passes: int) -> int:
    """Rounds, at least one, that so many passes of fitting finish in these seconds, by the time that a few rounds take."""
    from sklearn.base import clone

    took = []
    for rounds in (1, 1 + MEASURED_ROUNDS):
        started = time.perf_counter()
        clone(booster).set_params(max_iter=rounds).fit(matrix, train.target, sample_weight=train.weight)
        took.append(time.perf_counter() - started)
        if 2 * sum(took) > seconds:
            return 1
    a_round = max((took[1] - took[0]) / MEASURED_ROUNDS, 1e-4)
    before_rounds = max(took[0] - a_round, 0.0)
    return max(1, int(((seconds - sum(took)) / passes - before_rounds) / a_round))


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
