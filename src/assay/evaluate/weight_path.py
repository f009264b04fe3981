"""The line integral of the loss's gradient along the path that the weights took: which part of the model learned what."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

# From a point: the losses on several sets of rows, shape (sets,), and their gradients, shape (sets, parameters).
LossAndGradient = Callable[["NDArray[np.float64]"], tuple["NDArray[np.float64]", "NDArray[np.float64]"]]

NODES = (3, 6, 12)
MOST_HALVINGS = 6


@dataclass(frozen=True)
class PathBooks:
    """What each group of parameters took off the loss along the path.

    Attributes:
        groups: Names of the groups.
        booked: Shape (sets, segments, groups); positive lowers the loss.
        losses: Loss at each point of the path, shape (sets, points).
        remainder: Fall of the loss less what was booked, shape (sets, segments).
        n_gradients: How many gradients were taken.
    """

    groups: tuple[str, ...]
    booked: NDArray[np.float64]
    losses: NDArray[np.float64]
    remainder: NDArray[np.float64]
    n_gradients: int


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
    most_gradients: int = 2_000,
) -> PathBooks:
    """Book the fall of the loss between successive weights to groups of parameters.

    Between points p0 and p1 group g is booked minus the sum over its parameters i of
    (p1_i - p0_i) * integral over s in [0, 1] of dL/dp_i(p0 + s (p1 - p0)). By the fundamental theorem of calculus the groups
    sum to L(p0) - L(p1). Quadrature starts with 3 nodes a segment; where its remainder is too large it takes 6, then 12, then
    halves the segment, so a kink of a ReLU is closed in on.

    Args:
        points: The weights in the order in which training passed them, each flat.
        groups: Name -> positions of its parameters; together they should cover all that moved.
        measure: Losses and gradients at a point, on one or several sets of rows.
        remainder_share: The remainders of all segments together stay below this share of the whole fall (of each set).
        most_gradients: When so many gradients have been taken, no further nodes are added.

    Source: definition in the design ("by learner"); the path integral as in Lan et al. 2019, "LCA: Loss Change Allocation".

    Example:
        >>> def bowl(p):
        ...     return np.array([np.sum(p**2)]), 2 * p[None]
        >>> books = book_path([np.array([2.0, 1.0]), np.array([1.0, 0.0])], {"x": np.array([0]), "y": np.array([1])}, bowl)
        >>> [round(float(v), 6) for v in books.booked[0, 0]], round(float(books.remainder[0, 0]), 6)
        ([3.0, 1.0], 0.0)
    """
    ends = [measure(point) for point in points]
    losses = np.stack([loss for loss, _ in ends], axis=1)
    n_segments = len(points) - 1
    whole = np.maximum(np.abs(losses[:, 0] - losses[:, -1]), 1e-12)
    names, members = tuple(groups), list(groups.values())
    booked = np.zeros((len(losses), n_segments, len(names)))
    counter = _Counter(measure, len(ends), most_gradients)
    for segment in range(n_segments):
        allowed = remainder_share * whole / n_segments
        fall = losses[:, segment] - losses[:, segment + 1]
        along = _integrate(counter, (points[segment], points[segment + 1]), fall, allowed, MOST_HALVINGS)
        booked[:, segment] = np.stack([along[:, member].sum(axis=1) for member in members], axis=1)
    falls = losses[:, :-1] - losses[:, 1:]
    return PathBooks(names, booked, losses, falls - booked.sum(axis=2), counter.taken)


class _Counter:
    def __init__(self, measure: LossAndGradient, taken: int, most: int) -> None:
        self._measure, self.taken, self._most = measure, taken, most

    def __call__(self, point: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        self.taken += 1
        return self._measure(point)

    @property
    def is_spent(self) -> bool:
        return self.taken >= self._most


def _integrate(
    measure: _Counter,
    ends: tuple[NDArray[np.float64], NDArray[np.float64]],
    fall: NDArray[np.float64],
    allowed: NDArray[np.float64],
    halvings: int,
) -> NDArray[np.float64]:
    """What each parameter is booked on the way from start to end, shape (sets, parameters)."""
    start, end = ends
    step = end - start
    along = np.zeros((len(fall), len(start)))
    for n_nodes in NODES:
        mean_gradient = sum(weight * measure(start + node * step)[1] for node, weight in gauss_legendre(n_nodes))
        along = -mean_gradient * step
        if np.all(np.abs(fall - along.sum(axis=1)) <= allowed) or measure.is_spent:
            return along
    if halvings == 0:
        return along
    middle = start + 0.5 * step
    loss_start, loss_middle = measure(start)[0], measure(middle)[0]
    first = _integrate(measure, (start, middle), loss_start - loss_middle, 0.5 * allowed, halvings - 1)
    second = _integrate(measure, (middle, end), loss_middle - (loss_start - fall), 0.5 * allowed, halvings - 1)
    return first + second
