"""The compiled engine of word2vec: reads spans of a text and steps window by window, without the interpreter's lock."""

from __future__ import annotations

import math
import time
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from assay.model.word2vec_step import compiled, stepping
from assay.model.word_sampling import FIRST_FACTOR, GOLDEN, KEEP_BITS, SECOND_FACTOR, Draws

if TYPE_CHECKING:
    from numpy.typing import NDArray

LANES = 8
"""Vectors are padded with zeros to a multiple of so many numbers."""

LN_2 = math.log(2.0)


class Text(NamedTuple):
    """What a span is read from; `assay.model.word_sampling.Draws` says more."""

    ids: NDArray[np.int32]
    starts: NDArray[np.int64]
    keep: NDArray[np.uint64]
    own: NDArray[np.uint64]
    alias: NDArray[np.int32]
    ways: NDArray[np.int64]
    nodes: NDArray[np.int32]
    turns: NDArray[np.int8]


@compiled
def _random_bits(seed: Any, counter: Any) -> Any:
    mixed = seed + GOLDEN * counter
    mixed = (mixed ^ (mixed >> np.uint64(30))) * FIRST_FACTOR
    mixed = (mixed ^ (mixed >> np.uint64(27))) * SECOND_FACTOR
    return mixed ^ (mixed >> np.uint64(31))


@compiled
def _keep_words(text: Any, first: Any, last: Any, document: Any, seed: Any, window: Any, draws: Any, kept: Any) -> Any:
    """Fill `kept` with (word, place, document, reach) of the words that are read, from a document on; their number."""
    n = 0
    for place in range(first, last):
        while place >= text.starts[document]:
            document += 1
        word, counter = text.ids[place], np.uint64(place) * np.uint64(draws)
        if (_random_bits(seed, counter) >> np.uint64(64 - KEEP_BITS)) < text.keep[word]:
            kept[n, 0], kept[n, 1], kept[n, 2] = word, place, document
            bits = _random_bits(seed, counter + np.uint64(1)) >> np.uint64(32)
            kept[n, 3] = 1 + np.int64((bits * np.uint64(window)) >> np.uint64(32))
            n += 1
    return n


@compiled
def _contexts(kept: Any, n_kept: Any, i: Any, into: Any) -> Any:
    """The words around the i-th kept one; their number."""
    reach, n = kept[i, 3], 0
    first = i - reach if i > reach else 0
    last = i + reach + 1 if i + reach < n_kept else n_kept
    for j in range(first, last):
        if j != i and kept[j, 2] == kept[i, 2]:
            into[n] = kept[j, 0]
            n += 1
    return n


def _answering(negatives: int) -> Any:
    """A compiled function that fills in the outputs of a window and what each should answer, 1 or -1; it returns their number."""
    return _wrong_answers(negatives) if negatives else _way


def _wrong_answers(negatives: int) -> Any:
    @compiled
    def fill(centre: Any, place: Any, seed: Any, text: Any, outputs: Any, answers: Any) -> Any:
        own, alias = text.own, text.alias
        outputs[0], answers[0] = centre, np.float32(1.0)
        n = 1
        for k in range(negatives):
            bits = _random_bits(seed, np.uint64(place) * np.uint64(2 + negatives) + np.uint64(2 + k))
            drawn = np.int64(((bits >> np.uint64(32)) * np.uint64(len(own))) >> np.uint64(32))
            if (bits & np.uint64(0xFFFFFFFF)) >= own[drawn]:
                drawn = np.int64(alias[drawn])
            if drawn != centre:
                outputs[n], answers[n] = drawn, np.float32(-1.0)
                n += 1
        return n

    return fill


@compiled
def _way(centre: Any, place: Any, seed: Any, text: Any, outputs: Any, answers: Any) -> Any:
    n = 0
    for at in range(text.ways[centre], text.ways[centre + 1]):
        outputs[n] = text.nodes[at]
        answers[n] = np.float32(1.0) if text.turns[at] == 0 else np.float32(-1.0)
        n += 1
    return n


@compiled
def _set_signs(signs: Any, answers: Any, n_x: Any, n_y: Any, wide: Any) -> None:
    """Repeat the signs of `n_y` outputs for each of `n_x` contexts; 0 up to the row's end and in one more row."""
    for c in range(n_x):
        for n in range(wide):
            signs[c * wide + n] = answers[n] if n < n_y else np.float32(0.0)
    for n in range(n_x * wide, (n_x + 1) * wide):
        signs[n] = np.float32(0.0)


@cache
def spanning(dim: int, *, averaged: bool, window: int, negatives: int, longest_way: int) -> Any:
    """A compiled function that trains on a span of the text; it returns (nats lost, answers given).

    Args:
        dim: Numbers a vector, padded.
        averaged: CBOW instead of skip-gram.
        window: Words to each side at most.
        negatives: Wrong answers a window; 0 for the hierarchical softmax.
        longest_way: Nodes on the longest way of the tree.
    """
    step, fill = stepping(dim, averaged=averaged), _answering(negatives)
    most_x, most_y = 2 * window + 2, (max(1 + negatives, longest_way) + 2) // 3 * 3

    @compiled
    def span(text: Any, first: Any, last: Any, document: Any, seed: Any, rate: Any, inputs: Any, outputs: Any) -> Any:
        kept = np.empty((last - first, 4), np.int64)
        n_kept = _keep_words(text, first, last, document, seed, window, 2 + negatives, kept)
        contexts, asked, answers = np.zeros(most_x, np.int64), np.zeros(most_y, np.int64), np.zeros(most_y, np.float32)
        x, y = np.zeros(most_x * dim, np.float32), np.zeros(most_y * dim, np.float32)
        scores, slopes = np.zeros(most_x * most_y, np.float32), np.zeros(most_x * most_y, np.float32)
        signs = np.zeros(most_x * most_y, np.float32)
        nats, n_answers, product = 0.0, 0, 1.0
        for i in range(n_kept):
            n_contexts = _contexts(kept, n_kept, i, contexts)
            if n_contexts == 0:
                continue
            n_outputs = fill(kept[i, 0], kept[i, 1], seed, text, asked, answers)
            n_x, wide = 1 if averaged else n_contexts, (n_outputs + 2) // 3 * 3
            _set_signs(signs, answers, n_x, n_outputs, wide)
            sizes = (n_contexts, n_outputs, wide)
            product, lost = step((inputs, outputs), (contexts, asked), (x, y, scores, slopes, signs), sizes, rate, product)
            nats += lost - ((n_x + 1) * wide - n_x * n_outputs) * LN_2  # what fills the blocks is a coin toss each
            n_answers += n_x
        return nats - math.log(product), n_answers

    return span


class CompiledEngine:
    """Trains spans of a text on tables that any number of threads share without locks (Recht et al. 2011, hogwild).

    Args:
        draws: The text and what is drawn from it.
        inputs: Start of the input table, (vocab, dim); copied.
        n_outputs: Rows of the output table, born as zeros.
        averaged: CBOW instead of skip-gram.

    Attributes:
        compile_seconds: Processor time of the compilation.
    """

    name = "numba"

    def __init__(self, draws: Draws, inputs: NDArray[np.float32], n_outputs: int, *, averaged: bool) -> None:
        vocab, self.dim = inputs.shape
        self._padded = (self.dim + LANES - 1) // LANES * LANES
        self._inputs, self._outputs = aligned(vocab * self._padded), aligned(n_outputs * self._padded)
        self._inputs.reshape(vocab, self._padded)[:, : self.dim] = inputs
        tree, table, stream = draws.tree, draws.table, draws.stream
        self._text = Text(stream.ids, stream.starts, draws.keep, table.own, table.alias, tree.starts, tree.nodes, tree.turns)
        began = time.thread_time()
        self._span = spanning(
            self._padded,
            averaged=averaged,
            window=draws.window,
            negatives=draws.negatives,
            longest_way=int(tree.lengths().max()),
        )
        self.train(0, 0, 0, 0.0)
        self.compile_seconds = time.thread_time() - began

    def train(self, first: int, last: int, seed: int, rate: float) -> tuple[float, int]:
        """One pass over the words `first` to `last` of the text.

        Returns:
            Nats lost in all answers (before each window's own step), and the number of predictions.
        """
        document = int(np.searchsorted(self._text.starts, first, side="right"))
        drawn = (np.uint64(seed), np.float32(rate))
        nats, answers = self._span(self._text, first, last, document, *drawn, self._inputs, self._outputs)
        return float(nats), int(answers)

    @property
    def inputs(self) -> NDArray[np.float32]:
        """The input table, (vocab, dim)."""
        return self._inputs.reshape(-1, self._padded)[:, : self.dim].copy()

    @property
    def outputs(self) -> NDArray[np.float32]:
        """The output table, (outputs, dim)."""
        return self._outputs.reshape(-1, self._padded)[:, : self.dim].copy()


def aligned(n: int) -> NDArray[np.float32]:
    """So many zeros that begin at a multiple of 64 bytes: no register is then filled from two lines of the cache."""
    room = np.zeros(n * 4 + 64, dtype=np.uint8)
    shift = -room.ctypes.data % 64
    return room[shift : shift + n * 4].view(np.float32)
