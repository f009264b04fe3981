"""One decision tree, small enough to read: rows are told apart by one column after the other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from assay.model.contract import Model, Rows
from assay.model.cross_fit import each_fold, folds_of
from assay.model.tree_growth import Grown, ends_within, grow_tree, parents_of
from assay.model.tree_rules import conditions_of, read_columns

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from assay.model.encoded import Encoded
    from assay.objective.loss import Loss

LEAVES = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128)
USUAL_LEAVES = 8
LEAF_ROWS = 5
# Rows of the overall constant that a leaf is mixed with.
PRIOR_ROWS = {"classification": 2.0, "regression": 1e-9}


class Tree(Model):
    """A tree with as many leaves as serve rows best that it has not learned from.

    The split that wins most is made first, so that the first splits of a large tree are those of a small one.

    Source: Breiman et al. 1984, sections 3.4 and 4.3.
    """

    name: ClassVar[str] = "tree"
    complexity: ClassVar[int] = 2

    def __init__(self) -> None:
        self.start: NDArray[np.float64] = np.zeros(())
        self.grown: Grown | None = None
        self.splits: tuple[str, ...] = ()
        self.rules: tuple[str, ...] = ()

    def fit(self, train: Rows, valid: Rows, *, loss: Loss, classes: int, seed: int, budget_seconds: float | None = None) -> None:
        both = train.followed_by(valid)
        self.start = loss.best_constant(both.target, both.weight, classes=classes)
        leaves = USUAL_LEAVES
        if valid.size:
            leaves, self.valid_prediction = _chosen_leaves(train, valid, loss, classes, seed)
        self.grown = grow_tree(both, loss, classes, leaves=leaves, leaf_rows=LEAF_ROWS, seed=seed, prior_rows=PRIOR_ROWS[loss.task])
        if leaves == 1:
            self.grown = _root_alone(self.grown)
        columns, nodes = read_columns(self.grown.columns, both.data), self.grown.trees.nodes
        self.splits = tuple(columns[nodes["feature_idx"][i]].name for i in self._split_nodes)
        self.rules = self._told(conditions_of(self.grown.trees, columns), both)

    def predict(self, data: Encoded) -> NDArray[np.float64]:
        return self._fitted.values[next(self._fitted.leaves(data))]

    def stages(self, data: Encoded) -> Iterator[tuple[str, NDArray[np.float64]]]:
        ends, parents = next(self._fitted.leaves(data)), parents_of(self._fitted.trees)
        yield "constant", np.repeat(self.start[None], data.rows, axis=0)
        if not self.splits:
            yield "no split", self.predict(data)
        for number, column in enumerate(self.splits, start=1):
            yield f"split {number}: {column}", self._fitted.values[ends_within(ends, parents, 2 * number + 1)]

    def state(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        data, arrays = self._fitted.state()
        return {**data, "splits": list(self.splits), "rules": list(self.rules)}, {**arrays, "start": self.start}

    @classmethod
    def from_state(cls, data: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> Self:
        model = cls()
        model.start, model.splits, model.rules = np.asarray(arrays["start"]), tuple(data["splits"]), tuple(data["rules"])
        model.grown = Grown.from_state(data, arrays)
        return model

    def describe(self) -> str:
        """How many leaves it has and the rules of those that hold most rows."""
        if self.grown is None:
            return ""
        told = f"{len(self.rules)} leaves: {'; '.join(self.rules)}" if len(self.rules) > 1 else "no split tells more than the constant"
        return told if len(told) <= 120 else told[:117] + "..."

    @property
    def _fitted(self) -> Grown:
        assert self.grown is not None, "the model was not fitted"  # noqa: S101
        return self.grown

    @property
    def _split_nodes(self) -> NDArray[np.intp]:
        """The nodes that were split, in the order of the splits: each appended its two children."""
        nodes = self._fitted.trees.nodes
        inner = np.flatnonzero(nodes["is_leaf"] == 0)
        return inner[np.argsort(nodes["left"][inner])]

    def _told(self, conditions: Mapping[int, str], rows: Rows) -> tuple[str, ...]:
        """One rule a leaf, those of most rows first."""
        counts = np.bincount(next(self._fitted.leaves(rows.data)), minlength=len(self._fitted.values))
        ordered = sorted(conditions, key=lambda leaf: -counts[leaf])
        return tuple(f"{conditions[leaf]}: {self._value(leaf, rows.class_names)}" for leaf in ordered)

    def _value(self, leaf: int, class_names: tuple[str, ...]) -> str:
        value = self._fitted.values[leaf]
        if value.ndim == 0:
            return f"{float(value):.4g}"
        likeliest = int(value.argmax())
        return f"{class_names[likeliest] if class_names else f'class {likeliest}'} ({value[likeliest]:.2f})"


def _chosen_leaves(train: Rows, valid: Rows, loss: Loss, classes: int, seed: int) -> tuple[int, NDArray[np.float64]]:
    """The number of leaves with the lowest loss on rows not learned from, and the validation rows' predictions by so many."""
    both, fold_of = train.followed_by(valid), folds_of(train, valid)
    judged = np.flatnonzero(fold_of >= 0)
    predictions = np.zeros((len(LEAVES), both.size, classes) if classes else (len(LEAVES), both.size))
    for kept, asked in each_fold(fold_of):
        rows = both.take(kept)
        grown = grow_tree(rows, loss, classes, leaves=LEAVES[-1], leaf_rows=LEAF_ROWS, seed=seed, prior_rows=PRIOR_ROWS[loss.task])
        ends, parents = next(grown.leaves(both.data.take(asked))), parents_of(grown.trees)
        for place, leaves in enumerate(LEAVES):
            predictions[place, asked] = grown.values[ends_within(ends, parents, 2 * leaves - 1)]
    target, weight = both.take_targets(judged)
    place = int(np.argmin([loss.mean(target, one[judged], weight) for one in predictions]))
    return LEAVES[place], predictions[place, train.size :]


def _root_alone(grown: Grown) -> Grown:
    """The tree before its first split."""
    trees = grown.trees
    root = trees.nodes[:1].copy()
    root["is_leaf"], root["left"], root["right"], root["gain"] = 1, 0, 0, 0.0
    bare = type(trees)(
        root,
        np.array([0, 1], dtype=trees.first_node.dtype),
        trees.category_sets,
        trees.first_set,
        trees.known_sets,
        trees.feature_to_set,
        trees.baseline,
    )
    return Grown(grown.columns, bare, grown.values[:1])
