"""Is there anything left to learn? Nearest neighbours in the inputs, asked for the targets and for the model's residuals."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from assay.core.loop_parts import FloorFacts

FEWEST_ROWS = 96
MOST_ROWS = 768
NEIGHBOURS = 7
SHUFFLES = 60
LEAST_P = 1e-16


def floor_of(kept: list[tuple[Tensor, Tensor, Tensor]], loss: str, seed: int = 0) -> FloorFacts:
    """Compare what neighbours tell of targets and residuals with what they tell of shuffled ones.

    Args:
        kept: Batches of inputs (rows, features), targets and outputs (rows, columns).
        loss: Kind of the loss, which says how outputs are to be read.
        seed: Of the shuffles.

    Returns:
        Shares are 1 - (error of the neighbours' mean) / (error of the overall mean), over rows left out in turn.
    """
    widths = {(k[0].shape[1], k[1].reshape(len(k[1]), -1).shape[1], k[2].shape[1]) for k in kept}
    if len(widths) != 1 or sum(len(k[0]) for k in kept) < FEWEST_ROWS:
        return FloorFacts()
    # the latest rows, whose outputs are the present model's
    x, y, out = (np.concatenate([k[i].reshape(len(k[i]), -1).double().numpy() for k in kept])[-MOST_ROWS:] for i in range(3))
    x, places = np.unique(np.nan_to_num(x), axis=0, return_index=True)
    y, out = np.nan_to_num(y)[places], np.nan_to_num(out)[places]
    answers = _answers(y, out, loss)
    if answers is None or len(x) < FEWEST_ROWS:
        return FloorFacts()
    targets, told = answers
    near = _neighbours(x)
    stream = np.random.default_rng(seed)
    target_share, target_p = _told(targets, near, stream)
    residual_share, residual_p = _told(targets - told, near, stream)
    whole = float(((targets - targets.mean(axis=0)) ** 2).sum())
    model = 1.0 - float(((targets - told) ** 2).sum()) / whole if whole > 0 else 0.0
    return FloorFacts(len(x), target_share, target_p, residual_share, residual_p, model)


def _answers(y: NDArray[np.float64], out: NDArray[np.float64], loss: str) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
    """Targets and outputs as comparable columns: probabilities of classes, or numbers."""
    if loss in ("cross-entropy", "nll"):
        if y.shape[1] != 1 or out.shape[1] < 2:
            return None if y.shape != out.shape else (y, _softmax(out))
        labels = y[:, 0].astype(int)
        if labels.min() < 0 or labels.max() >= out.shape[1]:
            return None
        return np.eye(out.shape[1])[labels], _softmax(out)
    if loss == "binary-logits":
        told = 1.0 / (1.0 + np.exp(-np.clip(out, -50.0, 50.0)))
        return (y, told) if y.shape == told.shape else None
    if y.shape != out.shape:
        return None
    spread = y.std(axis=0)
    keep = spread > 0
    return (y[:, keep] / spread[keep], out[:, keep] / spread[keep]) if keep.any() else None


def _softmax(out: NDArray[np.float64]) -> NDArray[np.float64]:
    shifted = np.exp(out - out.max(axis=1, keepdims=True))
    return np.asarray(shifted / shifted.sum(axis=1, keepdims=True))


def _neighbours(x: NDArray[np.float64]) -> NDArray[np.intp]:
    spread = x.std(axis=0)
    x = (x[:, spread > 0] - x[:, spread > 0].mean(axis=0)) / spread[spread > 0] if (spread > 0).any() else x
    squares = (x**2).sum(axis=1)
    distance = squares[:, None] + squares[None, :] - 2.0 * (x @ x.T)
    np.fill_diagonal(distance, np.inf)
    return np.argpartition(distance, NEIGHBOURS, axis=1)[:, :NEIGHBOURS]


def _told(values: NDArray[np.float64], near: NDArray[np.intp], stream: np.random.Generator) -> tuple[float, float]:
    """Share of the values' variance that neighbours tell, and the p-value of "none" by shuffling."""
    centred = values - values.mean(axis=0)
    whole = float((centred**2).sum())
    if not whole > 0:
        return 0.0, 1.0

    def share(v: NDArray[np.float64]) -> float:
        return 1.0 - float(((v - v[near].mean(axis=1)) ** 2).sum()) / whole

    real = share(centred)
    chance = [share(centred[stream.permutation(len(centred))]) for _ in range(SHUFFLES)]
    above = (1 + sum(c >= real for c in chance)) / (SHUFFLES + 1)
    if above <= 1.0 / (SHUFFLES + 1):  # far out the shuffles' own spread tells more than their count
        z = (real - float(np.mean(chance))) / max(float(np.std(chance)), 1e-12)
        above = min(above, max(LEAST_P, float(np.exp(-0.5 * z * z)))) if z > 3.0 else above
    # the mean of k neighbours costs 1/k of whatever they cannot tell, as shuffling shows
    usual = float(np.mean(chance))
    return (real - usual) / (1.0 - usual), above
