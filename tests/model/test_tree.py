"""Trees and forests: scikit-learn's numbers, prefixes that are smaller trees, and rules that a person can apply."""

import itertools

import numpy as np
import pytest
from sklearn.ensemble import RandomForestRegressor
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from assay.core.seeds import seed_for
from assay.model import forest as forest_module
from assay.model.contract import Rows
from assay.model.encoding import Encoded
from assay.model.forest import Forest
from assay.model.tree import Tree
from assay.model.tree_growth import as_single, ends_within, grow_forest, grow_tree, parents_of
from assay.model.tree_input import TreeInput
from assay.model.tree_rules import ReadColumn, conditions_of, read_columns
from assay.objective.loss import LOSSES

NONE = 1e-12


def rows_of(numbers, target, codes=None, levels=(), weight=None) -> Rows:
    names = tuple(f"n{i}" for i in range(numbers.shape[1]))
    codes = np.zeros((len(numbers), 0), np.int32) if codes is None else codes.astype(np.int32)
    towns = tuple(f"town{i}" for i in range(codes.shape[1]))
    sizes = tuple(len(one) + 2 for one in levels)
    return Rows(Encoded(numbers, names, names, codes, towns, sizes, code_levels=levels), target, weight, ("no", "yes"))


@pytest.fixture
def drawn():
    rng = np.random.default_rng(0)
    numbers = rng.normal(size=(400, 4))
    values = np.where(numbers[:, 0] > 0.3, 2.0, 0.0) + numbers[:, 1] ** 2 + rng.normal(0, 0.3, 400)
    numbers[rng.random((400, 4)) < 0.1] = np.nan
    return numbers, values


@pytest.mark.parametrize("classes", [0, 3])
@pytest.mark.parametrize("leaves", [5, 40])
def test_a_tree_equals_scikit_learns(drawn, classes, leaves):
    numbers, values = drawn
    target = np.searchsorted(np.quantile(values, [1 / 3, 2 / 3]), values) if classes else values
    loss = LOSSES["log" if classes else "squared"]
    grown = grow_tree(rows_of(numbers, target), loss, classes, leaves=leaves, leaf_rows=5, seed=1, prior_rows=NONE)
    kind, criterion = (DecisionTreeClassifier, "entropy") if classes else (DecisionTreeRegressor, "squared_error")
    theirs = kind(criterion=criterion, max_leaf_nodes=leaves, min_samples_leaf=5, random_state=seed_for(1, "tree"))
    theirs.fit(as_single(numbers), target)
    asked = np.random.default_rng(1).normal(size=(200, 4))
    asked[::9, 1] = np.nan
    mine = grown.values[next(grown.leaves(rows_of(asked, np.zeros(200)).data))]
    np.testing.assert_allclose(mine, theirs.predict_proba(as_single(asked)) if classes else theirs.predict(as_single(asked)), atol=1e-9)


def test_the_first_splits_of_a_large_tree_are_the_small_tree(drawn):
    numbers, values = drawn
    rows, loss = rows_of(numbers, values), LOSSES["squared"]
    large = grow_tree(rows, loss, 0, leaves=40, leaf_rows=5, seed=1, prior_rows=NONE)
    ends, parents = next(large.leaves(rows.data)), parents_of(large.trees)
    for leaves in (1, 2, 7, 23):
        cut = large.values[ends_within(ends, parents, 2 * leaves - 1)]
        if leaves == 1:
            np.testing.assert_allclose(cut, values.mean())
            continue
        small = grow_tree(rows, loss, 0, leaves=leaves, leaf_rows=5, seed=1, prior_rows=NONE)
        np.testing.assert_allclose(cut, small.values[next(small.leaves(rows.data))], atol=1e-9)


def test_stages_split_by_split_take_off_the_loss_of_the_rows_learned_from(drawn):
    numbers, values = drawn
    rows, loss = rows_of(numbers, values), LOSSES["squared"]
    model = Tree()
    model.fit(rows.take(np.arange(300)), rows.take(np.arange(300, 400)), loss=loss, classes=0, seed=0)
    stages = list(model.stages(rows.data))
    falls = [loss.mean(values, prediction) for _, prediction in stages]
    assert [name for name, _ in stages[:2]] == ["constant", f"split 1: {model.splits[0]}"]
    assert len(stages) == len(model.rules)
    assert all(later < earlier for earlier, later in itertools.pairwise(falls))


def test_categories_are_cut_into_sets_by_their_target():
    rng = np.random.default_rng(2)
    codes = rng.integers(2, 8, (600, 1))
    target = (rng.random(600) < np.where(np.isin(codes[:, 0], [2, 5, 7]), 0.9, 0.1)).astype(np.int64)
    rows = rows_of(np.zeros((600, 0)), target, codes, (("oslo", "rome", "lima", "bern", "kiev", "bonn"),))
    model = Tree()
    model.fit(rows.take(np.arange(500)), rows.take(np.arange(500, 600)), loss=LOSSES["log"], classes=2, seed=0)
    assert len(model.rules) == 2
    high = next(rule for rule in model.rules if "yes" in rule)
    assert all(town in high for town in ("oslo", "bern", "bonn"))
    assert "town0 is" in model.describe()


def test_rules_tell_one_condition_a_column_and_only_one_holds_of_a_row(drawn):
    numbers, values = drawn
    rows = rows_of(numbers, values)
    grown = grow_tree(rows, LOSSES["squared"], 0, leaves=12, leaf_rows=5, seed=1, prior_rows=NONE)
    told = conditions_of(grown.trees, read_columns(grown.columns, rows.data))
    assert len(told) == 12
    complete = np.flatnonzero(~np.isnan(numbers).any(axis=1))[:50]
    for row in complete:
        here = {f"n{i}": numbers[row, i] for i in range(4)}
        holding = [leaf for leaf, text in told.items() if eval(text.replace(" or missing", ""), {}, here)]  # noqa: S307
        assert holding == [next(grown.leaves(rows.data))[row]]


def test_conditions_read_as_sentences():
    assert ReadColumn("age", has_missing=True).told(-np.inf, 30.0, True) == "age <= 30 or missing"
    assert ReadColumn("age").told(10.0, 30.0, True) == "10 < age <= 30"
    town = ReadColumn("town", ("a", "b", "c", "d", "e"))
    assert town.told(0.5, np.inf, False) == "town is b or c or d or 1 more"


def test_a_tree_without_signal_is_its_root():
    rng = np.random.default_rng(3)
    rows = rows_of(rng.normal(size=(300, 2)), rng.integers(0, 2, 300))
    model = Tree()
    model.fit(rows.take(np.arange(240)), rows.take(np.arange(240, 300)), loss=LOSSES["log"], classes=2, seed=0)
    assert model.describe() == "no split tells more than the constant"
    assert [name for name, _ in model.stages(rows.data)] == ["constant", "no split"]


def test_a_forest_equals_scikit_learns(drawn):
    numbers, values = drawn
    rows = rows_of(numbers, values)
    grown = grow_forest(rows, LOSSES["squared"], 0, trees=12, leaves=100, leaf_rows=3, seed=4, prior_rows=NONE)
    theirs = RandomForestRegressor(12, max_features=1, max_leaf_nodes=100, min_samples_leaf=3, random_state=seed_for(4, "forest"))
    theirs.fit(as_single(numbers), values)
    mine = np.mean([grown.values[leaves] for leaves in grown.leaves(rows.data)], axis=0)
    np.testing.assert_allclose(mine, theirs.predict(as_single(numbers)), atol=1e-9)
    shares = grown.importances(rows.data)
    assert sum(shares.values()) == pytest.approx(1.0)
    for name, share in zip(("n0", "n1", "n2", "n3"), theirs.feature_importances_, strict=True):
        assert shares[name] == pytest.approx(share, abs=0.05)


def test_a_column_known_only_afterwards_takes_most_of_a_forest():
    rng = np.random.default_rng(5)
    spend, tickets = rng.exponential(50.0, 800), rng.poisson(2.0, 800)
    churned = rng.random(800) < np.clip(tickets / 10 * (1 - spend / 200), 0, 1)
    last_login = np.where(churned, rng.integers(180, 365, 800), rng.integers(0, 10, 800))
    rows = rows_of(np.column_stack([spend, tickets, last_login]).astype(float), churned.astype(np.int64))
    grown = grow_forest(rows, LOSSES["log"], 2, trees=40, leaves=200, leaf_rows=1, seed=0, prior_rows=1.0)
    assert next(iter(grown.importances(rows.data))) == "n2"
    assert grown.importances(rows.data)["n2"] > 0.7


def test_a_forest_is_bounded_however_many_rows_it_sees(monkeypatch, drawn):
    monkeypatch.setattr(forest_module, "TREES", 10)
    monkeypatch.setattr(forest_module, "TREES_TO_CHOOSE", 5)
    monkeypatch.setattr(forest_module, "MAX_NODES", 400)
    numbers, values = drawn
    rows, model = rows_of(numbers, values), Forest()
    model.fit(rows.take(np.arange(300)), rows.take(np.arange(300, 400)), loss=LOSSES["squared"], classes=0, seed=0)
    assert len(model.grown.trees.nodes) <= 400
    assert model.describe().startswith("10 trees of ")


def test_numbers_beyond_single_precision_are_held_at_its_end():
    rows = rows_of(np.array([[1e300], [-1e300], [0.0]] * 20), np.array([1.0, 0.0, 0.5] * 20))
    grown = grow_tree(rows, LOSSES["squared"], 0, leaves=4, leaf_rows=1, seed=0, prior_rows=NONE)
    np.testing.assert_allclose(grown.values[next(grown.leaves(rows.data))], rows.target, atol=1e-9)


def test_ranked_codes_follow_the_target_and_plain_ones_their_numbers():
    codes = np.array([[2], [3], [4], [2], [3], [4]])
    rows = rows_of(np.zeros((6, 0)), np.array([5.0, 1.0, 3.0, 5.0, 1.0, 3.0]), codes, (("a", "b", "c"),))
    np.testing.assert_array_equal(TreeInput.fit(rows, 0).code_maps[0][2:], [0, 1, 2])
    np.testing.assert_array_equal(TreeInput.fit(rows, 0, is_ranked=True).code_maps[0][2:], [2, 0, 1])
