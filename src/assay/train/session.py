"""One process's part of a training, whatever is trained: threads, random streams, files, and the way back to an ordinary network."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from assay.core.files import write_json
from assay.core.seeds import seed_for
from assay.train.checkpoint import Checkpoint, identity_of, read_checkpoint
from assay.train.crew import Crew
from assay.train.history import HistoryFile
from assay.train.loop import Loop
from assay.train.pace import choose_step, choose_threads
from assay.train.range_test import find_rate

if TYPE_CHECKING:
    from assay.model.snapshots import Snapshots
    from assay.train.data import Data
    from assay.train.run import Moment
    from assay.train.settings import Settings
    from assay.train.task import Task
    from assay.watch.probe import Layer

RECORD = "training.json"
GOES_ON = ("", "budget", "callback", "interrupted")


@dataclass(frozen=True)
class Outcome:
    """What a session leaves: the loop at its end, the way of its weights, and what a person should know."""

    loop: Loop
    snapshots: Snapshots | None
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Plan:
    """What is to be trained and where it is kept.

    Attributes:
        settings: Filled in; "auto" is decided here.
        folder: For history and checkpoint; None for nowhere.
        again: Go on after a training that a budget or a callback ended, too.
    """

    task: Task
    data: Data
    valid: Data | None
    settings: Settings
    seed: int
    layers: Callable[[], Sequence[Layer]]
    folder: Path | None = None
    budget_seconds: float | None = None
    callbacks: Sequence[Callable[[Moment], object]] = ()
    watched: bool = True
    again: bool = True
    crew: Crew | None = None
    notes: tuple[str, ...] = ()


def carry_out(plan: Plan) -> Outcome:
    """Train as planned, going on from the checkpoint where there is one.

    Raises:
        RunError: the checkpoint is of another training, or cannot be read or written.
        OptionError: a setting that this machine or network cannot do.
    """
    there = read_checkpoint(plan.folder) if plan.folder is not None else None
    chosen: dict[str, Any] = dict(there[0].get("chosen", {})) if there is not None else {}
    notes = list(plan.notes)
    with own_streams(plan.seed), own_threads(1 if plan.settings.threads == "auto" else int(plan.settings.threads)) as most:
        settings = plan.settings
        if settings.learning_rate == "auto":
            if "learning_rate" not in chosen:
                found = find_rate(plan.task, plan.data, settings, plan.seed)
                chosen |= {"learning_rate": found.suggestion, "why": found.why}
            notes.append(f"learning rate {chosen['learning_rate']:.3g}: {chosen['why']}")
            settings = replace(settings, learning_rate=float(chosen["learning_rate"]))
        loop = Loop(
            plan.task,
            plan.data,
            plan.valid,
            settings=settings,
            seed=plan.seed,
            layers=plan.layers(),
            watched=plan.watched,
            crew=plan.crew,
        )
        try:
            return _run(plan, loop, chosen, notes, most)
        finally:
            loop.weights.release()


def _run(plan: Plan, loop: Loop, chosen: dict[str, Any], notes: list[str], most_threads: int) -> Outcome:
    checkpoint = None
    if plan.folder is not None:
        checkpoint = Checkpoint(plan.folder, loop, identity_of(loop, plan.settings, (plan.data, plan.valid)), chosen)
    is_new = checkpoint is None or not checkpoint.resume()
    history = loop.history
    if is_new:
        loop.measure_birth()
    elif plan.again and history.stopped in GOES_ON:
        history.stopped = ""
    _choose(plan, loop, chosen, notes, most_threads)
    if checkpoint is not None:
        checkpoint.chosen = chosen
    callbacks, started = list(plan.callbacks), time.monotonic()
    if plan.folder is not None and loop.crew.rank == 0:
        write_json(plan.folder / RECORD, _record(plan, loop, chosen))
        lines = HistoryFile(plan.folder, history)
        callbacks.insert(0, lambda _moment: lines.append(history, time.monotonic() - started, _signals(loop)))
    writes = checkpoint is not None and loop.crew.rank == 0
    try:
        loop.run(
            budget_seconds=plan.budget_seconds,
            callbacks=callbacks,
            save=checkpoint.keep if checkpoint is not None and writes else lambda _ends: None,
        )
    finally:
        if checkpoint is not None and writes:
            checkpoint.flush()
    loop.finish()
    return Outcome(loop, loop.kept.path(loop.last_kept), tuple(notes))


def _choose(plan: Plan, loop: Loop, chosen: dict[str, Any], notes: list[str], most_threads: int) -> None:
    """Fix threads and the way of a step, as an earlier part of this training did or by measuring."""
    if loop.history.stopped:
        return
    torch.set_num_threads(most_threads)
    threads, note = choose_threads(loop, chosen.get("threads", plan.settings.threads))
    torch.set_num_threads(threads)
    step, told = choose_step(loop, chosen.get("step"))
    chosen |= {"threads": threads, "step": step}
    notes += [one for one in (note, told) if one]


def _record(plan: Plan, loop: Loop, chosen: dict[str, Any]) -> dict[str, Any]:
    """What makes the training again: seed, settings, versions and what was chosen."""
    return {
        "name": plan.task.name,
        "unit": plan.task.unit,
        "seed": plan.seed,
        "settings": plan.settings,
        "chosen": chosen,
        "rows": plan.data.rows,
        "weights": sum(p.numel() for p in loop.weights.all),
        "torch": torch.__version__,
    }


def _signals(loop: Loop) -> dict[str, Any]:
    """What the probe saw last, by layer."""
    if loop.probe is None:
        return {}
    last = {name: values[-1] for name, values in loop.probe.record.items() if values}
    return {"layers": {layer.name: {name: values[i] for name, values in last.items()} for i, layer in enumerate(loop.layers)}}


@contextmanager
def own_streams(seed: int) -> Iterator[None]:
    """Torch's global stream seeded for layers that know no other, and given back as it was."""
    with torch.random.fork_rng():
        torch.default_generator.manual_seed(seed_for(seed, "torch"))
        if torch.cuda.is_available():
            torch.cuda.manual_seed_all(seed_for(seed, "torch"))
        yield


@contextmanager
def own_threads(threads: int) -> Iterator[int]:
    """So many threads for torch, and the number that there was, which is given back."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        yield before
    finally:
        torch.set_num_threads(before)
