"""Gradient-boosted trees: scikit-learn's histogram boosting to learn, plain arrays of tree nodes to keep."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from assay.model.contract import Model, Rows
from assay.model.fit_boosting import fit_trees
from assay.model.tree_input import TreeInput
from assay.model.trees import Trees

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from assay.model.encoded import Encoded
    from assay.objective.loss import Loss


class Boosting(Model):
    """Trees added one after the other, each a step down the loss; their number is chosen on the validation rows."""

    name: ClassVar[str] = "boosting"
    complexity: ClassVar[int] = 3

    def __init__(self) -> None:
        self.loss_name = "log"
        self.classes = 0
        self.columns: TreeInput | None = None
        self.trees: Trees | None = None

    def fit(self, train: Rows, valid: Rows, *, loss: Loss, classes: int, seed: int) -> None:
        self.loss_name, self.classes = loss.name, classes
        self.columns, self.trees, honest = fit_trees(train, valid, loss, classes, seed)
        self.valid_prediction = None if honest is None else self._elicit(honest)

    def predict(self, data: Encoded) -> NDArray[np.float64]:
        columns, trees = self._fitted
        return self._elicit(trees.scores(columns.matrix(data)))

    def stages(self, data: Encoded) -> Iterator[tuple[str, NDArray[np.float64]]]:
        columns, trees = self._fitted
        for number, scores in enumerate(trees.cumulative(columns.matrix(data))):
            yield ("constant" if number == 0 else f"tree {number}"), self._elicit(scores)

    def state(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        columns, trees = self._fitted
        data, arrays = columns.state()
        return {**data, "loss": self.loss_name, "classes": self.classes}, {**arrays, **trees.state()}

    @classmethod
    def from_state(cls, data: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> Self:
        model = cls()
        model.loss_name, model.classes = data["loss"], int(data["classes"])
        model.columns, model.trees = TreeInput.from_state(data, arrays), Trees.from_state(arrays)
        return model

    def describe(self) -> str:
        if self.trees is None:
            return ""
        outputs = len(self.trees.baseline)
        return f"{self.trees.rounds} rounds of boosting" + (f", {outputs} trees a round" if outputs > 1 else "")

    @property
    def _fitted(self) -> tuple[TreeInput, Trees]:
        assert self.columns is not None and self.trees is not None, "the model was not fitted"  # noqa: S101
        return self.columns, self.trees

    def _elicit(self, scores: NDArray[np.float64]) -> NDArray[np.float64]:
        if self.loss_name != "log":
            return scores[:, 0].copy()
        if scores.shape[1] == 1:
            from scipy.special import expit

            chance = expit(scores[:, 0])
            return np.column_stack([1.0 - chance, chance])
        grown = np.exp(scores - scores.max(axis=1, keepdims=True))
        return np.asarray(grown / grown.sum(axis=1, keepdims=True), dtype=np.float64)
