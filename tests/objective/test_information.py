"""Information in bits: published numbers, identities, and no tell where there is none."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.objective.information import (
    conditional_entropy_bits,
    cross_entropy_bits,
    divergence_bits,
    entropy_of,
    mutual_information_bits,
)

SHARES = st.lists(st.floats(0.01, 1.0), min_size=2, max_size=8)


def test_the_cross_entropy_of_a_fair_coin_in_a_code_for_a_ninety_per_cent_one():
    # .523 is the same number in base 10, 1.204 the one in nats.
    assert cross_entropy_bits([0.5, 0.5], [0.9, 0.1]) == pytest.approx(1.7370, abs=5e-5)
    assert divergence_bits([0.5, 0.5], [0.9, 0.1]) == pytest.approx(0.7370, abs=5e-5)


@given(SHARES, st.randoms())
def test_cross_entropy_is_entropy_plus_divergence(shares, random):
    other = [random.uniform(0.01, 1.0) for _ in shares]
    assert cross_entropy_bits(shares, other) == pytest.approx(entropy_of(shares) + divergence_bits(shares, other), abs=1e-12)
    assert divergence_bits(shares, other) >= 0
    assert entropy_of(shares) <= math.log2(len(shares)) + 1e-12


def test_an_impossible_outcome_that_happens_costs_infinitely_many_bits():
    assert cross_entropy_bits([0.5, 0.5], [1.0, 0.0]) == math.inf
    assert cross_entropy_bits([1.0, 0.0], [0.5, 0.5]) == 1.0


@given(st.lists(st.lists(st.integers(0, 50), min_size=3, max_size=3), min_size=2, max_size=5))
def test_information_is_entropy_less_conditional_entropy(counts):
    table = np.array(counts)
    if table.sum() == 0:
        with pytest.raises(ValueError, match="positive counts"):
            mutual_information_bits(table)
        return
    told = mutual_information_bits(table, is_corrected=False)
    assert told == pytest.approx(entropy_of(table.sum(axis=0)) - conditional_entropy_bits(table), abs=1e-9)
    assert told == pytest.approx(mutual_information_bits(table.T, is_corrected=False), abs=1e-9)


def test_independent_variables_tell_about_nothing_once_corrected(rng):
    left, right = rng.integers(0, 6, (400, 200)), rng.integers(0, 5, (400, 200))
    tables = [np.bincount(a * 5 + b, minlength=30).reshape(6, 5) for a, b in zip(left, right, strict=True)]
    raw = np.mean([mutual_information_bits(t, is_corrected=False) for t in tables])
    corrected = np.array([mutual_information_bits(t) for t in tables])
    assert raw == pytest.approx(20 / 400 / math.log(2), rel=0.1)
    assert abs(corrected.mean()) < 0.1 * raw


def test_a_negative_share_is_refused():
    with pytest.raises(ValueError, match="at least 0"):
        entropy_of([0.5, -0.5])
    with pytest.raises(ValueError, match="same outcomes, got 2 and 3"):
        cross_entropy_bits([0.5, 0.5], [0.2, 0.3, 0.5])
