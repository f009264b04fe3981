"""A real network's side of learners: exact at both ends, by layer and epoch, and the network is left as it was."""

from __future__ import annotations

import numpy as np
import pytest
from tests.evaluate.toys import problem

from assay.evaluate import account, learner_side
from assay.evaluate.network_path import PathPlan, measure_network, path_plan
from assay.model.contract import Rows
from assay.objective import loss_for

pytest.importorskip("torch")


@pytest.fixture(scope="module", params=["classification", "regression"])
def trained(request):
    from assay.model.mlp import Mlp, Shape
    from assay.train.ladder import fit_model

    _, train, test, _ = problem(3, task=request.param, rows=300)
    valid = Rows(test.data.take(np.arange(100)), test.target[:100])
    test = Rows(test.data.take(np.arange(100, 300)), test.target[100:])
    loss, classes = loss_for(request.param), 2 if request.param == "classification" else 0
    training = fit_model(Mlp(Shape(hidden=(16, 8))), train, valid, loss=loss, classes=classes, seed=1, epochs=6)
    return training, train, test, loss, classes


def test_both_sides_of_a_network_balance(trained):
    training, train, test, loss, classes = trained
    model = training.model
    book = account(
        "mlp",
        model,
        model.predict,
        loss=loss,
        classes=classes,
        train=train,
        test=test,
        snapshots=training.snapshots,
        seconds=2,
    )
    assert book.reduction > 0
    assert book.sources.balances
    assert book.learners.balances
    assert abs(book.learners.remainder) < 0.011 * book.reduction
    assert [b.name for b in book.learners.bookings if b.name != "start"] == list(model.groups())


def test_epochs_sum_to_their_layer_on_both_kinds_of_rows(trained):
    training, train, test, loss, classes = trained
    side = learner_side(training.model, loss=loss, classes=classes, train=train, test=test, snapshots=training.snapshots)
    assert side.bookings[0].name != "start"
    for booking in side.bookings:
        assert len(booking.by_epoch) == len(training.snapshots) - 1
        assert sum(booking.by_epoch) == pytest.approx(booking.held_out)
        assert sum(booking.by_epoch_train) == pytest.approx(booking.train)
    final = training.model.predict(train.data)
    constant = np.broadcast_to(loss.best_constant(train.target, None, classes), final.shape)
    fall = loss.mean(train.target, constant) - loss.mean(train.target, final)
    assert sum(b.train for b in side.bookings) == pytest.approx(fall, rel=0.011)


def test_the_network_keeps_its_weights(trained):
    training, train, test, loss, classes = trained
    before = training.model.flat()
    learner_side(training.model, loss=loss, classes=classes, train=train, test=test, snapshots=training.snapshots)
    assert np.array_equal(before, training.model.flat())


def test_gradients_are_those_of_the_loss(trained):
    from assay.evaluate.learner_side import sampled
    from assay.evaluate.row_losses import row_losses

    training, train, _, loss, classes = trained
    model = training.model
    kept = model.flat().astype(np.float64)
    losses = row_losses(train, loss, loss.best_constant(train.target, None, classes), model.predict(train.data), 1.0)
    measure, losses_at = measure_network(model, [sampled(train, losses, 300, seed=0)])
    at_kept, gradient = measure(kept)
    assert losses_at(kept) == pytest.approx(at_kept, rel=1e-6)
    assert at_kept[0] == pytest.approx(losses.closing.mean(), rel=1e-5)
    direction = gradient[0] / np.linalg.norm(gradient[0])
    step = 1e-2
    ahead, behind = (measure(kept + sign * step * direction)[0][0] for sign in (1, -1))
    assert (ahead - behind) / (2 * step) == pytest.approx(np.linalg.norm(gradient[0]), rel=0.02)
    model.load_parameters(kept)


@pytest.mark.parametrize("row_seconds", [1e-6, 1e-5, 1e-4, 1e-3])
def test_a_dear_network_is_followed_on_fewer_rows_and_then_in_fewer_stretches(row_seconds):
    plan = path_plan(29, 8, 2048, seconds=15.0, row_seconds=row_seconds)
    moves = 2 * 7 * plan.segments
    predictions = 2 * plan.rows * (plan.segments + 1 + 3 * (plan.gradients - plan.segments - 1) + moves)
    assert predictions * row_seconds <= 15.0 or (plan.rows, plan.segments) == (64, 8)
    assert plan.segments == 29 or plan.rows == 64


def test_a_path_cut_short_still_closes(trained):
    training, train, test, loss, classes = trained
    parts = {"loss": loss, "classes": classes, "train": train, "test": test, "snapshots": training.snapshots}
    cheap, full = (learner_side(training.model, **parts, seconds=seconds) for seconds in (1e-4, 15.0))
    assert "64 held-out" in cheap.method
    assert cheap.balances
    assert full.balances


def test_the_usual_plan_of_a_cheap_network_is_the_whole_path():
    assert path_plan(29, 4, 2048, seconds=15.0, row_seconds=1e-6) == PathPlan(2048, 29, 400)
