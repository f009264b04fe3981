"""Nearest neighbours: scikit-learn's on untied rows, ties that are shared, scaling, and a bounded memory."""

import numpy as np
import pytest
from scipy.sparse import csr_array
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor

from assay.model import neighbours
from assay.model.contract import Rows
from assay.model.encoding import Encoded
from assay.model.neighbours import Memory, Neighbours
from assay.objective.loss import LOSSES

NONE = 1e-12


def rows_of(matrix, target, weight=None) -> Rows:
    names = tuple(f"n{i}" for i in range(matrix.shape[1]))
    return Rows(Encoded(matrix, names, names, np.zeros((len(matrix), 0), np.int32), (), ()), target, weight)


def answer(memory: Memory, asked, count: int, loss: str, prior):
    parts = [memory.predict(memory.votes(squares, count), loss, prior, NONE) for _, squares in memory.distances(asked)]
    return np.concatenate(parts)


@pytest.fixture
def drawn():
    rng = np.random.default_rng(0)
    matrix = rng.normal(size=(300, 3)).astype(np.float32).astype(np.float64)
    return matrix, rng.integers(0, 3, 300), matrix.sum(axis=1) + rng.normal(size=300)


@pytest.mark.parametrize("count", [1, 7, 40])
def test_shares_means_and_medians_equal_scikit_learns(drawn, count):
    matrix, classes, values = drawn
    known, asked = matrix[:200], matrix[200:]
    theirs = KNeighborsClassifier(count).fit(known, classes[:200]).predict_proba(asked)
    mine = answer(Memory.of(known, rows_of(known, classes[:200])), asked, count, "log", np.full(3, 1 / 3))
    np.testing.assert_allclose(mine, theirs, atol=1e-9)
    nearest = KNeighborsRegressor(count).fit(known, values[:200])
    memory = Memory.of(known, rows_of(known, values[:200]))
    np.testing.assert_allclose(answer(memory, asked, count, "squared", np.array(0.0)), nearest.predict(asked), atol=1e-9)
    if count % 2:
        members = values[:200][nearest.kneighbors(asked, return_distance=False)]
        np.testing.assert_allclose(answer(memory, asked, count, "absolute", np.array(0.0)), np.median(members, axis=1), atol=1e-9)


def test_sparse_rows_are_as_far_apart_as_dense_ones(drawn):
    matrix, _, values = drawn
    thin = np.where(np.abs(matrix) > 1, matrix, 0.0)
    rows = rows_of(thin, values)
    dense, sparse = Memory.of(thin, rows), Memory.of(csr_array(thin), rows)
    for (_, left), (_, right) in zip(dense.distances(thin), sparse.distances(csr_array(thin)), strict=True):
        np.testing.assert_allclose(left, right, atol=1e-9)


def test_rows_that_tie_for_the_last_place_share_it_in_any_order():
    matrix, target = np.array([[0.0], [1.0], [1.0], [1.0], [5.0]]), np.array([0, 1, 1, 0, 1])
    for order in (np.arange(5), np.array([4, 3, 2, 1, 0])):
        memory = Memory.of(matrix[order], rows_of(matrix[order], target[order]))
        found = answer(memory, np.zeros((1, 1)), 2, "log", np.array([0.5, 0.5]))
        np.testing.assert_allclose(found, [[(1 + 1 / 3) / 2, (2 / 3) / 2]], atol=1e-9)


def test_equal_rows_tie_although_their_distances_are_rounded():
    rng = np.random.default_rng(1)
    far = np.repeat(rng.normal(1e3, 1.0, (1, 30)), 40, axis=0)
    memory = Memory.of(far, rows_of(far, np.arange(40) % 2))
    np.testing.assert_allclose(answer(memory, far[:3] + 0.1, 5, "log", np.array([0.5, 0.5])), 0.5, atol=1e-9)


def test_weights_of_rows_weigh_their_votes():
    matrix = np.array([[0.0], [0.1], [9.0]])
    memory = Memory.of(matrix, rows_of(matrix, np.array([0, 1, 1]), np.array([3.0, 1.0, 1.0])))
    np.testing.assert_allclose(answer(memory, np.zeros((1, 1)), 2, "log", np.array([0.5, 0.5])), [[0.75, 0.25]], atol=1e-9)


def test_a_column_in_small_units_does_not_decide_who_is_near():
    rng = np.random.default_rng(2)
    target = rng.integers(0, 2, 600)
    matrix = np.column_stack([np.where(target == 1, 2.0, -2.0) + rng.normal(size=600), rng.normal(0, 1000, 600)])
    rows, loss = rows_of(matrix, target), LOSSES["log"]
    train, valid, test = (rows.take(np.arange(*part)) for part in ((0, 300), (300, 360), (360, 600)))
    unscaled = KNeighborsClassifier(5).fit(matrix[:360], target[:360]).score(matrix[360:], target[360:])
    model = Neighbours()
    model.fit(train, valid, loss=loss, classes=2, seed=0)
    scaled = np.mean(model.predict(test.data).argmax(axis=1) == test.target)
    assert unscaled < 0.6
    assert scaled > 0.95


def test_a_large_table_is_remembered_in_part_and_says_so(monkeypatch, drawn):
    monkeypatch.setattr(neighbours, "MAX_KEPT_ROWS", 100)
    matrix, _, values = drawn
    rows = rows_of(matrix, values)
    model = Neighbours()
    model.fit(rows.take(np.arange(250)), rows.take(np.arange(250, 300)), loss=LOSSES["squared"], classes=0, seed=0)
    assert len(model.memory.target) == 100
    assert "of 100 rows drawn from 300" in model.describe()
    assert LOSSES["squared"].mean(values, model.predict(rows.data)) < values.var() / 2


def test_fewer_rows_than_neighbours_are_no_crash():
    matrix = np.arange(4.0)[:, None]
    model = Neighbours()
    rows = rows_of(matrix, np.array([0, 0, 1, 1]))
    model.fit(rows, rows.take(np.arange(0)), loss=LOSSES["log"], classes=2, seed=0)
    np.testing.assert_allclose(model.predict(rows.data), 0.5)
