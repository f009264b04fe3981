"""Tiny models with known answers, for the ledger's tests."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from assay.model.contract import Model, Rows
from assay.model.encoding import Encoded
from assay.objective import loss_for


def encoded(numbers: NDArray[np.float64], codes: NDArray[np.int32] | None = None) -> Encoded:
    names = tuple(f"x{i}" for i in range(numbers.shape[1]))
    table = np.zeros((len(numbers), 0), dtype=np.int32) if codes is None else codes
    levels = tuple(f"c{i}" for i in range(table.shape[1]))
    return Encoded(numbers, names, names, table, levels, tuple(int(c.max(initial=0)) + 1 for c in table.T))


class Scores(Model):
    """A logistic or a least-squares model with weights that the test chose; codes count by their number."""

    name = "scores"
    complexity = 2

    def __init__(self, weight: NDArray[np.float64], bias: float, task: str) -> None:
        self.weight, self.bias, self.task = np.asarray(weight, dtype=np.float64), bias, task

    def score(self, data: Encoded) -> NDArray[np.float64]:
        return np.hstack([data.numbers, data.codes]) @ self.weight + self.bias

    def finish(self, score: NDArray[np.float64]) -> NDArray[np.float64]:
        if self.task == "regression":
            return score
        positive = 1 / (1 + np.exp(-score))
        return np.stack([1 - positive, positive], axis=1)

    def fit(self, train: Rows, valid: Rows, *, loss: Any, classes: int, seed: int, budget_seconds: float | None = None) -> None:
        raise NotImplementedError

    def predict(self, data: Encoded) -> NDArray[np.float64]:
        return self.finish(self.score(data))

    def stages(self, data: Encoded) -> Iterator[tuple[str, NDArray[np.float64]]]:
        yield "constant", self.finish(np.full(data.rows, self.bias))
        x = np.hstack([data.numbers, data.codes])
        for last in range(1, x.shape[1] + 1):
            yield f"step {last}", self.finish(x[:, :last] @ self.weight[:last] + self.bias)

    def state(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        return {}, {}

    @classmethod
    def from_state(cls, data: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> Self:
        raise NotImplementedError


def problem(
    seed: int, *, task: str = "classification", rows: int = 400, numbers: int = 3, codes: int = 1
) -> tuple[Scores, Rows, Rows, NDArray[np.float64]]:
    """A model near the truth, training and held-out rows, and the best constant of the training rows."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(2 * rows, numbers)) * rng.uniform(0.5, 2, numbers)
    c = rng.integers(0, 4, size=(2 * rows, codes)).astype(np.int32)
    truth = Scores(rng.normal(size=numbers + codes), float(rng.normal()) * 0.3, task)
    data = encoded(x, c)
    if task == "classification":
        target: NDArray[Any] = (rng.random(2 * rows) < truth.predict(data)[:, 1]).astype(np.int64)
    else:
        target = truth.predict(data) + rng.normal(size=2 * rows)
    model = Scores(truth.weight * rng.uniform(0.7, 1.1), truth.bias, task)
    train, test = (Rows(data.take(part), target[part]) for part in (np.arange(rows), np.arange(rows, 2 * rows)))
    constant = loss_for(task).best_constant(train.target, None, 2 if task == "classification" else 0)
    return model, train, test, constant
