"""What every model can do, whatever its family: fit, predict, and travel as numbers instead of code."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Self

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from assay.model.encoding import Encoded
    from assay.objective.loss import Loss


@dataclass(frozen=True)
class Rows:
    """Encoded rows with their targets.

    Attributes:
        data: The features.
        target: Class numbers (int64) for classification, float64 values for regression.
        weight: Weight of each row in the loss, or None.
        class_names: What the class numbers stand for; for people only.
    """

    data: Encoded
    target: NDArray[Any]
    weight: NDArray[np.float64] | None = None
    class_names: tuple[str, ...] = ()

    @property
    def size(self) -> int:
        """Number of rows."""
        return int(self.target.shape[0])

    def take(self, rows: NDArray[np.intp]) -> Rows:
        """These rows (positions), in this order."""
        return Rows(self.data.take(rows), *self.take_targets(rows), self.class_names)

    def take_targets(self, rows: NDArray[np.intp]) -> tuple[NDArray[Any], NDArray[np.float64] | None]:
        """Targets and weights of these rows."""
        return self.target[rows], None if self.weight is None else self.weight[rows]

    def followed_by_targets(self, other: Rows) -> tuple[NDArray[Any], NDArray[np.float64] | None]:
        """Targets and weights of these rows and then the other's; a side without weights counts each row once."""
        import numpy as np

        target = np.concatenate([self.target, other.target])
        if self.weight is None and other.weight is None:
            return target, None
        return target, np.concatenate([np.ones(r.size) if r.weight is None else r.weight for r in (self, other)])

    def followed_by(self, other: Rows) -> Rows:
        """These rows and then the other's."""
        if other.size == 0:
            return self
        return Rows(self.data.followed_by(other.data), *self.followed_by_targets(other), self.class_names)


class Model(ABC):
    """A trained or untrained model of one family.

    Predictions are probabilities (rows, classes) for classification and values (rows,) for regression, float64.

    Attributes:
        name: As typed after --model and shown on the ladder.
        complexity: Place on the ladder: 0 for the simplest.
        valid_prediction: Predictions for the validation rows from before they were learned from too, for calibration;
            None where `fit` never learned from them.
        is_cut: The budget ended `fit` before the validation rows did.
    """

    name: ClassVar[str]
    complexity: ClassVar[int]
    valid_prediction: NDArray[np.float64] | None = None
    is_cut: bool = False

    @abstractmethod
    def fit(self, train: Rows, valid: Rows, *, loss: Loss, classes: int, seed: int, budget_seconds: float | None = None) -> None:
        """Learn from the training rows; `valid` decides how long and how much to learn. `classes` is 0 for regression.

        Models that are cheap to refit may then learn from both parts together with what `valid` decided. A model that learns
        step by step takes about `budget_seconds` at most, others pay no heed; where the budget cuts it, the result depends on
        the machine's speed and no longer on the rows and the seed alone.
        """

    @abstractmethod
    def predict(self, data: Encoded) -> NDArray[np.float64]:
        """Predictions for the rows."""

    @abstractmethod
    def stages(self, data: Encoded) -> Iterator[tuple[str, NDArray[np.float64]]]:
        """The way from the constant to the model, as (name of what was added, predictions after it), in order.

        The first pair is ("constant", predictions of the start); the last one's predictions equal `predict`.
        Boosting yields after each tree; a model without such an order yields its start and its end.
        """

    @abstractmethod
    def state(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        """The trained model as JSON-able data and plain arrays, from which `from_state` makes an equal one."""

    @classmethod
    @abstractmethod
    def from_state(cls, data: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> Self:
        """The model that `state` described; nothing is unpickled, no code is run from the data."""

    def row_seconds(self, data: Encoded) -> float:
        """About how long one thread takes to predict a row like these: an estimate from what is computed, never from a clock.

        By it the ledger decides how many rows and coalitions it can afford, alike on every machine.
        """
        return 2e-6

    def describe(self) -> str:
        """What a person should know of this trained model in at most 120 characters, or ""."""
        return ""
