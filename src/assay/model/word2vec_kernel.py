"""The compiled engine of word2vec: every window is a small matrix product, compiled by numba for one size of vectors.

A window's contexts X (contexts, dim) meet its outputs Y (outputs, dim): the centre and wrong answers that the whole window shares,
or the nodes on the centre's way in the Huffman tree. One product gives all scores, two more give all gradients, so each row is
fetched and written once a window instead of once a pair (Ji et al. 2016). Rows lie one after the other in flat arrays and the
size of a vector is a constant of the compiled code: both let the compiler keep eight or more numbers in one register without asking
whether arrays overlap.
"""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar, cast

import numba
import numpy as np

from assay.model.word_sampling import FIRST_FACTOR, GOLDEN, KEEP_BITS, SECOND_FACTOR, Draws

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

F = TypeVar("F", bound="Callable[..., Any]")

LANES = 8
"""Vectors are padded with zeros to a multiple of so many numbers."""

LARGEST_SCORE = 16.0
"""Scores beyond are taken as this: the sigmoid is 1 within a single precision's step."""

SMALLEST_PRODUCT = 1e-100
LN_2 = math.log(2.0)


def compiled(function: F) -> F:
    """The function, compiled on its first call; it releases the interpreter's lock and may reorder sums."""
    return cast("F", numba.njit(nogil=True, fastmath=True, boundscheck=False, error_model="numpy")(function))


@compiled
def _random_bits(seed: Any, counter: Any) -> Any:
    mixed = seed + GOLDEN * counter
    mixed = (mixed ^ (mixed >> np.uint64(30))) * FIRST_FACTOR
    mixed = (mixed ^ (mixed >> np.uint64(27))) * SECOND_FACTOR
    return mixed ^ (mixed >> np.uint64(31))


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
def _slopes(scores: Any, slopes: Any, signs: Any, n: Any, rate: Any) -> Any:
    """Turn n scores into the chance p of the right answer, write rate * sign * (1 - p) beside; return the product of all p.

    p = 1 / (1 + e), e = exp(-sign * score), and exp(z) = exp(z / 32) ** 32 with eight terms of its series: off by 1e-5 at most,
    but eight numbers at a time. A sign of 0 gives p = 1/2 and a slope of 0.
    """
    one, most = np.float32(1.0), np.float32(LARGEST_SCORE)
    for i in range(n):
        sign = signs[i]
        z = sign * scores[i]
        z = (-most if z < -most else most if z > most else z) * np.float32(-1.0 / 32.0)
        e = one + z * np.float32(1.0 / 7.0)
        e = one + z * np.float32(1.0 / 6.0) * e
        e = one + z * np.float32(1.0 / 5.0) * e
        e = one + z * np.float32(1.0 / 4.0) * e
        e = one + z * np.float32(1.0 / 3.0) * e
        e = one + z * np.float32(1.0 / 2.0) * e
        e = one + z * e
        e = e * e
        e = e * e
        e = e * e
        e = e * e
        e = e * e
        p = one / (one + e)
        scores[i] = p
        slopes[i] = rate * sign * (one - p)
    product = 1.0
    for i in range(n):
        product *= np.float64(scores[i])
    return product


@compiled
def _set_signs(signs: Any, answers: Any, n_x: Any, n_y: Any, wide: Any) -> None:
    """Repeat the signs of `n_y` outputs for each of `n_x` contexts; 0 up to the row's end and in one more row."""
    for c in range(n_x):
        for n in range(wide):
            signs[c * wide + n] = answers[n] if n < n_y else np.float32(0.0)
    for n in range(n_x * wide, (n_x + 1) * wide):
        signs[n] = np.float32(0.0)


def gathering(dim: int) -> Any:
    """A compiled function that copies rows of a table into a tile."""
    size = np.uint64(dim)

    @compiled
    def gather(table: Any, rows: Any, n: Any, tile: Any) -> None:
        for i in range(n):
            source, target = np.uint64(rows[i]) * size, np.uint64(i) * size
            for place in range(size):
                tile[target + place] = table[source + place]

    return gather


def averaging(dim: int) -> Any:
    """A compiled function that puts the mean of rows of a table into the first row of a tile."""
    size = np.uint64(dim)

    @compiled
    def average(table: Any, rows: Any, n: Any, tile: Any) -> None:
        share = np.float32(1.0) / np.float32(n)
        for place in range(size):
            tile[place] = np.float32(0.0)
        for i in range(n):
            source = np.uint64(rows[i]) * size
            for place in range(size):
                tile[place] += share * table[source + place]

    return average


def scoring(dim: int) -> Any:
    """A compiled function for scores = X Y^T in blocks of two contexts and three outputs: five rows are read for six sums."""
    d, two = np.uint64(dim), np.uint64(2 * dim)

    @compiled
    def score(x: Any, y: Any, scores: Any, n_x: Any, n_y: Any, wide: Any) -> None:
        for c in range(0, n_x, 2):
            for n in range(0, n_y, 3):
                a0 = a1 = a2 = b0 = b1 = b2 = np.float32(0.0)
                i, j = np.uint64(c) * d, np.uint64(n) * d
                for k in range(d):
                    a, b = x[i + k], x[i + k + d]
                    p, q, r = y[j + k], y[j + k + d], y[j + k + two]
                    a0 += a * p
                    a1 += a * q
                    a2 += a * r
                    b0 += b * p
                    b1 += b * q
                    b2 += b * r
                at, below = c * wide + n, (c + 1) * wide + n
                scores[at], scores[at + 1], scores[at + 2] = a0, a1, a2
                scores[below], scores[below + 1], scores[below + 2] = b0, b1, b2

    return score


def moving_contexts(dim: int) -> Any:
    """A compiled function that adds slopes times Y to rows of a table, three outputs at a time."""
    d, two = np.uint64(dim), np.uint64(2 * dim)

    @compiled
    def move(table: Any, rows: Any, n_x: Any, y: Any, n_y: Any, slopes: Any, wide: Any) -> None:
        for c in range(n_x):
            i = np.uint64(rows[c]) * d
            for n in range(0, n_y, 3):
                at, j = c * wide + n, np.uint64(n) * d
                p, q, r = slopes[at], slopes[at + 1], slopes[at + 2]
                for k in range(d):
                    table[i + k] += p * y[j + k] + q * y[j + k + d] + r * y[j + k + two]

    return move


def moving_outputs(dim: int) -> Any:
    """A compiled function that adds the transposed slopes times X to rows of a table, four contexts at a time, then two."""
    d, two, three = np.uint64(dim), np.uint64(2 * dim), np.uint64(3 * dim)

    @compiled
    def move(table: Any, rows: Any, n_y: Any, x: Any, n_x: Any, slopes: Any, wide: Any) -> None:
        fours = n_x - n_x % 4
        for n in range(n_y):
            i = np.uint64(rows[n]) * d
            for c in range(0, fours, 4):
                at, j = c * wide + n, np.uint64(c) * d
                p, q, r, s = slopes[at], slopes[at + wide], slopes[at + 2 * wide], slopes[at + 3 * wide]
                for k in range(d):
                    table[i + k] += (p * x[j + k] + q * x[j + k + d]) + (r * x[j + k + two] + s * x[j + k + three])
            for c in range(fours, n_x, 2):
                at, j = c * wide + n, np.uint64(c) * d
                p, q = slopes[at], slopes[at + wide]
                for k in range(d):
                    table[i + k] += p * x[j + k] + q * x[j + k + d]

    return move


@compiled
def _padded(n: Any, block: Any) -> Any:
    return (n + block - 1) // block * block


def spreading(dim: int) -> Any:
    """A compiled function that adds a share of a tile's second row to rows of a table."""
    size = np.uint64(dim)

    @compiled
    def spread(table: Any, rows: Any, n: Any, tile: Any, share: Any) -> None:
        for i in range(n):
            target = np.uint64(rows[i]) * size
            for place in range(size):
                table[target + place] += share * tile[size + place]

    return spread


def stepping(dim: int, *, averaged: bool) -> Any:
    """A compiled function for one window's step: scores, slopes, and both tables moved; it passes the product of chances on.

    Args:
        dim: Numbers a vector, padded.
        averaged: The contexts' mean is one input (CBOW); else each context is one (skip-gram).
    """
    return _step_averaged(dim) if averaged else _step_each(dim)


def _step_each(dim: int) -> Any:
    gather, score, move_contexts, move_outputs = gathering(dim), scoring(dim), moving_contexts(dim), moving_outputs(dim)

    @compiled
    def step(tables: Any, rows: Any, tiles: Any, sizes: Any, rate: Any) -> Any:
        (inputs, outputs), (contexts, asked), (x, y, scores, slopes, signs) = tables, rows, tiles
        n_contexts, n_outputs, wide = sizes
        gather(inputs, contexts, n_contexts, x)
        gather(outputs, asked, n_outputs, y)
        score(x, y, scores, n_contexts, wide, wide)
        product = _slopes(scores, slopes, signs, (n_contexts + 1) * wide, rate)
        move_contexts(inputs, contexts, n_contexts, y, wide, slopes, wide)
        move_outputs(outputs, asked, n_outputs, x, n_contexts, slopes, wide)
        return product

    return step


def _step_averaged(dim: int) -> Any:
    gather, average, score, spread = gathering(dim), averaging(dim), scoring(dim), spreading(dim)
    move_contexts, move_outputs = moving_contexts(dim), moving_outputs(dim)
    d, second = np.uint64(dim), np.ones(1, dtype=np.int64)

    @compiled
    def step(tables: Any, rows: Any, tiles: Any, sizes: Any, rate: Any) -> Any:
        (inputs, outputs), (contexts, asked), (x, y, scores, slopes, signs) = tables, rows, tiles
        n_contexts, n_outputs, wide = sizes
        average(inputs, contexts, n_contexts, x)
        gather(outputs, asked, n_outputs, y)
        score(x, y, scores, 1, wide, wide)
        product = _slopes(scores, slopes, signs, 2 * wide, rate)
        move_outputs(outputs, asked, n_outputs, x, 1, slopes, wide)
        for k in range(d):
            x[d + k] = np.float32(0.0)
        move_contexts(x, second, 1, y, wide, slopes, wide)
        spread(inputs, contexts, n_contexts, x, np.float32(1.0) / np.float32(n_contexts))
        return product

    return step


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
            product *= step((inputs, outputs), (contexts, asked), (x, y, scores, slopes, signs), sizes, rate)
            nats -= ((n_x + 1) * wide - n_x * n_outputs) * LN_2
            n_answers += n_x
            if product < SMALLEST_PRODUCT:
                nats -= math.log(product)
                product = 1.0
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
