"""Polynomial regression: a linear model that may bend, by powers and products of the numbers."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from assay.model.additive import Additive
from assay.model.contract import Rows
from assay.model.design import Design
from assay.model.fit_linear import STRENGTHS, Chosen, choose_strength, fit_once, limits_within
from assay.model.powers import Powers, n_products

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from assay.model.encoded import Encoded
    from assay.objective.loss import Loss

# Of one number a curve of any usual degree can be afforded, of several the number of products grows too fast.
MAX_DEGREE_OF_ONE, MAX_DEGREE = 15, 3
MAX_PRODUCTS = 600
# Rows times products: 400 MB of float64.
MAX_CELLS = 50_000_000
# Below the weakest of `linear`: a curve is held down by its degree too.
WEAKER = {"log": (), "other": (1e-3, 1e-4, 1e-6, 1e-8)}


class Polynomial(Additive):
    """A ridge on the numbers, their powers and their products; degree and strength are chosen on rows not learned from.

    Categories and texts add their parts as in `linear`. Where the numbers have too many products, those that go most with
    the target are multiplied.

    Source: Gergonne 1815; the penalty as in ridge.
    """

    name: ClassVar[str] = "polynomial"
    complexity: ClassVar[int] = 4

    def __init__(self) -> None:
        super().__init__()
        self.powers: Powers | None = None

    def fit(self, train: Rows, valid: Rows, *, loss: Loss, classes: int, seed: int, budget_seconds: float | None = None) -> None:
        started, best = time.monotonic(), Chosen(1.0)
        both = train.followed_by(valid)
        self.powers = Powers.fit(both.data, 1, np.zeros(0, dtype=np.intp))
        strengths = STRENGTHS["log"] if loss.name == "log" else (*STRENGTHS["other"], *WEAKER["other"])
        for degree, chosen in _degrees(both, classes):
            powers = Powers.fit(both.data, degree, chosen)
            seen, kept_apart = (replace(rows, data=powers.expand(rows.data)) for rows in (train, valid))
            wide = seen.followed_by(kept_apart)
            design = Design.fit(wide.data, wide.weight)
            left = None if budget_seconds is None else max((budget_seconds - (time.monotonic() - started)) / 2, 0.0)
            limits = limits_within(left, wide, design.matrix(wide.data), loss, classes)
            found = choose_strength(seen, kept_apart, design, loss, classes, limits, strengths=strengths, patience=2)
            self.is_cut = self.is_cut or found.is_cut
            if found.loss < best.loss or (valid.size == 0 and degree == 2):
                best, self.powers = found, powers
        self.strength, self.valid_prediction = best.strength, best.valid_prediction
        wide = replace(both, data=self.powers.expand(both.data))
        design = Design.fit(wide.data, wide.weight)
        self.keep(fit_once(wide, design.matrix(wide.data), loss, classes, self.strength), design, wide, loss, classes)

    def read(self, data: Encoded) -> Encoded:
        """With the products, each a source of its own, such as "age × income"."""
        return self._fitted.expand(data)

    def state(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        (data, arrays), (own, ranges) = super().state(), self._fitted.state()
        return {**data, **own}, {**arrays, **ranges}

    @classmethod
    def from_state(cls, data: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> Self:
        model = super().from_state(data, arrays)
        model.powers = Powers.from_state(data, arrays)
        return model

    def describe(self) -> str:
        if self.powers is None:
            return ""
        of = f"degree {self.powers.degree} in {len(self.powers.chosen)} numbers" if self.powers.degree > 1 else "no curve"
        return f"{of}, penalty {self.strength:.3g}; largest coefficients: {', '.join(self.strongest[:4]) or 'none'}"[:120]

    @property
    def _fitted(self) -> Powers:
        assert self.powers is not None, "the model was not fitted"  # noqa: S101
        return self.powers


def _degrees(rows: Rows, classes: int) -> Iterator[tuple[int, NDArray[np.intp]]]:
    """Degrees to try, each with the numbers to multiply; degree 1 first."""
    order = _by_strength(rows, classes)
    yield 1, order[:0]
    room = min(MAX_PRODUCTS, MAX_CELLS // max(1, rows.size))
    for degree in range(2, (MAX_DEGREE_OF_ONE if len(order) == 1 else MAX_DEGREE) + 1):
        n_numbers = len(order)
        while n_numbers > 1 and n_products(n_numbers, degree) > room:
            n_numbers -= 1
        if n_numbers and n_products(n_numbers, degree) <= room:
            yield degree, np.sort(order[:n_numbers])


def _by_strength(rows: Rows, classes: int) -> NDArray[np.intp]:
    """The numbers that have more than two values, those that correlate most with the target first."""
    target = (rows.target[:, None] == np.arange(classes)).astype(np.float64) if classes else rows.target.astype(np.float64)[:, None]
    target = target - target.mean(axis=0)
    strength = np.full(rows.data.numbers.shape[1], -1.0)
    for i, values in enumerate(rows.data.numbers.T):
        there = ~np.isnan(values)
        if len(np.unique(values[there][:1000])) > 2 or len(np.unique(values[there])) > 2:
            centred = values[there] - values[there].mean()
            size = np.sqrt(np.square(centred).sum() * np.square(target[there]).sum(axis=0))
            strength[i] = np.abs(np.divide(centred @ target[there], size, out=np.zeros_like(size), where=size > 0)).max()
    order = np.argsort(-strength, kind="stable")
    return order[strength[order] >= 0]
