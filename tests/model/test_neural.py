"""What every neural model of rows owes, whatever its network."""

import json
from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest
import torch

from assay.core.errors import AssayError, OptionError, RunError
from assay.model.contract import Rows
from assay.model.mlp import Mlp, Shape
from assay.model.neural import NeuralModel
from assay.model.registry import MODELS
from assay.model.table_transformer import EncoderShape, Transformer
from assay.model.text_recurrent import Gru, Lstm, RecurrentShape, Rnn
from assay.objective.loss import LOSSES, loss_for

SMALL = {
    "mlp": lambda: Mlp(Shape(hidden=(8,), dropout=0.0)),
    "mlp of another activation": lambda: Mlp(Shape(hidden=(8, 8), dropout=0.0, activation="selu", norm="layer")),
    "linear mlp": lambda: Mlp(Shape(hidden=(), dropout=0.0)),
    "rnn": lambda: Rnn(RecurrentShape(width=8, dropout=0.0, pool="last")),
    "gru": lambda: Gru(RecurrentShape(width=8, dropout=0.0, pool="mean", both=False)),
    "lstm": lambda: Lstm(RecurrentShape(width=8, dropout=0.0, layers=2)),
    "lstm with attention pool": lambda: Lstm(RecurrentShape(width=8, dropout=0.0, pool="attention")),
    "transformer": lambda: Transformer(EncoderShape(width=8, heads=2, layers=1, dropout=0.0)),
    "transformer of columns": lambda: Transformer(EncoderShape(width=8, heads=2, layers=1, dropout=0.0)),
}
Cut = Callable[[int], tuple[Rows, Rows, Rows]]


def without_text(rows: Rows) -> Rows:
    data = rows.data
    return Rows(type(data)(data.numbers, data.number_names, data.number_sources, data.codes, data.code_names, data.code_sizes), rows.target)


def some(name: str, cut: Cut, classes: int, size: int = 60) -> Rows:
    rows = cut(classes)[0].take(np.arange(size))
    return without_text(rows) if name == "transformer of columns" else rows


def built(name: str, rows: Rows, classes: int, seed: int = 0, loss: str | None = None) -> NeuralModel:
    model = SMALL[name]()
    chosen = LOSSES[loss] if loss else loss_for("classification" if classes else "regression")
    model.build(rows, loss=chosen, classes=classes, seed=seed)
    return model


def shaken(model: NeuralModel) -> NeuralModel:
    """The same model with weights that are no longer those of its birth."""
    model.load_parameters(model.flat() + np.random.default_rng(1).normal(0, 0.1, len(model.flat())))
    return model


@pytest.mark.parametrize("name", SMALL)
@pytest.mark.parametrize(("classes", "loss"), [(2, "log"), (3, "log"), (0, "squared"), (0, "absolute")])
def test_the_loss_at_birth_is_the_opening_balance(name: str, classes: int, loss: str, cut: Cut) -> None:
    rows = some(name, cut, classes)
    model, kind = built(name, rows, classes, loss=loss), LOSSES[loss]
    constant = kind.best_constant(rows.target, None, classes)
    opening = kind.mean(rows.target, np.broadcast_to(constant, (rows.size, *constant.shape)))
    assert kind.mean(rows.target, model.predict(rows.data)) == pytest.approx(opening, rel=1e-12)
    assert model.loss_on(rows.data, rows.target).item() == pytest.approx(opening, rel=1e-12)


@pytest.mark.parametrize("name", SMALL)
def test_it_learns_one_batch_by_heart(name: str, cut: Cut) -> None:
    rows = some(name, cut, 2, 24)
    model = built(name, rows, 2)
    inputs, target = model.inputs(rows.data), model.targets(rows.target)
    optimiser = torch.optim.Adam(model.network.parameters(), lr=0.03)
    model.network.train()
    for _ in range(120):
        optimiser.zero_grad()
        loss = model.training_losses(inputs, target).mean()
        torch.autograd.backward(loss)
        optimiser.step()
    assert model.loss_on(rows.data, rows.target).item() < 0.1


@pytest.mark.parametrize("name", SMALL)
def test_the_gradient_agrees_with_finite_differences(name: str, cut: Cut) -> None:
    rows = some(name, cut, 3, 20)
    model = shaken(built(name, rows, 3))
    model.network.double()
    point = model.flat().astype(np.float64)
    model.load_parameters(point)
    slopes = torch.autograd.grad(model.loss_on(rows.data, rows.target), list(model.network.parameters()), allow_unused=True)
    exact = np.concatenate([slope.numpy().ravel() for slope in slopes if slope is not None])
    assert len(exact) == len(point)

    def at(weights: np.ndarray) -> float:
        model.load_parameters(weights)
        return model.loss_on(rows.data, rows.target).item()

    for span in model.spans().values():
        place = span.start + int(np.abs(exact[span]).argmax())
        step = np.zeros(len(point))
        step[place] = 1e-5
        assert exact[place] == pytest.approx((at(point + step) - at(point - step)) / 2e-5, rel=1e-6, abs=1e-9)


@pytest.mark.parametrize("name", SMALL)
def test_layers_follow_each_other_and_cover_all_weights(name: str, cut: Cut) -> None:
    model = built(name, some(name, cut, 2), 2)
    ends = [(span.start, span.stop) for span in model.spans().values()]
    assert ends[0][0] == 0
    assert ends[-1][1] == len(model.flat())
    assert all(a[1] == b[0] for a, b in pairwise(ends))
    order = [n for names in model.groups().values() for n in names]
    assert order == [n for n, _ in model.network.named_parameters()]
    assert not model.flat()[model.spans()["output"]].any()
    assert all(model.network.layer_kind(layer) for layer in model.groups())


@pytest.mark.parametrize("name", SMALL)
@pytest.mark.parametrize("classes", [2, 0])
def test_a_model_comes_back_equal_from_its_state(name: str, classes: int, cut: Cut) -> None:
    rows = some(name, cut, classes)
    model = shaken(built(name, rows, classes))
    model.kept = "kept epoch 1 of 2"
    data, arrays = model.state()
    again = MODELS[model.name].from_state(json.loads(json.dumps(data, allow_nan=False)), arrays)
    assert np.array_equal(again.predict(rows.data), model.predict(rows.data))
    assert again.describe() == model.describe() != ""
    assert len(model.describe()) <= 120
    assert [label for label, _ in again.stages(rows.data)] == ["constant", model.name]


@pytest.mark.parametrize("name", SMALL)
def test_a_seed_fixes_the_weights_and_leaves_torchs_own_stream_alone(name: str, cut: Cut) -> None:
    rows, before = some(name, cut, 2), torch.random.get_rng_state()
    first, again, other = (built(name, rows, 2, seed).flat() for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert len(first) == len(other)
    assert name == "linear mlp" or not np.array_equal(first, other)
    assert torch.equal(before, torch.random.get_rng_state())


@pytest.mark.parametrize("name", SMALL)
def test_weights_in_the_loss_are_rows_repeated(name: str, cut: Cut) -> None:
    rows = some(name, cut, 2, 30)
    model, weight = shaken(built(name, rows, 2)), np.where(np.arange(30) < 10, 3.0, 1.0)
    repeated = np.repeat(np.arange(30), weight.astype(int))
    twice = model.loss_on(rows.data.take(repeated), rows.target[repeated]).item()
    assert model.loss_on(rows.data, rows.target, weight).item() == pytest.approx(twice, rel=1e-6)


@pytest.mark.parametrize("name", SMALL)
def test_a_row_is_predicted_alike_in_any_company(name: str, cut: Cut) -> None:
    rows = some(name, cut, 2)
    model, order = shaken(built(name, rows, 2)), np.random.default_rng(0).permutation(rows.size)
    whole = model.predict(rows.data)
    np.testing.assert_allclose(model.predict(rows.data.take(order)), whole[order], atol=1e-6)
    np.testing.assert_allclose(model.predict(rows.data.take(np.array([7]))), whole[[7]], atol=1e-6)
    assert model.predict(rows.data.take(np.arange(0))).shape == (0, 2)


@pytest.mark.parametrize("name", ["mlp", "lstm", "transformer", "transformer of columns"])
def test_plain_fit_beats_the_constant_on_rows_it_never_saw(name: str, cut: Cut) -> None:
    train, valid, test = (without_text(r) if name == "transformer of columns" else r for r in cut(2))
    model, loss = SMALL[name](), LOSSES["log"]
    model.fit(train, valid, loss=loss, classes=2, seed=0)
    constant = loss.best_constant(train.target, None, 2)
    assert loss.mean(test.target, model.predict(test.data)) < 0.9 * loss.mean(test.target, np.broadcast_to(constant, (test.size, 2)))


def test_dropout_draws_from_the_generator_that_it_is_given(cut: Cut) -> None:
    rows = some("lstm", cut, 2)
    for model in (Lstm(RecurrentShape(width=8, dropout=0.5)), Transformer(EncoderShape(width=8, heads=2, dropout=0.5))):
        model.build(rows, loss=LOSSES["log"], classes=2, seed=0)
        shaken(model)
        inputs, network = model.inputs(rows.data), model.network.train()
        made = []
        for seed in (3, 3, 4):
            network.noise = torch.Generator().manual_seed(seed)
            made.append(network(inputs))
        assert torch.equal(made[0], made[1])
        assert not torch.equal(made[0], made[2])


def test_an_unbuilt_model_says_what_to_do_and_strange_weights_are_refused(cut: Cut) -> None:
    with pytest.raises(AssayError, match="call build"):
        _ = Lstm().network
    assert Lstm().describe() == Transformer().describe() == Mlp().describe() == ""
    model = built("lstm", some("lstm", cut, 2), 2)
    with pytest.raises(RunError, match="another model"):
        model.load_parameters(np.zeros(5))


def test_shapes_that_no_network_could_have_are_refused() -> None:
    wrong = [
        lambda: Shape(hidden=(0,)),
        lambda: Shape(activation="relo"),
        lambda: Shape(norm="batch"),
        lambda: Shape(dropout=1.0),
        lambda: RecurrentShape(width=0),
        lambda: RecurrentShape(pool="least"),
        lambda: EncoderShape(width=10, heads=4),
        lambda: EncoderShape(layers=0),
    ]
    for one in wrong:
        with pytest.raises(OptionError, match=r"give|did you mean|there are"):
            one()


def test_knobs_turn_the_shape_of_each_family() -> None:
    assert Mlp.shaped({"layers": 3, "width": 32, "activation": "tanh"}) == Shape(hidden=(32, 32, 32), activation="tanh")
    assert Mlp.shaped({"width": 32}).hidden == (32, 32)
    assert Mlp.shaped({}) == Shape()
    assert Lstm.shaped({"layers": 2, "dropout": 0.5}) == RecurrentShape(layers=2, dropout=0.5)
    assert Transformer.knobs() == ("layers", "width", "heads", "activation", "dropout")
    assert Lstm.knobs() == ("layers", "width", "dropout")
