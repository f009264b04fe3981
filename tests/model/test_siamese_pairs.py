"""A siamese network on a table of pairs finds their columns, keeps the contract of models, and tells same from different."""

import json

import numpy as np
import polars as pl
import pytest
import torch

from assay.core.errors import OptionError
from assay.model.contract import Rows
from assay.model.encoder import Encoder
from assay.model.pair_columns import PairColumns, pair_columns, same_class
from assay.model.pair_table import with_items_as_texts
from assay.model.registry import MODELS
from assay.model.siamese_network import pair_losses
from assay.model.siamese_pairs import SiamesePairs, SiameseShape
from assay.objective.loss import LOSSES, loss_for
from assay.table.table import Table

NAMES = ("different", "same")
TOPICS = (["bread oven flour bake yeast", "goal ball team kick match", "star moon orbit dust sky"], "the a of and in")
SMALL = SiameseShape(width=16, dropout=0.0)


def text_pairs(n: int = 300, seed: int = 0, scored: bool = False) -> Rows:
    """Pairs of texts on topics: the same topic or not, or how near its number is."""
    rng = np.random.default_rng(seed)
    topics = rng.integers(0, 3, (n, 2))

    def text(topic: int) -> str:
        words = [*rng.choice(TOPICS[0][topic].split(), 3), *rng.choice(TOPICS[1].split(), 2)]
        return " ".join(rng.permutation(words))

    frame = pl.DataFrame({"text1": [text(t) for t in topics[:, 0]], "text2": [text(t) for t in topics[:, 1]], "of": rng.normal(size=n)})
    return rows_of(frame, {"text1": "text", "text2": "text", "of": "number"}, topics, scored)


def column_pairs(n: int = 300, seed: int = 0, scored: bool = False) -> Rows:
    """Pairs of things with numbers and a category on each side."""
    rng = np.random.default_rng(seed)
    things = rng.integers(0, 3, (n, 2))
    columns = {}
    for side, name in enumerate(("left", "right")):
        columns[f"{name}_x"] = things[:, side] + rng.normal(0, 0.1, n)
        columns[f"{name}_y"] = rng.normal(0, 1, n)
        columns[f"{name}_kind"] = np.array(["u", "v", "w"])[np.where(rng.random(n) < 0.9, things[:, side], 0)]
    frame = pl.DataFrame(columns)
    return rows_of(frame, {c: "category" if c.endswith("kind") else "number" for c in frame.columns}, things, scored)


def rows_of(frame: pl.DataFrame, kinds: dict[str, str], things: np.ndarray, scored: bool) -> Rows:
    table = Table(frame, kinds)
    data = Encoder.fit(table).transform(table)
    if scored:
        return Rows(data, -np.abs(things[:, 0] - things[:, 1]).astype(np.float64))
    return Rows(data, (things[:, 0] == things[:, 1]).astype(np.int64), None, NAMES)


MAKERS = {"texts": text_pairs, "columns": column_pairs}


def built(rows: Rows, shape: SiameseShape = SMALL, seed: int = 0) -> SiamesePairs:
    model, classes = SiamesePairs(shape), len(rows.class_names)
    model.build(rows, loss=loss_for("classification" if classes else "regression"), classes=classes, seed=seed)
    return model


def shaken(model: SiamesePairs) -> SiamesePairs:
    model.load_parameters(model.flat() + np.random.default_rng(1).normal(0, 0.1, len(model.flat())))
    return model


def trained(rows: Rows, shape: SiameseShape = SMALL) -> SiamesePairs:
    model = built(rows, shape)
    inputs, target = model.inputs(rows.data), model.targets(rows.target)
    optimiser = torch.optim.AdamW(model.network.parameters(), lr=0.02)
    model.network.train()
    for _ in range(60):
        optimiser.zero_grad()
        torch.autograd.backward(model.training_losses(inputs, target).mean())
        optimiser.step()
    return model


def swapped(rows: Rows) -> Rows:
    """The same pairs with left and right changed over."""
    data = rows.data
    return Rows(type(data)(**{**data.__dict__, "texts": data.texts[::-1], "bags": data.bags[::-1]}), rows.target, None, rows.class_names)


@pytest.mark.parametrize("kind", MAKERS)
@pytest.mark.parametrize("scored", [False, True])
def test_the_loss_at_birth_is_the_opening_balance(kind: str, scored: bool) -> None:
    rows = MAKERS[kind](80, scored=scored)
    model = built(rows)
    opening = model.loss.mean(rows.target, np.broadcast_to(c := model.loss.best_constant(rows.target, None, 2), (rows.size, *c.shape)))
    assert model.loss_on(rows.data, rows.target).item() == pytest.approx(opening, rel=1e-9)
    assert not model.flat()[model.spans()["output"]].any()


@pytest.mark.parametrize("kind", MAKERS)
@pytest.mark.parametrize("how", ["contrastive", "triplet"])
def test_it_tells_same_from_different_in_pairs_that_it_never_saw(kind: str, how: str) -> None:
    rows = MAKERS[kind](300)
    model, test = trained(rows.take(np.arange(200)), SiameseShape(width=16, dropout=0.0, loss=how)), rows.take(np.arange(200, 300))
    found = model.predict(test.data)
    assert (found.argmax(axis=1) == test.target).mean() > 0.9
    assert LOSSES["log"].mean(test.target, found) < 0.5
    apart = model.network.apart(model.inputs(test.data)).detach().numpy()  # type: ignore[operator]
    assert np.array_equal(apart < model.threshold, found.argmax(axis=1) == 1)


def test_a_score_is_learned_too() -> None:
    rows = column_pairs(250, scored=True)
    model, test = trained(rows.take(np.arange(200))), rows.take(np.arange(200, 250))
    assert LOSSES["squared"].mean(test.target, model.predict(test.data)) < 0.5 * float(np.var(test.target))


@pytest.mark.parametrize("kind", MAKERS)
def test_a_pair_comes_back_equal_from_its_state_and_its_seed(kind: str) -> None:
    rows = MAKERS[kind](80)
    model = shaken(built(rows))
    data, arrays = model.state()
    again = MODELS["siamese"].from_state(json.loads(json.dumps(data, allow_nan=False)), arrays)
    assert np.array_equal(again.predict(rows.data), model.predict(rows.data))
    assert again.describe() == model.describe()
    assert 0 < len(model.describe()) <= 120
    assert np.array_equal(built(rows, seed=1).flat(), built(rows, seed=1).flat())
    assert not np.array_equal(built(rows, seed=1).flat(), built(rows, seed=2).flat())


def test_which_item_is_left_does_not_matter() -> None:
    rows = text_pairs(60)
    model = shaken(built(rows))
    np.testing.assert_allclose(model.predict(swapped(rows).data), model.predict(rows.data), atol=1e-6)


@pytest.mark.parametrize("kind", MAKERS)
def test_the_gradient_agrees_with_finite_differences(kind: str) -> None:
    rows = MAKERS[kind](20)
    model = shaken(built(rows))
    model.network.double()
    model.load_parameters(point := model.flat().astype(np.float64))
    slopes = torch.autograd.grad(model.loss_on(rows.data, rows.target), list(model.network.parameters()))
    exact = np.concatenate([slope.numpy().ravel() for slope in slopes])

    def at(weights: np.ndarray) -> float:
        model.load_parameters(weights)
        return model.loss_on(rows.data, rows.target).item()

    for span in model.spans().values():
        step = np.zeros(len(point))
        step[place := span.start + int(np.abs(exact[span]).argmax())] = 1e-5
        assert exact[place] == pytest.approx((at(point + step) - at(point - step)) / 2e-5, rel=1e-6, abs=1e-9)


def test_the_encoder_learns_by_the_loss_of_pairs_alone_and_the_verdict_by_the_ledgers() -> None:
    rows = text_pairs(40)
    model = shaken(built(rows))
    inputs, target, network = model.inputs(rows.data), model.targets(rows.target), model.network
    told = model.training_losses(inputs, target)
    assert told.sum().item() == pytest.approx(model.losses(inputs, target).sum().item() / model.loss_scale, rel=1e-6)
    drawn = pair_losses("contrastive", network.apart(inputs), (target == 1).float())  # type: ignore[operator]
    encoder = [p for n, p in network.named_parameters() if not n.startswith("output")]
    mine = torch.autograd.grad(told.sum(), encoder, retain_graph=True)
    theirs = torch.autograd.grad(drawn.sum(), encoder)
    assert all(torch.allclose(a, b, rtol=1e-5, atol=1e-7) for a, b in zip(mine, theirs, strict=True))


def test_a_share_of_likeness_draws_a_pair_to_that_share_of_the_margin() -> None:
    apart = torch.linspace(0, 4, 401)
    for share in (0.0, 0.25, 0.5, 1.0):
        assert apart[pair_losses("contrastive", apart, torch.full((401,), share)).argmin()].item() == pytest.approx(
            4 * (1 - share), abs=0.01
        )


def test_a_batch_of_one_kind_has_no_triplets() -> None:
    apart = torch.tensor([1.0, 2.0], requires_grad=True)
    assert pair_losses("triplet", apart, torch.ones(2)).tolist() == [0.0, 0.0]


def test_empty_and_unknown_texts_have_a_finite_gradient_and_a_probability() -> None:
    frame = pl.DataFrame({"a": ["red fox", None, "red", "zzz", ""] * 4, "b": ["red fox", "", "fox", "qqq", "fox"] * 4})
    table = Table(frame, {"a": "text", "b": "text"})
    rows = Rows(Encoder.fit(table).transform(table), np.arange(20) % 2, None, NAMES)
    model = shaken(built(rows))
    loss = model.training_losses(model.inputs(rows.data), model.targets(rows.target)).mean()
    assert all(torch.isfinite(slope).all() for slope in torch.autograd.grad(loss, list(model.network.parameters())))
    np.testing.assert_allclose(model.predict(rows.data).sum(axis=1), 1.0)


@pytest.mark.parametrize(
    ("names", "left", "right"),
    [
        (("b", "a"), ("a",), ("b",)),
        (("textA", "textB"), ("textA",), ("textB",)),
        (("left_age", "right_city", "left_city", "right_age"), ("left_age", "left_city"), ("right_age", "right_city")),
        (("Sentence 1", "Sentence 2", "source_a"), ("Sentence 1",), ("Sentence 2",)),
        (("age_first", "age_second"), ("age_first",), ("age_second",)),
    ],
)
def test_a_pair_is_found_by_the_names_of_its_columns(names: tuple[str, ...], left: tuple[str, ...], right: tuple[str, ...]) -> None:
    assert pair_columns(names) == PairColumns(left, right)


def test_a_pair_may_be_named_by_its_columns_or_by_marks() -> None:
    assert pair_columns(["q", "r", "text1", "text2"], asked=("q", "r")) == PairColumns(("q",), ("r",))
    assert pair_columns(["my_x", "your_x", "my_y", "your_y"], asked=("my", "your")).left == ("my_x", "my_y")
    with pytest.raises(OptionError, match=r"'txt1' is neither .* did you mean 'text1'"):
        pair_columns(["text1", "text2"], asked=("txt1", "text2"))
    with pytest.raises(OptionError, match="takes two columns"):
        pair_columns(["text1", "text2"], asked=("text1", "text1"))


def test_a_table_without_a_pair_says_how_to_name_one() -> None:
    with pytest.raises(OptionError, match=r"of the 2 columns read \('age', 'city'\) no two are marked .* --pair LEFT RIGHT"):
        pair_columns(["age", "city"])


def test_classes_that_do_not_tell_which_is_the_same_are_refused() -> None:
    assert same_class(()) == 1
    assert same_class(("not_paraphrase", "my paraphrase")) == 1
    with pytest.raises(OptionError, match="'blue' and 'red' is that of pairs that belong together"):
        same_class(("blue", "red"))
    with pytest.raises(OptionError, match="3 classes"):
        same_class(("a", "b", "c"))


def test_a_score_has_no_triplets_and_a_text_no_mate_among_the_numbers() -> None:
    with pytest.raises(OptionError, match="take contrastive"):
        built(column_pairs(40, scored=True), SiameseShape(loss="triplet"))
    with pytest.raises(OptionError, match="'text1' is read as text and 'of' as number"):
        built(text_pairs(40), SiameseShape(pair=("text1", "of")))
    with pytest.raises(OptionError, match="did you mean 'triplet'"):
        SiameseShape(loss="triplets")
    with pytest.raises(OptionError, match="give 0 or more"):
        SiameseShape(layers=-1)


def test_items_that_recur_are_read_as_texts_unless_a_person_says_else() -> None:
    table = Table(
        pl.DataFrame({"a": ["so be it"] * 3, "b": ["no", "why not", "so be it"], "c": ["x", "y", "z"]}), dict.fromkeys("abc", "category")
    )
    read = with_items_as_texts(table)
    assert dict(read.kinds) == {"a": "text", "b": "text", "c": "category"}
    assert "'a' and 'b' are read as text" in read.notes[-1]
    assert with_items_as_texts(table, fixed=("a", "b")) is table
