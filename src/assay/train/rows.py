"""The rows of a table as one more kind of data, and a neural model of the ladder as one more task."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any, Self

import torch
from torch import Tensor

from assay.core.errors import OptionError
from assay.train.data import MOST_ROWS_AT_ONCE, WHOLE, Batch, Data, of_part, order_of
from assay.train.task import Task

if TYPE_CHECKING:
    from assay.model.contract import Rows
    from assay.model.neural import NeuralModel


@dataclass(frozen=True, eq=False)
class RowsData(Data):
    """Encoded rows as a neural model reads them.

    Attributes:
        inputs: What the model's `inputs` made, which knows how to take rows.
        most_at_once: At most so many rows go through the network together where nothing is learned.
    """

    inputs: Any
    targets: Tensor
    weights: Tensor | None
    most_at_once: int = MOST_ROWS_AT_ONCE

    @classmethod
    def of(cls, model: NeuralModel, rows: Rows) -> RowsData:
        """The rows as this model reads them."""
        most = min(MOST_ROWS_AT_ONCE, model.rows_at_once)
        return cls(model.inputs(rows.data), model.targets(rows.target), model.weights(rows.weight), most)

    @property
    def rows(self) -> int:
        return len(self.targets)

    def _taken(self, rows: Tensor, n_whole: int = 0) -> Batch:
        weights = None if self.weights is None else self.weights[rows]
        return Batch(self.inputs.take(rows), self.targets[rows], weights, n_whole)

    def batches(self, batch_rows: int, seed: int, *, skip: int = 0, part: tuple[int, int] = WHOLE) -> Iterator[Batch]:
        for whole in islice(self._cut(order_of(self.rows, seed), batch_rows), skip, None):
            yield self._taken(of_part(whole, part), len(whole))

    def _cut(self, order: Tensor, batch_rows: int) -> Iterable[Tensor]:
        """The rows of `order` in batches; where the inputs say so, of texts of like length."""
        own = getattr(self.inputs, "batches", None)
        return torch.split(order, batch_rows) if own is None else own(order, batch_rows)

    def in_order(self, batch_rows: int, *, at_most: int | None = None, seed: int = 0) -> Iterator[Batch]:
        rows = torch.arange(self.rows)
        if at_most is not None and at_most < self.rows:
            rows = order_of(self.rows, seed)[:at_most].sort().values
        for some in self._cut(rows, batch_rows) if self.rows else ():
            yield self._taken(some)

    def to(self, device: torch.device) -> Self:
        if device.type != "cpu":
            raise OptionError(f"rows of a table on {device.type}; models of tables train on the CPU: take device 'cpu'")
        return self

    def all_targets(self) -> Tensor:
        return self.targets

    def rows_at_once(self, batch_rows: int) -> int:
        return self.most_at_once

    def fingerprint_parts(self) -> list[Tensor]:
        return [*self.inputs.tensors(), self.targets, *([] if self.weights is None else [self.weights])]


class ModelTask(Task):
    """A neural model of the ladder, which knows its own losses; what it computes is float64 and in its loss's unit."""

    def __init__(self, model: NeuralModel, shape: str) -> None:
        self.model, self.network, self.shape = model, model.network, shape
        self.name, self.unit, self.loss_scale = model.name, model.loss.unit, model.loss_scale

    def loss(self, batch: Batch) -> Tensor:
        per_row = self.model.training_losses(batch.inputs, batch.targets)
        return per_row.mean() if batch.weights is None else (per_row * batch.weights).mean()

    def measure(self, batch: Batch) -> tuple[Tensor, Tensor | None]:
        return self.model.losses(batch.inputs, batch.targets), batch.weights

    def numbers(self, batch: Batch) -> Tensor:
        found: Tensor = batch.inputs.numbers
        return found

    def input_names(self, columns: int) -> tuple[str, ...]:
        return self.model.input_names

    def identity(self) -> str:
        return f"{self.name} {self.shape} {self.model.loss.name}"
