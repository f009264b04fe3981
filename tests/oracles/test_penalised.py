"""Ridge, lasso and elastic net against closed forms, scikit-learn, and what is known of columns that tell the same."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from assay.model.contract import Rows
from assay.model.design import Design
from assay.model.encoding import Encoded
from assay.model.fit_linear import fit_once
from assay.model.fit_penalised import PenalisedFit, effective_coefficients
from assay.model.penalised import ElasticNet, Lasso, Ridge
from assay.objective.loss import LOSSES

SQUARED, LOG = LOSSES["squared"], LOSSES["log"]


def rows_of(matrix, target) -> Rows:
    names = tuple(f"n{i}" for i in range(matrix.shape[1]))
    return Rows(Encoded(matrix, names, names, np.zeros((len(matrix), 0), np.int32), (), ()), target)


def problem(seed: int, rows: int = 120, columns: int = 5):
    rng = np.random.default_rng(seed)
    matrix = rng.normal(size=(rows, columns))
    return matrix, matrix @ rng.normal(size=columns) + rng.normal(0, 1.5, rows)


@pytest.mark.parametrize("strength", [0.1, 7.0, 300.0])
def test_ridge_is_its_normal_equation_its_singular_values_and_its_posterior(strength):
    matrix, target = problem(1)
    mine = fit_once(rows_of(matrix, target), matrix, SQUARED, 0, strength)
    centred, off = matrix - matrix.mean(axis=0), target - target.mean()
    normal = np.linalg.solve(centred.T @ centred + strength * np.eye(5), centred.T @ off)
    left, sizes, right = np.linalg.svd(centred, full_matrices=False)
    singular = right.T @ (sizes / (sizes**2 + strength) * (left.T @ off))
    noise, prior = 2.25, 2.25 / strength
    posterior = np.linalg.solve(centred.T @ centred / noise + np.eye(5) / prior, centred.T @ off / noise)
    for other in (normal, singular, posterior):
        np.testing.assert_allclose(mine.coefficients[:, 0], other, atol=1e-8)
    np.testing.assert_allclose(mine.intercept[0], target.mean() - matrix.mean(axis=0) @ normal, atol=1e-8)


def test_effective_coefficients_are_the_trace_of_the_hat_matrix():
    matrix, _ = problem(2)
    centred = matrix - matrix.mean(axis=0)
    hat = centred @ np.linalg.solve(centred.T @ centred + 20.0 * np.eye(5), centred.T)
    assert effective_coefficients(matrix, np.ones(120), 20.0) == pytest.approx(np.trace(hat), abs=1e-10)


@pytest.mark.parametrize("square", [1.0, 4.0])
def test_the_lasso_draws_orthogonal_columns_by_half_its_strength_over_their_square(square):
    rng = np.random.default_rng(3)
    drawn = rng.normal(size=(80, 6))
    columns = np.linalg.qr(drawn - drawn.mean(axis=0))[0] * np.sqrt(square)
    target = columns @ np.array([3.0, -2.0, 1.0, 0.3, 0.0, 0.0]) + rng.normal(0, 0.1, 80)
    target /= target.std()
    least = columns.T @ (target - target.mean()) / square
    for strength in (0.2, 1.0, 5.0):
        mine = PenalisedFit(1.0)(rows_of(columns, target), columns, SQUARED, 0, strength).coefficients[:, 0]
        np.testing.assert_allclose(mine, np.sign(least) * np.maximum(np.abs(least) - strength / 2 / square, 0.0), atol=1e-6)


@pytest.mark.parametrize("share", [1.0, 0.5])
@pytest.mark.parametrize(("loss", "classes"), [("squared", 0), ("log", 2), ("log", 3)])
def test_the_path_begins_where_the_first_coefficient_leaves_zero(share, loss, classes):
    matrix, target = problem(4)
    if classes:
        target = np.searchsorted(np.quantile(target, np.arange(1, classes) / classes), target)
    rows, fit = rows_of(matrix, target), PenalisedFit(share)
    strongest = fit.strengths(rows, matrix, LOSSES[loss], classes)[0]
    assert np.abs(fit(rows, matrix, LOSSES[loss], classes, strongest * 1.001).coefficients).max() < 1e-9
    assert np.abs(fit(rows, matrix, LOSSES[loss], classes, strongest * 0.9).coefficients).max() > 1e-4


@pytest.mark.parametrize("share", [1.0, 0.5])
@pytest.mark.parametrize("classes", [2, 3])
def test_penalised_logistic_regression_equals_scikit_learns(share, classes):
    matrix, score = problem(5, rows=150, columns=4)
    target = np.searchsorted(np.quantile(score, np.arange(1, classes) / classes), score)
    strength = 6.0
    mine = PenalisedFit(share)(rows_of(matrix, target), matrix, LOG, classes, strength)
    # nats + strength / 2 * (share * |w|_1 + (1 - share) * |w|^2), there C * nats + ratio * |w|_1 + (1 - ratio) / 2 * |w|^2
    ratio = share / (share + 2 * (1 - share))
    theirs = LogisticRegression(C=2 * ratio / (share * strength), l1_ratio=ratio, solver="saga", tol=1e-9, max_iter=20_000)
    theirs.fit(matrix, target)
    np.testing.assert_allclose(mine.coefficients.T, theirs.coef_, atol=1e-4)


def test_an_elastic_net_keeps_twins_that_a_lasso_picks_from():
    kept = {1.0: [], 0.5: []}
    for seed in range(20):
        rng = np.random.default_rng(seed)
        common = rng.normal(size=(100, 1))
        matrix = np.concatenate([common + rng.normal(0, 0.05, (100, 3)), rng.normal(size=(100, 3))], axis=1)
        target = common[:, 0] * 3 + rng.normal(size=100)
        for share, counts in kept.items():
            fit = PenalisedFit(share)(rows_of(matrix, target), matrix, SQUARED, 0, 20.0)
            counts.append((np.abs(fit.coefficients[:3]) > 1e-6).sum())
    assert np.mean(kept[0.5]) == 3.0
    assert np.mean(kept[1.0]) < 2.5


def test_an_elastic_net_changes_less_from_one_bootstrap_sample_to_the_next():
    rng = np.random.default_rng(6)
    common = rng.normal(size=(120, 1))
    matrix = common + rng.normal(0, 0.05, (120, 3))
    rows = rows_of(matrix, common[:, 0] * 3 + rng.normal(size=120))
    samples = [rng.integers(0, 120, 120) for _ in range(20)]

    def spread(share):
        found = [PenalisedFit(share)(rows.take(s), matrix[s], SQUARED, 0, 20.0).coefficients[:, 0] for s in samples]
        return np.std(found, axis=0).mean()

    assert spread(0.5) < spread(1.0) / 3


@pytest.mark.parametrize("kind", [Ridge, Lasso, ElasticNet])
def test_the_chosen_strength_is_within_a_tenth_of_the_best_on_new_rows(kind):
    rng = np.random.default_rng(7)
    matrix = rng.normal(size=(3_000, 30))
    target = matrix[:, :5] @ np.array([2.0, -1.5, 1.0, 0.7, -0.5]) + rng.normal(0, 3.0, 3_000)
    train, valid, test = (rows_of(matrix[part], target[part]) for part in (slice(0, 120), slice(120, 160), slice(160, 3_000)))
    model = kind()
    model.fit(train, valid, loss=SQUARED, classes=0, seed=0)
    both = train.followed_by(valid)
    design = Design.fit(both.data)
    wide, fit = design.matrix(both.data), fit_once if kind is Ridge else PenalisedFit(1.0 if kind is Lasso else 0.5)
    tried = np.geomspace(0.01, 1_000, 16)
    errors = []
    for strength in tried:
        found = fit(both, wide, SQUARED, 0, float(strength))
        errors.append(SQUARED.mean(test.target, (design.scores(test.data, found.coefficients) + found.intercept)[:, 0]))
    assert SQUARED.mean(test.target, model.predict(test.data)) <= 1.1 * min(errors)


def test_the_unit_of_the_target_changes_nothing():
    matrix, target = problem(8)
    for kind in (Lasso, ElasticNet):
        small, large = kind(), kind()
        for model, unit in ((small, 1.0), (large, 1e6)):
            rows = rows_of(matrix, target * unit)
            model.fit(rows.take(np.arange(100)), rows.take(np.arange(100, 120)), loss=SQUARED, classes=0, seed=0)
        assert small.strength == pytest.approx(large.strength)
        np.testing.assert_allclose(small.coefficients * 1e6, large.coefficients, rtol=1e-4, atol=1.0)


def test_terms_of_a_text_are_left_out_and_the_strongest_are_named(cut_texts):
    train, valid = cut_texts
    model = Lasso()
    model.fit(train, valid, loss=LOG, classes=2, seed=0)
    assert (model.sizes == 0).any()
    assert set(model.strongest[:2]) == {"'good'", "'bad'"}
    assert "of 42 coefficients; largest: 'good', 'bad'" in model.describe()


@pytest.fixture
def cut_texts():
    from scipy.sparse import csr_array

    rng = np.random.default_rng(9)
    terms = ("good", "bad", *(f"w{i}" for i in range(40)))
    counts = (rng.random((200, 42)) < 0.15).astype(np.float32)
    target = (counts[:, 0] - counts[:, 1] + rng.normal(0, 0.3, 200) > 0).astype(np.int64)
    empty = np.zeros((200, 0))
    data = Encoded(empty, (), (), empty.astype(np.int32), (), (), (csr_array(counts),), ("text",), (), (terms,))
    rows = Rows(data, target)
    return rows.take(np.arange(150)), rows.take(np.arange(150, 200))
