"""The strongest single statement that a column makes about the target, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from assay.audit.level import Levels


def class_statement(column: str, levels: Levels, counts: NDArray[np.float64], classes: Sequence[str]) -> str:
    """The level, or the side of a threshold, that says most about one class.

    A statement's strength is the evidence that its rows carry: rows of the class times log2(share inside / share overall).

    Args:
        column: Its name.
        levels: Its levels.
        counts: Rows by level and class.
        classes: Names of the classes.
    """
    overall = counts.sum(axis=0) / max(counts.sum(), 1.0)
    ranges, sums = _statements(levels, counts)
    size = sums.sum(axis=1)
    lift = np.maximum(sums, 1e-300) / np.maximum(size[:, None] * overall, 1e-300)
    strength = np.where(sums > 0, sums * np.log2(lift), 0.0)
    if not strength.max(initial=0.0) > 0:
        return ""
    place, label = np.unravel_index(int(np.argmax(strength)), strength.shape)
    first, last = ranges[place]
    return f"{column} {levels.say(first, last)} -> {classes[int(label)]} in {int(sums[place, label])} of {int(size[place])} rows"


def value_statement(column: str, levels: Levels, sums: NDArray[np.float64], mean: float, std: float, target: str) -> str:
    """The level, or the side of a threshold, whose mean target differs most, in standard errors.

    Args:
        column: Its name.
        levels: Its levels.
        sums: By level: rows, sum of the standardised target, and more.
        mean, std: Of the target.
        target: Its name.
    """
    ranges, by_range = _statements(levels, sums)
    size = np.maximum(by_range[:, 0], 1.0)
    place = int(np.argmax(np.abs(by_range[:, 1]) / np.sqrt(size)))
    first, last = ranges[place]
    inside = mean + std * by_range[place, 1] / size[place]
    return f"{column} {levels.say(first, last)} -> mean {target} {inside:.5g} in {int(size[place])} rows, {mean:.5g} in all"


def _statements(levels: Levels, sums: NDArray[np.float64]) -> tuple[list[tuple[int, int]], NDArray[np.float64]]:
    """Ranges of levels that can be said in words, with their sums: both sides of each threshold, each category, missing."""
    held = levels.n - 1
    ranges: list[tuple[int, int]] = [(held, held)]
    parts = [sums[held:]]
    if levels.edges is None:
        ranges += [(i, i) for i in range(held)]
        parts.append(sums[:held])
    elif held > 1:
        below = np.cumsum(sums[:held], axis=0)
        ranges += [(0, i) for i in range(held - 1)] + [(i + 1, held - 1) for i in range(held - 1)]
        parts += [below[:-1], below[-1] - below[:-1]]
    return ranges, np.concatenate(parts)
