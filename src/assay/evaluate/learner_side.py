"""The side of learners: which part of the model took how much off the loss, on held-out and on training rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np

from assay.core.ledger import Booking, Side
from assay.core.seeds import seed_for
from assay.evaluate.coalition import KEPT_ALONE, MOST_PLAYERS
from assay.evaluate.row_losses import RowLosses, row_losses
from assay.evaluate.row_sample import most_astray, representative, unit_weights
from assay.evaluate.weight_path import SMALLEST_FALL_SHARE, gauss_legendre

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from assay.model.contract import Model, Rows
    from assay.model.encoding import Encoded
    from assay.model.snapshots import Snapshots
    from assay.objective.loss import Loss

SAMPLED_ROWS = 2048
MOST_BOOKINGS = 12
ROUNDING = 1e-9
REMAINDER_SHARE = 0.01
PATH_NODES = (8, 16, 32, 64)
SECONDS = 15.0


@runtime_checkable
class HasPath(Protocol):
    """A model whose coefficients can be scaled from zero (t = 0) to their values (t = 1)."""

    def stages(self, data: Encoded) -> Iterator[tuple[str, NDArray[np.float64]]]:
        """As every model's; the first are its predictions at t = 0."""

    def path_gradient(self, data: Encoded, target: NDArray[Any], t: float, weight: NDArray[np.float64] | None = None) -> dict[str, float]:
        """By source, its part of the derivative of the (weighted) mean loss with respect to t."""


@runtime_checkable
class HasLayers(Protocol):
    """A network whose weights are booked by layer."""

    def spans(self) -> dict[str, slice]:
        """Layer name -> its place in the flat weight vector."""


@dataclass(frozen=True)
class Sampled:
    """Rows that stand for all of their part.

    Attributes:
        rows: The sample.
        losses: Of the sample.
        everything: Losses of all rows of the part.
    """

    rows: Rows
    losses: RowLosses
    everything: RowLosses

    @property
    def weight(self) -> NDArray[np.float64]:
        """Weights of the sample, of mean 1 over all rows of the part (not over the sample)."""
        return np.ones(len(self.rows.target)) if self.rows.weight is None else self.rows.weight

    def mean(self, loss: Loss, prediction: NDArray[np.float64]) -> float:
        """The sample's mean loss under these predictions."""
        return float((self.weight * loss.per_row(self.rows.target, prediction)).mean())


def sampled(rows: Rows, losses: RowLosses, n_rows: int, seed: int) -> Sampled:
    """At most `n_rows` of the rows, on which the model's reduction is near that on all of them."""
    from assay.model.contract import Rows as RowsOf

    chosen = representative(losses.opening - losses.closing, n_rows, seed)
    weight = None if rows.weight is None else unit_weights(rows.weight, len(rows.target))[chosen]
    part = RowsOf(rows.data.take(chosen), rows.target[chosen], weight)
    return Sampled(part, RowLosses(losses.opening[chosen], losses.raw[chosen], losses.closing[chosen]), losses)


def learner_side(
    model: Model,
    *,
    loss: Loss,
    classes: int,
    train: Rows,
    test: Rows,
    snapshots: Snapshots | None = None,
    temperature: float = 1.0,
    raw: tuple[NDArray[np.float64], NDArray[np.float64]] | None = None,
    seconds: float = SECONDS,
    seed: int = 0,
) -> Side:
    """The reduction booked to the parts of the model, in the model's order, then to its recalibration.

    A network is booked by layer and epoch along the path of its weights; a linear model by column, along the path on which
    all coefficients grow from zero; boosting by its stages, whose losses differ exactly; any other model in one line.

    Args:
        model: The trained model, before its temperature.
        loss: What the ledger counts in.
        classes: Number of classes, 0 for regression.
        train: The rows that it learned from; their best constant opens the books.
        test: Rows that it never saw.
        snapshots: Of a network's training, from birth to the weights kept.
        temperature: Of the model as it is used; 1 for none.
        raw: The model's predictions for the test and the training rows, where they are known already.
        seconds: What a network's path may take by the model's `row_seconds`; rows and gradients are thinned to fit.
        seed: Of the run.

    Returns:
        A side whose remainder holds what quadrature and the sample of rows left over.
    """
    constant = loss.best_constant(train.target, train.weight, classes)
    known = raw or (model.predict(test.data), model.predict(train.data))
    held_out, trained = (row_losses(rows, loss, constant, one, temperature) for rows, one in zip((test, train), known, strict=True))
    return book_learners(model, loss, (test, held_out), (train, trained), snapshots=snapshots, seconds=seconds, seed=seed)


def book_learners(
    model: Model,
    loss: Loss,
    held: tuple[Rows, RowLosses],
    learned: tuple[Rows, RowLosses],
    *,
    snapshots: Snapshots | None = None,
    seconds: float = SECONDS,
    seed: int = 0,
) -> Side:
    """`learner_side` for held-out (`held`) and training rows (`learned`) whose losses are known already."""
    (test, held_out), (train, trained) = held, learned
    if snapshots is not None and len(snapshots) > 1:
        from assay.evaluate.network_path import network_bookings, path_plan

        most = min(SAMPLED_ROWS, getattr(model, "ledger_rows", SAMPLED_ROWS), max(test.size, train.size))
        n_layers = len(model.spans()) if isinstance(model, HasLayers) else 1
        plan = path_plan(len(snapshots) - 1, n_layers, most, seconds, model.row_seconds(test.data))
        part = sampled(test, held_out, plan.rows, seed_for(seed, "ledger held-out"))
        practised = sampled(train, trained, plan.rows, seed_for(seed, "ledger training"))
        bookings, method = network_bookings(model, snapshots, part, practised, REMAINDER_SHARE, plan)
    elif isinstance(model, HasPath):
        part = sampled(test, held_out, len(test.target), seed)
        practised = sampled(train, trained, SAMPLED_ROWS, seed_for(seed, "ledger training"))
        bookings, method = _path_bookings(model, loss, part, practised)
    else:
        part = sampled(test, held_out, len(test.target), seed)
        practised = sampled(train, trained, SAMPLED_ROWS, seed_for(seed, "ledger training"))
        bookings, method = _stage_bookings(model, loss, part, practised)
    bookings += _recalibration(held_out, trained)
    reduction = held_out.reduction
    whole = max(abs(reduction), SMALLEST_FALL_SHARE * float(held_out.opening.mean()))
    tolerance = (
        REMAINDER_SHARE * whole
        + most_astray(held_out.opening - held_out.closing, len(part.rows.target))
        + ROUNDING * float(held_out.opening.mean())
    )
    return Side("learner", tuple(bookings), reduction - sum(b.held_out for b in bookings), method, tolerance)


def start_booking(part: Sampled, practised: Sampled, start: Callable[[Sampled], float]) -> list[Booking]:
    """A line for a model that does not start at the opening balance: what its own start costs against it, if that shows."""
    held_out, train = (float(one.losses.opening.mean()) - start(one) for one in (part, practised))
    if abs(held_out) <= 0.1 * REMAINDER_SHARE * abs(part.everything.reduction):
        return []
    return [Booking("start", held_out, train=train)]


def _recalibration(held_out: RowLosses, trained: RowLosses) -> list[Booking]:
    amounts = [float((one.raw - one.closing).mean()) for one in (held_out, trained)]
    return [Booking("temperature", amounts[0], train=amounts[1])] if any(amounts) else []


def _stage_bookings(model: Model, loss: Loss, part: Sampled, practised: Sampled) -> tuple[list[Booking], str]:
    names: list[str] = []
    losses: list[tuple[float, float]] = []
    for (name, on_held_out), (_, on_train) in zip(_stages(model, part), _stages(model, practised), strict=True):
        names.append(name)
        losses.append((part.mean(loss, on_held_out), practised.mean(loss, on_train)))
    bookings = start_booking(part, practised, lambda one: losses[0][0 if one is part else 1])
    falls = -np.diff(np.array(losses), axis=0)
    for places in np.array_split(np.arange(len(falls)), min(MOST_BOOKINGS, max(1, len(falls)))):
        if places.size == 0:
            continue
        first, last = names[places[0] + 1], names[places[-1] + 1]
        held_out, train = falls[places, 0], falls[places, 1]
        bookings.append(
            Booking(
                _span(first, last),
                float(held_out.sum()),
                train=float(train.sum()),
                by_epoch=tuple(held_out.tolist()),
                by_epoch_train=tuple(train.tolist()),
            )
        )
    return bookings, f"differences of loss between {len(falls):,} stages, all held-out rows, {len(practised.rows.target):,} training rows"


def _stages(model: Model, one: Sampled) -> Iterator[tuple[str, NDArray[np.float64]]]:
    return model.stages(one.rows.data)


def _span(first: str, last: str) -> str:
    """Name a run of stages.

    Example:
        >>> _span("tree 1", "tree 5"), _span("tree 3", "tree 3"), _span("a", "b"), _span("split 1: age", "split 2: sex")
        ('trees 1-5', 'tree 3', 'a to b', 'splits 1-2')
    """
    if first == last:
        return first
    (head, _, number), (other, _, until) = (name.partition(": ")[0].rpartition(" ") for name in (first, last))
    return f"{head}s {number}-{until}" if head and head == other else f"{first} to {last}"


def _path_bookings(model: HasPath, loss: Loss, part: Sampled, practised: Sampled) -> tuple[list[Booking], str]:
    (held_out, n_nodes), (train, _) = (_along(model, one) for one in (part, practised))
    bookings = start_booking(part, practised, lambda one: one.mean(loss, next(iter(model.stages(one.rows.data)))[1]))
    ranked = sorted(held_out, key=lambda name: -abs(held_out[name]))
    alone, pooled = (ranked, []) if len(ranked) <= MOST_PLAYERS else (ranked[:KEPT_ALONE], ranked[KEPT_ALONE:])
    bookings += [Booking(name, held_out[name], train=train[name]) for name in sorted(alone, key=lambda n: -held_out[n])]
    if pooled:
        rest = [sum(side[name] for name in pooled) for side in (held_out, train)]
        bookings.append(Booking(f"{len(pooled)} other columns", rest[0], train=rest[1]))
    return bookings, f"path of all coefficients from zero, {n_nodes} Gauss-Legendre nodes, all held-out rows"


def _along(model: HasPath, one: Sampled) -> tuple[dict[str, float], int]:
    """What each source is booked on the way from zero; nodes are doubled until the sum no longer moves."""
    before = np.inf
    # The model divides by the sample's own weight; the books divide by that of all rows.
    scale = float(one.weight.mean())
    booked: dict[str, float] = {}
    for n_nodes in PATH_NODES:
        booked = {}
        for node, weight in gauss_legendre(n_nodes):
            for name, slope in model.path_gradient(one.rows.data, one.rows.target, node, one.rows.weight).items():
                booked[name] = booked.get(name, 0.0) - weight * scale * slope
        total = sum(booked.values())
        if abs(total - before) <= 0.1 * REMAINDER_SHARE * abs(total):
            break
        before = total
    return booked, n_nodes
