"""A fit that did not converge says so instead of warning or keeping silent."""

import numpy as np
import pytest

from assay.model import fit_linear
from assay.model.contract import Rows
from assay.model.encoding import Encoded
from assay.model.fit_linear import fit_once
from assay.model.linear import Linear
from assay.objective.loss import LOSSES


def test_a_solver_cut_short_is_told():
    rng = np.random.default_rng(0)
    matrix = rng.normal(size=(300, 250)) * np.geomspace(1, 1e5, 250)
    names = tuple(f"n{i}" for i in range(250))
    data = Encoded(matrix, names, names, np.zeros((300, 0), np.int32), (), ())
    rows = Rows(data, rng.integers(0, 4, 300))
    fitted = fit_once(rows, matrix, LOSSES["log"], 4, 1e-6, rough=True)
    assert not fitted.converged
    model = Linear()
    model.fit(rows, rows.take(np.arange(0)), loss=LOSSES["log"], classes=4, seed=0)
    assert model.converged
    assert "before it converged" not in model.describe()


@pytest.mark.parametrize("classes", [2, 3])
def test_a_budget_that_suffices_changes_no_bit_and_one_that_does_not_is_told(cut, classes):
    train, valid, test = cut(classes)

    def fitted(budget_seconds):
        model = Linear()
        model.fit(train, valid, loss=LOSSES["log"], classes=classes, seed=0, budget_seconds=budget_seconds)
        return model

    free, ample, hurried = fitted(None), fitted(3600.0), fitted(1e-6)
    assert np.array_equal(free.predict(test.data), ample.predict(test.data))
    assert not free.is_cut and not ample.is_cut
    assert hurried.is_cut
    data, arrays = hurried.state()
    assert Linear.from_state(data, arrays).is_cut


def test_steps_are_those_that_half_the_measured_time_allows(cut, monkeypatch):
    train, _, _ = cut(3)
    clock = [0.0]
    monkeypatch.setattr(fit_linear.time, "monotonic", lambda: clock[0])
    monkeypatch.setattr(fit_linear, "_fit_logistic", lambda *_, steps, **__: clock.__setitem__(0, clock[0] + steps))
    limits = fit_linear.limits_within(203.0, train, None, LOSSES["log"], 3)
    assert (limits.rough, limits.last, limits.until) == (25, 100, 101.5)
    assert limits.is_tight
