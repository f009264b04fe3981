"""Losses as the ladder uses them: the loss of each row, the best constant, the unit. NumPy, float64."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from assay.core.errors import OptionError, nearest
from assay.core.units import BITS_PER_NAT

if TYPE_CHECKING:
    from numpy.typing import NDArray

SMALLEST_PROBABILITY = 1e-15


class Loss(ABC):
    """A loss: what a model minimises and what the ledger counts in.

    Predictions are, for classification, probabilities of shape (rows, classes); for regression, values of shape (rows,).
    Targets are, for classification, class numbers (rows,); for regression, values (rows,).

    Attributes:
        name: As typed after --loss.
        task: "classification" or "regression".
        unit: Of the mean loss, "bits/row" where it is a code length.
        elicits: What its best constant is: "probability", "mean" or "median".
    """

    name: ClassVar[str]
    task: ClassVar[str]
    unit: ClassVar[str]
    elicits: ClassVar[str]

    @abstractmethod
    def per_row(self, target: NDArray[np.generic], prediction: NDArray[np.float64]) -> NDArray[np.float64]:
        """The loss of each row, shape (rows,), in the loss's unit."""

    @abstractmethod
    def best_constant(
        self, target: NDArray[np.generic], weight: NDArray[np.float64] | None = None, classes: int = 0
    ) -> NDArray[np.float64]:
        """The prediction for one row, shape (classes,) or (), that minimises the mean loss over these targets."""

    def mean(self, target: NDArray[np.generic], prediction: NDArray[np.float64], weight: NDArray[np.float64] | None = None) -> float:
        """The (weighted) mean loss a row."""
        return float(np.average(self.per_row(target, prediction), weights=weight))


class LogLoss(Loss):
    """Minus the binary logarithm of the probability given to the true class: a code length in bits.

    Example:
        >>> LogLoss().per_row(np.array([0, 1]), np.array([[0.5, 0.5], [0.75, 0.25]])).tolist()
        [1.0, 2.0]
    """

    name = "log"
    task = "classification"
    unit = "bits/row"
    elicits = "probability"

    def per_row(self, target: NDArray[np.generic], prediction: NDArray[np.float64]) -> NDArray[np.float64]:
        chosen = prediction[np.arange(len(target)), target.astype(np.intp)]
        bits: NDArray[np.float64] = -np.log(np.maximum(chosen, SMALLEST_PROBABILITY)) * BITS_PER_NAT
        return bits

    def best_constant(
        self, target: NDArray[np.generic], weight: NDArray[np.float64] | None = None, classes: int = 0
    ) -> NDArray[np.float64]:
        counts = np.bincount(target.astype(np.intp), weights=weight, minlength=classes).astype(np.float64)
        # A class that training never showed keeps half a row, or one held-out row of it would cost an infinity.
        counts[counts == 0] = 0.5
        shares: NDArray[np.float64] = counts / counts.sum()
        return shares


class SquaredError(Loss):
    """(target - prediction) squared; elicits the mean.

    Example:
        >>> SquaredError().per_row(np.array([1.0, 3.0]), np.array([2.0, 3.0])).tolist()
        [1.0, 0.0]
    """

    name = "squared"
    task = "regression"
    unit = "squared error/row"
    elicits = "mean"

    def per_row(self, target: NDArray[np.generic], prediction: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.square(target.astype(np.float64) - prediction)

    def best_constant(
        self, target: NDArray[np.generic], weight: NDArray[np.float64] | None = None, classes: int = 0
    ) -> NDArray[np.float64]:
        return np.asarray(np.average(target.astype(np.float64), weights=weight))


class AbsoluteError(Loss):
    """|target - prediction|; elicits the median.

    Example:
        >>> float(AbsoluteError().best_constant(np.array([1.0, 2.0, 9.0])))
        2.0
    """

    name = "absolute"
    task = "regression"
    unit = "absolute error/row"
    elicits = "median"

    def per_row(self, target: NDArray[np.generic], prediction: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.abs(target.astype(np.float64) - prediction)

    def best_constant(
        self, target: NDArray[np.generic], weight: NDArray[np.float64] | None = None, classes: int = 0
    ) -> NDArray[np.float64]:
        values = target.astype(np.float64)
        if weight is None:
            return np.asarray(np.median(values))
        order = np.argsort(values)
        passed = np.cumsum(weight[order])
        return np.asarray(values[order][np.searchsorted(passed, passed[-1] / 2)])


LOSSES: dict[str, Loss] = {loss.name: loss for loss in (LogLoss(), SquaredError(), AbsoluteError())}


def loss_for(task: str, name: str | None = None) -> Loss:
    """The loss of that name, or the task's usual one.

    Raises:
        OptionError: no such loss, or it is of the other task.

    Example:
        >>> loss_for("classification").name, loss_for("regression").name
        ('log', 'squared')
    """
    usual = {"classification": "log", "regression": "squared"}[task]
    loss = LOSSES.get(name or usual)
    fitting = [n for n, one in LOSSES.items() if one.task == task]
    if loss is None:
        raise OptionError(f"no loss {name!r}; {nearest(str(name), fitting)}")
    if loss.task != task:
        raise OptionError(f"loss {name!r} is for {loss.task}, this task is {task}; take one of {', '.join(fitting)}")
    return loss
