"""What the ledger costs and how well it closes on adult: its share of training and accounting for every rung of the ladder."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np

from benchmarks.measured import Measured

ADULT = Path(__file__).resolve().parents[2] / "shared" / "data" / "adult" / "adult.csv.gz"
NEED = f"needs {ADULT}"
PROMISED_SHARE = 0.30
# As the training job gives it: the side of sources may take a quarter of what came before it.
LEDGER_SHARE = 0.25
QUICK_ROWS = 6000


def run(quick: bool) -> list[Measured]:
    """One line for the ledger's share of the seconds, one for the remainder of each side of each rung.

    The share is of training all rungs and accounting for the dearest one, plus the layers of the MLP, as `assay train` does;
    `python -m benchmarks adult` has it for the whole command.
    """
    if not ADULT.is_file():
        return [Measured("ledger's share of training adult", "not measured", NEED, False)]
    from assay.evaluate import account, learner_side
    from assay.model.contract import Rows
    from assay.model.encoding import Encoder
    from assay.model.registry import MODELS
    from assay.objective import loss_for
    from assay.table import Roles, read, target_of
    from assay.train.ladder import fit_model

    table = read(ADULT).with_roles(Roles(target="income", drop=("split",)))
    target = target_of(table)
    order = np.random.default_rng(0).permutation(table.rows)[: QUICK_ROWS if quick else None]
    test, valid, rest = np.split(order, [len(order) // 5, len(order) // 5 + len(order) // 10])
    encoded = Encoder.fit(table.take(np.concatenate([valid, rest]))).transform(table)
    loss, classes = loss_for("classification"), len(target.classes)

    def rows(positions: np.ndarray) -> Rows:
        return Rows(encoded.take(positions), target.values[positions])

    parts = {"loss": loss, "classes": classes, "train": rows(np.concatenate([valid, rest])), "test": rows(test)}
    measured: list[Measured] = []
    started = time.monotonic()
    rungs = [
        (n, fit_model(kind(), rows(rest), rows(valid), loss=loss, classes=classes, seed=0)) for n, kind in MODELS.items() if n != "constant"
    ]
    fitting = time.monotonic() - started
    accounting = layers = 0.0
    for name, trained in rungs:
        started = time.monotonic()
        model = trained.model
        book = account(name, model, model.predict, **parts, snapshots=trained.snapshots, seconds=LEDGER_SHARE * fitting)
        accounting = max(accounting, time.monotonic() - started)
        if trained.snapshots is not None:
            started = time.monotonic()
            learner_side(model, model.predict, **parts, snapshots=trained.snapshots)
            layers = time.monotonic() - started
        for side in (book.sources, book.learners):
            figure = f"{abs(side.remainder):.2g} of {book.reduction:.3f} bits/row ({abs(side.remainder) / book.reduction:.2%})"
            measured.append(Measured(f"remainder by {side.name}, {name}", figure, f"at most {side.tolerance:.2g}", side.balances))
    spent = accounting + layers
    share = spent / (spent + fitting)
    figure = f"{share:.0%} ({spent:.1f} s of {spent + fitting:.1f} s)"
    promise = f"at most {PROMISED_SHARE:.0%}"
    return [Measured("ledger's share of training adult", figure, promise, share <= PROMISED_SHARE), *measured]
