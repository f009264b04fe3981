"""The tree's codes are prefix-free and of least mean length."""

import heapq

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.core.units import entropy_bits
from assay.model.huffman import huffman

COUNTS = st.lists(st.integers(1, 1000), min_size=2, max_size=60).map(lambda c: np.array(sorted(c, reverse=True)))


def codes(tree) -> list[str]:
    return ["".join(map(str, tree.turns[a:b])) for a, b in zip(tree.starts[:-1], tree.starts[1:], strict=True)]


@given(COUNTS)
def test_the_mean_length_is_the_least_there_is(counts):
    merged, heap = 0, counts.tolist()
    heapq.heapify(heap)
    while len(heap) > 1:  # the cost of an optimal tree is the sum of the weights of its inner nodes
        pair = heapq.heappop(heap) + heapq.heappop(heap)
        merged += pair
        heapq.heappush(heap, pair)
    lengths = huffman(counts).lengths()
    assert int(lengths @ counts) == merged
    mean = float(lengths @ counts / counts.sum())
    assert entropy_bits(counts) - 1e-9 <= mean < entropy_bits(counts) + 1


@given(COUNTS)
def test_no_code_begins_another_and_they_fill_the_tree(counts):
    found = codes(huffman(counts))
    assert sum(2.0 ** -len(code) for code in found) == 1.0
    assert not any(a != b and b.startswith(a) for a in found for b in found)


@given(COUNTS)
def test_words_with_a_common_beginning_share_its_nodes(counts):
    tree = huffman(counts)
    node_of: dict[str, int] = {}
    for code, start in zip(codes(tree), tree.starts[:-1], strict=True):
        for depth in range(len(code)):
            assert node_of.setdefault(code[:depth], int(tree.nodes[start + depth])) == tree.nodes[start + depth]
    assert node_of[""] == len(counts) - 2
    assert sorted(node_of.values()) == list(range(len(counts) - 1))


@pytest.mark.parametrize(("counts", "lengths"), [([1, 1], [1, 1]), ([4, 2, 1, 1], [1, 2, 3, 3]), ([1] * 8, [3] * 8)])
def test_known_trees(counts, lengths):
    assert huffman(np.array(counts)).lengths().tolist() == lengths
