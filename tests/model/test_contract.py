"""What every classical model owes, whatever its family."""

import json

import numpy as np
import pytest
from tests.model.conftest import mixed_table, rows_of

from assay.core.errors import OptionError
from assay.model import forest
from assay.model.contract import Model, Rows
from assay.model.encoding import Encoder
from assay.model.registry import MODELS, family
from assay.objective.loss import LOSSES, Loss, loss_for

CLASSICAL = [name for name in MODELS if not family(name).needs_torch]
LEARNERS = [name for name in CLASSICAL if name != "constant"]
REGRESSORS = [name for name in CLASSICAL if "regression" in family(name).tasks]
# What is learned counts weights and nothing else; the bins, folds and leaves of the others are made of rows.
WEIGHING = ["constant", "linear", "ridge"]


KEPT: dict[tuple[str, int], Model] = {}


@pytest.fixture(autouse=True)
def small_forest(monkeypatch):
    """What holds of twenty trees holds of a hundred, in a fifth of the time."""
    monkeypatch.setattr(forest, "TREES", 20)
    monkeypatch.setattr(forest, "TREES_TO_CHOOSE", 10)


@pytest.fixture(autouse=True)
def able(request):
    """A family is asked only for tasks that it promises; that it refuses the others is a test of its own."""
    if "parts" in request.fixturenames and "name" in request.fixturenames:
        task = "classification" if request.getfixturevalue("parts")[3] else "regression"
        name = request.getfixturevalue("name")
        if task not in family(name).tasks:
            pytest.skip(f"{name} is for {', '.join(family(name).tasks)}")


@pytest.mark.parametrize("name", [name for name in CLASSICAL if name not in REGRESSORS])
def test_a_task_that_a_family_does_not_do_is_refused_with_those_that_do(name, cut):
    with pytest.raises(OptionError, match=rf"'{name}' is for classification, this task is regression; take one of .*ridge"):
        fitted(name, (*cut(0), 0))


def usual(name: str, parts: tuple[Rows, Rows, Rows, int]) -> Model:
    """The model as most tests need it, fitted once."""
    key = (name, parts[3])
    if key not in KEPT:
        KEPT[key] = fitted(name, parts)
    return KEPT[key]


def fitted(name: str, parts: tuple[Rows, Rows, Rows, int], seed: int = 3, loss: Loss | None = None) -> Model:
    train, valid, _, classes = parts
    model = MODELS[name]()
    model.fit(train, valid, loss=loss or loss_for("classification" if classes else "regression"), classes=classes, seed=seed)
    return model


@pytest.mark.parametrize("name", CLASSICAL)
def test_predictions_are_probabilities_or_values(name, parts):
    _, _, test, classes = parts
    prediction = usual(name, parts).predict(test.data)
    assert prediction.dtype == np.float64
    if classes:
        assert prediction.shape == (test.size, classes)
        assert (prediction > 0).all()
        np.testing.assert_allclose(prediction.sum(axis=1), 1.0, atol=1e-12)
    else:
        assert prediction.shape == (test.size,)


@pytest.mark.parametrize("name", LEARNERS)
def test_it_beats_the_constant_on_rows_it_never_saw(name, parts):
    _, _, test, classes = parts
    loss = loss_for("classification" if classes else "regression")
    constant, model = (usual(one, parts).predict(test.data) for one in ("constant", name))
    assert loss.mean(test.target, model) < loss.mean(test.target, constant) * 0.97


@pytest.mark.parametrize("name", CLASSICAL)
def test_the_stored_state_predicts_the_same_bits(name, parts):
    model, data = usual(name, parts), parts[2].data
    described, arrays = model.state()
    assert not any(array.dtype.hasobject for array in arrays.values())
    again = MODELS[name].from_state(json.loads(json.dumps(described, allow_nan=False)), arrays)
    assert np.array_equal(again.predict(data), model.predict(data))
    assert again.describe() == model.describe()
    for (one, left), (two, right) in zip(model.stages(data), again.stages(data), strict=True):
        assert one == two
        assert np.array_equal(left, right)


@pytest.mark.parametrize("name", CLASSICAL)
def test_stages_lead_from_the_constant_to_the_model(name, parts):
    model, constant, data = usual(name, parts), usual("constant", parts), parts[2].data
    stages = [(label, prediction.copy()) for label, prediction in model.stages(data)]
    assert stages[0][0] == "constant"
    # The boosters' start is the prior of the rows that the trees were fitted on, the same rows here.
    np.testing.assert_allclose(stages[0][1], constant.predict(data), rtol=1e-6)
    assert np.array_equal(stages[-1][1], model.predict(data))


@pytest.mark.parametrize("name", CLASSICAL)
def test_the_same_seed_gives_the_same_model(name, parts):
    data = parts[2].data
    assert np.array_equal(fitted(name, parts).predict(data), usual(name, parts).predict(data))


@pytest.mark.parametrize("name", WEIGHING)
def test_a_weight_of_two_is_a_row_twice_and_of_zero_no_row(name, parts):
    train, valid, test, classes = parts
    half = np.arange(train.size) % 2 == 0
    weighted = Rows(train.data, train.target, np.where(half, 2.0, 0.0))
    twice = np.flatnonzero(half).repeat(2)
    left = fitted(name, (weighted, valid, test, classes)).predict(test.data)
    right = fitted(name, (train.take(twice), valid, test, classes)).predict(test.data)
    np.testing.assert_allclose(left, right, atol=2e-4)


@pytest.mark.parametrize("name", CLASSICAL)
def test_weights_move_the_model(name, cut):
    parts = (*cut(2), 2)
    train, valid, test, classes = parts
    heavy = Rows(train.data, train.target, np.where(train.target == 1, 9.0, 1.0))
    assert not np.allclose(fitted(name, (heavy, valid, test, classes)).predict(test.data), usual(name, parts).predict(test.data))


@pytest.fixture(scope="module")
def skewed() -> list[Rows]:
    """Targets with a long tail, and so many test rows that a few huge ones do not decide."""
    table = mixed_table(2_450, 1)
    data = Encoder.fit(table).transform(table)
    parts = [rows_of(table, data, 0, part) for part in (slice(0, 350), slice(350, 450), slice(450, 2_450))]
    return [Rows(part.data, np.exp(1.5 * part.target)) for part in parts]


@pytest.mark.parametrize("name", REGRESSORS)
def test_absolute_error_is_served_better_than_by_the_mean(name, skewed):
    test, loss = skewed[2], LOSSES["absolute"]
    median, mean = (fitted(name, (*skewed, 0), loss=one).predict(test.data) for one in (loss, LOSSES["squared"]))
    assert loss.mean(test.target, median) < loss.mean(test.target, mean)


@pytest.mark.parametrize("name", CLASSICAL)
def test_a_class_absent_from_training_keeps_a_chance(name, cut):
    train, valid, test = cut(3)
    train = train.take(np.flatnonzero(train.target != 1))
    prediction = fitted(name, (train, valid, test, 3)).predict(test.data)
    assert prediction.shape == (150, 3)
    assert (prediction[:, 1] > 1e-6).all()
    np.testing.assert_allclose(prediction.sum(axis=1), 1.0, atol=1e-12)


@pytest.mark.parametrize("name", CLASSICAL)
def test_a_single_class_in_training_is_no_crash(name, cut):
    train, valid, test = cut(2)
    train, valid = (part.take(np.flatnonzero(part.target == 1)) for part in (train, valid))
    prediction = fitted(name, (train, valid, test, 2)).predict(test.data)
    assert (prediction[:, 1] > 0.9).all()


@pytest.mark.parametrize("name", CLASSICAL)
def test_it_can_do_without_validation_rows(name, parts):
    train, valid, test, classes = parts
    prediction = fitted(name, (train, valid.take(np.arange(0)), test, classes)).predict(test.data)
    assert np.isfinite(prediction).all()


@pytest.mark.parametrize("name", [name for name in LEARNERS if name != "one-rule"])
def test_validation_rows_are_predicted_by_what_did_not_learn_from_them(name, parts):
    _, valid, _, classes = parts
    loss = loss_for("classification" if classes else "regression")
    model = usual(name, parts)
    assert model.valid_prediction is not None
    assert loss.mean(valid.target, model.valid_prediction) > loss.mean(valid.target, model.predict(valid.data))
