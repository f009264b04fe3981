"""Curves of scikit-learn estimators become evidence of a loop: in the right unit, and equal to what the estimator computes itself."""

import json
import warnings

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer
from sklearn.ensemble import (
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
)
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import log_loss, mean_squared_error
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from assay.core.errors import InputError
from assay.core.units import BITS_PER_NAT
from assay.watch.curves import watch_curves
from assay.watch.loop_folder import is_loop, read_evidence, read_findings


@pytest.fixture(scope="module")
def cells():
    x, y = load_breast_cancer(return_X_y=True)
    return x[:300], y[:300], x[300:], y[300:]


def fitted(estimator, x, y):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return estimator.fit(x, y)


def test_an_mlp_classifier_is_told_in_bits(cells):
    x, y, *_ = cells
    model = fitted(make_pipeline(StandardScaler(), MLPClassifier((8,), max_iter=12, random_state=0, alpha=0.0)), x, y)
    seen = watch_curves(model, x, y).evidence()
    assert seen.unit == "bits/row"
    assert seen.train_loss[-1] == pytest.approx(model[-1].loss_curve_[-1] * BITS_PER_NAT)
    share = y.mean()
    assert seen.opening == pytest.approx(-share * np.log2(share) - (1 - share) * np.log2(1 - share))
    assert seen.steps == 12 * 2
    assert seen.stopped == "epochs"
    assert seen.batch.input_rms == pytest.approx(1.0, abs=0.01)
    assert [(p.units, p.fan_in, p.activation, p.is_last) for p in seen.parts] == [(8, 30, "relu", False), (1, 8, "sigmoid", True)]
    assert seen.groups[0].optimiser == "Adam"
    assert sum(p.size for p in seen.parameters) == 8 * 31 + 9


def test_a_forward_pass_of_its_weights_is_that_of_the_estimator(cells):
    x, y, *_ = cells
    scaled = StandardScaler().fit_transform(x)[:64]
    model = fitted(MLPRegressor(hidden_layer_sizes=(6, 5), activation="tanh", max_iter=5, random_state=0), scaled, y[:64])
    last = watch_curves(model, scaled).evidence().parts[-1]
    assert last.output_mean[0] == pytest.approx(model.predict(scaled).mean())


def test_raw_inputs_and_dead_units_are_seen(cells):
    x, y, *_ = cells
    model = fitted(MLPClassifier((16,), max_iter=3, random_state=0), x * 1e3, y)
    model.intercepts_[0][:8] = -1e9
    seen = watch_curves(model, x * 1e3, y).evidence()
    assert seen.batch.fed_rms > 1e4
    assert seen.parts[0].dead_share[0] >= 0.5


def test_early_stopping_is_a_metric_and_not_a_loss(cells):
    x, y, *_ = cells
    seen = watch_curves(fitted(MLPClassifier((4,), max_iter=5, early_stopping=True, random_state=0), x, y), x, y).evidence()
    assert len(seen.valid_metric) == 5
    assert seen.valid_loss == ()
    assert seen.train_rows == 270


@pytest.mark.parametrize("kind", [GradientBoostingClassifier, HistGradientBoostingClassifier])
def test_boosted_classes_are_told_in_bits_at_every_stage(kind, cells):
    x, y, other_x, other_y = cells
    model = kind(**{"n_estimators" if kind is GradientBoostingClassifier else "max_iter": 6}).fit(x, y)
    seen = watch_curves(model, x, y, valid=(other_x, other_y)).evidence()
    assert seen.steps == len(seen.train_loss) == len(seen.valid_loss) == 6
    assert seen.train_loss[-1] == pytest.approx(log_loss(y, model.predict_proba(x)) * BITS_PER_NAT)
    assert seen.valid_loss[-1] == pytest.approx(log_loss(other_y, model.predict_proba(other_x)) * BITS_PER_NAT)


def test_what_the_estimator_kept_is_what_its_stages_give(cells):
    x, y, *_ = cells
    for many in (y, y + (x[:, 0] > 15)):
        model = GradientBoostingClassifier(n_estimators=5).fit(x, many)
        assert watch_curves(model).evidence().train_loss == pytest.approx(watch_curves(model, x, many).evidence().train_loss)
    model = GradientBoostingRegressor(n_estimators=5).fit(x, x[:, 0])
    assert watch_curves(model).evidence().train_loss == pytest.approx(watch_curves(model, x, x[:, 0]).evidence().train_loss)


def test_scores_of_histogram_boosting_are_losses(cells):
    x, y, *_ = cells
    model = HistGradientBoostingRegressor(max_iter=6, early_stopping=True, random_state=0, validation_fraction=0.5).fit(x, x[:, 0])
    seen = watch_curves(model).evidence()
    mean = (seen.train_loss[-1] + seen.valid_loss[-1]) / 2
    assert mean == pytest.approx(mean_squared_error(x[:, 0], model.predict(x)), rel=1e-6)
    scored = HistGradientBoostingClassifier(max_iter=3, early_stopping=True, scoring="accuracy").fit(x, y)
    with pytest.raises(InputError, match="kept no training loss"):
        watch_curves(scored)
    assert len(watch_curves(scored, x, y).evidence().valid_metric) == 3


def test_another_loss_is_told_in_its_own_unit(cells):
    x, _, _, _ = cells
    for model in (
        GradientBoostingRegressor(loss="absolute_error", n_estimators=3),
        HistGradientBoostingRegressor(loss="poisson", max_iter=3),
    ):
        model.set_params(**({"early_stopping": True} if hasattr(model, "early_stopping") else {}))
        seen = watch_curves(model.fit(x, x[:, 0]), x, x[:, 0]).evidence()
        assert seen.unit == f"{model.loss.replace('_', ' ')} loss/row"
        assert len(seen.train_loss) == 3
        assert np.isnan(seen.opening)


def test_it_is_kept_and_read_back(cells, tmp_path):
    x, y, *_ = cells
    watched = watch_curves(GradientBoostingClassifier(n_estimators=4).fit(x, y), x, y, name="boosted")
    folder = watched.save(tmp_path / "run")
    assert is_loop(folder)
    assert json.dumps(read_evidence(folder).to_json()) == json.dumps(watched.evidence().to_json())
    assert read_findings(folder).as_dict() == watched.report().as_dict()


def test_what_cannot_be_watched_is_refused_with_the_next_step(cells):
    x, y, *_ = cells
    with pytest.raises(InputError, match="StandardScaler keeps no training curve"):
        watch_curves(StandardScaler().fit(x))
    with pytest.raises(InputError, match=r"solver='lbfgs', which keeps no curve.*'adam' or 'sgd'"):
        watch_curves(fitted(MLPClassifier((2,), solver="lbfgs", max_iter=3), x, y))
    with pytest.raises(InputError, match="300 rows, targets 299"):
        watch_curves(GradientBoostingClassifier(n_estimators=2).fit(x, y), x, y[1:])
    with pytest.raises(InputError, match="rows do not fit"):
        watch_curves(GradientBoostingClassifier(n_estimators=2).fit(x, y), x[:, :3], y)
