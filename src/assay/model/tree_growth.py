"""Growing trees by scikit-learn, and what their nodes predict: one readable tree, or many on bootstrap samples."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from assay.core.seeds import seed_for
from assay.model.rule_cells import cell_values
from assay.model.tree_input import TreeInput
from assay.model.trees import Trees

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from assay.model.contract import Rows
    from assay.model.encoded import Encoded
    from assay.objective.loss import Loss

# scikit-learn's trees read float32: beyond this a number is infinite to them.
LARGEST = 3e38
SMALL_ROWS = 50
# Of a wide table: more only take longer.
MAX_COLUMNS_A_SPLIT = 60
# Rows times columns, from which on several threads grow a forest sooner than one.
THREADED_CELLS = 200_000


@dataclass(frozen=True)
class Grown:
    """Trees with what each of their nodes predicts.

    Attributes:
        columns: The matrix that they read.
        trees: Their nodes, whose values are their places among all nodes.
        values: Prediction of each node: (nodes, classes), or (nodes,) for regression.
    """

    columns: TreeInput
    trees: Trees
    values: NDArray[np.float64]

    def leaves(self, data: Encoded) -> Iterator[NDArray[np.intp]]:
        """The node in which each row ends, tree by tree."""
        matrix = as_single(self.columns.matrix(data)).astype(np.float64)
        for said in self.trees.each(matrix):
            yield said.astype(np.intp)

    def importances(self, data: Encoded) -> dict[str, float]:
        """Table column -> its share of all that the splits took off the impurity; they sum to 1 where there is a split.

        Source: Breiman et al. 1984, section 5.3.4. It is measured on the rows that the trees were grown on.
        """
        sources = self.columns.sources(data)
        gains = np.bincount(self.trees.nodes["feature_idx"], weights=self.trees.nodes["gain"], minlength=len(sources))
        total = max(float(gains.sum()), 1e-300)
        shares: dict[str, float] = {}
        for source, gain in zip(sources, gains, strict=True):
            shares[source] = shares.get(source, 0.0) + float(gain) / total
        return dict(sorted(shares.items(), key=lambda item: -item[1]))

    def state(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        """JSON-able data and plain arrays."""
        data, arrays = self.columns.state()
        return data, {**arrays, **self.trees.state(), "values": self.values}

    @classmethod
    def from_state(cls, data: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> Self:
        """What `state` described."""
        return cls(TreeInput.from_state(data, arrays), Trees.from_state(arrays), np.asarray(arrays["values"]))


def as_single(matrix: NDArray[np.float64]) -> NDArray[np.float32]:
    """The matrix in float32, as trees are grown on it and must be walked."""
    return np.clip(matrix, -LARGEST, LARGEST).astype(np.float32)


def grow_tree(rows: Rows, loss: Loss, classes: int, *, leaves: int, leaf_rows: int, seed: int, prior_rows: float) -> Grown:
    """One tree of at most so many leaves, the split that wins most first; its nodes are in the order of the splits.

    Args:
        rows: To learn from.
        loss: What its nodes predict the best constant of. Splits go by entropy, or by the squared error of the target or of its rank.
        classes: Number of classes, 0 for regression.
        leaves: At most so many.
        leaf_rows: Rows that each leaf has at least.
        seed: Decides between splits that are equally good.
        prior_rows: Rows of the overall constant that each node is mixed with.
    """
    from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

    columns, matrix, cut = _read(rows, loss, classes)
    family = DecisionTreeClassifier if classes else DecisionTreeRegressor
    grower = family(
        criterion="entropy" if classes else "squared_error",
        max_leaf_nodes=max(2, leaves),
        min_samples_leaf=min(leaf_rows, max(1, rows.size // SMALL_ROWS)),
        random_state=seed_for(seed, "tree"),
    )
    grower.fit(matrix, cut, sample_weight=rows.weight)
    trees = Trees.of_decision_trees([grower.tree_], matrix.shape[1])
    prior = loss.best_constant(rows.target, rows.weight, classes=classes)
    ends = next(trees.each(matrix.astype(np.float64))).astype(np.intp)
    return Grown(columns, trees, _values_of_all(trees, ends, rows, loss, prior, prior_rows))


def _read(rows: Rows, loss: Loss, classes: int) -> tuple[TreeInput, NDArray[np.float32], NDArray[Any]]:
    """What trees read of the rows, and the target by which they are cut.

    For the absolute error that is the rank of the target: ranks have the same medians, and a few huge values do not draw all the
    cuts to themselves.
    """
    if loss.elicits == "median":
        from scipy.stats import rankdata

        rows = replace(rows, target=rankdata(rows.target) / rows.size)
    columns = TreeInput.fit(rows, classes, is_ranked=True)
    return columns, as_single(columns.matrix(rows.data)), rows.target


def parents_of(trees: Trees) -> NDArray[np.intp]:
    """The parent of each node of a single tree, -1 for its root; a parent comes before its children."""
    parents = np.full(len(trees.nodes), -1, dtype=np.intp)
    inner = np.flatnonzero(trees.nodes["is_leaf"] == 0)
    for side in ("left", "right"):
        parents[trees.nodes[side][inner]] = inner
    return parents


def ends_within(nodes: NDArray[np.intp], parents: NDArray[np.intp], n_nodes: int) -> NDArray[np.intp]:
    """Where rows that end in these nodes would have ended when the tree had only its first `n_nodes` nodes."""
    ends = nodes
    while (late := ends >= n_nodes).any():
        ends = np.where(late, parents[ends], ends)
    return ends


def _values_of_all(
    trees: Trees, ends: NDArray[np.intp], rows: Rows, loss: Loss, prior: NDArray[np.float64], prior_rows: float
) -> NDArray[np.float64]:
    """What every node predicts for the rows that pass through it."""
    parents, n_nodes = parents_of(trees), len(trees.nodes)
    depth = np.zeros(n_nodes, dtype=np.intp)
    for node in range(1, n_nodes):
        depth[node] = depth[parents[node]] + 1
    values = np.repeat(prior[None], n_nodes, axis=0)
    at = ends
    for level in range(int(depth.max()), -1, -1):
        at = np.where(depth[at] > level, parents[at], at)
        here = depth == level
        values[here] = cell_values(rows.target, rows.weight, at, n_nodes, loss, prior, prior_rows)[here]
    return values


def grow_forest(rows: Rows, loss: Loss, classes: int, *, trees: int, leaves: int, leaf_rows: int, seed: int, prior_rows: float) -> Grown:
    """So many trees, each on a bootstrap sample of the rows and with a random part of the columns at each split.

    A leaf predicts for the rows of its tree's sample; arguments are those of `grow_tree`.

    Source: Breiman 2001. A split looks at a third of the columns; their square root, which is usual for classes, was as good on
    two real tables and worse on two with texts.
    """
    from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor

    columns, matrix, cut = _read(rows, loss, classes)
    family = RandomForestClassifier if classes else RandomForestRegressor
    grower = family(
        n_estimators=trees,
        max_features=min(max(1, matrix.shape[1] // 3), MAX_COLUMNS_A_SPLIT),
        max_leaf_nodes=leaves,
        min_samples_leaf=min(leaf_rows, max(1, rows.size // SMALL_ROWS)),
        n_jobs=-1 if matrix.size >= THREADED_CELLS else 1,
        random_state=seed_for(seed, "forest"),
    )
    grower.fit(matrix, cut, sample_weight=rows.weight)
    grown = Trees.of_decision_trees([one.tree_ for one in grower.estimators_], matrix.shape[1])
    prior = loss.best_constant(rows.target, rows.weight, classes=classes)
    values = np.repeat(prior[None], len(grown.nodes), axis=0)
    walked = matrix.astype(np.float64)
    for sample, start, stop, said in zip(
        grower.estimators_samples_, grown.first_node[:-1], grown.first_node[1:], grown.each(walked), strict=True
    ):
        cells = said.astype(np.intp)[sample] - start
        values[start:stop] = cell_values(*rows.take_targets(sample), cells, int(stop - start), loss, prior, prior_rows)
    return Grown(columns, grown, values)
