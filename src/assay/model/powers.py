"""Polynomial features of the numbers: powers and products up to a degree, each named after the columns that it is made of."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import comb
from typing import TYPE_CHECKING, Any, Self

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from assay.model.encoded import Encoded


@dataclass(frozen=True)
class Powers:
    """Products of Legendre polynomials of the numbers, of total degree 2 up to `degree`; the numbers themselves stay as they are.

    They span the same curves as x, x^2, x^3 ..., but x^14 and x^15 are nearly the same column where P14 and P15 are not.
    A number is mapped to [-1, 1] over the range of the fitting rows and held at its ends beyond: a polynomial runs off to infinity
    outside of what it has seen. A missing number is at the middle of its range.

    Attributes:
        degree: Of the products; 1 for none.
        chosen: Positions of the numbers that are multiplied.
        low, high: The range of each of them.
    """

    degree: int
    chosen: NDArray[np.intp]
    low: NDArray[np.float64]
    high: NDArray[np.float64]

    @classmethod
    def fit(cls, data: Encoded, degree: int, chosen: NDArray[np.intp]) -> Self:
        """Learn the ranges from these rows."""
        numbers = data.numbers[:, chosen]
        empty = np.isnan(numbers).all(axis=0)
        filled = np.where(empty, 0.0, numbers)
        return cls(degree, chosen, np.nanmin(filled, axis=0), np.nanmax(filled, axis=0))

    def expand(self, data: Encoded) -> Encoded:
        """The rows with the products as further numbers."""
        orders = [c for total in range(2, self.degree + 1) for c in itertools.combinations_with_replacement(range(len(self.chosen)), total)]
        if not orders:
            return data
        values = data.numbers[:, self.chosen]
        half = np.maximum((self.high - self.low) / 2, 1e-300)
        scaled = np.clip((values - (self.low + self.high) / 2) / half, -1.0, 1.0)
        polynomials = legendre(np.where(np.isnan(scaled), 0.0, scaled), self.degree)
        products, names = [], []
        for order in orders:
            powers = Counter(order)
            products.append(np.prod([polynomials[power][:, i] for i, power in powers.items()], axis=0))
            names.append(" × ".join(_power(data.number_names[self.chosen[i]], power) for i, power in powers.items()))
        return replace(
            data,
            numbers=np.column_stack([data.numbers, *products]),
            number_names=(*data.number_names, *names),
            number_sources=(*data.number_sources, *names),
        )

    def state(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        """JSON-able data and plain arrays."""
        return {"degree": self.degree}, {"powers_chosen": self.chosen, "powers_low": self.low, "powers_high": self.high}

    @classmethod
    def from_state(cls, data: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> Self:
        """What `state` described."""
        return cls(int(data["degree"]), *(np.asarray(arrays[f"powers_{name}"]) for name in ("chosen", "low", "high")))


def legendre(scaled: NDArray[np.float64], degree: int) -> list[NDArray[np.float64]]:
    """P_0 to P_degree of values in [-1, 1]: (n + 1) P_(n+1) = (2n + 1) x P_n - n P_(n-1), Bonnet's recursion.

    Example:
        >>> [float(p) for p in legendre(np.array(0.5), 2)]
        [1.0, 0.5, -0.125]
    """
    found = [np.ones_like(scaled), scaled]
    for n in range(1, degree):
        found.append(((2 * n + 1) * scaled * found[n] - n * found[n - 1]) / (n + 1))
    return found[: degree + 1]


def n_products(n_numbers: int, degree: int) -> int:
    """How many products of total degree 2 up to `degree` so many numbers have.

    Example:
        >>> n_products(3, 2), n_products(1, 15)
        (6, 14)
    """
    return comb(n_numbers + degree, degree) - 1 - n_numbers


def _power(name: str, power: int) -> str:
    return name if power == 1 else f"{name}^{power}"
