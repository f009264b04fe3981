"""One rule: a single threshold, category table or word, the best there is; what a person could apply by hand."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from assay.core.seeds import seed_for
from assay.model.contract import Model, Rows
from assay.model.rule_cells import Cells, Partition, cross_fitted, fit_values

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from assay.model.encoded import Encoded
    from assay.objective.loss import Loss

FOLDS = 3
# Partitions that look best by their training rows and are then measured by cross-fitting; the rest cannot win by chance alone.
FINALISTS = 40


class OneRule(Model):
    """The one column, cut at one threshold or tabled by category, whose cells' best constants have the lowest cross-fitted loss."""

    name: ClassVar[str] = "one-rule"
    complexity: ClassVar[int] = 1

    def __init__(self) -> None:
        self.start: NDArray[np.float64] = np.zeros(())
        self.partition = Partition("nothing", "", 0)
        self.values: NDArray[np.float64] = np.zeros((1,))
        self.labels: tuple[str, ...] = ()
        self.class_names: tuple[str, ...] = ()

    def fit(self, train: Rows, valid: Rows, *, loss: Loss, classes: int, seed: int, budget_seconds: float | None = None) -> None:
        both = train.followed_by(valid)
        self.start = loss.best_constant(both.target, both.weight, classes=classes)
        best = self._chosen(both, loss, classes, seed)
        self.partition = best
        self.values = fit_values(both, best.cells(both.data), best.n_cells, loss, self.start)
        self.labels, self.class_names = best.labels(both.data), both.class_names

    def _chosen(self, rows: Rows, loss: Loss, classes: int, seed: int) -> Partition:
        """The partition with the lowest cross-fitted loss, if it beats the constant by more than its standard error."""
        nothing = Partition("nothing", "", 0)
        folds = np.random.default_rng(seed_for(seed, "one-rule")).permutation(rows.size) % FOLDS
        finalists = Cells(rows, loss, classes).best_of_each()[:FINALISTS]
        if not finalists or rows.size < 2 * FOLDS:
            return nothing
        losses, constant = cross_fitted(rows, finalists, folds, loss, classes)
        place = int(np.argmin(np.average(losses, axis=1, weights=rows.weight)))
        gain = constant - losses[place]
        is_better = np.average(gain, weights=rows.weight) > gain.std() / np.sqrt(rows.size)
        return finalists[place] if is_better else nothing

    def predict(self, data: Encoded) -> NDArray[np.float64]:
        return self.values[self.partition.cells(data)]

    def stages(self, data: Encoded) -> Iterator[tuple[str, NDArray[np.float64]]]:
        yield "constant", np.repeat(self.start[None], data.rows, axis=0)
        yield self.partition.column or "no rule", self.predict(data)

    def state(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        return {**self.partition.state(), "labels": list(self.labels), "class_names": list(self.class_names)}, {
            "start": self.start,
            "values": self.values,
        }

    @classmethod
    def from_state(cls, data: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> Self:
        model = cls()
        model.partition = Partition.from_state(data)
        model.start, model.values, model.labels = np.asarray(arrays["start"]), np.asarray(arrays["values"]), tuple(data["labels"])
        model.class_names = tuple(data["class_names"])
        return model

    def describe(self) -> str:
        """The rule in words: each cell with its value, or with its likeliest class and that one's chance."""
        if self.partition.kind == "nothing":
            return "no column tells more than the constant"
        shown = []
        for label, value in list(zip(self.labels, self.values, strict=True))[:6]:
            if not label:
                continue
            shown.append(f"{label} -> {self._told(value)}")
        text = f"{self.partition.column} {'; '.join(shown)}"
        return text if len(text) <= 120 else text[:117] + "..."

    def _told(self, value: NDArray[np.float64]) -> str:
        if value.ndim == 0:
            return f"{float(value):.4g}"
        likeliest = int(value.argmax())
        name = self.class_names[likeliest] if self.class_names else f"class {likeliest}"
        return f"{name} ({value[likeliest]:.2f})"
