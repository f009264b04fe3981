"""Rows that repeat: how many there are, and how many the columns' own coarseness would give."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from assay.core.seeds import seed_for

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

ROWS_SHOWN = 50
ROWS_SHUFFLED = 50_000


def row_hashes(frame: pl.DataFrame) -> NDArray[np.uint64]:
    """One 64-bit hash a row; equal rows have equal hashes."""
    return frame.hash_rows(seed=11).to_numpy()


def later_repeats(hashes: NDArray[np.uint64]) -> NDArray[np.intp]:
    """Positions of the rows whose hash occurred in an earlier row, ascending.

    Example:
        >>> later_repeats(np.array([7, 8, 7, 7], dtype=np.uint64)).tolist()
        [2, 3]
    """
    ordered = np.sort(hashes)
    if not (ordered[1:] == ordered[:-1]).any():
        return np.empty(0, dtype=np.intp)
    return np.flatnonzero(~pl.Series(hashes).is_first_distinct().to_numpy())


def repeats_by_chance(frame: pl.DataFrame, other: pl.DataFrame | None = None, *, seed: int = 0) -> float:
    """Repeated rows that are left when halves of the columns are shuffled against each other.

    Shuffling keeps each column's frequencies, and within a half the dependence of its columns, but breaks up records that were
    copied whole. A coarse table repeats itself as often as before; a table with copied records does not. The largest of three
    ways to halve the columns is taken, so the estimate errs towards innocence. An image in one column never repeats by coarseness.

    Args:
        frame: The rows.
        other: Count rows of `other`, its halves shuffled, that occur in `frame`, instead of repeats inside `frame`.
        seed: Of the shuffles.

    Returns:
        Expected rows: repeats of an earlier row of `frame`, or rows of `other` found in `frame`.
    """
    counted = frame if other is None else other
    if pl.Binary in frame.dtypes:
        return 0.0
    if frame.width < 2 or frame.height < 2 or not counted.height:
        return float(counted.height if frame.width else 0)
    rng = np.random.default_rng(seed_for(seed, "repeats"))
    names = frame.columns
    halves = {tuple(names[::2]), tuple(names[: len(names) // 2]), tuple(names[i] for i in sorted(rng.permutation(len(names))[::2]))}
    seen, scale = _sample(counted, rng)
    if other is None:
        return min(float(frame.height), max(_inside(seen, half, rng) for half in sorted(halves)) * scale**2)
    return max(_across(frame, seen, half, rng) for half in sorted(halves)) * scale


def _sample(frame: pl.DataFrame, rng: np.random.Generator) -> tuple[pl.DataFrame, float]:
    """At most `ROWS_SHUFFLED` rows, and how many times as many there are; rare repeats grow with the square of that."""
    if frame.height <= ROWS_SHUFFLED:
        return frame, 1.0
    rows = np.sort(rng.choice(frame.height, ROWS_SHUFFLED, replace=False))
    return frame[rows], frame.height / ROWS_SHUFFLED


def _recombined(frame: pl.DataFrame, half: Sequence[str], rng: np.random.Generator) -> NDArray[np.uint64]:
    left = row_hashes(frame.select(half))
    right = row_hashes(frame.select([c for c in frame.columns if c not in half]))
    mixed: NDArray[np.uint64] = left * np.uint64(0x9E3779B97F4A7C15) + right[rng.permutation(len(right))]
    return mixed


def _inside(frame: pl.DataFrame, half: Sequence[str], rng: np.random.Generator) -> float:
    return float(frame.height - len(np.unique(_recombined(frame, half, rng))))


def _across(frame: pl.DataFrame, other: pl.DataFrame, half: Sequence[str], rng: np.random.Generator) -> float:
    left = row_hashes(frame.select(half))
    right = row_hashes(frame.select([c for c in frame.columns if c not in half]))
    whole = left * np.uint64(0x9E3779B97F4A7C15) + right
    return float(np.isin(_recombined(other, half, rng), whole).sum())
