"""Linear models: logistic regression for classes, ridge for the mean, reweighted ridge for the median."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from assay.model.additive import Additive
from assay.model.contract import Rows
from assay.model.design import Design
from assay.model.fit_linear import choose_strength, fit_once, limits_within
from assay.model.term_evidence import scaled, term_scale

if TYPE_CHECKING:
    from assay.objective.loss import Loss


class Linear(Additive):
    """One coefficient a column of the design matrix (and class); the strength of the L2 penalty is chosen on rows not learned from.

    A term of a text is penalised the less, the more it says of the classes by itself, see `assay.model.term_evidence`.
    """

    name: ClassVar[str] = "linear"
    complexity: ClassVar[int] = 3

    def fit(self, train: Rows, valid: Rows, *, loss: Loss, classes: int, seed: int, budget_seconds: float | None = None) -> None:
        both = train.followed_by(valid)
        design = Design.fit(both.data, both.weight)
        matrix = design.matrix(both.data)
        limits = limits_within(budget_seconds, both, matrix, loss, classes)
        chosen = choose_strength(train, valid, design, loss, classes, limits, scale_of=term_scale)
        self.strength, self.valid_prediction = chosen.strength, chosen.valid_prediction
        # without haste the last fit starts anew, so that a budget that suffices changes no bit
        start = chosen.start if limits.is_tight else None
        scale = term_scale(design, matrix, both, classes)
        fed = scaled(matrix, scale)
        fitted = fit_once(both, fed, loss, classes, self.strength, start=start, steps=limits.last).unscaled(scale)
        self.is_cut = chosen.is_cut or (limits.is_tight and not fitted.converged)
        self.keep(fitted, design, both, loss, classes)

    def describe(self) -> str:
        if self.design is None:
            return ""
        told = "" if self.converged else "; stopped before it converged"
        return f"penalty {self.strength:g}; largest coefficients: {', '.join(self.strongest[:3]) or 'none'}{told}"[:120]
