"""A fit that did not converge says so instead of warning or keeping silent."""

import numpy as np

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
