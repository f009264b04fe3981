"""Huffman's tree over a vocabulary: the hierarchical softmax asks yes or no at each node on the way to a word."""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True)
class HuffmanTree:
    """The way from the root to every word, all ways one after the other.

    Attributes:
        starts: Where each word's way begins, and the end, (vocab + 1,) int64.
        nodes: Inner nodes on the way, root first, numbered from 0 to vocab - 2, int32; the root is vocab - 2.
        turns: 1 where the way takes the node's second, more frequent branch, else 0, int8.
    """

    starts: NDArray[np.int64]
    nodes: NDArray[np.int32]
    turns: NDArray[np.int8]

    def lengths(self) -> NDArray[np.int64]:
        """Nodes on the way to each word: the length of its code in binary digits, (vocab,)."""
        return np.diff(self.starts)


def huffman(counts: NDArray[np.int64]) -> HuffmanTree:
    """The binary tree of least mean code length for words of these counts.

    Source: Huffman 1952; as output layer of word vectors: Morin and Bengio 2005, Mikolov et al. 2013b, section 2.1.

    Example:
        >>> huffman(np.array([5, 2, 1, 1])).lengths().tolist()
        [1, 2, 3, 3]
    """
    vocab = len(counts)
    parent = np.zeros(2 * vocab - 1, dtype=np.int64)
    turn = np.zeros(2 * vocab - 1, dtype=np.int8)
    heap = [(int(count), -word, word) for word, count in enumerate(counts)]
    heapq.heapify(heap)
    for node in range(vocab, 2 * vocab - 1):
        first, second = heapq.heappop(heap), heapq.heappop(heap)
        parent[first[2]] = parent[second[2]] = node
        turn[second[2]] = 1
        heapq.heappush(heap, (first[0] + second[0], node, node))
    return _ways(vocab, parent, turn)


def _ways(vocab: int, parent: NDArray[np.int64], turn: NDArray[np.int8]) -> HuffmanTree:
    root = 2 * vocab - 2
    nodes: list[int] = []
    turns: list[int] = []
    starts = [0]
    for word in range(vocab):
        way = []
        at = word
        while at != root:
            way.append((int(parent[at]) - vocab, int(turn[at])))
            at = int(parent[at])
        nodes += [node for node, _ in reversed(way)]
        turns += [taken for _, taken in reversed(way)]
        starts.append(len(nodes))
    return HuffmanTree(np.array(starts, dtype=np.int64), np.array(nodes, dtype=np.int32), np.array(turns, dtype=np.int8))
