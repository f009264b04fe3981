"""The ladder: every model's loss on the same held-out rows, compared row by row, and the one to recommend."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from assay.core.errors import InputError
from assay.core.eval_evidence import Rung
from assay.evaluate.row_sample import mean_and_se, unit_weights

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from assay.objective.loss import Loss


NEGLIGIBLE_SHARE = 0.001
ROUNDING = 1e-12


@dataclass(frozen=True)
class Candidate:
    """A trained model's predictions, as the ladder reads them.

    Attributes:
        name: As typed after --model.
        complexity: Place on the ladder, 0 the simplest.
        train_loss: Mean loss on the training rows.
        prediction: For the held-out rows: probabilities (rows, classes) or values (rows,).
        weight: Of the held-out rows, or None.
        seconds: Training time.
        note: What a person should know of it.
    """

    name: str
    complexity: int
    train_loss: float
    prediction: NDArray[np.float64]
    weight: NDArray[np.float64] | None = None
    seconds: float = 0.0
    note: str = ""

    def per_row(self, target: NDArray[np.generic], loss: Loss) -> NDArray[np.float64]:
        """Loss of each held-out row, times its weight (of mean 1)."""
        return unit_weights(self.weight, len(target)) * loss.per_row(target, self.prediction)


def rungs_of(candidates: Sequence[Candidate], target: NDArray[np.generic], loss: Loss) -> tuple[Rung, ...]:
    """The ladder, the simplest first; reductions are against the candidate named "constant", else against the simplest.

    The standard error of a reduction is that of the difference row by row, which is far smaller than that of either loss.
    """
    ordered = sorted(candidates, key=lambda c: c.complexity)
    base = next((c for c in ordered if c.name == "constant"), ordered[0]).per_row(target, loss)
    rungs = []
    for one in ordered:
        per_row = one.per_row(target, loss)
        (held_out, se), (reduction, reduction_se) = mean_and_se(per_row), mean_and_se(_difference(base, per_row))
        rungs.append(
            Rung(one.name, one.train_loss, held_out, se, reduction, reduction_se, one.seconds, one.complexity, one.note),
        )
    return tuple(rungs)


def recommend(candidates: Sequence[Candidate], target: NDArray[np.generic], loss: Loss) -> str:
    """The simplest model whose held-out loss is within one standard error of the best one's.

    The standard error is the smaller of two: that of the difference to the best, row by row, which tells models that agree on
    most rows apart; and that of the best one's loss, so that a model with a few wild rows is not excused by them. A thousandth
    of the constant's loss counts as no difference, however sure it is: near zero loss two perfect models would else be told apart.

    Args:
        candidates: The trained models.
        target: Of the held-out rows.
        loss: What counts.

    Raises:
        InputError: there is no candidate.

    Source: the one-standard-error rule, Breiman et al. 1984, section 3.4.3, with paired errors.

    Example:
        >>> from assay.objective import loss_for
        >>> target = np.array([0.0, 1.0, 2.0, 3.0])
        >>> rough, exact = Candidate("rough", 1, 0.0, target + 1), Candidate("exact", 4, 0.0, target)
        >>> recommend((rough, exact), target, loss_for("regression"))
        'exact'
    """
    if not candidates:
        raise InputError("0 trained models to choose from; train at least one")
    ordered = sorted(candidates, key=lambda c: c.complexity)
    return simplest_of_the_best({one.name: one.per_row(target, loss) for one in ordered})


def simplest_of_the_best(per_row: Mapping[str, NDArray[np.float64]]) -> str:
    """`recommend` for models, the simplest first, whose losses on the same rows are known; the opening is that of "constant".

    Example:
        >>> simplest_of_the_best({"constant": np.array([2.0, 2.1]), "n-gram": np.array([1.0, 1.1]), "lstm": np.array([1.0, 1.1])})
        'n-gram'
    """
    best = min(per_row.values(), key=lambda losses: float(losses.mean()))
    best_se = mean_and_se(best)[1]
    opening = float(per_row.get("constant", next(iter(per_row.values()))).mean())
    for name, losses in per_row.items():
        behind, se = mean_and_se(_difference(losses, best))
        if behind <= max(min(se, best_se), NEGLIGIBLE_SHARE * opening):
            return name
    return list(per_row)[-1]


def _difference(losses: NDArray[np.float64], others: NDArray[np.float64]) -> NDArray[np.float64]:
    """Row by row, 0 where only rounding differs: else two equal models would differ by 1e-16 with an error of 1e-18."""
    difference = losses - others
    difference[np.abs(difference) <= ROUNDING * np.abs(losses).max(initial=0.0)] = 0.0
    return difference
