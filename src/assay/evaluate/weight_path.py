"""The line integral of the loss's gradient along the path that the weights took: which part of the model learned what."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

# From a point: the losses on several sets of rows, shape (sets,), and their gradients, shape (sets, parameters).
LossAndGradient = Callable[["NDArray[np.float64]"], tuple["NDArray[np.float64]", "NDArray[np.float64]"]]

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
        n_gradients: How many gradients were taken.
        worst_remainder: Sum of the absolute remainders of all pieces that the path was cut into, by set.
    """

    groups: tuple[str, ...]
    booked: NDArray[np.float64]
    losses: NDArray[np.float64]
    remainder: NDArray[np.float64]
    n_gradients: int
    worst_remainder: NDArray[np.float64]


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
) -> PathBooks:
    """Book the fall of the loss between successive weights to groups of parameters.

    Between points p0 and p1 group g is booked minus the sum over its parameters i of
    (p1_i - p0_i) * integral over s in [0, 1] of dL/dp_i(p0 + s (p1 - p0)). By the fundamental theorem of calculus the groups
    sum to L(p0) - L(p1). Each segment starts as one piece with 3 Gauss-Legendre nodes; then the piece with the largest remainder
    is halved, again and again, so that kinks of a ReLU are closed in on.

    Args:
        points: The weights in the order in which training passed them, each flat.
        groups: Name -> positions of its parameters; together they should cover all that moved.
        measure: Losses and gradients at a point, on one or several sets of rows.
        remainder_share: Pieces are halved until their remainders add up to no more than this share of the whole fall (of each
            set), or of 1 % of the loss where the fall is less than that; and their absolute values to three times as much.
        most_gradients: When so many gradients have been taken, no piece is halved any more.

    Source: definition in the design ("by learner"); the path integral as in Lan et al. 2019, "LCA: Loss Change Allocation".

    Example:
        >>> def bowl(p):
        ...     return np.array([np.sum(p**2)]), 2 * p[None]
        >>> books = book_path([np.array([2.0, 1.0]), np.array([1.0, 0.0])], {"x": np.array([0]), "y": np.array([1])}, bowl)
        >>> [round(float(v), 6) for v in books.booked[0, 0]], round(float(books.remainder[0, 0]), 6)
        ([3.0, 1.0], 0.0)
    """
    losses = np.stack([measure(point)[0] for point in points], axis=1)
    # A share of next to nothing would be chased for ever: a fall below 1 % of the loss counts as 1 % of it.
    whole = np.maximum(np.abs(losses[:, 0] - losses[:, -1]), SMALLEST_FALL_SHARE * np.abs(losses[:, 0]) + 1e-12)
    path = _Path(points, tuple(groups.values()), measure)
    # The heap holds the pieces, the one with the largest remainder first; the second entry settles ties in order of birth.
    pieces = [(-float(np.max(np.abs(p.remainder) / whole)), i, p) for i, p in enumerate(path.first_pieces(losses))]
    heapq.heapify(pieces)
    born = len(pieces)
    left = sum((np.abs(piece.remainder) for _, _, piece in pieces), np.zeros(len(losses)))
    net = sum((piece.remainder for _, _, piece in pieces), np.zeros(len(losses)))
    allowed = remainder_share * whole
    while np.any((np.abs(net) > allowed) | (left > CANCELLING * allowed)) and len(points) + path.taken + 2 * N_NODES <= most_gradients:
        _, _, worst = heapq.heappop(pieces)
        left, net = left - np.abs(worst.remainder), net - worst.remainder
        for piece in path.halves(worst):
            left, net = left + np.abs(piece.remainder), net + piece.remainder
            heapq.heappush(pieces, (-float(np.max(np.abs(piece.remainder) / whole)), born, piece))
            born += 1
    booked = np.zeros((len(losses), len(points) - 1, len(groups)))
    for _, _, piece in pieces:
        booked[:, piece.segment] += piece.booked
    falls = losses[:, :-1] - losses[:, 1:]
    return PathBooks(tuple(groups), booked, losses, falls - booked.sum(axis=2), len(points) + path.taken, left)


@dataclass(frozen=True)
class _Piece:
    """A part of one segment, from s = low to s = high, with the losses at its ends and its middle."""

    segment: int
    low: float
    high: float
    losses: tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]
    booked: NDArray[np.float64]
    remainder: NDArray[np.float64]


class _Path:
    def __init__(self, points: Sequence[NDArray[np.float64]], members: tuple[NDArray[np.intp], ...], measure: LossAndGradient) -> None:
        self._points, self._members, self._measure = points, members, measure
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
