"""Pairs of items labelled as of the same class or of different ones, to learn a distance from."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from assay.core.errors import InputError, OptionError
from assay.core.seeds import seed_for

if TYPE_CHECKING:
    from numpy.typing import NDArray

TRIES_A_PAIR = 200


@dataclass(frozen=True)
class Pairs:
    """Pairs of items by their places.

    Attributes:
        left: Place of one item, (pairs,).
        right: Place of the other, (pairs,).
        same: Whether both are of one class, (pairs,) bool.
    """

    left: NDArray[np.intp]
    right: NDArray[np.intp]
    same: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.same)


def train_and_test_pairs(
    labels: Sequence[Hashable], n_train: int, n_test: int, *, items: Sequence[Hashable] | None = None, apart: bool = False, seed: int = 0
) -> tuple[Pairs, Pairs]:
    """Pairs to learn from and pairs to test on, half of each of the same class, with no pair in both and none twice.

    Args:
        labels: Class of each item.
        n_train: Pairs to learn from, an even number.
        n_test: Pairs to test on, an even number.
        items: What the items are, so that equal ones at several places count as one; each place is its own item when None.
        apart: Keep a part of the items of each class for the test alone, in proportion: a harder, more honest test.
        seed: Of the draw.

    Raises:
        InputError: there are fewer than two classes, or too few different pairs.
        OptionError: a number of pairs is odd or below 2.

    Example:
        >>> train, test = train_and_test_pairs(["cat"] * 5 + ["dog"] * 5, 20, 6)
        >>> len(train), int(train.same.sum()), len(test)
        (20, 10, 6)
    """
    for name, n in (("train", n_train), ("test", n_test)):
        if n < 2 or n % 2:
            raise OptionError(f"{n} pairs to {name} cannot be half of one class and half of two; give an even number from 2 on")
    rng = np.random.default_rng(seed_for(seed, "pairs"))
    places = _distinct(labels, items)
    if apart:
        first, second = _parted(labels, places, n_train, n_test, rng)
        return _drawn(labels, first, n_train, rng, set()), _drawn(labels, second, n_test, rng, set())
    taken: set[tuple[int, int]] = set()
    return _drawn(labels, places, n_train, rng, taken), _drawn(labels, places, n_test, rng, taken)


def _distinct(labels: Sequence[Hashable], items: Sequence[Hashable] | None) -> NDArray[np.intp]:
    """The first place of each distinct item."""
    if items is None:
        return np.arange(len(labels))
    if len(items) != len(labels):
        raise InputError(f"{len(items):,} items have {len(labels):,} labels; give one a item")
    first: dict[Hashable, int] = {}
    for place, item in enumerate(items):
        first.setdefault(item, place)
    return np.array(list(first.values()), dtype=np.intp)


def _parted(
    labels: Sequence[Hashable], places: NDArray[np.intp], n_train: int, n_test: int, rng: np.random.Generator
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    groups = _by_class(labels, places)
    pairs_a_class = math.ceil(n_test / 2 / len(groups))
    least = math.ceil(0.5 + math.sqrt(0.25 + 2 * pairs_a_class))  # so many items make that many pairs
    test: list[int] = []
    for members in groups:
        kept = min(len(members) - 2, max(least, round(n_test / (n_train + n_test) * len(members))))
        if kept < 2:
            raise InputError(f"class {labels[members[0]]!r} has {len(members)} different items, items apart need at least 4; give more")
        test += rng.permutation(members)[:kept].tolist()
    is_test = np.isin(places, test)
    return places[~is_test], places[is_test]


def _by_class(labels: Sequence[Hashable], places: NDArray[np.intp]) -> list[NDArray[np.intp]]:
    classes: dict[Hashable, list[int]] = {}
    for place in places.tolist():
        classes.setdefault(labels[place], []).append(place)
    return [np.array(members, dtype=np.intp) for members in classes.values()]


def _drawn(labels: Sequence[Hashable], places: NDArray[np.intp], n: int, rng: np.random.Generator, taken: set[tuple[int, int]]) -> Pairs:
    """So many new pairs, half of the same class; every pair of a kind is equally likely, and all are added to `taken`."""
    groups = _by_class(labels, places)
    if len(groups) < 2:
        raise InputError(f"{len(groups)} class among the labels, different pairs need at least 2; give items of another class")
    sizes = np.array([len(members) for members in groups], dtype=np.float64)
    within = sizes * (sizes - 1)
    between = sizes * (sizes.sum() - sizes)
    found: list[tuple[int, int, bool]] = []
    for same, weights in ((True, within), (False, between)):
        new: list[tuple[int, int, bool]] = []
        for _ in range(TRIES_A_PAIR * n if weights.sum() > 0 else 0):
            if len(new) == n // 2:
                break
            group = int(rng.choice(len(groups), p=weights / weights.sum()))
            a = int(rng.choice(groups[group]))
            others = groups[group] if same else groups[_other(group, sizes, rng)]
            b = int(rng.choice(others))
            pair = (min(a, b), max(a, b))
            if a != b and pair not in taken:
                taken.add(pair)
                new.append((a, b, same))
        if len(new) < n // 2:
            kind = "of the same class" if same else "of different classes"
            raise InputError(f"{n // 2:,} new pairs {kind} were asked for, {len(new):,} were found; give more items or ask for fewer pairs")
        found += new
    order = rng.permutation(len(found))
    left, right, is_same = zip(*(found[i] for i in order), strict=True)
    return Pairs(np.array(left), np.array(right), np.array(is_same))


def _other(group: int, sizes: NDArray[np.float64], rng: np.random.Generator) -> int:
    weights = sizes.copy()
    weights[group] = 0.0
    return int(rng.choice(len(sizes), p=weights / weights.sum()))
