"""Stored trees against scikit-learn's own predictions and against a walk by hand."""

import numpy as np
import pytest

from assay.core.errors import RunError
from assay.model.contract import Rows
from assay.model.encoding import Encoded
from assay.model.fit_boosting import _booster
from assay.model.tree_input import TreeInput
from assay.model.trees import Trees
from assay.objective.loss import LOSSES


def random_rows(seed: int, rows: int = 400) -> Rows:
    rng = np.random.default_rng(seed)
    numbers = rng.normal(size=(rows, 3))
    codes = rng.integers(0, 12, (rows, 2)).astype(np.int32)
    target = (numbers[:, 0] + (codes[:, 0] % 3 == 0) + rng.normal(0, 0.5, rows) > 0.5).astype(np.int64)
    numbers[rng.random((rows, 3)) < 0.15] = np.nan
    return Rows(Encoded(numbers, ("a", "b", "c"), ("a", "b", "c"), codes, ("k", "m"), (12, 12)), target)


@pytest.fixture(scope="module")
def booster_and_input():
    rows = random_rows(1)
    rows = rows.take(np.flatnonzero(rows.data.codes[:, 0] != 5))
    columns = TreeInput.fit(rows, 2)
    matrix = columns.matrix(rows.data)
    return _booster(columns, LOSSES["log"], 0, 25, matrix.shape).fit(matrix, rows.target), columns


def test_scores_are_bit_for_bit_scikit_learns_also_on_codes_never_seen(booster_and_input):
    booster, columns = booster_and_input
    matrix = columns.matrix(random_rows(2).data)
    assert np.isnan(matrix[:, 0]).any()
    assert np.array_equal(Trees.of(booster, 25).scores(matrix)[:, 0], booster.decision_function(matrix))


def test_every_round_is_scikit_learns_staged_score(booster_and_input):
    booster, columns = booster_and_input
    matrix = columns.matrix(random_rows(3).data)
    mine = [scores[:, 0].copy() for scores in Trees.of(booster, 25).cumulative(matrix)]
    assert len(mine) == 26
    for one, theirs in zip(mine[1:], booster.staged_decision_function(matrix), strict=True):
        assert np.array_equal(one, theirs.ravel())


def walk(trees: Trees, tree: int, row: np.ndarray) -> float:
    nodes = trees.nodes[trees.first_node[tree] : trees.first_node[tree + 1]]
    sets = trees.category_sets[trees.first_set[tree] : trees.first_set[tree + 1]]
    at = nodes[0]
    while not at["is_leaf"]:
        value = row[at["feature_idx"]]
        if np.isnan(value):
            left = bool(at["missing_go_to_left"])
        elif at["is_categorical"]:
            code = int(value)
            left = bool(sets[at["bitset_idx"]][code // 32] >> (code % 32) & 1)
        else:
            left = value <= at["num_threshold"]
        at = nodes[at["left"] if left else at["right"]]
    return float(at["value"])


def test_a_walk_by_hand_ends_in_the_same_leaves(booster_and_input):
    booster, columns = booster_and_input
    trees = Trees.of(booster, 25)
    matrix = columns.matrix(random_rows(4, 40).data)
    by_hand = [trees.baseline[0] + sum(walk(trees, tree, row) for tree in range(25)) for row in matrix]
    np.testing.assert_allclose(trees.scores(matrix)[:, 0], by_hand, rtol=1e-12)


def test_nodes_of_another_library_version_are_refused_with_a_cure(booster_and_input):
    trees = Trees.of(booster_and_input[0], 2)
    other = trees.state() | {"nodes": np.zeros(3, dtype=[("value", float), ("gone", int)])}
    with pytest.raises(RunError, match="train again"):
        Trees.from_state(other).scores(np.zeros((1, 5)))
