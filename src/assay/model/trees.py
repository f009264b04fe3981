"""Trees as plain arrays: kept as numbers, walked by scikit-learn's compiled walker, nothing unpickled."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from assay.core.errors import RunError

if TYPE_CHECKING:
    from numpy.typing import NDArray

# Fewer rows are walked sooner by one thread than several threads are woken.
THREADED_ROWS = 5_000


@dataclass(frozen=True)
class Trees:
    """All trees of a model, boosted or grown apart from each other.

    Attributes:
        nodes: Nodes of all trees, one after the other (structured array).
        first_node: Where each tree begins, and the end; trees are in order of round, then of output.
        category_sets: Bit sets of the categories that go left, of all trees (rows of 8 uint32).
        first_set: Where each tree's bit sets begin, and the end.
        known_sets: Bit sets of the categories known to each category column.
        feature_to_set: Column of the matrix -> its row in `known_sets`.
        baseline: Score before the first tree, one an output.
    """

    nodes: NDArray[Any]
    first_node: NDArray[np.int64]
    category_sets: NDArray[np.uint32]
    first_set: NDArray[np.int64]
    known_sets: NDArray[np.uint32]
    feature_to_set: NDArray[np.uint32]
    baseline: NDArray[np.float64]

    @property
    def rounds(self) -> int:
        """Rounds of boosting."""
        return (len(self.first_node) - 1) // len(self.baseline)

    @cached_property
    def _walkers(self) -> list[Any]:
        from sklearn.ensemble._hist_gradient_boosting.common import PREDICTOR_RECORD_DTYPE
        from sklearn.ensemble._hist_gradient_boosting.predictor import TreePredictor

        wanted = PREDICTOR_RECORD_DTYPE
        if set(wanted.names or ()) != set(self.nodes.dtype.names or ()):
            raise RunError(
                f"the stored trees have nodes of {self.nodes.dtype.names}, the installed scikit-learn walks {wanted.names}; "
                "install the version that the run names, or train again"
            )
        nodes = np.empty(len(self.nodes), dtype=wanted)
        for name in wanted.names or ():
            nodes[name] = self.nodes[name]
        nothing = np.zeros((0, 8), dtype=np.uint32)
        return [
            TreePredictor(
                np.ascontiguousarray(nodes[self.first_node[i] : self.first_node[i + 1]]),
                nothing,
                np.ascontiguousarray(self.category_sets[self.first_set[i] : self.first_set[i + 1]]),
            )
            for i in range(len(self.first_node) - 1)
        ]

    def cumulative(self, matrix: NDArray[np.float64]) -> Iterator[NDArray[np.float64]]:
        """Scores (rows, outputs) before the first round, then after each; the array is reused, copy it to keep it."""
        outputs = len(self.baseline)
        scores = np.repeat(self.baseline[None], len(matrix), axis=0)
        yield scores
        for number, said in enumerate(self.each(matrix)):
            output = number % outputs
            scores[:, output] += said
            if output == outputs - 1:
                yield scores

    def each(self, matrix: NDArray[np.float64]) -> Iterator[NDArray[np.float64]]:
        """The value of the leaf that each row falls into (rows,), tree by tree."""
        threads = _threads() if len(matrix) >= THREADED_ROWS else 1
        for walker in self._walkers:
            yield walker.predict(matrix, self.known_sets, self.feature_to_set, threads)

    def scores(self, matrix: NDArray[np.float64]) -> NDArray[np.float64]:
        """Scores (rows, outputs) after all rounds."""
        *_, last = self.cumulative(matrix)
        return last

    def state(self) -> dict[str, NDArray[Any]]:
        """Plain arrays."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}

    @classmethod
    def from_state(cls, arrays: Mapping[str, NDArray[Any]]) -> Self:
        """The trees that `state` described."""
        return cls(**{name: np.asarray(arrays[name]) for name in cls.__dataclass_fields__})

    @classmethod
    def none(cls, outputs: int) -> Self:
        """No tree: a score of 0 for each output."""
        no_sets, starts = np.zeros((0, 8), dtype=np.uint32), np.zeros(1, dtype=np.int64)
        return cls(np.zeros(0, dtype=_node_type()), starts, no_sets, starts, no_sets, np.zeros(0, dtype=np.uint32), np.zeros(outputs))

    @classmethod
    def of(cls, booster: Any, rounds: int) -> Self:
        """The first `rounds` rounds of a fitted scikit-learn histogram booster."""
        trees = [tree for one_round in booster._predictors[:rounds] for tree in one_round]
        known_sets, feature_to_set = booster._bin_mapper.make_known_categories_bitsets()
        sets = [np.asarray(tree.raw_left_cat_bitsets, dtype=np.uint32).reshape(-1, 8) for tree in trees]
        return cls(
            nodes=np.concatenate([tree.nodes for tree in trees]) if trees else np.zeros(0, dtype=_node_type()),
            first_node=np.cumsum([0, *(len(tree.nodes) for tree in trees)]),
            category_sets=np.concatenate([np.zeros((0, 8), dtype=np.uint32), *sets]),
            first_set=np.cumsum([0, *(len(s) for s in sets)]),
            known_sets=np.asarray(known_sets, dtype=np.uint32).reshape(-1, 8),
            feature_to_set=np.asarray(feature_to_set, dtype=np.uint32),
            baseline=np.asarray(booster._baseline_prediction, dtype=np.float64).reshape(-1),
        )

    @classmethod
    def of_decision_trees(cls, grown: Sequence[Any], n_columns: int) -> Self:
        """Trees that scikit-learn grew on numbers alone; the value of a node is its place among all nodes."""
        first = np.cumsum([0, *(tree.node_count for tree in grown)])
        nodes = np.zeros(first[-1], dtype=_node_type())
        for start, tree in zip(first, grown, strict=False):
            part = nodes[start : start + tree.node_count]
            inner = tree.children_left >= 0
            part["value"] = np.arange(start, start + tree.node_count)
            part["count"] = tree.n_node_samples
            part["feature_idx"] = np.where(inner, tree.feature, 0)
            part["num_threshold"] = np.where(inner, tree.threshold, 0.0)
            part["missing_go_to_left"] = np.where(inner, tree.missing_go_to_left, 0)
            part["left"], part["right"] = (np.where(inner, side, 0) for side in (tree.children_left, tree.children_right))
            left = tree.weighted_n_node_samples * tree.impurity
            part["gain"] = np.where(inner, left - left[tree.children_left] - left[tree.children_right], 0.0)
            part["is_leaf"] = ~inner
        no_sets = np.zeros((0, 8), dtype=np.uint32)
        no_starts = np.zeros(len(first), dtype=np.int64)
        return cls(nodes, first, no_sets, no_starts, no_sets, np.zeros(n_columns, dtype=np.uint32), np.zeros(1))


def _node_type() -> Any:
    from sklearn.ensemble._hist_gradient_boosting.common import PREDICTOR_RECORD_DTYPE

    return PREDICTOR_RECORD_DTYPE


def _threads() -> int:
    from sklearn.utils._openmp_helpers import _openmp_effective_n_threads

    return int(_openmp_effective_n_threads())
