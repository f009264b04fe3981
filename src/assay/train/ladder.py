"""The ladder under one time budget: the cheap models first, and a word for every model that time did not allow."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from assay.core.seeds import seed_for
from assay.model.registry import model_class
from assay.train.fit import Training, fit

if TYPE_CHECKING:
    from assay.model.contract import Model, Rows
    from assay.objective.loss import Loss


def climb(
    names: Sequence[str],
    train: Rows,
    valid: Rows,
    *,
    loss: Loss,
    classes: int,
    seed: int,
    skipped: dict[str, str],
    budget_seconds: float | None = None,
    fit_one: Callable[[Model, float | None], Training] | None = None,
    on_start: Callable[[str], None] | None = None,
) -> Iterator[Training]:
    """Train the named models on the same rows, the simplest first, and yield each as it is done.

    A model's share of the budget is what is left divided by the models still to come. It binds neural models, whose loop can
    stop between steps; a classical model is not cut, and what it overdraws is missing to those behind it.

    Args:
        names: Models, in any order.
        train: Encoded training rows.
        valid: Rows for early stopping.
        loss: What is minimised.
        classes: Number of classes, 0 for regression.
        seed: Of the run; each model draws its own stream from it.
        skipped: Filled with name -> reason for every model whose turn came when the budget was used up.
        budget_seconds: For all of them together; None for no limit.
        fit_one: Trains a fresh model within so many seconds; `fit` with these rows if None.
        on_start: Told the name of the model that begins.

    Raises:
        OptionError: a name is none of the ladder's.
        ExtraMissing: a named model needs torch, which is not installed.
    """
    started = time.monotonic()
    order = sorted(dict.fromkeys(names), key=lambda name: model_class(name).complexity)
    for place, name in enumerate(order):
        share = None
        if budget_seconds is not None:
            spent = time.monotonic() - started
            if place > 0 and spent >= budget_seconds:
                skipped[name] = f"the budget of {budget_seconds:g} s was used up ({spent:.1f} s) by {', '.join(order[:place])}"
                continue
            share = (budget_seconds - spent) / (len(order) - place)
        if on_start is not None:
            on_start(name)
        model = model_class(name)()
        if fit_one is not None:
            yield fit_one(model, share)
        else:
            yield fit(model, train, valid, loss=loss, classes=classes, seed=seed_for(seed, name), budget_seconds=share)
