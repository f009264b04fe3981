"""Ridge, lasso and elastic net: linear models that pay for their coefficients, with the price chosen on rows not learned from."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from assay.model.additive import Additive
from assay.model.contract import Rows
from assay.model.design import Design
from assay.model.fit_linear import STRENGTHS, Limits, choose_strength, fit_once, limits_within
from assay.model.fit_penalised import PenalisedFit, effective_coefficients

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from assay.objective.loss import Loss

# Strengths a decade that ridge tries, where `linear` tries one.
STRENGTHS_A_DECADE = 4
PATIENCE = 3
MAX_COUNTED_COLUMNS = 1_000


class Ridge(Additive):
    """Squared coefficients are paid for: columns that tell the same share their coefficient, and none is left out.

    Minimises sum of squared errors + strength * |w|^2; for log loss, sum of nats + strength / 2 * |w|^2, which is the same price.

    Source: Hoerl and Kennard 1970.
    """

    name: ClassVar[str] = "ridge"
    complexity: ClassVar[int] = 3

    def __init__(self) -> None:
        super().__init__()
        self.free_coefficients = 0.0

    def fit(self, train: Rows, valid: Rows, *, loss: Loss, classes: int, seed: int, budget_seconds: float | None = None) -> None:
        both = train.followed_by(valid)
        design = Design.fit(both.data, both.weight)
        matrix = design.matrix(both.data)
        limits = limits_within(budget_seconds, both, matrix, loss, classes)
        decades = STRENGTHS["log" if loss.name == "log" else "other"]
        strengths = np.geomspace(decades[0], decades[-1], STRENGTHS_A_DECADE * (len(decades) - 1) + 1).tolist()
        chosen = choose_strength(train, valid, design, loss, classes, limits, strengths=strengths, patience=PATIENCE)
        self.strength, self.valid_prediction = chosen.strength, chosen.valid_prediction
        fitted = fit_once(both, matrix, loss, classes, self.strength, start=chosen.start if limits.is_tight else None, steps=limits.last)
        self.is_cut = chosen.is_cut or (limits.is_tight and not fitted.converged)
        self.keep(fitted, design, both, loss, classes)
        self.free_coefficients = _free_coefficients(self, matrix, both, loss)

    def state(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        data, arrays = super().state()
        return {**data, "free": self.free_coefficients}, arrays

    @classmethod
    def from_state(cls, data: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> Self:
        model = super().from_state(data, arrays)
        model.free_coefficients = float(data["free"])
        return model

    def describe(self) -> str:
        if self.design is None:
            return ""
        left = f" leaves {self.free_coefficients:.3g} of {len(self.coefficients)} coefficients free" if self.free_coefficients else ""
        return f"penalty {self.strength:.3g} on squares{left}; largest: {', '.join(self.strongest[:3]) or 'none'}"[:120]


class Lasso(Additive):
    """Absolute coefficients are paid for: most columns are left out; of columns that tell the same one is picked, by chance.

    Minimises sum of squared errors + strength * |w|_1, log loss counting as twice its nats.

    Source: Tibshirani 1996.
    """

    name: ClassVar[str] = "lasso"
    complexity: ClassVar[int] = 3

    def fit(self, train: Rows, valid: Rows, *, loss: Loss, classes: int, seed: int, budget_seconds: float | None = None) -> None:
        _fit_path(self, PenalisedFit(1.0), train, valid, loss, classes, budget_seconds)

    def describe(self) -> str:
        return _told_of_zeros(self)


class ElasticNet(Additive):
    """Absolute and squared coefficients are paid for, half and half: columns are left out, but those that tell the same stay together.

    Minimises sum of squared errors + strength * (|w|_1 + |w|^2) / 2, log loss counting as twice its nats.

    Source: Zou and Hastie 2005.
    """

    name: ClassVar[str] = "elastic-net"
    complexity: ClassVar[int] = 3

    def fit(self, train: Rows, valid: Rows, *, loss: Loss, classes: int, seed: int, budget_seconds: float | None = None) -> None:
        _fit_path(self, PenalisedFit(0.5), train, valid, loss, classes, budget_seconds)

    def describe(self) -> str:
        return _told_of_zeros(self)


def _fit_path(
    model: Additive, solver: PenalisedFit, train: Rows, valid: Rows, loss: Loss, classes: int, budget_seconds: float | None
) -> None:
    """Choose the strength along the path from no coefficient, then fit all rows at it."""
    both = train.followed_by(valid)
    design = Design.fit(both.data, both.weight)
    matrix = design.matrix(both.data)
    strengths = solver.strengths(both, matrix, loss, classes)
    limits = Limits() if budget_seconds is None else Limits(until=time.monotonic() + budget_seconds / 2)
    chosen = choose_strength(train, valid, design, loss, classes, limits, fit_at=solver, strengths=strengths, patience=PATIENCE)
    # Without validation rows: the middle of the path.
    model.strength = chosen.strength if valid.size else strengths[len(strengths) // 2]
    model.valid_prediction, model.is_cut = chosen.valid_prediction, chosen.is_cut
    model.keep(solver(both, matrix, loss, classes, model.strength, start=chosen.start), design, both, loss, classes)


def _told_of_zeros(model: Additive) -> str:
    if model.design is None:
        return ""
    kept, of_all = int((model.sizes > 0).sum()), len(model.sizes)
    told = "" if model.converged else "; stopped before it converged"
    names = ", ".join(model.strongest) or "none"
    return f"penalty {model.strength:.3g} keeps {kept} of {of_all} coefficients; largest: {names}{told}"[:120]


def _free_coefficients(model: Ridge, matrix: Any, rows: Rows, loss: Loss) -> float:
    """`effective_coefficients` where it is cheap and one number tells it: a dense matrix, one output; else 0."""
    if not isinstance(matrix, np.ndarray) or matrix.shape[1] > MAX_COUNTED_COLUMNS or len(model.start) > 1 or loss.name == "absolute":
        return 0.0
    weight = np.ones(rows.size) if rows.weight is None else rows.weight
    if loss.name == "log":
        chance = model.predict(rows.data)[:, 1]
        weight = weight * chance * (1 - chance)
    return effective_coefficients(matrix, weight, model.strength) if weight.sum() > 0 else 0.0
