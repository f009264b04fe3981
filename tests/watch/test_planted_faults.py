"""Whole trainings with one planted fault each, and their clean twin: the rules of training name the one and leave the other alone."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn.datasets import load_breast_cancer
from tests.train.tables import encoded, part

from assay.core.report import judge
from assay.core.trace_evidence import TraceEvidence
from assay.model.contract import Rows
from assay.model.mlp import Mlp, Shape
from assay.objective.loss import LOSSES
from assay.rules import catalogue
from assay.train.ladder import fit_model
from assay.train.settings import Settings

RULES = [rule for code, rule in catalogue().items() if code.startswith("TRN")]
SHAPE = Shape(hidden=(32, 16))
HEALTHY = Settings(epochs=12, batch_rows=32)


def table() -> Rows:
    numbers, target = load_breast_cancer(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(target))
    return Rows(encoded(numbers[order]), target[order].astype(np.int64))


def traced(
    rows: Rows | None = None,
    *,
    shape: Shape = SHAPE,
    settings: Settings = HEALTHY,
    n_train: int = 400,
    hurt: Callable[[Mlp], None] | None = None,
) -> TraceEvidence:
    rows = rows or table()
    train, valid = part(rows, 0, n_train), part(rows, 400, 569)
    model = Mlp(shape)
    model.build(train, loss=LOSSES["log"], classes=2, seed=0)
    if hurt is not None:
        hurt(model)
    trace = fit_model(model, train, valid, loss=LOSSES["log"], classes=2, seed=0, settings=settings).trace
    assert trace is not None
    return trace


def codes(trace: TraceEvidence) -> set[str]:
    return {finding.code for finding in judge([trace], RULES).findings}


def test_a_healthy_training_is_left_alone() -> None:
    assert codes(traced()) == set()


def test_labels_of_pure_noise_are_no_fault_of_the_training() -> None:
    rows = table()
    assert codes(traced(Rows(rows.data, np.random.default_rng(1).permutation(rows.target)))) == set()


def test_a_rate_a_hundred_times_too_high_is_named() -> None:
    noisy = table()
    noisy = Rows(noisy.data, np.where(np.random.default_rng(1).random(569) < 0.3, 1 - noisy.target, noisy.target))
    assert "TRN102" not in codes(traced(noisy))
    assert "TRN102" in codes(traced(noisy, settings=replace(HEALTHY, learning_rate=0.5, patience=12)))


def test_dead_units_are_named_with_their_layer() -> None:
    def kill(model: Mlp, share: float) -> None:
        with torch.no_grad():
            model.network.layers[0].bias[: int(share * 32)] = -100.0

    findings = judge([traced(hurt=lambda model: kill(model, 0.5))], RULES).findings
    assert [(f.code, f.at["layer"]) for f in findings] == [("TRN103", "hidden 1")]
    assert codes(traced(hurt=lambda model: kill(model, 0.25))) == set()


def test_a_cut_gradient_is_named_as_stuck() -> None:
    def cut(model: Mlp) -> None:
        model.network.output.register_forward_hook(lambda _module, _inputs, output: output * 0.0)

    findings = judge([traced(hurt=cut)], RULES).findings
    assert [f.code for f in findings] == ["TRN104"]
    assert "no gradient ever reached" in findings[0].remedy


def test_a_rate_of_nothing_is_named_as_stuck() -> None:
    assert codes(traced(settings=replace(HEALTHY, learning_rate=1e-9))) == {"TRN104"}


def test_learning_forty_noisy_rows_by_heart_is_named_and_priced() -> None:
    rows = table()
    noisy = Rows(rows.data, np.where(np.random.default_rng(1).random(569) < 0.25, 1 - rows.target, rows.target))
    by_heart = Settings(epochs=60, batch_rows=16, patience=60, weight_decay=0.0, restore=False)
    trace = traced(noisy, n_train=40, settings=by_heart, shape=replace(SHAPE, dropout=0.0))
    findings = judge([trace], RULES).findings
    assert [f.code for f in findings] == ["TRN105"]
    assert findings[0].price == pytest.approx(trace.valid_loss[-1] - min(trace.valid_loss))


def test_raw_inputs_are_named_by_column() -> None:
    findings = judge([traced(shape=replace(SHAPE, scaled=False), settings=replace(HEALTHY, learning_rate=1e-4))], RULES).findings
    named = next(f for f in findings if f.code == "TRN106")
    assert "x3" in named.at["columns"]
    assert "x4" not in named.at["columns"]


def test_an_infinity_in_a_column_is_named_before_it_reaches_a_weight() -> None:
    rows = table()
    rows.data.numbers[7, 2] = np.inf
    trace = traced(rows, shape=replace(SHAPE, scaled=False))
    assert (trace.stopped, trace.nonfinite_where, trace.nonfinite_rows) == ("nonfinite", "input column 'x2'", 1)
    assert "TRN101" in codes(trace)
    assert "TRN101" not in codes(traced(rows))


def test_a_gradient_that_explodes_stops_the_training_with_finite_weights() -> None:
    model = Mlp(SHAPE)
    rows = table()
    settings = replace(HEALTHY, learning_rate=1e30)
    trace = fit_model(model, part(rows, 0, 400), part(rows, 400, 569), loss=LOSSES["log"], classes=2, seed=0, settings=settings).trace
    assert trace is not None
    assert trace.stopped == "nonfinite"
    assert trace.nonfinite_step >= 1
    assert "TRN101" in codes(trace)
    assert np.isfinite(model.predict(rows.data)).all()
