"""Naive Bayes against scikit-learn's three, its volume, and the words that it prints."""

import numpy as np
import pytest
from scipy.sparse import csr_array
from sklearn.naive_bayes import CategoricalNB, GaussianNB, MultinomialNB

from assay.model.contract import Rows
from assay.model.encoding import Encoded
from assay.model.likelihoods import Likelihoods, Reading
from assay.model.naive_bayes import NaiveBayes, telling_words
from assay.objective.loss import LOSSES

LOG = LOSSES["log"]
CLASSES = 3


def encoded(numbers=None, codes=None, counts=None) -> Encoded:
    rows = len(next(part for part in (numbers, codes, counts) if part is not None))
    numbers = np.zeros((rows, 0)) if numbers is None else numbers
    codes = np.zeros((rows, 0), np.int32) if codes is None else codes.astype(np.int32)
    names = tuple(f"n{i}" for i in range(numbers.shape[1]))
    levels = tuple(f"c{i}" for i in range(codes.shape[1]))
    bags = () if counts is None else (csr_array(counts.astype(np.float32)),)
    terms = () if counts is None else (tuple(f"word{i}" for i in range(counts.shape[1])),)
    return Encoded(numbers, names, names, codes, levels, (5,) * len(levels), bags, ("text",) * len(bags), (), terms)


def drawn(seed: int = 0, rows: int = 200):
    rng = np.random.default_rng(seed)
    target = rng.integers(0, CLASSES, rows)
    numbers = rng.normal(target[:, None] * [0.5, -0.3], [1.0, 2.0], (rows, 2))
    codes = (target[:, None] + rng.integers(0, 3, (rows, 2))) % 5
    counts = rng.poisson(0.3 + 0.4 * (np.arange(8) % CLASSES == target[:, None]))
    return target, numbers, codes, counts


def fitted(data: Encoded, target, valid: Rows | None = None, weight=None) -> NaiveBayes:
    rows, model = Rows(data, target, weight), NaiveBayes()
    model.fit(rows, rows.take(np.arange(0)) if valid is None else valid, loss=LOG, classes=CLASSES, seed=0)
    return model


def test_words_equal_scikit_learns():
    target, _, _, counts = drawn()
    theirs = MultinomialNB().fit(counts, target)
    mine = fitted(encoded(counts=counts), target)
    np.testing.assert_allclose(mine.likelihoods.terms[0].T, theirs.feature_log_prob_, atol=1e-12)
    np.testing.assert_allclose(mine.predict(encoded(counts=counts)), theirs.predict_proba(counts), atol=2e-6)


def test_words_that_count_once_equal_scikit_learns_on_presence():
    target, _, _, counts = drawn()
    rows = Rows(encoded(counts=counts), target)
    mine = Likelihoods.fit(rows, CLASSES, Reading("presence", 0.3))
    theirs = MultinomialNB(alpha=0.3).fit(counts > 0, target)
    np.testing.assert_allclose(mine.terms[0].T, theirs.feature_log_prob_, atol=1e-12)


def test_numbers_equal_scikit_learns():
    target, numbers, _, _ = drawn()
    numbers = (numbers - numbers.mean(axis=0)) / numbers.std(axis=0)
    theirs = GaussianNB().fit(numbers, target).predict_proba(numbers)
    np.testing.assert_allclose(fitted(encoded(numbers=numbers), target).predict(encoded(numbers=numbers)), theirs, atol=2e-6)


def test_codes_equal_scikit_learns():
    target, _, codes, _ = drawn()
    theirs = CategoricalNB(min_categories=5).fit(codes, target).predict_proba(codes)
    np.testing.assert_allclose(fitted(encoded(codes=codes), target).predict(encoded(codes=codes)), theirs, atol=2e-6)


def test_columns_of_all_kinds_add_their_evidence():
    target, numbers, codes, counts = drawn()
    whole = fitted(encoded(numbers, codes, counts), target)
    alone = [encoded(numbers), encoded(codes=codes), encoded(counts=counts)]
    said = [sum(fitted(data, target).likelihoods.by_source(data).values()) for data in alone]
    together = sum(whole.likelihoods.by_source(encoded(numbers, codes, counts)).values())
    np.testing.assert_allclose(together, sum(said), atol=1e-9)


def test_a_weight_of_two_is_a_row_twice():
    target, numbers, codes, counts = drawn()
    data, twice = encoded(numbers, codes, counts), np.concatenate([np.arange(200), np.arange(100)])
    weighted = fitted(data, target, weight=np.where(np.arange(200) < 100, 2.0, 1.0))
    doubled = fitted(data.take(twice), target[twice])
    np.testing.assert_allclose(weighted.predict(data), doubled.predict(data), atol=1e-9)


def test_a_missing_number_says_nothing_but_that_it_is_missing():
    target, numbers, _, _ = drawn()
    holed = numbers.copy()
    holed[::4, 0] = np.nan
    model = fitted(encoded(holed), target)
    said = model.likelihoods.by_source(encoded(np.full((1, 2), np.nan)))
    shares = np.array([np.isnan(holed[target == k, 0]).sum() + 1 for k in range(CLASSES)]) / (np.bincount(target) + 2)
    np.testing.assert_allclose(said["n0"][0], np.log(shares))
    assert not said["n1"].any()


def test_a_column_said_ten_times_is_heard_more_softly():
    target, numbers, _, _ = drawn(1, 600)
    repeated = np.repeat(numbers[:, :1], 10, axis=1) + np.random.default_rng(2).normal(0, 0.05, (600, 10))
    data = encoded(repeated)
    train, valid, test = (Rows(data, target).take(np.arange(*part)) for part in ((0, 300), (300, 400), (400, 600)))
    model = fitted(train.data, train.target, valid)
    assert 0.05 < model.volume < 0.25
    naive = fitted(train.data, train.target)
    assert LOG.mean(test.target, model.predict(test.data)) < LOG.mean(test.target, naive.predict(test.data)) - 0.3


def test_numbers_are_read_in_tenths_where_no_bell_fits_them():
    rng = np.random.default_rng(3)
    target = rng.integers(0, CLASSES, 900)
    # The first class lies on both sides of the others.
    side = rng.choice([-1.0, 1.0], 900)
    values = np.where(target == 0, side * rng.uniform(2, 3, 900), rng.uniform(-2, 2, 900))[:, None]
    rows = Rows(encoded(values), target)
    model = fitted(rows.take(np.arange(600)).data, target[:600], rows.take(np.arange(600, 900)))
    assert model.likelihoods.reading.numbers == "tenths"


def test_the_derivative_along_the_path_is_that_of_the_loss():
    target, numbers, codes, counts = drawn()
    data, weight = encoded(numbers, codes, counts), np.random.default_rng(4).uniform(0.5, 2.0, 200)
    model = fitted(data, target)
    for t in (0.1, 0.8):
        slope = sum(model.path_gradient(data, target, t, weight).values())
        ends = [LOG.mean(target, model.path(data, t + step), weight) for step in (-1e-6, 1e-6)]
        assert slope == pytest.approx((ends[1] - ends[0]) / 2e-6, rel=1e-6)


def test_a_class_without_rows_is_neither_favoured_nor_ruled_out():
    target, numbers, codes, counts = drawn()
    data = encoded(numbers, codes, counts)
    seen = np.flatnonzero(target != 1)
    chances = fitted(data.take(seen), target[seen]).predict(data)[:, 1]
    assert (chances > 1e-9).all()
    assert chances.mean() < 0.05


def test_the_words_that_tell_a_class_are_printed_without_repeating_themselves():
    shares = np.log(np.array([[0.5, 0.1], [0.3, 0.1], [0.1, 0.1], [0.1, 0.7]]))
    terms = ("free", "free call", "the", "mum")
    assert telling_words(shares, 0, np.array([0.5, 0.5]), terms)[0] == "free"
    assert "free call" not in telling_words(shares, 0, np.array([0.5, 0.5]), terms)
    assert telling_words(shares, 1, np.array([0.5, 0.5]), terms)[0] == "mum"
    target, _, _, counts = drawn()
    assert "class 0: word" in fitted(encoded(counts=counts), target).describe()
