"""Pairs are balanced, new, and never in both parts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.core.errors import InputError, OptionError
from assay.model.pairs import Pairs, train_and_test_pairs


def keys(pairs: Pairs, items=None) -> list[frozenset]:
    return [frozenset((items[a], items[b]) if items else (a, b)) for a, b in zip(pairs.left, pairs.right, strict=True)]


@given(st.integers(0, 1000), st.integers(2, 4), st.integers(5, 8))
def test_pairs_are_balanced_and_in_one_part_only(seed, classes, members):
    labels = [f"c{i % classes}" for i in range(classes * members)]
    train, test = train_and_test_pairs(labels, 12, 4, seed=seed)
    assert (len(train), train.same.sum(), len(test), test.same.sum()) == (12, 6, 4, 2)
    both = keys(train) + keys(test)
    assert len(set(both)) == len(both)
    assert all(len(pair) == 2 for pair in both)
    for part in (train, test):
        assert [labels[a] == labels[b] for a, b in zip(part.left, part.right, strict=True)] == part.same.tolist()


def test_equal_items_count_as_one():
    items = ["a", "b", "c", "a", "b", "x", "y", "z", "x"]
    labels = ["low"] * 5 + ["high"] * 4
    train, test = train_and_test_pairs(labels, 6, 4, items=items)
    both = keys(train, items) + keys(test, items)
    assert len(set(both)) == len(both) == 10
    assert all(len(pair) == 2 for pair in both)


def test_items_apart_are_in_one_part_only():
    labels = ["cat"] * 10 + ["dog"] * 10
    train, test = train_and_test_pairs(labels, 20, 6, apart=True)
    assert not {*train.left, *train.right} & {*test.left, *test.right}


@pytest.mark.parametrize(
    ("labels", "numbers", "options", "error", "says"),
    [
        (["a"] * 9, (4, 2), {}, InputError, "1 class among the labels"),
        (["a", "b", "a", "b"], (8, 2), {}, InputError, "4 new pairs of the same class were asked for, 2 were found"),
        (["a", "b", "a", "b"], (3, 2), {}, OptionError, "3 pairs to train cannot be half"),
        (["a", "b"] * 3, (2, 2), {"apart": True}, InputError, "class 'a' has 3 different items, items apart need at least 4"),
        (["a", "b"], (2, 2), {"items": [1]}, InputError, "1 items have 2 labels"),
    ],
)
def test_what_gives_no_pairs_is_refused(labels, numbers, options, error, says):
    with pytest.raises(error, match=says):
        train_and_test_pairs(labels, *numbers, **options)
