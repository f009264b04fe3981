"""The side of learners for stages, paths and single models."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from tests.evaluate.toys import Scores, problem

from assay.evaluate.learner_side import learner_side
from assay.evaluate.row_losses import row_losses
from assay.model.contract import Rows
from assay.model.family import FAMILIES
from assay.model.registry import MODELS
from assay.objective import loss_for


def side_of(model, train, test, constant, task="classification", temperature=1.0):
    loss = loss_for(task)
    classes = 0 if task == "regression" else 2
    side = learner_side(model, loss=loss, classes=classes, train=train, test=test, temperature=temperature)
    return side, row_losses(test, loss, constant, model.predict(test.data), temperature)


class WithPath(Scores):
    """Scores whose coefficients can be scaled from zero."""

    def path_gradient(self, data, target, t, weight=None):
        share = np.ones(data.rows) if weight is None else weight / weight.mean()
        x = np.hstack([data.numbers, data.codes])
        score = t * (x @ self.weight) + self.bias
        slope = share * (1 / (1 + np.exp(-score)) - target) / np.log(2)
        return {name: float(np.mean(slope * x[:, i] * self.weight[i])) for i, name in enumerate(data.sources)}


def test_stages_are_booked_exactly_and_start_is_named():
    model, train, test, constant = problem(1)
    side, held_out = side_of(model, train, test, constant)
    assert [b.name for b in side.bookings] == ["start", "step 1", "step 2", "step 3", "step 4"]
    assert side.remainder == pytest.approx(0, abs=1e-12)
    assert side.total == pytest.approx(held_out.reduction)
    assert all(sum(b.by_epoch) == pytest.approx(b.held_out) for b in side.bookings if b.by_epoch)


def test_many_stages_make_at_most_twelve_lines():
    model, train, test, constant = problem(2, task="regression", numbers=40)
    side, held_out = side_of(model, train, test, constant, task="regression")
    names = [b.name for b in side.bookings if b.name != "start"]
    assert len(names) == 12
    assert names[0] == "steps 1-4"
    assert side.total == pytest.approx(held_out.reduction)


def test_a_path_from_zero_books_every_column():
    toy, train, test, constant = problem(3)
    model = WithPath(toy.weight, float(np.log(constant[1] / constant[0])), "classification")
    side, _ = side_of(model, train, test, constant)
    assert {b.name for b in side.bookings} == set(test.data.sources)
    assert abs(side.remainder) < 1e-6
    assert side.balances
    assert side.bookings[0].train is not None


def test_a_path_of_many_columns_pools_the_weakest():
    toy, train, test, _ = problem(3, numbers=50)
    side, held_out = side_of(
        WithPath(toy.weight, toy.bias, "classification"), train, test, loss_for("classification").best_constant(train.target)
    )
    lines = [b for b in side.bookings if b.name != "start"]
    assert len(lines) == 31
    assert lines[-1].name == "21 other columns"
    assert side.total + side.remainder == pytest.approx(held_out.reduction)
    assert side.balances


def test_a_column_without_a_coefficient_is_booked_nothing_on_the_path():
    toy, train, test, constant = problem(3)
    model = WithPath(np.array([1.0, 0.0, 0.5, 0.2]) * toy.weight, toy.bias, "classification")
    side, _ = side_of(model, train, test, constant)
    assert next(b for b in side.bookings if b.name == "x1").held_out == 0.0


def test_a_temperature_has_its_own_line():
    model, train, test, constant = problem(4)
    side, held_out = side_of(model, train, test, constant, temperature=2.0)
    last = side.bookings[-1]
    assert last.name == "temperature"
    assert last.held_out == pytest.approx(float((held_out.raw - held_out.closing).mean()))
    assert side.balances


def test_a_constant_model_has_nothing_to_book():
    _, train, test, constant = problem(5)
    still = Scores(np.zeros(4), float(np.log(constant[1] / constant[0])), "classification")
    side, held_out = side_of(still, train, test, constant)
    assert side.total == pytest.approx(0.0)
    assert held_out.reduction == pytest.approx(0.0)
    assert side.balances


@pytest.mark.parametrize(("name", "task"), [(one.name, task) for one in FAMILIES if not one.needs_torch for task in one.tasks])
def test_every_classical_family_closes_with_weights(name, task, rng):
    _, train, test, _ = problem(9, task=task, rows=250)
    train, test = (replace(rows, weight=rng.uniform(0.2, 3.0, 250)) for rows in (train, test))
    loss, classes = loss_for(task), 2 if task == "classification" else 0
    constant = loss.best_constant(train.target, train.weight, classes)
    model = MODELS[name]()
    learn, valid = (Rows(train.data.take(i), train.target[i], train.weight[i]) for i in np.split(np.arange(250), [180]))
    model.fit(learn, valid, loss=loss, classes=classes, seed=0)
    side, held_out = side_of(model, train, test, constant, task=task)
    assert side.total + side.remainder == pytest.approx(held_out.reduction)
    assert side.balances
    if name != "constant":
        assert held_out.reduction > 0
        assert all(b.train is not None for b in side.bookings)
