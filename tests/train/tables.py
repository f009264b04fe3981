"""Small encoded tables with a known signal, for tests of training and watching."""

import numpy as np
from scipy.sparse import csr_array

from assay.model.contract import Rows
from assay.model.encoding import Encoded


def encoded(numbers: np.ndarray, codes: np.ndarray | None = None, bag: np.ndarray | None = None) -> Encoded:
    """Numbers x0.., codes c0.. and at most one bag as an Encoded."""
    codes = np.empty((len(numbers), 0), np.int32) if codes is None else codes.astype(np.int32)
    names, levels = tuple(f"x{i}" for i in range(numbers.shape[1])), tuple(f"c{i}" for i in range(codes.shape[1]))
    sizes = tuple(int(c.max()) + 1 for c in codes.T)
    bags = () if bag is None else (csr_array(bag.astype(np.float32)),)
    return Encoded(numbers.astype(np.float64), names, names, codes, levels, sizes, bags, ("text",) * len(bags))


def two_classes(n: int = 300, seed: int = 0, *, noise: float = 0.3) -> Rows:
    """Two numbers, one category and a text bag that together tell one of two classes, with a few holes."""
    rng = np.random.default_rng(seed)
    numbers = rng.normal(size=(n, 2))
    codes = rng.integers(2, 5, (n, 1))
    bag = rng.random((n, 6)) * (rng.random((n, 6)) < 0.4)
    signal = numbers[:, 0] * 2 + (codes[:, 0] == 3) + bag[:, 0] * 2 - 0.7 + rng.normal(0, noise, n)
    numbers[::17, 1] = np.nan
    return Rows(encoded(numbers, codes, bag), (signal > 0).astype(np.int64))


def a_line(n: int = 300, seed: int = 0) -> Rows:
    """Three numbers and a value in thousands that hangs on them."""
    rng = np.random.default_rng(seed)
    numbers = rng.normal(size=(n, 3))
    return Rows(encoded(numbers), 1000 * (5 + numbers[:, 0] - 2 * numbers[:, 1] + rng.normal(0, 0.2, n)))


def part(rows: Rows, low: int, high: int) -> Rows:
    """The rows from low to high."""
    places = np.arange(low, high)
    return Rows(rows.data.take(places), rows.target[low:high], None if rows.weight is None else rows.weight[low:high])
