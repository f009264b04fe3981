"""The line integral of the loss's gradient along the path that the weights took: which part of the model learned what."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

# From a point: the losses on several sets of rows, shape (sets,), and their gradients, shape (sets, parameters).
LossAndGradient = Callable[["NDArray[np.float64]"], tuple["NDArray[np.float64]", "NDArray[np.float64]"]]
Losses = Callable[["NDArray[np.float64]"], "NDArray[np.float64]"]

N_NODES = 3
# Remainders of different sign cancel in the sum, not in the lines: their absolute values may add up to so many times the sum.
CANCELLING = 3.0
SMALLEST_FALL_SHARE = 0.01


@dataclass(frozen=True)
class PathBooks:
    """What each group of parameters took off the loss along the path.

    Attributes:
        groups: Names of the groups.
        booked: Shape (sets, segments, groups); positive lowers the loss.
        losses: Loss at each point of the path, shape (sets, points).
        remainder: Fall of the loss less what was booked, shape (sets, segments).
        n_gradients: How many gradients were taken; a loss alone counts as one too.
        worst_remainder: Sum of the absolute remainders of all pieces that the path was cut into, by set.
        n_moved: How many pieces were booked by moving one group after the other.
    """

    groups: tuple[str, ...]
    booked: NDArray[np.float64]
    losses: NDArray[np.float64]
    remainder: NDArray[np.float64]
    n_gradients: int
    worst_remainder: NDArray[np.float64]
    n_moved: int = 0


@cache
def gauss_legendre(n_nodes: int) -> tuple[tuple[float, float], ...]:
    """Nodes and weights of Gauss-Legendre quadrature on [0, 1], exact for polynomials of degree 2 n - 1.

    Example:
        >>> round(sum(weight * node**5 for node, weight in gauss_legendre(3)), 12) == round(1 / 6, 12)
        True
    """
    nodes, weights = np.polynomial.legendre.leggauss(n_nodes)
    return tuple((float(0.5 * (x + 1.0)), float(0.5 * w)) for x, w in zip(nodes, weights, strict=True))


def book_path(
    points: Sequence[NDArray[np.float64]],
    groups: Mapping[str, NDArray[np.intp]],
    measure: LossAndGradient,
    *,
    remainder_share: float = 0.01,
    most_gradients: int = 400,
    losses_at: Losses | None = None,
) -> PathBooks:
    """Book the fall of the loss between successive weights to groups of parameters.

    Between points p0 and p1 group g is booked minus the sum over its parameters i of
    (p1_i - p0_i) * integral over s in [0, 1] of dL/dp_i(p0 + s (p1 - p0)). By the fundamental theorem of calculus the groups
    sum to L(p0) - L(p1). Each segment starts as one piece with 3 Gauss-Legendre nodes; then the piece with the largest remainder
    is halved, again and again, so that kinks of a ReLU are closed in on. Where the gradients do not suffice for that and losses alone
    can be had, pieces are booked, the worst first, by what the loss falls when one group after the other moves to the piece's
    end, in this order and in its reverse, averaged: that adds up at any length of piece, and tends to the integral as it shrinks.

    Args:
        points: The weights in the order in which training passed them, each flat.
        groups: Name -> positions of its parameters; together they should cover all that moved.
        measure: Losses and gradients at a point, on one or several sets of rows.
        remainder_share: Pieces are halved until their remainders add up to no more than this share of the whole fall (of each
            set), or of 1 % of the loss where the fall is less than that; and their absolute values to three times as much.
        most_gradients: When so many gradients have been taken, no piece is halved any more.
        losses_at: The losses at a point without gradients, which are cheaper; None where there is nothing cheaper.

    Source: definition in the design ("by learner"); the path integral as in Lan et al. 2019, "LCA: Loss Change Allocation".

    Example:
        >>> def bowl(p):
        ...     return np.array([np.sum(p**2)]), 2 * p[None]
        >>> books = book_path([np.array([2.0, 1.0]), np.array([1.0, 0.0])], {"x": np.array([0]), "y": np.array([1])}, bowl)
        >>> [round(float(v), 6) for v in books.booked[0, 0]], round(float(books.remainder[0, 0]), 6)
        ([3.0, 1.0], 0.0)
    """
    losses = np.stack([measure(point)[0] if losses_at is None else losses_at(point) for point in points], axis=1)
    # A share of next to nothing would be chased for ever: a fall below 1 % of the loss counts as 1 % of it.
    whole = np.maximum(np.abs(losses[:, 0] - losses[:, -1]), SMALLEST_FALL_SHARE * np.abs(losses[:, 0]) + 1e-12)
    path = _Path(points, tuple(groups.values()), measure)
    pieces = _Pieces(path.first_pieces(losses), whole, remainder_share * whole)
    while not pieces.are_closed and len(points) + path.taken + 2 * N_NODES <= most_gradients:
        for half in path.halves(pieces.worst()):
            pieces.add(half)
    n_moved = 0
    while losses_at is not None and not pieces.are_closed and n_moved < len(pieces):
        pieces.add(path.moved(pieces.worst(), losses_at))
        n_moved += 1
    booked = np.zeros((len(losses), len(points) - 1, len(groups)))
    for piece in pieces:
        booked[:, piece.segment] += piece.booked
    falls = losses[:, :-1] - losses[:, 1:]
    remainder = falls - booked.sum(axis=2)
    return PathBooks(tuple(groups), booked, losses, remainder, len(points) + path.taken, pieces.left, n_moved)


@dataclass(frozen=True)
class _Piece:
    """A part of one segment, from s = low to s = high, with the losses at its ends and its middle."""

    segment: int
    low: float
    high: float
    losses: tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]
    booked: NDArray[np.float64]
    remainder: NDArray[np.float64]


class _Pieces:
    """The pieces of a path, the one with the largest remainder first, and what all of them leave over."""

    def __init__(self, pieces: Sequence[_Piece], whole: NDArray[np.float64], allowed: NDArray[np.float64]) -> None:
        self._whole, self._allowed = whole, allowed
        self.left, self.net = np.zeros(len(whole)), np.zeros(len(whole))
        # the second entry settles ties in order of birth
        self._heap: list[tuple[float, int, _Piece]] = []
        self._born = 0
        for piece in pieces:
            self.add(piece)

    def __len__(self) -> int:
        return len(self._heap)

    def __iter__(self) -> Iterator[_Piece]:
        return (piece for _, _, piece in self._heap)

    @property
    def are_closed(self) -> bool:
        """Whether their remainders add up to no more than is allowed, and the absolute ones to a few times that."""
        return not np.any((np.abs(self.net) > self._allowed) | (self.left > CANCELLING * self._allowed))

    def add(self, piece: _Piece) -> None:
        """One piece more."""
        heapq.heappush(self._heap, (-float(np.max(np.abs(piece.remainder) / self._whole)), self._born, piece))
        self._born += 1
        self.left, self.net = self.left + np.abs(piece.remainder), self.net + piece.remainder

    def worst(self) -> _Piece:
        """The piece with the largest remainder, taken out."""
        piece = heapq.heappop(self._heap)[2]
        self.left, self.net = self.left - np.abs(piece.remainder), self.net - piece.remainder
        return piece


class _Path:
    def __init__(self, points: Sequence[NDArray[np.float64]], members: tuple[NDArray[np.intp], ...], measure: LossAndGradient) -> None:
        self._points, self._members, self._measure = points, members, measure
        self._covers = sum(len(one) for one in members) == len(points[0])
        self.taken = 0

    def first_pieces(self, losses: NDArray[np.float64]) -> list[_Piece]:
        """One piece a segment, from the losses at the points."""
        return [self._piece(i, 0.0, 1.0, (losses[:, i], losses[:, i + 1])) for i in range(len(self._points) - 1)]

    def halves(self, piece: _Piece) -> tuple[_Piece, _Piece]:
        """The piece cut in its middle, where the loss is known: the second of three nodes lies there."""
        start, middle, end = piece.losses
        cut = 0.5 * (piece.low + piece.high)
        first = self._piece(piece.segment, piece.low, cut, (start, middle))
        return first, self._piece(piece.segment, cut, piece.high, (middle, end))

    def _piece(self, segment: int, low: float, high: float, ends: tuple[NDArray[np.float64], NDArray[np.float64]]) -> _Piece:
        start, step = self._points[segment], self._points[segment + 1] - self._points[segment]
        booked = np.zeros((len(ends[0]), len(self._members)))
        middle = ends[0]
        for place, (node, weight) in enumerate(gauss_legendre(N_NODES)):
            losses, gradients = self._measure(start + (low + node * (high - low)) * step)
            self.taken += 1
            if place == N_NODES // 2:
                middle = losses
            along = -weight * (high - low) * gradients * step
            booked += np.stack([along[:, member].sum(axis=1) for member in self._members], axis=1)
        return _Piece(segment, low, high, (ends[0], middle, ends[1]), booked, ends[0] - ends[1] - booked.sum(axis=1))

    def moved(self, piece: _Piece, losses_at: Losses) -> _Piece:
        """The piece booked by moving one group after the other from its start to its end, in both orders, averaged."""
        origin, step = self._points[piece.segment], self._points[piece.segment + 1] - self._points[piece.segment]
        booked = np.zeros_like(piece.booked)
        for order in (range(len(self._members)), reversed(range(len(self._members)))):
            point, before = origin + piece.low * step, piece.losses[0]
            for left, place in enumerate(order, start=1):
                member = self._members[place]
                point[member] += (piece.high - piece.low) * step[member]
                # the last group's move ends where the piece does, if the groups cover all that moves
                is_end = left == len(self._members) and self._covers
                after = piece.losses[2] if is_end else losses_at(point)
                booked[:, place] += 0.5 * (before - after)
                before = after
        return replace(piece, booked=booked, remainder=piece.losses[0] - piece.losses[2] - booked.sum(axis=1))
