"""Metrics against scikit-learn's and by hand, and none where the rows cannot have it."""

import numpy as np
import pytest
from sklearn import metrics

from assay.objective.metrics import confusion_counts, metrics_for


@pytest.fixture
def three(rng):
    return rng.integers(0, 3, 200), rng.dirichlet([1, 1, 1], 200)


def test_two_classes_by_hand():
    made = metrics_for("classification", np.array([0, 0, 0, 1]), np.array([[0.9, 0.1], [0.8, 0.2], [0.4, 0.6], [0.3, 0.7]]), ("n", "y"))
    assert made["accuracy"] == 0.75
    assert made["majority accuracy"] == 0.75
    assert made["balanced accuracy"] == pytest.approx((2 / 3 + 1) / 2)
    assert made["AUC"] == 1.0
    assert made["average precision"] == 1.0
    assert made["Brier"] == pytest.approx(2 * (0.01 + 0.04 + 0.36 + 0.09) / 4)


def test_several_classes_equal_scikit_learns(three):
    target, probability = three
    made, named = metrics_for("classification", target, probability, ("a", "b", "c")), probability.argmax(axis=1)
    assert made["balanced accuracy"] == pytest.approx(metrics.balanced_accuracy_score(target, named))
    assert made["MCC"] == pytest.approx(metrics.matthews_corrcoef(target, named))
    assert made["AUC"] == pytest.approx(metrics.roc_auc_score(target, probability, multi_class="ovr"))
    assert "average precision" not in made


def test_values_equal_scikit_learns(rng):
    target, prediction = rng.normal(size=50), rng.normal(size=50)
    made = metrics_for("regression", target, prediction)
    assert made["R2"] == pytest.approx(metrics.r2_score(target, prediction))
    assert made["RMSE"] == pytest.approx(metrics.root_mean_squared_error(target, prediction))
    assert made["median error"] == pytest.approx(metrics.median_absolute_error(target, prediction))


def test_rows_of_one_class_have_no_ranking(three):
    made = metrics_for("classification", np.zeros(200, dtype=int), three[1], ("a", "b", "c"))
    assert {"AUC", "MCC"}.isdisjoint(made)
    assert 0 <= made["accuracy"] <= 1


def test_a_target_without_spread_has_no_r2():
    assert "R2" not in metrics_for("regression", np.ones(3), np.arange(3.0))


def test_confusion_counts_every_row_once(three):
    target, probability = three
    expected = metrics.confusion_matrix(target, probability.argmax(axis=1), labels=[0, 1, 2])
    assert confusion_counts(target, probability) == tuple(map(tuple, expected.tolist()))
