"""Leaving a block out by elimination equals fitting without it."""

from __future__ import annotations

import numpy as np
import pytest

from assay.audit.gain import FOLDS, folds_of
from assay.audit.joint import design_of, joint_shares
from assay.audit.level import levels_of_numbers


def test_rest_of_a_regression_equals_a_ridge_without_the_column(rng: np.random.Generator) -> None:
    x = rng.normal(size=(600, 3))
    y = x @ np.array([2.0, 1.0, 0.0]) + rng.normal(size=600)
    folds = folds_of(600, 0)
    features = [levels_of_numbers(x[:, i]) for i in range(3)]
    joint, rest = joint_shares(features, [0, 1], y, 0, folds)
    design = design_of(features)

    def share_without(left_out: list[int], penalty: float) -> float:
        kept = [i for i in range(design.matrix.shape[1]) if not any(i in design.blocks[j] for j in left_out)]
        inputs, error = design.matrix[:, kept], 0.0
        ridge = np.diag([penalty] * (len(kept) - 1) + [1e-9])
        for fold in range(FOLDS):
            train = folds != fold
            a = inputs[train].T @ inputs[train] / train.sum() + ridge
            w = np.linalg.solve(a, inputs[train].T @ y[train] / train.sum())
            error += float(((y[~train] - inputs[~train] @ w) ** 2).sum())
        return 1 - error / float(((y - y.mean()) ** 2).sum())

    penalty = max((0.003, 0.1), key=lambda p: share_without([], p))
    assert joint == pytest.approx(share_without([], penalty), abs=1e-9)
    assert rest == pytest.approx([share_without([0], penalty), share_without([1], penalty)], abs=1e-9)


@pytest.mark.parametrize("classes", [2, 4])
def test_a_class_told_by_two_columns_is_told_less_by_one(classes: int, rng: np.random.Generator) -> None:
    centre = rng.normal(size=(classes, 2)) * 3
    target = rng.integers(0, classes, 2000)
    x = centre[target] + rng.normal(size=(2000, 2))
    joint, rest = joint_shares([levels_of_numbers(x[:, i]) for i in range(2)], [0, 1], target, classes, folds_of(2000, 1))
    assert joint > max(r or 0.0 for r in rest)
    assert min(r or 0.0 for r in rest) >= 0


def test_no_features_explain_nothing() -> None:
    assert joint_shares([], [], np.zeros(5), 0, folds_of(5, 0)) == (0.0, [])
