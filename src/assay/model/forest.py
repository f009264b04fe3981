"""A random forest: many deep trees, each grown on its own sample of rows and columns, whose predictions are averaged."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from assay.model.contract import Model, Rows
from assay.model.tree_growth import Grown, grow_forest

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from assay.model.encoded import Encoded
    from assay.objective.loss import Loss

TREES, TREES_TO_CHOOSE = 100, 40
LEAF_ROWS = (1, 5, 20)
# Nodes of all trees: a stored forest stays under 50 MB however many rows it has seen.
MAX_NODES = 500_000
# Rows of the overall shares that a leaf is mixed with: one row does not make a class certain.
PRIOR_ROWS = {"classification": 1.0, "regression": 1e-9}
SHOWN_COLUMNS = 4


class Forest(Model):
    """The mean of the predictions of many trees; the rows that a leaf has at least are chosen on the validation rows.

    Source: Breiman 2001; leaf shares with an m-estimate as in Provost and Domingos 2003.
    """

    name: ClassVar[str] = "forest"
    complexity: ClassVar[int] = 5

    def __init__(self) -> None:
        self.start: NDArray[np.float64] = np.zeros(())
        self.leaf_rows = 5
        self.grown: Grown | None = None
        self.most_used: tuple[tuple[str, float], ...] = ()

    def fit(self, train: Rows, valid: Rows, *, loss: Loss, classes: int, seed: int, budget_seconds: float | None = None) -> None:
        both = train.followed_by(valid)
        self.start = loss.best_constant(both.target, both.weight, classes=classes)
        best = np.inf
        for leaf_rows in LEAF_ROWS if valid.size else ():
            self.grown = _grown(train, loss, classes, TREES_TO_CHOOSE, leaf_rows, seed)
            prediction = self.predict(valid.data)
            now = loss.mean(valid.target, prediction, valid.weight)
            if now < best:
                best, self.leaf_rows, self.valid_prediction = now, leaf_rows, prediction
        self.grown = _grown(both, loss, classes, TREES, self.leaf_rows, seed)
        self.most_used = tuple(list(self.grown.importances(both.data).items())[:SHOWN_COLUMNS])

    def predict(self, data: Encoded) -> NDArray[np.float64]:
        *_, (_, last) = self.stages(data)
        return last

    def row_seconds(self, data: Encoded) -> float:
        return 2e-7 * TREES

    def stages(self, data: Encoded) -> Iterator[tuple[str, NDArray[np.float64]]]:
        yield "constant", np.repeat(self.start[None], data.rows, axis=0)
        total = np.zeros((data.rows, *self.start.shape))
        for number, leaves in enumerate(self._fitted.leaves(data), start=1):
            total += self._fitted.values[leaves]
            yield f"tree {number}", total / number

    def state(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        data, arrays = self._fitted.state()
        return {**data, "leaf_rows": self.leaf_rows, "most_used": [list(one) for one in self.most_used]}, {**arrays, "start": self.start}

    @classmethod
    def from_state(cls, data: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> Self:
        model = cls()
        model.start, model.leaf_rows = np.asarray(arrays["start"]), int(data["leaf_rows"])
        model.most_used = tuple((str(name), float(share)) for name, share in data["most_used"])
        model.grown = Grown.from_state(data, arrays)
        return model

    def describe(self) -> str:
        """How large it is and which columns its splits use."""
        if self.grown is None:
            return ""
        n_trees = len(self.grown.trees.first_node) - 1
        leaves = int(self.grown.trees.nodes["is_leaf"].sum()) // n_trees
        used = ", ".join(f"{name} {share:.2f}" for name, share in self.most_used)
        told = f"{n_trees} trees of {leaves:,} leaves with {self.leaf_rows} rows or more; splits use {used}"
        return told if len(told) <= 120 else told[:117] + "..."

    @property
    def _fitted(self) -> Grown:
        assert self.grown is not None, "the model was not fitted"  # noqa: S101
        return self.grown


def _grown(rows: Rows, loss: Loss, classes: int, trees: int, leaf_rows: int, seed: int) -> Grown:
    most_leaves = MAX_NODES // (2 * TREES)
    return grow_forest(
        rows, loss, classes, trees=trees, leaves=most_leaves, leaf_rows=leaf_rows, seed=seed, prior_rows=PRIOR_ROWS[loss.task]
    )
