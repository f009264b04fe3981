"""What word2vec draws: which words are kept, how wide a window is, which words are wrong answers; by counters, not by streams.

Every draw is a hash of the seed and of its place in the text. So the compiled and the plain engine see the same windows, and so
does any number of workers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from assay.model.huffman import HuffmanTree, huffman

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from assay.model.vocabulary import WordStream

NEGATIVE_POWER = 0.75
"""Source: Mikolov et al. 2013b, section 2.2: the unigram distribution raised to 3/4 did best among those tried."""

GOLDEN = np.uint64(0x9E3779B97F4A7C15)
FIRST_FACTOR = np.uint64(0xBF58476D1CE4E5B9)
SECOND_FACTOR = np.uint64(0x94D049BB133111EB)
KEEP_BITS = 24
"""Shares of kept words are compared in units of 2**-24."""


def random_bits(seed: int, counter: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """64 random bits for each counter: the splitmix64 sequence of a seed, entered at any place.

    Source: Steele, Lea and Flood 2014, figure 17.

    Example:
        >>> random_bits(0, np.array([1], dtype=np.uint64)) == np.uint64(0xE220A8397B1DCDAF)
        array([ True])
    """
    mixed = np.uint64(seed) + GOLDEN * counter
    mixed = (mixed ^ (mixed >> np.uint64(30))) * FIRST_FACTOR
    mixed = (mixed ^ (mixed >> np.uint64(27))) * SECOND_FACTOR
    return mixed ^ (mixed >> np.uint64(31))


def keep_shares(counts: NDArray[np.int64], subsample: float) -> NDArray[np.float64]:
    """Share of each word's occurrences that is read: min(1, sqrt(t / f) + t / f) with f the word's share of all words, (vocab,).

    Frequent words tell little of their neighbours. The paper prints sqrt(t / f); the form here is that of its program.

    Args:
        counts: Occurrences by word.
        subsample: t; 0 keeps all.

    Source: Mikolov et al. 2013b, section 2.3.

    Example:
        >>> keep_shares(np.array([96, 4]), 0.04).round(4).tolist()
        [0.2458, 1.0]
    """
    if subsample <= 0:
        return np.ones(len(counts))
    relative = subsample / (counts / counts.sum())
    return np.asarray(np.minimum(1.0, np.sqrt(relative) + relative), dtype=np.float64)


@dataclass(frozen=True)
class AliasTable:
    """Draws from a distribution in constant time: a place at random, then itself or its alias.

    Attributes:
        own: A place is itself where 32 random bits are below this, (vocab,) uint64.
        alias: What it is else, (vocab,) int32.
    """

    own: NDArray[np.uint64]
    alias: NDArray[np.int32]

    @classmethod
    def of(cls, weights: NDArray[np.float64]) -> AliasTable:
        """The table of the distribution proportional to the weights.

        Source: Vose 1991.
        """
        share = weights * (len(weights) / weights.sum())
        alias = np.arange(len(weights), dtype=np.int32)
        own = np.ones(len(weights))
        poor, rich = list(np.flatnonzero(share < 1.0)), list(np.flatnonzero(share >= 1.0))
        while poor and rich:
            low, high = poor.pop(), rich[-1]
            own[low], alias[low] = share[low], high
            share[high] -= 1.0 - share[low]
            if share[high] < 1.0:
                poor.append(rich.pop())
        return cls((own * 2.0**32).astype(np.uint64), alias)

    def draw(self, bits: NDArray[np.uint64]) -> NDArray[np.int64]:
        """One word a 64 random bits: the upper half chooses the place, the lower half between it and its alias."""
        place = _scaled(bits, len(self.own))
        itself = (bits & np.uint64(0xFFFFFFFF)) < self.own[place]
        return np.where(itself, place, self.alias[place])


@dataclass(frozen=True)
class Draws:
    """Everything that decides which windows a text gives.

    Attributes:
        stream: The text.
        keep: Kept where 24 random bits are below this, by word, (vocab,) uint64.
        window: A window reaches 1 to so many kept words to each side, each equally likely.
        negatives: Wrong answers a window; 0 where the tree is asked instead.
        table: What they are drawn from.
        tree: For the hierarchical softmax; one node and no more where negatives are drawn.
    """

    stream: WordStream
    keep: NDArray[np.uint64]
    window: int
    negatives: int
    table: AliasTable
    tree: HuffmanTree

    @classmethod
    def of(cls, stream: WordStream, counts: NDArray[np.int64], *, subsample: float, window: int, negatives: int) -> Draws:
        """The draws of a text with these word counts."""
        keep = np.round(keep_shares(counts, subsample) * 2**KEEP_BITS).astype(np.uint64)
        table = AliasTable.of(counts.astype(np.float64) ** NEGATIVE_POWER)
        tree = huffman(counts if negatives == 0 else np.array([1, 1]))
        return cls(stream, keep, window, negatives, table, tree)

    @property
    def draws_per_word(self) -> int:
        """Counters set aside for each word of the text: one to keep it, one for its window, the others for wrong answers."""
        return 2 + self.negatives

    def windows(self, first: int, last: int, seed: int) -> Windows:
        """The windows of the words `first` to `last` of the text; none reaches out of them, or into another document."""
        ids, starts = self.stream.ids[first:last], self.stream.starts
        places = np.arange(first, last, dtype=np.uint64) * np.uint64(self.draws_per_word)
        kept = np.flatnonzero((random_bits(seed, places) >> np.uint64(64 - KEEP_BITS)) < self.keep[ids])
        places = places[kept]
        document = np.searchsorted(starts, first + kept, side="right")
        reach = 1 + _scaled(random_bits(seed, places + np.uint64(1)), self.window)
        centres = ids[kept]
        contexts = np.full((len(kept), 2 * self.window), -1, dtype=np.int64)
        for column, step in enumerate([*range(-self.window, 0), *range(1, self.window + 1)]):
            other = np.arange(len(kept)) + step
            there = (other >= 0) & (other < len(kept)) & (abs(step) <= reach)
            there[there] &= document[other[there]] == document[there]
            contexts[there, column] = centres[other[there]]
        outputs, labels = self._outputs(centres, places, seed)
        some = (contexts >= 0).any(axis=1)
        return Windows(contexts[some], outputs[some], labels[some])

    def _outputs(self, centres: NDArray[np.int32], places: NDArray[np.uint64], seed: int) -> tuple[NDArray[np.int64], NDArray[np.int8]]:
        if self.negatives:
            counters = np.add(places[:, None], np.arange(2, self.draws_per_word, dtype=np.uint64), dtype=np.uint64)
            drawn = self.table.draw(random_bits(seed, counters))
            drawn[drawn == centres[:, None]] = -1
            labels = np.zeros((len(centres), 1 + self.negatives), dtype=np.int8)
            labels[:, 0] = 1
            return np.column_stack([centres, drawn]).astype(np.int64), labels
        lengths = self.tree.lengths()[centres]
        column = np.arange(int(lengths.max(initial=1)))
        there = column < lengths[:, None]
        at = np.where(there, self.tree.starts[centres][:, None] + column, 0)
        return np.where(there, self.tree.nodes[at], -1).astype(np.int64), np.where(there, 1 - self.tree.turns[at], 0).astype(np.int8)


@dataclass(frozen=True)
class Windows:
    """Windows of a text; -1 stands where there is nothing.

    Attributes:
        contexts: Words around the centre, (windows, 2 * window) int64.
        outputs: Rows of the output table that are asked: the centre and wrong answers, or the nodes of its way, (windows, outputs).
        labels: 1 where the answer is yes, (windows, outputs) int8.
    """

    contexts: NDArray[np.int64]
    outputs: NDArray[np.int64]
    labels: NDArray[np.int8]


def _scaled(bits: NDArray[np.uint64], most: int) -> NDArray[np.int64]:
    """Whole numbers in [0, most) from the upper 32 bits."""
    return (((bits >> np.uint64(32)) * np.uint64(most)) >> np.uint64(32)).astype(np.int64)
