"""Polynomials: the same curves as powers of x, bias against variance, products that are learned and named."""

import itertools

import numpy as np
import pytest

from assay.model.contract import Rows
from assay.model.encoding import Encoded
from assay.model.linear import Linear
from assay.model.polynomial import Polynomial
from assay.model.powers import Powers, legendre, n_products
from assay.objective.loss import LOSSES

SQUARED = LOSSES["squared"]


def rows_of(numbers, target) -> Rows:
    names = tuple(f"n{i}" for i in range(numbers.shape[1]))
    return Rows(Encoded(numbers, names, names, np.zeros((len(numbers), 0), np.int32), (), ()), target)


def fitted(rows: Rows, n_train: int, n_valid: int, loss=SQUARED, classes=0) -> Polynomial:
    model = Polynomial()
    parts = (rows.take(np.arange(n_train)), rows.take(np.arange(n_train, n_train + n_valid)))
    model.fit(*parts, loss=loss, classes=classes, seed=0)
    return model


def test_legendre_polynomials_equal_numpys():
    values = np.linspace(-1, 1, 21)
    for degree, mine in enumerate(legendre(values, 15)):
        np.testing.assert_allclose(mine, np.polynomial.legendre.Legendre.basis(degree)(values), atol=1e-12)


@pytest.mark.parametrize("degree", [1, 4, 9])
def test_without_a_penalty_they_fit_the_curve_that_powers_fit(degree):
    rng = np.random.default_rng(0)
    values = rng.uniform(0, 3, (60, 1))
    target = np.sin(3 * values[:, 0]) + rng.normal(0, 0.1, 60)
    rows = rows_of(values, target)
    wide = Powers.fit(rows.data, degree, np.array([0])).expand(rows.data)
    matrix = np.column_stack([np.ones(60), wide.numbers])
    mine = matrix @ np.linalg.lstsq(matrix, target, rcond=None)[0]
    np.testing.assert_allclose(mine, np.polynomial.Polynomial.fit(values[:, 0], target, degree)(values[:, 0]), atol=1e-8)


def test_the_error_on_new_rows_falls_and_rises_with_the_degree_while_that_on_learned_rows_only_falls():
    rng = np.random.default_rng(1)
    values = rng.uniform(0, 1, (430, 1))
    target = np.sin(2 * np.pi * values[:, 0]) + rng.normal(0, 0.3, 430)
    learned, new = rows_of(values[:30], target[:30]), rows_of(values[30:], target[30:])
    on_learned, on_new = [], []
    for degree in range(1, 16):
        powers = Powers.fit(learned.data, degree, np.array([0]))
        seen, unseen = (np.column_stack([np.ones(r.size), powers.expand(r.data).numbers]) for r in (learned, new))
        found = np.linalg.lstsq(seen, learned.target, rcond=None)[0]
        on_learned.append(np.mean((seen @ found - learned.target) ** 2))
        on_new.append(np.mean((unseen @ found - new.target) ** 2))
    assert all(later <= earlier + 1e-9 for earlier, later in itertools.pairwise(on_learned))
    best = int(np.argmin(on_new)) + 1
    assert 3 <= best <= 6
    assert on_new[0] > 2 * min(on_new)
    assert on_new[-1] > 2 * min(on_new)


def test_a_curve_is_found_that_no_line_follows():
    rng = np.random.default_rng(2)
    values = rng.uniform(-2, 2, (500, 1))
    rows = rows_of(values, np.sin(3 * values[:, 0]) + rng.normal(0, 0.1, 500))
    model = fitted(rows, 300, 60)
    test = rows.take(np.arange(360, 500))
    assert model.powers.degree >= 7
    assert SQUARED.mean(test.target, model.predict(test.data)) < 0.02
    assert model.describe().startswith(f"degree {model.powers.degree} in 1 numbers")


def test_a_product_of_two_numbers_is_learned_and_booked_under_both_names():
    rng = np.random.default_rng(3)
    numbers = rng.normal(size=(500, 3))
    rows = rows_of(numbers, numbers[:, 0] * numbers[:, 2] + rng.normal(0, 0.1, 500))
    model = fitted(rows, 300, 60)
    test, line = rows.take(np.arange(360, 500)), Linear()
    line.fit(rows.take(np.arange(300)), rows.take(np.arange(300, 360)), loss=SQUARED, classes=0, seed=0)
    assert SQUARED.mean(test.target, model.predict(test.data)) < 0.1 * SQUARED.mean(test.target, line.predict(test.data))
    booked = model.path_gradient(test.data, test.target, 0.5)
    assert min(booked, key=lambda name: booked[name]) == "n0 × n2"


def test_a_line_stays_a_line():
    rng = np.random.default_rng(4)
    numbers = rng.normal(size=(400, 2))
    model = fitted(rows_of(numbers, numbers @ [1.0, -2.0] + rng.normal(0, 1.0, 400)), 300, 100)
    assert model.powers.degree == 1
    assert "no curve" in model.describe()


def test_beyond_the_range_of_the_learned_rows_a_curve_is_held():
    values = np.linspace(0, 1, 50)[:, None]
    rows = rows_of(values, values[:, 0] ** 2)
    powers = Powers.fit(rows.data, 5, np.array([0]))
    ends = powers.expand(rows_of(np.array([[1.0], [50.0], [np.nan]]), np.zeros(3)).data).numbers[:, 1:]
    np.testing.assert_array_equal(ends[0], ends[1])
    assert np.isfinite(ends).all()


def test_where_there_are_too_many_products_the_numbers_that_tell_most_are_multiplied():
    rng = np.random.default_rng(5)
    numbers = rng.normal(size=(300, 60))
    score = numbers[:, 7] ** 2 + 2 * numbers[:, 7] + numbers[:, 7] * numbers[:, 33] + numbers[:, 33]
    model = fitted(rows_of(numbers, score + rng.normal(0, 0.3, 300)), 240, 60)
    assert {7, 33} <= set(model.powers.chosen.tolist())
    assert n_products(len(model.powers.chosen), model.powers.degree) <= 600


def test_two_classes_can_lie_in_and_around_a_circle():
    rng = np.random.default_rng(6)
    numbers = rng.normal(size=(500, 2))
    target = (np.square(numbers).sum(axis=1) > 1.4).astype(np.int64)
    rows, loss = rows_of(numbers, target), LOSSES["log"]
    model = fitted(rows, 300, 60, loss, 2)
    test = rows.take(np.arange(360, 500))
    assert np.mean(model.predict(test.data).argmax(axis=1) == test.target) > 0.95
