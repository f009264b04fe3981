from itertools import pairwise

import numpy as np
import pytest
import torch
from tests.train.tables import a_line, part, two_classes

from assay.core.errors import RunError
from assay.model.contract import Rows
from assay.model.mlp import Mlp, Shape
from assay.objective.loss import LOSSES, loss_for

SMALL = Shape(hidden=(16, 8))


def built(rows: Rows, loss: str, classes: int, seed: int = 0, shape: Shape = SMALL) -> Mlp:
    model = Mlp(shape)
    model.build(rows, loss=LOSSES[loss], classes=classes, seed=seed)
    return model


def shaken(model: Mlp) -> Mlp:
    """The same model with weights that are no longer those of its birth."""
    noise = np.random.default_rng(1).normal(0, 0.3, len(model.flat()))
    model.load_parameters(model.flat() + noise)
    return model


CASES = [(two_classes(), "log", 2), (a_line(), "squared", 0), (a_line(), "absolute", 0)]


@pytest.mark.parametrize(("rows", "name", "classes"), CASES)
def test_the_loss_at_birth_is_the_opening_balance(rows: Rows, name: str, classes: int) -> None:
    loss, model = LOSSES[name], built(rows, name, classes)
    constant = loss.best_constant(rows.target, None, classes)
    opening = loss.mean(rows.target, np.broadcast_to(constant, (len(rows.target), *constant.shape)))
    assert loss.mean(rows.target, model.predict(rows.data)) == pytest.approx(opening, rel=1e-12)
    assert model.loss_on(rows.data, rows.target).item() == pytest.approx(opening, rel=1e-12)


@pytest.mark.parametrize(("rows", "name", "classes"), CASES)
def test_torch_and_numpy_agree_on_the_loss_of_each_row(rows: Rows, name: str, classes: int) -> None:
    model = shaken(built(rows, name, classes))
    in_torch = model.losses(model.inputs(rows.data), model.targets(rows.target)).detach().numpy()
    assert np.allclose(in_torch, LOSSES[name].per_row(rows.target, model.predict(rows.data)), rtol=1e-9)


@pytest.mark.parametrize(("rows", "name", "classes"), CASES)
def test_the_gradient_agrees_with_finite_differences(rows: Rows, name: str, classes: int) -> None:
    model = shaken(built(part(rows, 0, 50), name, classes))
    model.network.double()
    rows, point = part(rows, 0, 50), model.flat()
    slopes = torch.autograd.grad(model.loss_on(rows.data, rows.target), list(model.network.parameters()))
    exact = np.concatenate([slope.numpy().ravel() for slope in slopes])

    def at(weights: np.ndarray) -> float:
        model.load_parameters(weights)
        return model.loss_on(rows.data, rows.target).item()

    for span in model.spans().values():
        place = span.start + int(np.abs(exact[span]).argmax())
        step = np.zeros(len(point))
        step[place] = 1e-6
        wanted = (at(point + step) - at(point - step)) / 2e-6
        assert exact[place] == pytest.approx(wanted, rel=1e-4, abs=1e-9)


def test_weights_in_the_loss_are_rows_repeated() -> None:
    rows, model = a_line(60), built(a_line(60), "squared", 0)
    weight = np.where(np.arange(60) < 20, 3.0, 1.0)
    repeated = np.repeat(np.arange(60), weight.astype(int))
    weighted = model.loss_on(rows.data, rows.target, weight).item()
    assert weighted == pytest.approx(model.loss_on(rows.data.take(repeated), rows.target[repeated]).item(), rel=1e-9)


def test_every_layer_has_its_span_and_name() -> None:
    model = built(two_classes(), "log", 2)
    assert list(model.spans()) == ["embeddings", "text", "hidden 1", "hidden 2", "output"]
    ends = [(span.start, span.stop) for span in model.spans().values()]
    assert ends[0][0] == 0
    assert ends[-1][1] == len(model.flat())
    assert all(a[1] == b[0] for a, b in pairwise(ends))
    assert sorted(n for names in model.groups().values() for n in names) == sorted(model.parameters())
    assert not model.flat()[model.spans()["output"]].any()


@pytest.mark.parametrize(("rows", "name", "classes"), CASES)
def test_a_model_comes_back_equal_from_its_state(rows: Rows, name: str, classes: int) -> None:
    model = shaken(built(rows, name, classes))
    data, arrays = model.state()
    back = Mlp.from_state(data, arrays)
    assert np.array_equal(back.predict(rows.data), model.predict(rows.data))
    assert back.state()[0] == data


def test_predictions_are_probabilities_and_stages_end_in_them() -> None:
    rows, model = two_classes(), shaken(built(two_classes(), "log", 2))
    predicted = model.predict(rows.data)
    assert predicted.dtype == np.float64
    assert np.allclose(predicted.sum(axis=1), 1)
    stages = list(model.stages(rows.data))
    assert [name for name, _ in stages] == ["constant", "mlp"]
    assert np.allclose(stages[0][1], np.bincount(rows.target) / len(rows.target))
    assert np.array_equal(stages[1][1], predicted)


def test_text_and_categories_reach_the_prediction_row_by_row() -> None:
    rows, model = two_classes(), shaken(built(two_classes(), "log", 2))
    order = np.random.default_rng(0).permutation(rows.data.rows)
    assert np.allclose(model.predict(rows.data)[order], model.predict(rows.data.take(order)), atol=1e-6)
    assert model.predict(rows.data.take(np.arange(0))).shape == (0, 2)


def test_building_and_predicting_leave_torchs_own_stream_alone() -> None:
    before = torch.random.get_rng_state()
    built(two_classes(), "log", 2).predict(two_classes().data)
    assert torch.equal(before, torch.random.get_rng_state())


def test_plain_fit_learns_a_line() -> None:
    rows = a_line(400)
    model = Mlp(Shape(hidden=(16, 8), dropout=0.0))
    model.fit(part(rows, 0, 300), part(rows, 300, 400), loss=loss_for("regression"), classes=0, seed=0)
    left = np.mean((model.predict(rows.data) - rows.target) ** 2) / np.var(rows.target)
    assert left < 0.3


def test_weights_of_another_network_are_refused() -> None:
    model = built(two_classes(), "log", 2)
    with pytest.raises(RunError, match="3 weights"):
        model.load_parameters(np.zeros(3))
    with pytest.raises(RunError, match="output"):
        model.load_parameters({n: v for n, v in model.parameters().items() if not n.startswith("output")})


def test_a_network_without_any_input_predicts_the_constant() -> None:
    rows = Rows(a_line(20).data.take(np.arange(20)), a_line(20).target)
    empty = Rows(type(rows.data)(np.empty((20, 0)), (), (), np.empty((20, 0), np.int32), (), ()), rows.target)
    assert np.allclose(built(empty, "squared", 0).predict(empty.data), rows.target.mean())
