"""What terms say by themselves, and what a linear model makes of it."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from scipy.sparse import csr_array

from assay.model.contract import Rows
from assay.model.design import Design
from assay.model.encoding import Encoder
from assay.model.fit_linear import fit_once
from assay.model.linear import Linear
from assay.model.term_evidence import evidence, scaled, term_scale
from assay.objective.loss import LOSSES
from assay.table import Roles, read


def texts(n_rows, seed=0):
    rng = np.random.default_rng(seed)
    sides = rng.integers(0, 2, n_rows)
    told = [
        " ".join([*rng.choice(["good", "fine"] if side else ["bad", "dull"], 1), *rng.choice([f"w{i}" for i in range(60)], 8)])
        for side in sides
    ]
    table = read(pl.DataFrame({"text": told, "label": [("no", "yes")[s] for s in sides]})).with_roles(Roles(target="label"))
    return Rows(Encoder.fit(table).transform(table), sides.astype(np.int64))


def test_the_evidence_of_two_classes_is_the_same_from_either_side_and_without_sign():
    there = csr_array(np.array([[1.0, 0, 0.5], [1, 0, 0], [0, 1, 0.5], [0, 1, 0]]))
    sides = np.eye(2)[[0, 0, 1, 1]]
    found = evidence(there, sides)
    assert found[0] == pytest.approx(found[1])
    assert found[2] == pytest.approx(0.0, abs=1e-12)
    assert found == pytest.approx(evidence(there, sides[:, ::-1]))


def test_a_class_that_no_row_has_changes_nothing():
    there = csr_array(np.array([[1.0, 0], [0, 1]]))
    assert evidence(there, np.eye(3)[[0, 1]]) == pytest.approx(evidence(there, np.eye(2)))


def test_telling_terms_are_given_more_scale_than_words_that_stand_anywhere():
    rows = texts(300)
    design = Design.fit(rows.data)
    scale = dict(zip(rows.data.bag_terms[0], term_scale(design, design.matrix(rows.data), rows, 2), strict=True))
    assert min(scale["good"], scale["bad"]) > 2 * np.median(list(scale.values()))
    assert term_scale(design, design.matrix(rows.data), rows, 0) is None


def test_weights_that_are_all_alike_change_nothing():
    rows = texts(60)
    design = Design.fit(rows.data)
    matrix = design.matrix(rows.data)
    heavy = Rows(rows.data, rows.target, np.full(60, 3.0))
    assert term_scale(design, matrix, heavy, 2) == pytest.approx(term_scale(design, matrix, rows, 2))


def test_a_scale_of_the_columns_is_a_penalty_of_their_own():
    rng = np.random.default_rng(1)
    matrix, scale = rng.normal(size=(200, 3)), np.array([0.5, 1.0, 2.0])
    rows = Rows(texts(4).data, rng.integers(0, 2, 200))
    fitted = fit_once(rows, scaled(matrix, scale), LOSSES["log"], 2, 3.0).unscaled(scale)
    scores = matrix @ fitted.coefficients[:, 0] + fitted.intercept[0]
    slope = matrix.T @ (1 / (1 + np.exp(-scores)) - rows.target)
    assert slope + 3.0 * fitted.coefficients[:, 0] / scale**2 == pytest.approx(np.zeros(3), abs=1e-5)
    assert scaled(csr_array(matrix), scale).toarray() == pytest.approx(matrix * scale)


def test_the_validation_rows_are_predicted_by_a_fit_that_never_saw_their_classes():
    rows = texts(240)
    train, valid = rows.take(np.arange(200)), rows.take(np.arange(200, 240))
    turned = Rows(valid.data, 1 - valid.target)

    def predicted(asked):
        model = Linear()
        model.fit(train, asked, loss=LOSSES["log"], classes=2, seed=0)
        return model

    honest, spoilt = predicted(valid), predicted(turned)
    assert LOSSES["log"].mean(valid.target, honest.valid_prediction) < 0.7
    # at strengths that the other classes choose, but from the same rows: sides are not swapped with the classes asked
    assert LOSSES["log"].mean(turned.target, spoilt.valid_prediction) > 0.99
