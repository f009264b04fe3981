"""Passages of held-out text that stand word for word in the training text."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from assay.core.split_evidence import CrossDuplicates, SplitEvidence

if TYPE_CHECKING:
    from numpy.typing import NDArray

PASSAGE_CHARACTERS = 64
AT_ONCE = 1 << 22
SHOWN = 3
FEWEST_SIGNS = 8
_BASE = np.uint64(0x9E3779B97F4A7C15)


def repeated_passages(train: str, test: str, length: int = PASSAGE_CHARACTERS) -> tuple[NDArray[np.intp], int]:
    """Which passages of the held-out text, cut end to end, stand anywhere in the training text.

    Each stretch of `length` characters is hashed with one rolling hash; what has an equal hash is then compared as text.
    Passages of fewer than 8 different characters, such as rulers and empty lines, are left out.

    Args:
        train: The text to learn from.
        test: The held-out text.
        length: Characters of a passage, a power of two.

    Returns:
        Starts of the repeated passages in the held-out text, and how many passages were looked up.

    Example:
        >>> again = "It was the best of times, it was the worst of times, it was the age"
        >>> repeated_passages("Once. " + again, again)
        (array([0]), 1)
    """
    starts = np.arange(0, len(test) - length + 1, length)
    starts = np.array([s for s in starts if len(set(test[s : s + length])) >= FEWEST_SIGNS], dtype=np.intp)
    if not len(starts) or len(train) < length:
        return np.zeros(0, dtype=np.intp), len(starts)
    wanted = rolling_hash(test, length)[starts]
    order = np.argsort(wanted)
    ranked, found = wanted[order], np.zeros(len(starts), dtype=np.bool_)
    for first, hashes in _hashes(train, length):
        place = np.minimum(np.searchsorted(ranked, hashes), len(ranked) - 1)
        for hit in np.flatnonzero(ranked[place] == hashes):
            passage = train[first + hit : first + hit + length]
            same = order[np.searchsorted(ranked, hashes[hit]) : np.searchsorted(ranked, hashes[hit], side="right")]
            for one in same[~found[same]]:
                found[one] = test[starts[one] : starts[one] + length] == passage
    return starts[found], len(starts)


def compare_texts(train: str, test: str, how: str, length: int = PASSAGE_CHARACTERS) -> tuple[SplitEvidence, tuple[str, ...]]:
    """What the held-out text shares with the training text, and the first repeated passages."""
    starts, n_passages = repeated_passages(train, test, length)
    numbers = tuple(int(s) // length + 1 for s in starts[:20])
    evidence = SplitEvidence(
        train_rows=len(train) // length,
        test_rows=n_passages,
        how=how,
        duplicates=CrossDuplicates(len(starts), len(starts), numbers),
        row="passage",
    )
    return evidence, tuple(test[s : s + length] for s in starts[:SHOWN])


def rolling_hash(text: str, length: int) -> NDArray[np.uint64]:
    """A number for each stretch of `length` characters: sum of mix(c_i) * base^(length - 1 - i), modulo 2^64.

    Built by doubling: the hash of 2 n characters is that of the first n times base^n plus that of the second n.

    Raises:
        ValueError: the length is no power of two.

    Source: Karp and Rabin 1987; characters are first mixed, since plain sums modulo 2^64 meet on Thue-Morse texts.
    """
    if length < 1 or length & (length - 1):
        raise ValueError(f"a passage of {length} characters cannot be hashed by doubling; give a power of two")
    codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype="<u4").astype(np.uint64)
    with np.errstate(over="ignore"):
        mixed = (codes + np.uint64(1)) * np.uint64(0xBF58476D1CE4E5B9)
        hashes = (mixed ^ (mixed >> np.uint64(31))) * np.uint64(0x94D049BB133111EB)
        base, done = _BASE, 1
        while done < length:
            hashes = hashes[:-done] * base + hashes[done:] if len(hashes) > done else hashes[:0]
            base, done = np.uint64((int(base) * int(base)) % (1 << 64)), 2 * done
    return hashes


def _hashes(text: str, length: int) -> Iterator[tuple[int, NDArray[np.uint64]]]:
    for first in range(0, len(text) - length + 1, AT_ONCE):
        yield first, rolling_hash(text[first : first + AT_ONCE + length - 1], length)
