"""The side of sources against exact Shapley values, and its sum."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from tests.evaluate.toys import Scores, encoded, problem

from assay.evaluate.background import choose_background
from assay.evaluate.coalition import Coalitions, players_of
from assay.evaluate.source_side import Plan, contributions, plan_for, source_side
from assay.model.contract import Rows
from assay.objective import loss_for


def exact_shapley(game: Coalitions, n_players: int, n_rows: int) -> np.ndarray:
    """Mean Shapley value of each player over rows, by all coalitions."""
    coalitions = list(itertools.product([False, True], repeat=n_players))
    known = np.broadcast_to(np.array(coalitions), (n_rows, len(coalitions), n_players))
    values = dict(zip(coalitions, game.losses(np.arange(n_rows), known).mean(axis=0), strict=True))
    shares = np.zeros(n_players)
    for player in range(n_players):
        for coalition in coalitions:
            if not coalition[player]:
                size = sum(coalition)
                weight = math.factorial(size) * math.factorial(n_players - size - 1) / math.factorial(n_players)
                richer = tuple(k or i == player for i, k in enumerate(coalition))
                shares[player] += weight * (values[coalition] - values[richer])
    return shares


@pytest.mark.parametrize("task", ["classification", "regression"])
@pytest.mark.parametrize("seed", range(3))
def test_sage_is_the_exact_shapley_value_within_its_error(task, seed):
    model, train, test, _ = problem(seed, task=task, rows=300)
    loss = loss_for(task)
    players = players_of(test.data.sources)
    game = Coalitions(model.predict, loss, test, choose_background(model.predict, train, 32, seed), players)
    exact = exact_shapley(game, len(players), test.data.rows)
    sampled = contributions(game, len(players), np.arange(test.data.rows), 1, seed)
    error = sampled.std(axis=0, ddof=1) / math.sqrt(len(sampled))
    assert np.all(np.abs(sampled.mean(axis=0) - exact) <= 4 * error + 1e-12)
    assert sampled.sum(axis=1) == pytest.approx(game.empty - game.full)


@pytest.mark.parametrize("task", ["classification", "regression"])
def test_books_sum_to_the_reduction_within_the_tolerance(task):
    model, train, test, constant = problem(5, task=task, rows=1500)
    side = source_side(predict=model.predict, loss=loss_for(task), train=train, test=test, opening_prediction=constant, seed=1)
    loss = loss_for(task)
    opening = loss.mean(test.target, np.broadcast_to(constant, (1500, *constant.shape)))
    reduction = opening - loss.mean(test.target, model.predict(test.data))
    assert side.total + side.remainder == pytest.approx(reduction, abs=1e-12)
    assert side.balances
    assert side.tolerance < 0.1 * reduction
    assert abs(side.remainder) < 0.03 * reduction
    assert [b.held_out for b in side.bookings] == sorted((b.held_out for b in side.bookings), reverse=True)


def test_a_row_weight_of_zero_takes_a_row_out_of_the_books():
    model, train, test, constant = problem(6, rows=600)
    rng = np.random.default_rng(0)
    weight = np.where(np.arange(600) < 300, 2.0, 0.0)
    spoilt = np.where(weight > 0, test.target, rng.integers(0, 2, 600))
    whole = source_side(
        predict=model.predict,
        loss=loss_for("classification"),
        train=train,
        test=Rows(test.data, spoilt, weight),
        opening_prediction=constant,
    )
    half = source_side(
        predict=model.predict,
        loss=loss_for("classification"),
        train=train,
        test=Rows(test.data.take(np.arange(300)), test.target[:300]),
        opening_prediction=constant,
    )
    assert whole.total + whole.remainder == pytest.approx(half.total + half.remainder, abs=1e-12)
    ours, theirs = ({b.name: b for b in side.bookings} for side in (whole, half))
    for name, booking in ours.items():
        assert abs(booking.held_out - theirs[name].held_out) <= 4 * math.hypot(booking.se or 0, theirs[name].se or 0)


def test_the_same_seed_gives_the_same_books_and_another_does_not():
    model, train, test, constant = problem(7, rows=300)
    sides = [
        source_side(predict=model.predict, loss=loss_for("classification"), train=train, test=test, opening_prediction=constant, seed=s)
        for s in (3, 3, 4)
    ]
    assert sides[0] == sides[1]
    assert sides[0].bookings != sides[2].bookings


@pytest.mark.parametrize("order", [("x50", "x7", "no such column"), ()])
def test_many_columns_are_pooled_and_nothing_is_lost(order):
    rng = np.random.default_rng(1)
    weight = np.zeros(90)
    weight[[50, 7]] = 2.0, 1.0
    x = rng.normal(size=(200, 90))
    model = Scores(weight, 0.0, "regression")
    target = model.score(encoded(x))
    train, test = (Rows(encoded(x[part]), target[part]) for part in (slice(0, 100), slice(100, 200)))
    side = source_side(
        predict=model.predict,
        loss=loss_for("regression"),
        train=train,
        test=test,
        opening_prediction=np.array(target[:100].mean()),
        seconds=0.5,
        association_order=order,
    )
    assert [b.name for b in side.bookings[:2]] == ["x50", "x7"]
    pooled = [b for b in side.bookings if "other columns" in b.name]
    assert len(side.bookings) == 33
    assert [b.held_out for b in pooled] == [0.0, 0.0, 0.0]
    assert side.balances


def test_a_dear_model_gets_a_smaller_plan_that_loses_background_before_rows():
    assert plan_for(9000, 9000, 12, 1e8) == plan_for(9000, 9000, 12, 2e6) == Plan(rows=1024, orders=1, background=64)
    assert plan_for(9000, 9000, 12, 2e5) == Plan(rows=1024, orders=1, background=8)
    assert plan_for(9000, 9000, 12, 1e5).predictions(12) <= 1e5
    assert plan_for(30, 100, 4, 1e7) == Plan(rows=30, orders=8, background=64)
    assert plan_for(9000, 9000, 12, 0.0) == Plan(rows=64, orders=1, background=8)


def test_the_books_hang_on_what_a_row_is_said_to_cost_and_on_no_clock():
    model, train, test, constant = problem(7, rows=300)

    def side(row_seconds):
        loss = loss_for("classification")
        return source_side(
            predict=model.predict, loss=loss, train=train, test=test, opening_prediction=constant, row_seconds=row_seconds, seconds=1.0
        )

    assert side(1e-5) == side(1e-5)
    dear = side(1e-3)
    assert dear.method != side(1e-5).method
    assert "standard errors up to" in dear.method
    assert dear.balances


def test_one_column_alone_takes_it_all():
    model, train, test, constant = problem(8, numbers=1, codes=0)
    side = source_side(predict=model.predict, loss=loss_for("classification"), train=train, test=test, opening_prediction=constant)
    assert len(side.bookings) == 1
    assert side.balances
