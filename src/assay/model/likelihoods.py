"""What each column says of the classes on its own: log-likelihoods of numbers, category codes and words, class by class."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from assay.model.contract import Rows
    from assay.model.encoded import Encoded

# Of a number's variance, added to each class's: a class in which it never varies would else be infinitely sure.
VARIANCE_FLOOR_SHARE = 1e-9
TENTHS = 10


@dataclass(frozen=True)
class Reading:
    """How columns are read.

    Attributes:
        words: "presence": a term of a text counts once; "tf-idf": by its weight.
        smoothing: Occurrences that every term is given in advance.
        numbers: "bells": a normal distribution a class; "tenths": the tenth of the training rows that a value falls in.
    """

    words: str = "tf-idf"
    smoothing: float = 1.0
    numbers: str = "bells"


@dataclass(frozen=True)
class Likelihoods:
    """Log-likelihoods in nats, one table a column: given the class, columns are taken to be independent.

    Attributes:
        reading: How columns are read.
        mean, variance: Of each number in each class (numbers, classes).
        edges: Between the tenths of each number (numbers, 9).
        tables: Log-shares of the codes of each category (codes, classes); then, for each number, of its tenths and of missing,
            or of present and missing alone where it is read as a bell.
        terms: Log-shares of the terms of each bag (terms, classes).
    """

    reading: Reading
    mean: NDArray[np.float64]
    variance: NDArray[np.float64]
    edges: NDArray[np.float64]
    tables: tuple[NDArray[np.float64], ...]
    terms: tuple[NDArray[np.float64], ...]

    @classmethod
    def fit(cls, rows: Rows, classes: int, reading: Reading) -> Self:
        """Count these rows; a class without rows is given the shares of all rows, so that no column speaks for or against it."""
        data = rows.data
        weight = np.ones(rows.size) if rows.weight is None else rows.weight
        sides = (rows.target[:, None] == np.arange(classes)) * weight[:, None]
        sides[:, sides.sum(axis=0) == 0] = weight[:, None]
        mean, variance = class_moments(data.numbers, sides)
        edges = _tenths(data.numbers)
        tables = [log_shares(data.codes[:, i], sides, size) for i, size in enumerate(data.code_sizes)]
        tables += [_number_table(v, e if reading.numbers == "tenths" else None, sides) for v, e in zip(data.numbers.T, edges, strict=True)]
        terms = tuple(log_term_shares(_words(bag, reading), sides, reading.smoothing) for bag in data.bags)
        return cls(reading, mean, variance, edges, tuple(tables), terms)

    def by_source(self, data: Encoded) -> dict[str, NDArray[np.float64]]:
        """Table column -> what it says of the classes: nats (rows, classes), comparable within a row only."""
        said: dict[str, NDArray[np.float64]] = {}

        def add(source: str, nats: NDArray[np.float64]) -> None:
            said[source] = said[source] + nats if source in said else nats

        for i, source in enumerate(data.code_names):
            add(source, self.tables[i][data.codes[:, i]])
        for i, source in enumerate(data.number_sources):
            add(source, self._of_number(data.numbers[:, i], i, len(data.code_names)))
        for bag, table, source in zip(data.bags, self.terms, data.bag_names, strict=True):
            add(source, np.asarray(_words(bag, self.reading) @ table))
        return said

    def _of_number(self, values: NDArray[np.float64], place: int, first: int) -> NDArray[np.float64]:
        if self.reading.numbers == "tenths":
            return np.asarray(self.tables[first + place][_number_codes(values, self.edges[place])])
        said = log_density(values[:, None], self.mean[place], self.variance[place])
        said[np.isnan(values)] = 0.0
        return np.asarray(said + self.tables[first + place][_number_codes(values, None)])

    def state(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        """JSON-able data and plain arrays."""
        arrays = {f"table_{i}": t for i, t in enumerate(self.tables)} | {f"terms_{i}": t for i, t in enumerate(self.terms)}
        data = {"reading": asdict(self.reading), "tables": len(self.tables), "bags": len(self.terms)}
        return data, {**arrays, "mean": self.mean, "variance": self.variance, "edges": self.edges}

    @classmethod
    def from_state(cls, data: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> Self:
        """What `state` described."""
        return cls(
            Reading(**data["reading"]),
            np.asarray(arrays["mean"]),
            np.asarray(arrays["variance"]),
            np.asarray(arrays["edges"]),
            tuple(np.asarray(arrays[f"table_{i}"]) for i in range(data["tables"])),
            tuple(np.asarray(arrays[f"terms_{i}"]) for i in range(data["bags"])),
        )


def log_term_shares(counts: Any, sides: NDArray[np.float64], smoothing: float) -> NDArray[np.float64]:
    """Log-shares of the terms in each class (terms, classes): ln((occurrences + smoothing) / (all occurrences + smoothing * terms)).

    Args:
        counts: (rows, terms), sparse.
        sides: Weight of each row in each class (rows, classes).
        smoothing: 1 is Laplace's.

    Source: the multinomial event model, McCallum and Nigam 1998, equation 6.

    Example:
        >>> from scipy.sparse import csr_array
        >>> shares = np.exp(log_term_shares(csr_array([[1, 1, 0], [0, 0, 1]]), np.eye(2), 1.0))
        >>> shares.round(2).tolist()
        [[0.4, 0.25], [0.4, 0.25], [0.2, 0.5]]
    """
    occurred = np.asarray(counts.T @ sides, dtype=np.float64) + smoothing
    return np.asarray(np.log(occurred / occurred.sum(axis=0)))


def log_shares(codes: NDArray[Any], sides: NDArray[np.float64], size: int) -> NDArray[np.float64]:
    """Log-shares of the codes in each class (codes, classes): ln((rows + 1) / (all rows + codes)), Laplace's rule of succession.

    Example:
        >>> np.exp(log_shares(np.array([0, 0, 1]), np.ones((3, 1)), 2)).round(2).tolist()
        [[0.6], [0.4]]
    """
    counted = np.column_stack([np.bincount(codes, weights=side, minlength=size) for side in sides.T]) + 1.0
    return np.asarray(np.log(counted / counted.sum(axis=0)))


def class_moments(numbers: NDArray[np.float64], sides: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean and variance of each number in each class (numbers, classes), missing values left out."""
    present = ~np.isnan(numbers)
    filled = np.where(present, numbers, 0.0)
    total = present.T @ sides
    mean = np.divide(filled.T @ sides, total, out=np.zeros_like(total), where=total > 0)
    overall = np.divide(filled.sum(axis=0), present.sum(axis=0), out=np.zeros(numbers.shape[1]), where=present.any(axis=0))
    # About the overall mean first: squares of far-off values would else cancel.
    off = np.where(present, numbers - overall, 0.0)
    second = np.divide(np.square(off).T @ sides, total, out=np.ones_like(total), where=total > 0)
    shift = mean - overall[:, None]
    spread = np.maximum(np.square(off).sum(axis=0) / np.maximum(present.sum(axis=0), 1), 1e-300)[:, None]
    # A class with no value of a number has its mean and spread among all rows.
    variance = np.where(total > 0, np.maximum(second - np.square(shift), 0.0), spread)
    return np.where(total > 0, mean, overall[:, None]), variance + VARIANCE_FLOOR_SHARE * spread


def log_density(values: NDArray[np.float64], mean: NDArray[np.float64], variance: NDArray[np.float64]) -> NDArray[np.float64]:
    """The natural logarithm of the normal density.

    Example:
        >>> round(float(log_density(np.array(0.0), np.array(0.0), np.array(1.0))), 4)
        -0.9189
    """
    return np.asarray(-0.5 * (np.log(2 * np.pi * variance) + np.square(values - mean) / variance))


def _words(bag: Any, reading: Reading) -> Any:
    if reading.words == "tf-idf":
        return bag
    seen = bag.copy()
    seen.data = np.ones_like(seen.data)
    return seen


def _tenths(numbers: NDArray[np.float64]) -> NDArray[np.float64]:
    """The nine edges between the tenths of each number; equal ones leave a tenth empty."""
    if numbers.shape[1] == 0:
        return np.zeros((0, TENTHS - 1))
    filled = np.where(np.isnan(numbers).all(axis=0), 0.0, numbers)
    return np.ascontiguousarray(np.nanquantile(filled, np.arange(1, TENTHS) / TENTHS, axis=0).T)


def _number_table(values: NDArray[np.float64], edges: NDArray[np.float64] | None, sides: NDArray[np.float64]) -> NDArray[np.float64]:
    codes = _number_codes(values, edges)
    if edges is not None:
        return log_shares(codes, sides, TENTHS + 1)
    # A number that was never missing says nothing by being there.
    return log_shares(codes, sides, 2) if codes.any() else np.zeros((2, sides.shape[1]))


def _number_codes(values: NDArray[np.float64], edges: NDArray[np.float64] | None) -> NDArray[np.intp]:
    """The tenth of each value, or 0 where there are no edges; the last code is for missing ones."""
    if edges is None:
        return np.isnan(values).astype(np.intp)
    return np.where(np.isnan(values), TENTHS, np.searchsorted(edges, values, side="left"))
