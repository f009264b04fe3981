import json

import numpy as np
import polars as pl
import pytest
import torch
from tests.model.pictures import rows_of, table_of

from assay.core.errors import OptionError
from assay.evaluate import learner_side
from assay.model.cnn import BLOCKS, Cnn, CnnShape
from assay.model.cnn_network import CnnNetwork, augmented
from assay.model.contract import Rows
from assay.model.encoder import Encoder
from assay.model.snapshots import Snapshots
from assay.objective.loss import LOSSES
from assay.train.ladder import fit_model
from assay.train.settings import Settings

SMALL = CnnShape(layers=2, width=4)
CASES = [("log", 2), ("squared", 0)]


def rows_for(loss: str, n: int = 60, **made: object) -> Rows:
    return rows_of(table_of(n, **made), target="class" if loss == "log" else "value")  # type: ignore[arg-type]


def built(rows: Rows, loss: str = "log", classes: int = 2, shape: CnnShape = SMALL, seed: int = 0) -> Cnn:
    model = Cnn(shape)
    model.build(rows, loss=LOSSES[loss], classes=classes, seed=seed)
    return model


def shaken(model: Cnn) -> Cnn:
    """The same model with weights, and running statistics, that are no longer those of its birth."""
    rng, weights = np.random.default_rng(1), model.parameters()
    moved = {n: w + rng.normal(0, 0.2, w.shape).astype(w.dtype) * (0.1 if "running" in n else 1.0) for n, w in weights.items()}
    model.load_parameters(moved)
    return model


@pytest.mark.parametrize(("name", "classes"), CASES)
def test_the_loss_at_birth_is_the_opening_balance(name: str, classes: int) -> None:
    rows, loss = rows_for(name), LOSSES[name]
    constant = loss.best_constant(rows.target, None, classes)
    opening = loss.mean(rows.target, np.broadcast_to(constant, (rows.size, *constant.shape)))
    assert loss.mean(rows.target, built(rows, name, classes).predict(rows.data)) == pytest.approx(opening, rel=1e-9)


def test_it_learns_what_a_mean_of_pixels_cannot_tell() -> None:
    table = table_of(360)
    encoder = Encoder.fit(table.take(range(240)))
    train, test = rows_of(table.take(range(240)), encoder), rows_of(table.take(range(240, 360)), encoder)
    done = fit_model(Cnn(SMALL), train, test, loss=LOSSES["log"], classes=2, seed=0, epochs=12)
    assert (done.model.predict(test.data).argmax(axis=1) == test.target).mean() > 0.95


def test_it_learns_one_batch_by_heart() -> None:
    rows = rows_for("log", 16)
    model = Cnn(CnnShape(layers=2, width=8, augment="none"))
    knobs = Settings(learning_rate=1e-2, epochs=60, patience=60, batch_rows=16, restore=False, schedule="constant", weight_decay=0.0)
    fit_model(model, rows, rows, loss=LOSSES["log"], classes=2, seed=0, settings=knobs, watched=False)
    assert LOSSES["log"].mean(rows.target, model.predict(rows.data)) < 0.05


def test_the_same_seed_gives_the_same_weights() -> None:
    rows = rows_for("log")
    knobs = Settings(learning_rate=4e-3, epochs=2, batch_rows=16)
    first, second, other = (
        fit_model(Cnn(SMALL), rows, rows, loss=LOSSES["log"], classes=2, seed=seed, settings=knobs).model for seed in (0, 0, 1)
    )
    assert np.array_equal(first.flat(), second.flat())  # type: ignore[attr-defined]
    assert not np.array_equal(first.flat(), other.flat())  # type: ignore[attr-defined]


@pytest.mark.parametrize("made", [{}, {"side": 40, "channels": 3}, {"others": True}])
def test_a_model_comes_back_equal_from_its_state(made: dict[str, object]) -> None:
    rows = rows_for("log", 20, **made)
    model = shaken(built(rows))
    told, arrays = model.state()
    again = Cnn.from_state(json.loads(json.dumps(told)), arrays)
    assert np.array_equal(again.predict(rows.data), model.predict(rows.data))
    assert again.describe() == model.describe()


def test_the_gradient_agrees_with_finite_differences_running_statistics_included() -> None:
    rows = rows_for("log", 12)
    model = shaken(built(rows, shape=CnnShape(layers=2, width=3, activation="tanh")))
    model.network.double()
    for parameter in model.network.parameters():
        parameter.requires_grad_(True)
    point = model.flat()
    slopes = torch.autograd.grad(model.loss_on(rows.data, rows.target), list(model.network.parameters()))
    exact = np.concatenate([slope.numpy().ravel() for slope in slopes])

    def at(weights: np.ndarray) -> float:
        model.load_parameters(weights)
        return model.loss_on(rows.data, rows.target).item()

    rng = np.random.default_rng(0)
    for span in model.spans().values():
        way = np.zeros_like(point)
        way[span] = rng.normal(size=span.stop - span.start)
        way /= np.linalg.norm(way)
        measured = (at(point + 1e-5 * way) - at(point - 1e-5 * way)) / 2e-5
        assert measured == pytest.approx(float(exact @ way), rel=1e-5, abs=1e-9)


def test_layers_have_names_for_people_in_the_order_of_the_weights() -> None:
    model = built(rows_for("log", 20, others=True), shape=CnnShape(layers=2, width=4))
    assert list(model.groups()) == ["stem", "stage 1", "stage 2", "embeddings", "hidden 1", "output"]
    assert [n for names in model.groups().values() for n in names] == list(model.parameters())
    assert any("running_mean" in n for n in model.groups()["stage 1"])


def test_the_books_close_though_running_statistics_move() -> None:
    rows = rows_for("log", 120)
    knobs = Settings(learning_rate=4e-3, epochs=4, batch_rows=24, patience=4, restore=False)
    done = fit_model(Cnn(SMALL), rows, rows, loss=LOSSES["log"], classes=2, seed=0, settings=knobs)
    model, snapshots = done.model, done.snapshots
    assert isinstance(snapshots, Snapshots)
    assert np.array_equal(snapshots.weights[-1], model.flat())  # type: ignore[attr-defined]
    side = learner_side(model, loss=LOSSES["log"], classes=2, train=rows, test=rows, snapshots=snapshots)
    assert side.balances
    assert [b.name for b in side.bookings] == ["stem", "stage 1", "stage 2", "output"]
    trained = [p.requires_grad for p in model.network.parameters()]  # type: ignore[attr-defined]
    assert not all(trained)


def test_other_columns_reach_the_prediction() -> None:
    rows = rows_for("log", 20, others=True)
    model = shaken(built(rows))
    moved = rows.data.numbers.copy()
    moved[:, rows.data.number_names.index("age")] += 5.0
    other = Rows(type(rows.data)(**{**rows.data.__dict__, "numbers": moved}), rows.target)
    assert not np.allclose(model.predict(other.data), model.predict(rows.data))
    assert model.input_names == ("age",)


def test_a_missing_image_is_the_mean_image() -> None:
    table = table_of(20, side=40)
    frame = table.frame.with_columns(x=table.frame["x"].set(pl.Series(np.arange(20) == 3), None))
    rows = rows_of(type(table)(frame, table.kinds, table.roles, grids=table.grids))
    assert np.isfinite(shaken(built(rows)).predict(rows.data)).all()


def test_rows_do_not_see_each_other_when_predicting() -> None:
    rows = rows_for("log", 20)
    model = shaken(built(rows))
    whole, alone = model.predict(rows.data), model.predict(rows.data.take(np.array([7])))
    assert np.allclose(whole[[7]], alone, atol=1e-6)


def test_building_and_predicting_leave_torchs_own_stream_alone() -> None:
    rows = rows_for("log", 20)
    before = torch.random.get_rng_state()
    built(rows).predict(rows.data)
    assert torch.equal(torch.random.get_rng_state(), before)


def test_rows_without_images_are_refused() -> None:
    from tests.train.tables import two_classes

    with pytest.raises(OptionError, match=r"the rows hold 0 images.*--model such as mlp"):
        built(two_classes())


@pytest.mark.parametrize("size", [(1, 30), (2, 2), (3, 17), (16, 16), (33, 70)])
def test_images_of_any_size_go_through(size: tuple[int, int]) -> None:
    from assay.table import Roles, read

    pixels = np.random.default_rng(0).integers(0, 255, (12, *size), dtype=np.uint8)
    rows = rows_of(read({"x": pixels, "y": np.arange(12) % 2}).with_roles(Roles(target="y")))
    model = built(rows, shape=CnnShape(layers=3, width=2))
    model.network.train()
    assert model.network(model.inputs(rows.data)).shape == (12, 2)


@pytest.mark.parametrize("kind", BLOCKS)
@pytest.mark.parametrize("norm", ["batch", "none"])
def test_every_kind_of_block_is_built_as_it_is_told_and_learns(kind: str, norm: str) -> None:
    rows = rows_for("log", 16)
    shape = CnnShape(layers=2, width=4, block=kind, norm=norm)
    model = built(rows, shape=shape)
    assert kind in model.describe()
    knobs = Settings(learning_rate=1e-2, epochs=8, batch_rows=16, restore=False, schedule="constant")
    before = LOSSES["log"].mean(rows.target, model.predict(rows.data))
    fit_model(model, rows, rows, loss=LOSSES["log"], classes=2, seed=0, settings=knobs, watched=False)
    assert LOSSES["log"].mean(rows.target, model.predict(rows.data)) < before
    told, arrays = model.state()
    assert np.array_equal(Cnn.from_state(json.loads(json.dumps(told)), arrays).predict(rows.data), model.predict(rows.data))


def test_kinds_of_blocks_are_different_networks() -> None:
    rows = rows_for("log", 16)
    sizes = {kind: built(rows, shape=CnnShape(layers=3, width=8, block=kind)).n_weights for kind in BLOCKS}
    assert len(set(sizes.values())) == 4
    assert sizes["wide"] == sizes["pre-activation"]  # which differ where there is dropout


def test_a_wide_block_silences_channels_while_it_learns() -> None:
    rows = rows_for("log", 16)
    model = shaken(built(rows, shape=CnnShape(layers=2, width=8, block="wide", dropout=0.5, augment="none")))
    network, inputs = model.network, model.inputs(rows.data)
    assert isinstance(network, CnnNetwork)
    network.head.dropout = network.dropout.share = 0.0  # but for the blocks'
    network.noise = torch.Generator().manual_seed(0)
    network.train()
    assert not torch.equal(network(inputs), network(inputs))


def test_shifted_images_hold_only_what_was_there() -> None:
    images = torch.arange(2 * 5 * 6 * 1).reshape(2, 5, 6, 1)
    moved = augmented(images, (1, 2), flip=True, generator=torch.Generator().manual_seed(0))
    assert moved.shape == images.shape
    assert set(moved[0].flatten().tolist()) <= set(images[0].flatten().tolist())
    assert torch.equal(augmented(images, (0, 0), flip=False, generator=None), images)


@pytest.mark.parametrize(
    ("wrong", "told"),
    [({"norm": "btach"}, "did you mean 'batch'"), ({"augment": "flips"}, "did you mean 'flip'"), ({"layers": 0}, "give 1 or more")],
)
def test_a_shape_that_no_network_could_have_is_refused(wrong: dict[str, object], told: str) -> None:
    with pytest.raises(OptionError, match=told):
        CnnShape(**wrong)  # type: ignore[arg-type]


def test_few_images_are_seen_more_often() -> None:
    assert [Cnn.usual_lengths(n)["epochs"] for n in (100, 1_408, 8_800, 48_000)] == [60, 50, 16, 8]
