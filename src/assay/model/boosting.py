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
    complexity: ClassVar[int] = 6

    def __init__(self) -> None:
        self.loss_name = "log"
        self.classes = 0
        self.start: NDArray[np.float64] = np.zeros(())
        self.seen = np.zeros(0, dtype=np.intp)
        self.columns: TreeInput | None = None
        self.trees: Trees | None = None

    def fit(self, train: Rows, valid: Rows, *, loss: Loss, classes: int, seed: int, budget_seconds: float | None = None) -> None:
        self.loss_name, self.classes = loss.name, classes
        targets, weights = train.followed_by_targets(valid)
        self.start = loss.best_constant(targets, weights, classes=classes)
        fitted = fit_trees(train, valid, loss, classes, seed, budget_seconds)
        self.is_cut = fitted.is_cut
        self.columns, self.trees, self.seen = fitted.columns, fitted.trees, fitted.seen
        self.valid_prediction = None if fitted.valid_scores is None else self._elicit(fitted.valid_scores)

    def predict(self, data: Encoded) -> NDArray[np.float64]:
        columns, trees = self._fitted
        return self._elicit(trees.scores(columns.matrix(data)))

    def row_seconds(self, data: Encoded) -> float:
        return 7e-6

    def stages(self, data: Encoded) -> Iterator[tuple[str, NDArray[np.float64]]]:
        columns, trees = self._fitted
        for number, scores in enumerate(trees.cumulative(columns.matrix(data))):
            yield ("constant" if number == 0 else f"tree {number}"), self._elicit(scores)

    def state(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        columns, trees = self._fitted
        data, arrays = columns.state()
        return {**data, "loss": self.loss_name, "classes": self.classes, "cut": self.is_cut}, {
            **arrays,
            **trees.state(),
            "start": self.start,
            "seen": self.seen,
        }

    @classmethod
    def from_state(cls, data: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> Self:
        model = cls()
        model.loss_name, model.classes, model.is_cut = data["loss"], int(data["classes"]), bool(data["cut"])
        model.columns, model.trees = TreeInput.from_state(data, arrays), Trees.from_state(arrays)
        model.start, model.seen = np.asarray(arrays["start"]), np.asarray(arrays["seen"])
        return model

    def describe(self) -> str:
        if self.trees is None:
            return ""
        outputs = len(self.trees.baseline)
        rounds = self.trees.rounds
        return f"{rounds} round{'s' if rounds != 1 else ''} of boosting" + (f", {outputs} trees a round" if outputs > 1 else "")

    @property
    def _fitted(self) -> tuple[TreeInput, Trees]:
        assert self.columns is not None and self.trees is not None, "the model was not fitted"  # noqa: S101
        return self.columns, self.trees

    def _elicit(self, scores: NDArray[np.float64]) -> NDArray[np.float64]:
        if self.loss_name != "log":
            return scores[:, 0].copy()
        if len(self.seen) == 1:
            shares = np.ones((len(scores), 1))
        elif scores.shape[1] == 1:
            from scipy.special import expit

            chance = expit(scores[:, 0])
            shares = np.column_stack([1.0 - chance, chance])
        else:
            shares = np.exp(scores - scores.max(axis=1, keepdims=True))
            shares /= shares.sum(axis=1, keepdims=True)
        if len(self.seen) == self.classes:
            return shares
        # A class that the training rows never showed keeps the share that the best constant gives it.
        full = np.repeat(self.start[None], len(scores), axis=0)
        full[:, self.seen] = shares * self.start[self.seen].sum()
        return full
