"""Distances, neighbours and arithmetic of word vectors."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.spatial import distance as oracle

from assay.core.errors import InputError, OptionError
from assay.model.vectors import WordVectors, cosine, euclidean

FLOATS = st.floats(-100, 100).map(lambda x: x if abs(x) > 1e-3 else 0.0)


@pytest.fixture
def square() -> WordVectors:
    """Four words on a square, one in the middle of a side, one at zero."""
    return WordVectors.of(
        ["king", "queen", "man", "woman", "child", "nothing"],
        np.array([[1, 1, 1], [1, -1, 1], [-1, 1, 1], [-1, -1, 1], [-1, 0.2, 1], [0, 0, 0]], dtype=np.float32),
    )


@given(arrays(np.float64, 4, elements=FLOATS), arrays(np.float64, 4, elements=FLOATS))
def test_distances_are_those_of_scipy(a, b):
    assert euclidean(a, b) == pytest.approx(oracle.euclidean(a, b))
    if a.any() and b.any():
        assert cosine(a, b) == pytest.approx(1 - oracle.cosine(a, b), abs=1e-9)
    else:
        assert cosine(a, b) == 0.0


def test_scale_does_not_change_a_cosine():
    assert cosine(np.array([10, 1]), np.array([200, 1])) == pytest.approx(0.9955, abs=5e-5)
    assert cosine(np.array([2.0, 1.0]), np.array([4.0, 2.0])) == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("distance", "first"),
    [("cosine", ("man", 1 - oracle.cosine([-1, 0.2, 1], [-1, 1, 1]))), ("euclidean", ("man", 0.8)), ("dot", ("man", 2.2))],
)
def test_neighbours_by_each_distance(square, distance, first):
    found = square.nearest("child", 2, distance=distance)
    assert found[0].word == first[0]
    assert found[0].score == pytest.approx(first[1])
    assert found[1].word == "woman"


def test_neighbours_of_any_vector_and_of_all_words(square, rng):
    matrix = rng.normal(size=(50, 8)).astype(np.float32)
    vectors = WordVectors.of([f"w{i}" for i in range(50)], matrix)
    at = rng.normal(size=8)
    order = np.argsort([oracle.cosine(at, row) for row in matrix])
    assert [one.word for one in vectors.nearest(at, 50)] == [f"w{i}" for i in order]
    assert [one.word for one in vectors.nearest(at, 7)] == [f"w{i}" for i in order[:7]]
    assert len(square.nearest("king", 100)) == 5


def test_a_zero_vector_has_no_direction_and_is_near_nothing(square):
    assert {one.score for one in square.nearest("nothing", 5)} == {0.0}
    assert square.similarity("king", "nothing") == 0.0


def test_equal_scores_come_in_the_order_of_the_words():
    vectors = WordVectors.of(list("abcd"), np.ones((4, 2)))
    assert [one.word for one in vectors.nearest("c", 2)] == ["a", "b"]


def test_analogies_without_and_with_their_inputs(square):
    assert square.analogy(["king", "woman"], ["man"], 1)[0].word == "queen"
    near = WordVectors.of(["king", "queen", "man", "woman"], np.array([[5, 1], [5, -1.2], [1, 2], [1, 1.5]]))
    assert near.analogy(["king", "woman"], ["man"], 1)[0].word == "queen"
    assert near.analogy(["king", "woman"], ["man"], 1, with_inputs=True)[0].word == "king"


def test_what_cannot_be_asked_is_refused(square):
    with pytest.raises(InputError, match="no word 'quen' among the 6 known; did you mean 'queen'"):
        square.nearest("quen")
    with pytest.raises(OptionError, match="no distance 'cosin'; did you mean 'cosine'"):
        square.nearest("king", distance="cosin")
    with pytest.raises(OptionError, match="0 neighbours were asked for"):
        square.nearest("king", 0)
    with pytest.raises(InputError, match="an analogy needs at least one word to add"):
        square.analogy([], ["king"])
    with pytest.raises(InputError, match="2 words need a table of as many vectors, got one of shape"):
        WordVectors.of(["a", "b"], np.ones((3, 2)))
