"""What the ledger promises of any model: both sides sum to the reduction, and each line means what it says."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.evaluate.toys import Scores, encoded, problem

from assay.evaluate import account, source_side
from assay.evaluate.weight_path import book_path
from assay.model.contract import Rows
from assay.objective import loss_for

few = settings(max_examples=10, deadline=None)
tasks = st.sampled_from(["classification", "regression"])
seeds = st.integers(0, 2**31 - 1)


@few
@given(seed=seeds, task=tasks, numbers=st.integers(1, 4), codes=st.integers(0, 2), rows=st.sampled_from([30, 250, 1500]))
def test_both_sides_sum_to_the_reduction(seed, task, numbers, codes, rows):
    model, train, test, _ = problem(seed, task=task, rows=rows, numbers=numbers, codes=codes)
    classes = 2 if task == "classification" else 0
    book = account("scores", model, model.predict, loss=loss_for(task), classes=classes, train=train, test=test, seed=seed, seconds=2)
    for side in (book.sources, book.learners):
        assert side.total + side.remainder == pytest.approx(book.reduction, abs=1e-9)
        assert side.balances, f"{side.name}: remainder {side.remainder}, tolerance {side.tolerance}"
    assert book.honest == book.reduction


@few
@given(seed=seeds, task=tasks)
def test_weighted_books_balance_too(seed, task):
    model, train, test, _ = problem(seed, task=task, rows=300)
    rng = np.random.default_rng(seed)
    train, test = (replace(rows, weight=rng.uniform(0.1, 3.0, 300)) for rows in (train, test))
    classes = 2 if task == "classification" else 0
    loss = loss_for(task)
    book = account("scores", model, model.predict, loss=loss, classes=classes, train=train, test=test, seed=seed, seconds=2)
    assert book.closing == pytest.approx(loss.mean(test.target, model.predict(test.data), test.weight))
    assert book.sources.balances
    assert book.learners.balances


@few
@given(seed=seeds, task=tasks, ignored=st.integers(0, 3))
def test_a_column_that_the_model_ignores_is_booked_nothing(seed, task, ignored):
    model, train, test, constant = problem(seed, task=task, rows=300)
    model.weight[ignored] = 0.0
    side = source_side(predict=model.predict, loss=loss_for(task), train=train, test=test, opening_prediction=constant, seed=seed)
    name = test.data.sources[ignored]
    assert next(b for b in side.bookings if b.name == name).held_out == 0.0


@few
@given(seed=seeds, task=tasks)
def test_two_identical_columns_share(seed, task):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(800, 3))
    x[:, 1] = x[:, 0]
    model = Scores(np.array([0.8, 0.8, -0.5]), 0.1, task)
    data = encoded(x)
    target = model.score(data) + rng.normal(size=800)
    if task == "classification":
        target = (target > 0).astype(np.int64)
    train, test = (Rows(data.take(part), target[part]) for part in (np.arange(400), np.arange(400, 800)))
    constant = loss_for(task).best_constant(train.target, None, 2 if task == "classification" else 0)
    side = source_side(predict=model.predict, loss=loss_for(task), train=train, test=test, opening_prediction=constant, seed=seed)
    lines = {b.name: b for b in side.bookings}
    # forward and reverse orders share the difference of any two players evenly only on average: an error of each remains
    error = math.hypot(lines["x0"].se or 0.0, lines["x1"].se or 0.0)
    assert abs(lines["x0"].held_out - lines["x1"].held_out) <= 5 * error


def test_the_error_of_a_line_holds_what_the_sample_of_rows_does_not_know():
    model, train, test, constant = problem(11, rows=3000, numbers=2)
    loss = loss_for("classification")
    off = []
    for seed in range(5):
        side = source_side(predict=model.predict, loss=loss, train=train, test=test, opening_prediction=constant, seed=seed)
        whole = _all_rows(model, train, test, constant, seed)
        off += [(b.held_out - whole[b.name]) / b.se for b in side.bookings if b.se]
    assert max(abs(z) for z in off) < 4
    assert 0.2 < float(np.std(off)) < 1.3


def _all_rows(model, train, test, constant, seed):
    from assay.core.seeds import seed_for
    from assay.evaluate.background import choose_background
    from assay.evaluate.coalition import Coalitions, players_of
    from assay.evaluate.source_side import BACKGROUND_ROWS, contributions

    players = players_of(test.data.sources)
    background = choose_background(model.predict, train, BACKGROUND_ROWS, seed_for(seed, "ledger background"))
    game = Coalitions(model.predict, loss_for("classification"), test, background, players)
    shares = contributions(game, len(players), np.arange(test.data.rows), 1, seed).mean(axis=0)
    return dict(zip((p.name for p in players), shares, strict=True))


class TinyNet:
    """Two inputs, three tanh or ReLU units, one output, squared error: loss and exact gradient in NumPy, float64."""

    def __init__(self, seed: int, *, smooth: bool) -> None:
        rng = np.random.default_rng(seed)
        self.groups = {"hidden": np.arange(9), "output": np.arange(9, 13)}
        self.x, self.smooth = rng.normal(size=(40, 2)), smooth
        self.y = np.sin(self.x[:, 0]) + 0.3 * rng.normal(size=40)
        self.birth = np.concatenate([rng.normal(size=9), np.zeros(4)])

    def __call__(self, point):
        weight, bias, out, shift = point[:6].reshape(3, 2), point[6:9], point[9:12], point[12]
        z = self.x @ weight.T + bias
        h = np.tanh(z) if self.smooth else np.maximum(z, 0)
        slope = 1 - h**2 if self.smooth else (z > 0).astype(float)
        off = h @ out + shift - self.y
        back = 2 * off[:, None] * out * slope / len(off)
        gradient = np.concatenate([(back.T @ self.x).ravel(), back.sum(axis=0), 2 * h.T @ off / len(off), [2 * off.mean()]])
        return np.array([np.mean(off**2)]), gradient[None]

    def descend(self, steps: int, rate: float) -> list[np.ndarray]:
        points = [self.birth]
        for _ in range(steps):
            points.append(points[-1] - rate * self(points[-1])[1][0])
        return points


def brute_force(net, points, n_steps):
    """Midpoint Riemann sum of the line integral, a fine one."""
    booked = np.zeros((len(points) - 1, len(net.groups)))
    for segment, (start, end) in enumerate(itertools.pairwise(points)):
        mean = sum(net(start + (i + 0.5) / n_steps * (end - start))[1][0] for i in range(n_steps)) / n_steps
        along = -mean * (end - start)
        booked[segment] = [along[members].sum() for members in net.groups.values()]
    return booked


@settings(max_examples=4, deadline=None)
@given(seed=seeds)
def test_the_weight_path_agrees_with_brute_force(seed):
    net = TinyNet(seed, smooth=True)
    points = net.descend(6, 0.2)[::2]
    books = book_path(points, net.groups, net, remainder_share=1e-8, most_gradients=3000)
    assert books.booked[0] == pytest.approx(brute_force(net, points, 1000), abs=1e-6)
    assert books.booked[0].sum() + books.remainder[0].sum() == pytest.approx(net(points[0])[0][0] - net(points[-1])[0][0], abs=1e-12)


@few
@given(seed=seeds, rate=st.floats(0.01, 0.1))
def test_kinks_leave_less_than_one_percent(seed, rate):
    net = TinyNet(seed, smooth=False)
    points = net.descend(8, rate)
    books = book_path(points, net.groups, net, most_gradients=2000)
    fall = max(abs(books.losses[0, 0] - books.losses[0, -1]), 0.01 * books.losses[0, 0])
    assert abs(books.remainder.sum()) <= 0.01 * fall + 1e-12
    assert np.all(books.worst_remainder <= 0.03 * fall + 1e-12)
