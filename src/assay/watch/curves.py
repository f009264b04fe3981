"""Scikit-learn estimators that keep a curve, watched afterwards: `MLPClassifier`, `MLPRegressor` and the boosting families."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from assay.core.errors import InputError
from assay.core.loop_evidence import LoopEvidence
from assay.core.loop_parts import GroupFacts
from assay.core.report import Report, judge
from assay.core.units import BITS_PER_NAT
from assay.watch.curve_facts import MOST_ROWS, batch_facts, opening, windows
from assay.watch.curve_layers import network_layers, network_parameters

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from assay.core.finding import Finding

BITS, SQUARED = "bits/row", "squared error/row"
WATCHED = "MLPClassifier, MLPRegressor, GradientBoosting* or HistGradientBoosting*"


class Curves:
    """What the curves of a fitted estimator say.

    Args:
        evidence: As read from the estimator.
    """

    def __init__(self, evidence: LoopEvidence) -> None:
        self._evidence = evidence
        self._report: Report | None = None

    def evidence(self) -> LoopEvidence:
        """What was read from the estimator."""
        return self._evidence

    def report(self) -> Report:
        """Findings, what was checked, and what could not be."""
        if self._report is None:
            from assay.rules import catalogue

            rules = [rule for rule in catalogue().values() if issubclass(LoopEvidence, rule.evidence)]
            self._report = judge([self._evidence], rules)
        return self._report

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What the rules name."""
        return self.report().findings

    def save(self, folder: Path | str) -> Path:
        """Keep evidence and findings where `assay judge` and `assay report` read them."""
        from assay.watch.loop_folder import write_loop

        return write_loop(folder, self._evidence, self.report(), name=self._evidence.model)


def watch_curves(
    estimator: Any, inputs: Any = None, targets: Any = None, *, valid: tuple[Any, Any] | None = None, name: str = ""
) -> Curves:
    """What the curves of a fitted scikit-learn estimator say about its training.

    Losses of classifiers are in bits a row. What the estimator itself kept is read; rows that are given add the loss of the best constant,
    facts about the inputs, one look at the activations of an MLP, and the staged losses of a boosting.

    Args:
        estimator: Fitted; a pipeline's or search's last step is taken.
        inputs: The training rows, as its `fit` took them.
        targets: The training targets.
        valid: Inputs and targets that it has not seen, for the staged losses of a boosting.
        name: For people; its class when "".

    Raises:
        InputError: it is not fitted, keeps no curve, or rows do not fit.

    Example:
        >>> from sklearn.ensemble import GradientBoostingRegressor
        >>> x = np.linspace(-1, 1, 60)[:, None]
        >>> curves = watch_curves(GradientBoostingRegressor(n_estimators=5).fit(x, x[:, 0] ** 2), x, x[:, 0] ** 2)
        >>> curves.evidence().steps, curves.evidence().unit
        (5, 'squared error/row')
    """
    fitted, rows = _last_step(estimator, inputs)
    x = None if rows is None else _numbers(rows)
    y = None if targets is None else np.asarray(targets)
    if (x is not None) and y is not None and len(x) != len(y):
        raise InputError(f"inputs have {len(x):,} rows, targets {len(y):,}; give one target a row")
    kind = type(fitted).__name__
    if hasattr(fitted, "coefs_") and hasattr(fitted, "n_layers_"):
        return Curves(_of_network(fitted, x, y, name or kind))
    if hasattr(fitted, "train_score_") and hasattr(fitted, "learning_rate"):
        held_out = None if valid is None else (_last_step(estimator, valid[0])[1], np.asarray(valid[1]))
        return Curves(_of_boosting(fitted, rows, x, y, held_out, name or kind))
    raise InputError(f"{kind} keeps no training curve, or is not fitted; accepted are {WATCHED} after fit")


def _last_step(estimator: Any, rows: Any) -> tuple[Any, Any]:
    """The estimator that learns by steps, and rows as it sees them."""
    found = getattr(estimator, "best_estimator_", estimator)
    if hasattr(found, "steps") and hasattr(found, "named_steps"):
        return found.steps[-1][1], rows if rows is None else found[:-1].transform(rows) if len(found.steps) > 1 else rows
    return found, rows


def _unit(fitted: Any) -> str:
    """Unit of its loss: bits of a classifier, squared error, or its own loss as it calls it."""
    loss = str(getattr(fitted, "loss", "squared_error"))
    return BITS if hasattr(fitted, "classes_") else SQUARED if loss == "squared_error" else f"{loss.replace('_', ' ')} loss/row"


def _numbers(rows: Any) -> NDArray[np.float64]:
    dense = rows.toarray() if hasattr(rows, "toarray") else rows
    try:
        x = np.asarray(dense, dtype=np.float64)
    except (TypeError, ValueError) as problem:
        raise InputError(f"inputs are no numbers: {problem}; give them as the estimator's last step is fed") from problem
    if x.ndim != 2:
        raise InputError(f"inputs have {x.ndim} axes, expected 2: rows and features")
    return x


# -- MLP -----------------------------------------------------------------------------------------------------------------------------


def _of_network(fitted: Any, x: NDArray[np.float64] | None, y: NDArray[Any] | None, name: str) -> LoopEvidence:
    curve = getattr(fitted, "loss_curve_", None)
    if curve is None:
        raise InputError(f"{name} was fitted by solver={fitted.solver!r}, which keeps no curve; fit it with solver='adam' or 'sgd'")
    is_classes, unit = hasattr(fitted, "classes_"), _unit(fitted)
    scale = BITS_PER_NAT if is_classes else 2.0 if unit == SQUARED else 1.0  # the regressor's loss is half the squared error
    losses = tuple(float(v) * scale for v in curve)
    rows = _rows_of(fitted, x)
    batch = min(200, rows) if fitted.batch_size == "auto" else min(int(fitted.batch_size), rows)
    per_epoch = max(1, -(-rows // max(1, batch)))
    group = GroupFacts(
        optimiser="Adam" if fitted.solver == "adam" else "SGD",
        size=int(sum(w.size for w in fitted.coefs_) + sum(b.size for b in fitted.intercepts_)),
        learning_rate=(float(fitted.learning_rate_init),) * len(windows(losses, per_epoch)),
        momentum=float(fitted.beta_1 if fitted.solver == "adam" else fitted.momentum),
        second_momentum=float(fitted.beta_2) if fitted.solver == "adam" else 0.0,
        weight_decay=float(fitted.alpha),
        base_rate=float(fitted.learning_rate_init),
    )
    scores = tuple(float(v) for v in (fitted.validation_scores_ or ())) if fitted.early_stopping else ()
    return LoopEvidence(
        name,
        unit,
        opening(y, is_classes) if unit in (BITS, SQUARED) else math.nan,
        losses,
        steps=per_epoch * len(losses),
        epoch_step=tuple(per_epoch * (i + 1) for i in range(len(losses))),
        windows=windows(losses, per_epoch),
        valid_metric=scores,
        steps_per_epoch=per_epoch,
        train_rows=rows,
        learning_rate=(float(fitted.learning_rate_init),) * len(losses),
        deep_step=(per_epoch * len(losses),) if x is not None else (),
        look_step=(per_epoch * len(losses),),
        parts=network_layers(fitted, None if x is None else x[:64]),
        parameters=network_parameters(fitted),
        groups=(group,),
        batch=batch_facts(x, y, is_classes, batch),
        nonfinite_step=next((per_epoch * i for i, v in enumerate(losses) if not math.isfinite(v)), -1),
        nonfinite_where="loss" if not all(map(math.isfinite, losses)) else "",
        stopped="epochs" if fitted.n_iter_ >= fitted.max_iter else "patience",
        best_epoch=int(np.argmax(scores)) if scores else int(np.argmin(losses)),
        restored=bool(scores),
    )


def _rows_of(fitted: Any, x: NDArray[np.float64] | None) -> int:
    """Rows that an epoch takes: a share is held out for early stopping."""
    rows = len(x) if x is not None else int(fitted.t_ // max(1, fitted.n_iter_))
    share = float(fitted.validation_fraction) if fitted.early_stopping and x is not None else 0.0
    return max(1, rows - math.ceil(rows * share))


# -- boosting ------------------------------------------------------------------------------------------------------------------------


def _of_boosting(
    fitted: Any, rows: Any, x: NDArray[np.float64] | None, y: NDArray[Any] | None, valid: tuple[Any, NDArray[Any]] | None, name: str
) -> LoopEvidence:
    is_classes, unit = hasattr(fitted, "classes_"), _unit(fitted)
    losses, known = _kept_scores(fitted, is_classes)
    metric: tuple[float, ...] = ()
    held_out: tuple[float, ...] = ()
    if rows is not None and y is not None and unit in (BITS, SQUARED):
        losses = _staged(fitted, rows, y, is_classes)
    if valid is not None and unit in (BITS, SQUARED):
        held_out = _staged(fitted, valid[0], valid[1], is_classes)
    elif known == "loss":
        held_out = _validation(fitted, is_classes)
    else:
        metric = tuple(float(v) for v in getattr(fitted, "validation_score_", ()))[1:]
    if not losses:
        raise InputError(f"{name} kept no training loss; fit it with early_stopping=True, or give inputs and targets")
    rate = float(fitted.learning_rate)
    return LoopEvidence(
        name,
        unit,
        opening(y, is_classes) if unit in (BITS, SQUARED) else math.nan,
        losses,
        held_out,
        steps=len(losses),
        valid_metric=metric,
        epoch_step=tuple(range(1, len(losses) + 1)),
        windows=windows(losses, 1),
        steps_per_epoch=1,
        train_rows=0 if x is None else len(x),
        valid_rows=0 if valid is None else len(valid[1]),
        learning_rate=(rate,) * len(losses),
        batch=batch_facts(x, y, is_classes, 0 if x is None else len(x)),
        best_epoch=int(np.argmin(held_out)) if held_out else len(losses) - 1,
        restored=False,
    )


def _kept_scores(fitted: Any, is_classes: bool) -> tuple[tuple[float, ...], str]:
    """The training loss that the estimator kept for each stage, and whether its scores are losses at all."""
    scores = [float(v) for v in fitted.train_score_]
    if not hasattr(fitted, "max_iter"):  # GradientBoosting keeps the deviance, twice the binary log loss
        many = is_classes and len(fitted.classes_) > 2
        return tuple(v * (BITS_PER_NAT if many else BITS_PER_NAT / 2) if is_classes else v for v in scores), "loss"
    if fitted.scoring != "loss":
        return (), "metric"
    return tuple(-v * (BITS_PER_NAT if is_classes else 2.0 if _unit(fitted) == SQUARED else 1.0) for v in scores[1:]), "loss"


def _validation(fitted: Any, is_classes: bool) -> tuple[float, ...]:
    scale = BITS_PER_NAT if is_classes else 2.0 if _unit(fitted) == SQUARED else 1.0
    return tuple(-float(v) * scale for v in getattr(fitted, "validation_score_", ()))[1:]


def _staged(fitted: Any, rows: Any, y: NDArray[Any], is_classes: bool) -> tuple[float, ...]:
    """The loss after each stage, on at most `MOST_ROWS` rows."""
    step = max(1, len(y) // MOST_ROWS)
    some, wanted = rows[::step] if not hasattr(rows, "iloc") else rows.iloc[::step], y[::step]
    try:
        if not is_classes:
            return tuple(float(np.mean((p - wanted) ** 2)) for p in fitted.staged_predict(some))
        place = np.searchsorted(fitted.classes_, wanted)
        at = np.arange(len(wanted))
        floor = np.finfo(np.float64).tiny
        return tuple(float(-np.log2(np.maximum(p[at, place], floor)).mean()) for p in fitted.staged_predict_proba(some))
    except (ValueError, IndexError) as problem:
        raise InputError(f"rows do not fit {type(fitted).__name__}: {problem}; give those that it was fitted on") from problem
