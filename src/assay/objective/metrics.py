"""Metrics for people: what is said beside the loss, by name, from held-out predictions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


def metrics_for(task: str, target: NDArray[np.generic], prediction: NDArray[np.float64], classes: Sequence[str] = ()) -> dict[str, float]:
    """Metric -> value, of predictions on rows that were held out; a metric that these rows cannot have is left out.

    For classification: "accuracy", "majority accuracy" (what always naming the most frequent class of these rows gives),
    "balanced accuracy", "F1 macro", "MCC", "Brier" (sum over classes), and for two classes "AUC" and "average precision" of the
    second class; for more classes "AUC" is the mean of one against the rest. For regression: "R2", "MAE", "RMSE", "median error".

    Args:
        task: "classification" or "regression".
        target: Class numbers or values (rows,).
        prediction: Probabilities (rows, classes) or values (rows,).
        classes: Class names, as many as the columns of `prediction`.

    Example:
        >>> metrics_for("regression", np.array([0.0, 2.0]), np.array([0.0, 1.0]))["MAE"]
        0.5
    """
    if task == "regression":
        return _of_values(target.astype(np.float64), prediction)
    return _of_classes(target.astype(np.intp), prediction, len(classes) or prediction.shape[1])


def confusion_counts(target: NDArray[np.generic], prediction: NDArray[np.float64]) -> tuple[tuple[int, ...], ...]:
    """Rows by true class (row) and likeliest class (column).

    Example:
        >>> confusion_counts(np.array([0, 1, 1]), np.array([[0.9, 0.1], [0.8, 0.2], [0.3, 0.7]]))
        ((1, 0), (1, 1))
    """
    classes = prediction.shape[1]
    pairs = target.astype(np.intp) * classes + prediction.argmax(axis=1)
    counts = np.bincount(pairs, minlength=classes * classes).reshape(classes, classes)
    return tuple(tuple(int(n) for n in row) for row in counts)


def _of_values(target: NDArray[np.float64], prediction: NDArray[np.float64]) -> dict[str, float]:
    miss = target - prediction
    made = {
        "MAE": float(np.abs(miss).mean()),
        "RMSE": float(np.sqrt(np.square(miss).mean())),
        "median error": float(np.median(np.abs(miss))),
    }
    spread = float(np.square(target - target.mean()).mean())
    # Without spread there is nothing to explain, and R2 has no value.
    return {"R2": 1.0 - float(np.square(miss).mean()) / spread, **made} if spread > 0 else made


def _of_classes(target: NDArray[np.intp], probability: NDArray[np.float64], classes: int) -> dict[str, float]:
    from sklearn.metrics import f1_score, matthews_corrcoef

    named = probability.argmax(axis=1)
    counts = np.bincount(target, minlength=classes)
    present = np.flatnonzero(counts)
    recalls = [float((named[target == k] == k).mean()) for k in present]
    hot = np.zeros_like(probability)
    hot[np.arange(len(target)), target] = 1.0
    made = {
        "accuracy": float((named == target).mean()),
        "majority accuracy": float(counts.max() / counts.sum()),
        "balanced accuracy": float(np.mean(recalls)),
        "F1 macro": float(f1_score(target, named, average="macro", labels=present, zero_division=0.0)),
        "Brier": float(np.square(probability - hot).sum(axis=1).mean()),
    }
    if len(present) < 2:
        return made
    made["MCC"] = float(matthews_corrcoef(target, named))
    return made | _of_ranks(target, probability, classes, present)


def _of_ranks(target: NDArray[np.intp], probability: NDArray[np.float64], classes: int, present: NDArray[np.intp]) -> dict[str, float]:
    from sklearn.metrics import average_precision_score, roc_auc_score

    if classes == 2:
        chance = probability[:, 1]
        return {
            "AUC": float(roc_auc_score(target, chance)),
            "average precision": float(average_precision_score(target, chance)),
        }
    return {"AUC": float(np.mean([roc_auc_score(target == k, probability[:, k]) for k in present]))}
