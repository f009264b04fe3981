"""Models whose scores are a sum over the columns of a design matrix, and the path on which they grow from the constant."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from assay.core.units import BITS_PER_NAT
from assay.model.contract import Model, Rows
from assay.model.design import Design

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from assay.model.encoded import Encoded
    from assay.model.fit_linear import Fitted
    from assay.objective.loss import Loss

# A coefficient under this share of the largest is as good as none.
NEGLIGIBLE_COEFFICIENT = 1e-9
SHOWN_COEFFICIENTS = 5


class Additive(Model):
    """One coefficient a column of the design matrix (and class); abstract in how they are found.

    Scores are start + sum over sources of (matrix block times coefficients - its training mean) + shift; where `start` is the
    best constant, so that scaling everything but `start` by t in [0, 1] leads from the constant to the model.

    Attributes:
        strength: Of the penalty.
        converged: Whether the solver reached its tolerance.
        strongest: The columns of the matrix with the largest coefficients, the largest first; for people only.
    """

    def __init__(self) -> None:
        self.loss_name = "log"
        self.strength = 0.0
        self.converged = True
        self.design: Design | None = None
        self.coefficients = np.zeros((0, 1))
        self.start = np.zeros(1)
        self.intercept = np.zeros(1)
        self.centre: dict[str, NDArray[np.float64]] = {}
        self.strongest: tuple[str, ...] = ()

    def keep(self, fitted: Fitted, design: Design, rows: Rows, loss: Loss, classes: int) -> None:
        """Take these coefficients, which were fitted on `rows`, and what they add on average."""
        self.loss_name, self.design = loss.name, design
        self.coefficients, self.intercept, self.converged = fitted.coefficients, fitted.intercept, fitted.converged
        target_start = loss.best_constant(rows.target, rows.weight, classes=classes)
        self.start = _log_scores(target_start) if loss.task == "classification" else target_start.reshape(1)
        weight = np.ones(rows.size) if rows.weight is None else rows.weight
        column_means = design.transposed_product(rows.data, (weight / weight.sum())[:, None])
        self.centre = design.by_source(column_means * self.coefficients)
        sizes = self.sizes
        largest = [column for column in np.argsort(-sizes, kind="stable")[:SHOWN_COEFFICIENTS] if sizes[column] > 0]
        self.strongest = tuple(design.label(int(column), rows.data) for column in largest)

    def read(self, data: Encoded) -> Encoded:
        """The rows as the design reads them."""
        return data

    def predict(self, data: Encoded) -> NDArray[np.float64]:
        return self._elicit(self._scores(self.read(data)))

    def stages(self, data: Encoded) -> Iterator[tuple[str, NDArray[np.float64]]]:
        yield "constant", self._elicit(np.repeat(self.start[None], data.rows, axis=0))
        yield "coefficients", self.predict(data)

    def path(self, data: Encoded, t: float) -> NDArray[np.float64]:
        """Predictions with all coefficients scaled by t: the best constant at 0, the model at 1."""
        return self._elicit((1 - t) * self.start + t * self._scores(self.read(data)))

    def path_gradient(
        self, data: Encoded, target: NDArray[np.generic], t: float, weight: NDArray[np.float64] | None = None
    ) -> dict[str, float]:
        """Derivative by t of the (weighted) mean loss along `path`, split by source, in the loss's unit.

        dL/dt = mean over rows of sum over outputs k of dL/dz_k * dz_k/dt, and dz/dt is a sum over the sources. Integrated
        over t from 0 to 1 the entries sum to loss(model) - loss(constant). What each source adds is counted from its
        training mean; "intercept" is the rest.
        """
        share = np.full(data.rows, 1.0 / data.rows) if weight is None else weight / weight.sum()
        read = self.read(data)
        prediction = self._elicit((1 - t) * self.start + t * self._scores(read))
        slope = self._loss_slope(prediction, target) * share[:, None]
        by_column = (self._design.transposed_product(read, slope) * self.coefficients).sum(axis=1)
        total = slope.sum(axis=0)
        booked = {source: float(moved - total @ self.centre[source]) for source, moved in self._design.by_source(by_column).items()}
        booked["intercept"] = float(total @ (self.intercept - self.start + sum(self.centre.values())))
        return booked

    def coefficients_by_source(self) -> dict[str, NDArray[np.float64]]:
        """Table column -> its coefficients (columns of its block, outputs), of the standardised design."""
        names = np.array(self._design.sources, dtype=object)
        return {source: self.coefficients[names == source] for source in dict.fromkeys(self._design.sources)}

    def state(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        data, arrays = self._design.state()
        own = {"loss": self.loss_name, "strength": self.strength, "converged": self.converged, "cut": self.is_cut}
        named = {"centred": list(self.centre), "strongest": list(self.strongest)}
        kept = {
            "coefficients": self.coefficients,
            "start": self.start,
            "intercept": self.intercept,
            "centre": np.array(list(self.centre.values())).reshape(len(self.centre), len(self.start)),
        }
        return {**data, **own, **named}, {**arrays, **kept}

    @classmethod
    def from_state(cls, data: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> Self:
        model = cls()
        model.loss_name, model.strength, model.converged = data["loss"], float(data["strength"]), bool(data["converged"])
        model.is_cut, model.strongest = bool(data["cut"]), tuple(data["strongest"])
        model.design = Design.from_state(data, arrays)
        model.coefficients, model.start, model.intercept = arrays["coefficients"], arrays["start"], arrays["intercept"]
        model.centre = dict(zip(data["centred"], arrays["centre"], strict=True))
        return model

    @property
    def sizes(self) -> NDArray[np.float64]:
        """The largest absolute coefficient of each column, 0 where it is as good as none (columns,)."""
        sizes = np.abs(self.coefficients).max(axis=1, initial=0.0)
        return np.where(sizes > NEGLIGIBLE_COEFFICIENT * sizes.max(initial=0.0), sizes, 0.0)

    @property
    def _design(self) -> Design:
        assert self.design is not None, "the model was not fitted"  # noqa: S101
        return self.design

    def _scores(self, read: Encoded) -> NDArray[np.float64]:
        return self._design.scores(read, self.coefficients) + self.intercept

    def _elicit(self, scores: NDArray[np.float64]) -> NDArray[np.float64]:
        if self.loss_name != "log":
            return scores[:, 0]
        return softmax(np.column_stack([np.zeros(len(scores)), scores])) if scores.shape[1] == 1 else softmax(scores)

    def _loss_slope(self, prediction: NDArray[np.float64], target: NDArray[np.generic]) -> NDArray[np.float64]:
        if self.loss_name == "log":
            hit = np.zeros_like(prediction)
            hit[np.arange(len(target)), target.astype(np.intp)] = 1.0
            slope = (prediction - hit) * BITS_PER_NAT
            return slope[:, 1:] if len(self.start) == 1 else slope
        miss = prediction - target.astype(np.float64)
        return (2.0 * miss if self.loss_name == "squared" else np.sign(miss))[:, None]


def softmax(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Probabilities (rows, classes) from scores.

    Example:
        >>> softmax(np.array([[0.0, 0.0]])).tolist()
        [[0.5, 0.5]]
    """
    grown = np.exp(scores - scores.max(axis=1, keepdims=True))
    shares: NDArray[np.float64] = grown / grown.sum(axis=1, keepdims=True)
    return shares


def _log_scores(shares: NDArray[np.float64]) -> NDArray[np.float64]:
    """Scores whose softmax gives these shares: one log-odds for two classes, centred logarithms for more."""
    logs = np.log(shares)
    if len(shares) == 2:
        return np.array([logs[1] - logs[0]])
    return np.asarray(logs - logs.mean(), dtype=np.float64)
