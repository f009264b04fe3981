"""One window's step of word2vec as three small matrix products, compiled by numba for one size of vectors.

A window's contexts X (contexts, dim) meet its outputs Y (outputs, dim): the centre and wrong answers that the whole window shares,
or the nodes on the centre's way in the Huffman tree. One product gives all scores, two more give all gradients, so each row is
fetched and written once a window instead of once a pair (Ji et al. 2016). Rows lie one after the other in flat arrays and the
size of a vector is a constant of the compiled code: both let the compiler keep eight or more numbers in one register without asking
whether arrays overlap.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, TypeVar, cast

import numba
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

F = TypeVar("F", bound="Callable[..., Any]")

LARGEST_SCORE = 16.0
"""Scores beyond are taken as this: the sigmoid is 1 within a single precision's step."""

BLOCK = 24
SMALLEST_PRODUCT = 1e-100
"""A block's product of chances is at least 1e-168, so that it can still be multiplied into one of this size."""


def compiled(function: F) -> F:
    """The function, compiled on its first call; it releases the interpreter's lock and may reorder sums."""
    return cast("F", numba.njit(nogil=True, fastmath=True, boundscheck=False, error_model="numpy")(function))


@compiled
def turn_into_slopes(scores: Any, slopes: Any, signs: Any, n: Any, rate: Any, product: Any) -> Any:
    """Turn n scores into the chance p of the right answer, write rate * sign * (1 - p) beside.

    All p are multiplied into `product`, and logarithms taken only before it would underflow: (product, nats so far) is returned.

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
    nats = 0.0
    for start in range(0, n, BLOCK):
        end = start + BLOCK if start + BLOCK < n else n
        for i in range(start, end):
            product *= np.float64(scores[i])
        if product < SMALLEST_PRODUCT:
            nats -= math.log(product)
            product = 1.0
    return product, nats


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
    """A compiled function for one window's step: scores, slopes, and both tables moved; it returns what `turn_into_slopes` does.

    Args:
        dim: Numbers a vector, padded.
        averaged: The contexts' mean is one input (CBOW); else each context is one (skip-gram).
    """
    return _step_averaged(dim) if averaged else _step_each(dim)


def _step_each(dim: int) -> Any:
    gather, score, move_contexts, move_outputs = gathering(dim), scoring(dim), moving_contexts(dim), moving_outputs(dim)

    @compiled
    def step(tables: Any, rows: Any, tiles: Any, sizes: Any, rate: Any, product: Any) -> Any:
        (inputs, outputs), (contexts, asked), (x, y, scores, slopes, signs) = tables, rows, tiles
        n_contexts, n_outputs, wide = sizes
        gather(inputs, contexts, n_contexts, x)
        gather(outputs, asked, n_outputs, y)
        score(x, y, scores, n_contexts, wide, wide)
        product, nats = turn_into_slopes(scores, slopes, signs, (n_contexts + 1) * wide, rate, product)
        move_contexts(inputs, contexts, n_contexts, y, wide, slopes, wide)
        move_outputs(outputs, asked, n_outputs, x, n_contexts, slopes, wide)
        return product, nats

    return step


def _step_averaged(dim: int) -> Any:
    gather, average, score, spread = gathering(dim), averaging(dim), scoring(dim), spreading(dim)
    move_contexts, move_outputs = moving_contexts(dim), moving_outputs(dim)
    d, second = np.uint64(dim), np.ones(1, dtype=np.int64)

    @compiled
    def step(tables: Any, rows: Any, tiles: Any, sizes: Any, rate: Any, product: Any) -> Any:
        (inputs, outputs), (contexts, asked), (x, y, scores, slopes, signs) = tables, rows, tiles
        n_contexts, n_outputs, wide = sizes
        average(inputs, contexts, n_contexts, x)
        gather(outputs, asked, n_outputs, y)
        score(x, y, scores, 1, wide, wide)
        product, nats = turn_into_slopes(scores, slopes, signs, 2 * wide, rate, product)
        move_outputs(outputs, asked, n_outputs, x, 1, slopes, wide)
        for k in range(d):
            x[d + k] = np.float32(0.0)
        move_contexts(x, second, 1, y, wide, slopes, wide)
        spread(inputs, contexts, n_contexts, x, np.float32(1.0) / np.float32(n_contexts))
        return product, nats

    return step
