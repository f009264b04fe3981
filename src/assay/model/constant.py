"""The constant: the same prediction for every row; the opening balance of every ledger."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from assay.model.contract import Model, Rows

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from assay.model.encoded import Encoded
    from assay.objective.loss import Loss


class Constant(Model):
    """The best constant of training and validation rows: class shares, mean or median."""

    name: ClassVar[str] = "constant"
    complexity: ClassVar[int] = 0

    def __init__(self) -> None:
        self.value: NDArray[np.float64] = np.zeros(())

    def fit(self, train: Rows, valid: Rows, *, loss: Loss, classes: int, seed: int, budget_seconds: float | None = None) -> None:
        self.value = loss.best_constant(*train.followed_by_targets(valid), classes=classes)

    def predict(self, data: Encoded) -> NDArray[np.float64]:
        return np.repeat(self.value[None], data.rows, axis=0)

    def stages(self, data: Encoded) -> Iterator[tuple[str, NDArray[np.float64]]]:
        yield "constant", self.predict(data)

    def state(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        return {}, {"value": self.value}

    @classmethod
    def from_state(cls, data: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> Self:
        model = cls()
        model.value = np.asarray(arrays["value"], dtype=np.float64)
        return model

    def describe(self) -> str:
        if self.value.ndim == 0:
            return f"always {float(self.value):.6g}"
        return f"always the class shares of training, the largest {self.value.max():.3f}"
