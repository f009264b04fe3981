"""From trained rungs to evidence: losses on held-out rows, the recommended model, what leaks are worth, the ledger."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from assay.core.eval_evidence import EvalEvidence
from assay.core.ledger import Ledger, Side
from assay.core.report import Report
from assay.core.seeds import seed_for
from assay.evaluate import Candidate, account, evaluate, learner_side, recommend
from assay.face.job.following import call
from assay.face.job.preparation import Parts
from assay.face.job.rungs import Trained, train_one
from assay.face.job.settings import Settings
from assay.face.progress import Progress
from assay.face.view import LEAK_RULES

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from assay.model.contract import Rows

# By what the models compute, not by a clock: the books depend on the rows and the seed alone.
LEDGER_SECONDS = 30.0


def leaky_columns(report: Report, parts: Parts) -> tuple[str, ...]:
    """The features that a leak rule named, accepted findings left out."""
    named = [f.at.get("column") for f in report.findings if f.code in LEAK_RULES]
    return tuple(dict.fromkeys(c for c in named if c in parts.table.features))


def assess(
    trained: Mapping[str, Trained],
    parts: Parts,
    settings: Settings,
    report: Report,
    *,
    order: Sequence[str],
    progress: Progress,
) -> EvalEvidence:
    """Evaluate all rungs on the held-out rows and account for the recommended one.

    Args:
        trained: The rungs by name, the simplest first.
        parts: What they were trained on.
        settings: The run's settings.
        report: The findings so far: its leak findings say which columns to retrain without.
        order: Columns, the most telling first: says which are booked alone where there are many.
        progress: Told of each stage.
    """
    progress.stage("evaluate")
    seen = Seen(parts.rows(parts.split.test), parts.rows(parts.split.train))
    raw = {name: seen.by(one) for name, one in trained.items()}
    candidates = {name: _candidate(one, parts, seen, raw[name]) for name, one in trained.items()}
    target = parts.target.values[parts.split.test]
    chosen = settings.model or recommend(tuple(candidates.values()), target, parts.loss)
    ledger = _ledger(trained[chosen], parts, settings, report, order, progress, seen=seen, raw=raw[chosen])
    watched = _watched(trained, chosen)
    layers = (
        None
        if watched is None
        else ledger.learners
        if watched.name == chosen
        else _layers(watched, parts, settings, seen, raw[watched.name])
    )
    return evaluate(
        tuple(candidates.values()),
        chosen,
        target=target,
        classes=parts.target.classes,
        loss=parts.loss,
        table=parts.table.take(parts.split.test),
        ledger=ledger,
        layers=layers,
        watched="" if watched is None else watched.name,
        seed=seed_for(settings.seed, "evaluate"),
    )


@dataclass(frozen=True)
class Seen:
    """The rows that models are judged on, encoded once, so that each model need predict them only once.

    Attributes:
        test: Held-out rows.
        train: Rows that were learned from.
    """

    test: Rows
    train: Rows

    def by(self, one: Trained) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """A model's predictions for both, before its temperature."""
        return one.model.predict(self.test.data), one.model.predict(self.train.data)


def _watched(trained: Mapping[str, Trained], chosen: str) -> Trained | None:
    """The network whose layers are booked: the chosen model where it is one, else the last that was trained."""
    networks = {name: one for name, one in trained.items() if one.training.snapshots is not None}
    return networks.get(chosen) or next(reversed(networks.values()), None)


def _candidate(one: Trained, parts: Parts, seen: Seen, raw: tuple[NDArray[np.float64], NDArray[np.float64]]) -> Candidate:
    test, train = seen.test, seen.train
    return Candidate(
        name=one.name,
        complexity=one.model.complexity,
        train_loss=parts.loss.mean(train.target, one.calibrated(raw[1]), train.weight),
        prediction=one.calibrated(raw[0]),
        weight=test.weight,
        seconds=one.training.seconds,
        note=("cut by the budget; " if one.training.stopped == "budget" else "") + one.model.describe(),
    )


def _ledger(
    one: Trained,
    parts: Parts,
    settings: Settings,
    report: Report,
    order: Sequence[str],
    progress: Progress,
    *,
    seen: Seen,
    raw: tuple[NDArray[np.float64], NDArray[np.float64]],
) -> Ledger:
    progress.stage("ledger")
    leaks = leaky_columns(report, parts)
    return account(
        one.name,
        one.model,
        one.predict,
        loss=parts.loss,
        classes=parts.classes,
        train=seen.train,
        test=seen.test,
        raw=raw,
        snapshots=one.training.snapshots,
        temperature=one.temperature,
        leaks=leaks,
        leak_free_per_row=_without(leaks, one, parts, settings, progress),
        seconds=LEDGER_SECONDS,
        seed=seed_for(settings.seed, "ledger"),
        association_order=order,
    )


def _without(leaks: tuple[str, ...], one: Trained, parts: Parts, settings: Settings, progress: Progress) -> NDArray[np.float64] | None:
    """The held-out loss of each row after training the same model again without the leaking columns; None without leaks."""
    if not leaks:
        return None
    target = parts.target.values[parts.split.test]
    if set(parts.encoder.kinds) <= set(leaks):
        learned = parts.rows(parts.split.train)
        constant = parts.loss.best_constant(learned.target, learned.weight, parts.classes)
        prediction = np.broadcast_to(constant, (len(target), *np.shape(constant)))
        return parts.loss.per_row(target, np.asarray(prediction))
    progress.note(f"training {one.name} again without {', '.join(leaks)}, to see what the leaks are worth")
    fewer = parts.without(leaks)
    seconds = None if settings.budget is None else one.training.seconds
    call(settings, one.name, seconds, without=leaks)
    again = train_one(one.name, fewer, settings, None, progress, seconds)
    return parts.loss.per_row(target, again.predict(fewer.encoded.take(fewer.split.test)))


def _layers(one: Trained, parts: Parts, settings: Settings, seen: Seen, raw: tuple[NDArray[np.float64], NDArray[np.float64]]) -> Side:
    return learner_side(
        one.model,
        loss=parts.loss,
        classes=parts.classes,
        train=seen.train,
        test=seen.test,
        raw=raw,
        snapshots=one.training.snapshots,
        temperature=one.temperature,
        seconds=LEDGER_SECONDS / 2,
        seed=seed_for(settings.seed, "ledger"),
    )
