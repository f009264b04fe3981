"""A budget caps the rounds of boosting and says so; a budget that suffices changes no bit."""

import json

import numpy as np
import pytest

from assay.model import fit_boosting
from assay.model.boosting import Boosting
from assay.model.contract import Rows
from assay.objective.loss import loss_for


def boosted(parts, budget_seconds):
    train, valid, _, classes = parts
    model = Boosting()
    model.fit(
        train, valid, loss=loss_for("classification" if classes else "regression"), classes=classes, seed=3, budget_seconds=budget_seconds
    )
    return model


def test_a_budget_that_suffices_changes_no_bit(parts):
    free, ample = boosted(parts, None), boosted(parts, 3600.0)
    assert np.array_equal(free.predict(parts[2].data), ample.predict(parts[2].data))
    assert not free.is_cut and not ample.is_cut


def test_a_tiny_budget_cuts_the_rounds_and_is_told(parts):
    model = boosted(parts, 1e-6)
    assert model.trees.rounds == 1
    assert model.is_cut
    data, arrays = model.state()
    assert Boosting.from_state(json.loads(json.dumps(data)), arrays).is_cut


@pytest.mark.parametrize(("seconds", "passes", "rounds"), [(10.0, 1, 12), (10.0, 2, 5), (1.0, 1, 1)])
def test_rounds_are_those_that_the_measured_time_allows(monkeypatch, seconds, passes, rounds):
    clock = [0.0]

    class Slow:
        """Half a second a fit and half a second a round."""

        def set_params(self, max_iter):
            self.rounds = max_iter
            return self

        def fit(self, *_, **__):
            clock[0] += 0.5 + 0.5 * self.rounds

    monkeypatch.setattr(fit_boosting.time, "perf_counter", lambda: clock[0])
    monkeypatch.setattr("sklearn.base.clone", lambda booster: booster)

    class Train:
        target, weight = None, None

    assert fit_boosting._rounds_within(seconds, Slow(), None, Train(), passes) == rounds


@pytest.mark.parametrize("unit", [2.0**-20, 2.0**20])
def test_the_unit_of_the_target_changes_nothing(cut, unit):
    """Early stopping by an absolute gain once left a target in metres untrained when it was written in kilometres."""
    train, valid, test = cut(0)
    plain, scaled = Boosting(), Boosting()
    plain.fit(train, valid, loss=loss_for("regression"), classes=0, seed=3)
    in_unit = [Rows(rows.data, rows.target * unit) for rows in (train, valid)]
    scaled.fit(*in_unit, loss=loss_for("regression"), classes=0, seed=3)
    assert scaled.trees.rounds == plain.trees.rounds
    np.testing.assert_allclose(scaled.predict(test.data) / unit, plain.predict(test.data), rtol=1e-6)


def test_rounds_that_win_nothing_worth_the_time_are_not_added(cut):
    train, valid, _ = cut(2)
    sure = [Rows(rows.data, (np.nan_to_num(rows.data.numbers[:, 0]) > 40).astype(np.int64)) for rows in (train, valid)]
    model = Boosting()
    model.fit(*sure, loss=loss_for("classification"), classes=2, seed=3)
    assert model.trees.rounds < 400
