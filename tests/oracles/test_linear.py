"""Linear models against scikit-learn's pipelines and finite differences."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression, Ridge

from assay.model.contract import Rows
from assay.model.encoding import Encoded
from assay.model.linear import Linear
from assay.objective.loss import LOSSES


def random_rows(seed: int, rows: int, classes: int) -> Rows:
    rng = np.random.default_rng(seed)
    numbers = rng.normal(3.0, 2.0, (rows, 3))
    codes = rng.integers(0, 4, (rows, 1)).astype(np.int32)
    score = numbers[:, 0] - 0.5 * numbers[:, 1] + 0.7 * (codes[:, 0] == 2) + rng.normal(0, 2, rows)
    numbers[rng.random((rows, 3)) < 0.1] = np.nan
    data = Encoded(numbers, ("a", "b", "c"), ("a", "b", "c"), codes, ("k",), (4,))
    target = np.searchsorted(np.quantile(score, np.arange(1, classes) / classes), score) if classes else score
    return Rows(data, target)


def plain_matrix(data: Encoded) -> np.ndarray:
    """Mean imputation, indicators, scaling and one-hot codes, written out."""
    filled = np.where(np.isnan(data.numbers), np.nanmean(data.numbers, axis=0), data.numbers)
    scaled = (filled - np.nanmean(data.numbers, axis=0)) / np.nanstd(data.numbers, axis=0)
    return np.concatenate([scaled, np.isnan(data.numbers), np.eye(4)[data.codes[:, 0]]], axis=1)


def fitted(rows: Rows, loss: str, classes: int, valid: Rows | None = None) -> Linear:
    model = Linear()
    nothing = rows.take(np.arange(0))
    model.fit(rows, nothing if valid is None else valid, loss=LOSSES[loss], classes=classes, seed=0)
    return model


@pytest.mark.parametrize("classes", [2, 3])
def test_probabilities_equal_scikit_learns(classes):
    rows = random_rows(1, 300, classes)
    theirs = LogisticRegression(C=1.0, solver="newton-cholesky", tol=1e-10).fit(plain_matrix(rows.data), rows.target)
    np.testing.assert_allclose(fitted(rows, "log", classes).predict(rows.data), theirs.predict_proba(plain_matrix(rows.data)), atol=1e-8)


def test_values_equal_scikit_learns():
    rows = random_rows(2, 300, 0)
    theirs = Ridge(alpha=1.0, solver="svd").fit(plain_matrix(rows.data), rows.target)
    np.testing.assert_allclose(fitted(rows, "squared", 0).predict(rows.data), theirs.predict(plain_matrix(rows.data)), atol=1e-8)


def test_absolute_error_comes_close_to_the_linear_programme():
    from sklearn.linear_model import QuantileRegressor

    rows = random_rows(3, 200, 0)
    rows = Rows(rows.data, np.exp(rows.target / 3))
    matrix, loss = plain_matrix(rows.data), LOSSES["absolute"]
    exact = QuantileRegressor(quantile=0.5, alpha=0.0, solver="highs").fit(matrix, rows.target).predict(matrix)
    ridge = Ridge(alpha=1.0).fit(matrix, rows.target).predict(matrix)
    best, mine, mean = (loss.mean(rows.target, p) for p in (exact, fitted(rows, "absolute", 0).predict(rows.data), ridge))
    assert best <= mine + 1e-9
    assert mine - best < 0.15 * (mean - best)


@pytest.mark.parametrize(("loss", "classes"), [("log", 2), ("log", 4), ("squared", 0)])
@pytest.mark.parametrize("t", [0.0, 0.3, 1.0])
def test_the_path_gradient_is_the_finite_difference(loss, classes, t):
    train, test = random_rows(4, 250, classes), random_rows(5, 90, classes)
    model = fitted(train, loss, classes)
    step = 1e-6
    up, down = (LOSSES[loss].mean(test.target, model.path(test.data, t + s)) for s in (step, -step))
    booked = model.path_gradient(test.data, test.target, t)
    assert set(booked) == {"a", "b", "c", "k", "intercept"}
    assert sum(booked.values()) == pytest.approx((up - down) / (2 * step), rel=1e-5, abs=1e-7)


@pytest.mark.parametrize(("loss", "classes"), [("log", 3), ("squared", 0)])
def test_the_path_integral_closes_the_books(loss, classes):
    train, test = random_rows(6, 250, classes), random_rows(7, 120, classes)
    model = fitted(train, loss, classes)
    nodes, weights = np.polynomial.legendre.leggauss(16)
    total = sum(w / 2 * sum(model.path_gradient(test.data, test.target, (x + 1) / 2).values()) for x, w in zip(nodes, weights, strict=True))
    first, last = (LOSSES[loss].mean(test.target, p) for _, p in model.stages(test.data))
    assert total == pytest.approx(last - first, rel=1e-6)


def test_a_source_without_a_coefficient_is_booked_nothing():
    rows = random_rows(8, 200, 2)
    model = fitted(rows, "log", 2)
    model.coefficients[[name == "b" for name in model.design.sources]] = 0.0
    model.centre["b"][:] = 0.0
    assert model.path_gradient(rows.data, rows.target, 0.5)["b"] == 0.0


def test_the_strength_is_chosen_for_the_validation_rows():
    rng = np.random.default_rng(9)
    data = Encoded(rng.normal(size=(120, 60)), *(tuple(f"n{i}" for i in range(60)),) * 2, np.zeros((120, 0), np.int32), (), ())
    noise = Rows(data, rng.integers(0, 2, 120))
    model = fitted(noise.take(np.arange(80)), "log", 2, valid=noise.take(np.arange(80, 120)))
    assert model.strength >= 100
    assert LOSSES["log"].mean(noise.target[80:], model.valid_prediction) < 1.1
