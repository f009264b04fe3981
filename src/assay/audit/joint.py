"""What all features jointly explain, and all but one: one ridge regression, columns left out by block elimination."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from threadpoolctl import threadpool_limits

from assay.audit.gain import FOLDS, class_counts, class_gain_bits, merged
from assay.audit.level import Levels, levels_of_numbers

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

MAX_DIMENSIONS = 160
BINS_A_NUMBER = 10
PENALTIES = (0.003, 0.1)


@dataclass(frozen=True, slots=True)
class Design:
    """Standardised inputs of the ridge regression.

    Attributes:
        matrix: Rows by inputs, the last one constant.
        blocks: Inputs of each feature, by the feature's place.
    """

    matrix: NDArray[np.float64]
    blocks: list[NDArray[np.intp]]


def design_of(features: Sequence[Levels]) -> Design:
    """One-hot levels and standardised numbers, at most `MAX_DIMENSIONS` of them, shared out evenly."""
    each = max(1, MAX_DIMENSIONS // max(1, len(features)))
    chosen = [_chosen_levels(levels, each) for levels in features]
    widths = [len(held) + (levels.numbers is not None) for levels, (_, held) in zip(features, chosen, strict=True)]
    ends = np.cumsum(widths)
    matrix = np.ones((len(features[0].codes), int(ends[-1]) + 1), order="F")
    blocks = [np.arange(end - width, end) for end, width in zip(ends, widths, strict=True)]
    for levels, (codes, held), width, end in zip(features, chosen, widths, ends, strict=True):
        part = matrix[:, end - width : end]
        if levels.numbers is not None:
            part[:, 0] = np.clip(levels.numbers, -8, 8)
        np.equal(codes[:, None], held[None, :], out=part[:, width - len(held) :])
        part -= part.mean(axis=0)
        spread = part.std(axis=0)
        part /= np.where(spread > 1e-12, spread, 1.0)
    return Design(matrix, blocks)


def _chosen_levels(levels: Levels, most: int) -> tuple[NDArray[np.int64], NDArray[np.intp]]:
    """Level numbers, coarser for numbers, and the most frequent of them that have an input of their own."""
    room = most - (levels.numbers is not None)
    if room < 1:
        return levels.codes, np.empty(0, dtype=np.intp)
    codes = levels.codes
    if levels.numbers is not None:
        codes = levels.coarser(min(room, BINS_A_NUMBER))[codes]
    counts = np.bincount(codes)
    chosen = np.argsort(-counts, kind="stable")[:room]
    return codes, chosen[counts[chosen] > 0]


def joint_shares(
    features: Sequence[Levels], asked: Sequence[int], target: NDArray[np.generic], classes: int, folds: NDArray[np.int64]
) -> tuple[float, list[float | None]]:
    """What all features explain, and all but each asked one, as shares of the opening loss, on held-out folds.

    A linear score is fitted on one-hot levels; its log loss is then measured as that of any single column, from the score's
    levels, so that joint and single shares are on one scale. It is a lower estimate: interactions are not seen.

    Args:
        features: All features as levels.
        asked: Places of the features to leave out, one at a time.
        target: Class numbers, or values when `classes` is 0.
        classes: Number of classes, 0 for regression.
        folds: Fold of each row.
    """
    if not features:
        return 0.0, []
    order = np.argsort(folds, kind="stable")
    features = [replace(f, codes=f.codes[order], numbers=None if f.numbers is None else f.numbers[order]) for f in features]
    target, folds = target[order], folds[order]  # so that a fold's inputs are a slice of the matrix, not a copy
    design = design_of(features)
    goal = np.eye(classes)[target.astype(np.int64)] if classes else target.astype(np.float64)[:, None]
    goal = goal[:, :-1] if classes == 2 else goal
    # Matrices this small gain nothing from threads, and threads that wait for a busy core cost seconds.
    with threadpool_limits(1, "blas"):
        fitted = _fitted(design, goal, folds)
        tried = [_scores(design, fitted, asked, folds, penalty) for penalty in PENALTIES]
    shares = [_share(scores[0], target, classes, folds) for scores in tried]
    best = tried[int(np.argmax(shares))]
    rest: list[float | None] = [_share(s, target, classes, folds) if len(features) > 1 else None for s in best[1:]]
    return max(shares), rest


@dataclass(frozen=True, slots=True)
class _Moments:
    """Mean products of inputs with inputs and with the goal, without one fold; and that fold's inputs."""

    gram: NDArray[np.float64]
    moment: NDArray[np.float64]
    held: NDArray[np.float64]


def _fitted(design: Design, goal: NDArray[np.float64], folds: NDArray[np.int64]) -> list[_Moments]:
    ends = np.searchsorted(folds, np.arange(FOLDS + 1))
    held = [design.matrix[ends[f] : ends[f + 1]] for f in range(FOLDS)]
    grams = np.stack([x.T @ x for x in held])
    moments = np.stack([x.T @ goal[folds == f] for f, x in enumerate(held)])
    rows = [max(1, len(folds) - len(x)) for x in held]
    gram, moment = grams.sum(axis=0), moments.sum(axis=0)
    return [_Moments((gram - grams[f]) / rows[f], (moment - moments[f]) / rows[f], held[f]) for f in range(FOLDS)]


def _scores(
    design: Design, fitted: Sequence[_Moments], asked: Sequence[int], folds: NDArray[np.int64], penalty: float
) -> NDArray[np.float64]:
    """Held-out scores of the whole regression and of each one with a block left out: (1 + asked, rows, outputs)."""
    outputs = fitted[0].moment.shape[1]
    result = np.empty((1 + len(asked), len(folds), outputs))
    ridge = np.full(design.matrix.shape[1], penalty)
    ridge[-1] = 1e-9
    for f, one in enumerate(fitted):
        inverse = np.linalg.inv(one.gram + np.diag(ridge))
        weights = inverse @ one.moment
        every = [weights]
        for place in asked:
            block = design.blocks[place]
            every.append(weights - inverse[:, block] @ np.linalg.solve(inverse[np.ix_(block, block)], weights[block]))
        result[:, folds == f] = np.moveaxis((one.held @ np.concatenate(every, axis=1)).reshape(-1, len(every), outputs), 1, 0)
    return result


def _share(score: NDArray[np.float64], target: NDArray[np.generic], classes: int, folds: NDArray[np.int64]) -> float:
    if not classes:
        y = target.astype(np.float64)
        opening = float(((y - y.mean()) ** 2).sum())
        return max(0.0, 1.0 - float(((y - score[:, 0]) ** 2).sum()) / opening) if opening else 0.0
    labels = target.astype(np.int64)
    shares = np.bincount(labels, minlength=classes) / len(labels)
    opening = -float((shares[shares > 0] * np.log2(shares[shares > 0])).sum())
    if not opening:
        return 0.0
    if classes == 2:
        levels = levels_of_numbers(score[:, 0])
        counts = class_counts(levels.codes, levels.n, labels, classes, folds)
        return max(class_gain_bits(merged(counts, levels.coarser(b))) for b in (8, 32, 256)) / opening
    ordered = np.sort(score, axis=1)
    margin = levels_of_numbers(ordered[:, -1] - ordered[:, -2])
    mapping = margin.coarser(16)
    codes = score.argmax(axis=1) * (int(mapping.max()) + 1) + mapping[margin.codes]
    return class_gain_bits(class_counts(codes, classes * (int(mapping.max()) + 1), labels, classes, folds)) / opening
