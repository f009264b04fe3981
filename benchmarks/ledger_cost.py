"""What the ledger costs and how well it closes: on adult for every rung of the ladder, and for networks that are dear to ask."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.measured import Measured
from benchmarks.text import SHARED, messages

if TYPE_CHECKING:
    import polars as pl

ADULT = Path(__file__).resolve().parents[2] / "shared" / "data" / "adult" / "adult.csv.gz"
NEED = f"needs {ADULT}"
PROMISED_SHARE = 0.30
QUICK_ROWS = 6000
# Of a network that is dear to ask the ledger may take as long as the training did, and half a minute where that was less.
FREE_SECONDS = 30.0
DEAR = (("breast cancer", "transformer"), ("sms_spam", "lstm"))


def run(quick: bool) -> Iterator[Measured]:
    """Lines for adult, then two for each network that is dear to ask: its processor seconds, and whether both sides close."""
    yield from on_adult(quick)
    for table, name in DEAR[:1] if quick else DEAR:
        yield from dear(table, name)


def dear(table: str, name: str) -> Iterator[Measured]:
    """What the books of one network cost beside its training."""
    from threadpoolctl import threadpool_limits

    from assay.evaluate import account
    from assay.face import job
    from assay.face.job.assessment import LEDGER_SECONDS
    from assay.face.job.preparation import prepare, read_source
    from assay.face.job.rungs import train_one
    from assay.face.progress import Silent

    if table == "sms_spam" and not SHARED.is_dir():
        yield Measured(f"ledger of {name} on {table}", "not measured", f"needs {SHARED}", False)
        return
    settings = job.Settings(source=table, target="label")
    parts = prepare(read_source(messages() if table == "sms_spam" else tumours(), settings), settings)
    rows: dict[str, Any] = {"train": parts.rows(parts.split.train), "test": parts.rows(parts.split.test)}
    with threadpool_limits(1):
        started = time.process_time()
        trained = train_one(name, parts, settings, None, Silent())
        training = time.process_time() - started
        book = account(
            name,
            trained.model,
            trained.predict,
            loss=parts.loss,
            classes=parts.classes,
            **rows,
            snapshots=trained.training.snapshots,
            temperature=trained.temperature,
            seconds=LEDGER_SECONDS,
        )
        spent = time.process_time() - started - training
    most = max(training, FREE_SECONDS)
    figure = f"{spent:.1f} s of the processor after {training:.1f} s of training"
    yield Measured(f"ledger of {name} on {table}", figure, f"at most {most:.0f} s", spent <= most)
    for side in (book.sources, book.learners):
        figure = f"{abs(side.remainder):.2g} of {book.reduction:.3f} bits/row; {side.method}"
        yield Measured(f"remainder by {side.name}, {name} on {table}", figure, f"at most {side.tolerance:.2g}", side.balances)


def tumours() -> pl.DataFrame:
    """Wisconsin breast cancer: 30 numbers of 569 tumours."""
    import polars as pl
    from sklearn.datasets import load_breast_cancer

    found = load_breast_cancer()
    table = pl.DataFrame(found.data, schema=[str(name) for name in found.feature_names])
    return table.with_columns(label=pl.Series(found.target_names[found.target]))


def on_adult(quick: bool) -> list[Measured]:
    """One line for the ledger's share of the seconds, one for the remainder of each side of each rung.

    The share is of training all rungs and accounting for the dearest one, plus the layers of the MLP, as `assay train` does;
    `python -m benchmarks adult` has it for the whole command.
    """
    if not ADULT.is_file():
        return [Measured("ledger's share of training adult", "not measured", NEED, False)]
    from assay.evaluate import account, learner_side
    from assay.face.job.assessment import LEDGER_SECONDS
    from assay.model.contract import Rows
    from assay.model.encoding import Encoder
    from assay.model.registry import ladder_names, model_class
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
    names = [name for name in ladder_names(torch_available=True, task="classification") if name != "constant"]
    rungs = [(n, fit_model(model_class(n)(), rows(rest), rows(valid), loss=loss, classes=classes, seed=0)) for n in names]
    fitting = time.monotonic() - started
    accounting = layers = 0.0
    for name, trained in rungs:
        started = time.monotonic()
        model = trained.model
        book = account(name, model, model.predict, **parts, snapshots=trained.snapshots, seconds=LEDGER_SECONDS)
        accounting = max(accounting, time.monotonic() - started)
        if trained.snapshots is not None:
            started = time.monotonic()
            learner_side(model, **parts, snapshots=trained.snapshots)
            layers = time.monotonic() - started
        for side in (book.sources, book.learners):
            figure = f"{abs(side.remainder):.2g} of {book.reduction:.3f} bits/row ({abs(side.remainder) / book.reduction:.2%})"
            measured.append(Measured(f"remainder by {side.name}, {name}", figure, f"at most {side.tolerance:.2g}", side.balances))
    spent = accounting + layers
    share = spent / (spent + fitting)
    figure = f"{share:.0%} ({spent:.1f} s of {spent + fitting:.1f} s)"
    promise = f"at most {PROMISED_SHARE:.0%}"
    return [Measured("ledger's share of training adult", figure, promise, share <= PROMISED_SHARE), *measured]
