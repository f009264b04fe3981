"""One process's part of a training, whatever is trained: threads, random streams, files, and the way back to an ordinary network."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from assay.core.errors import InputError
from assay.core.files import write_json
from assay.core.seeds import seed_for
from assay.train.checkpoint import Checkpoint, identity_of, read_checkpoint
from assay.train.crew import Crew, of_rank
from assay.train.history import HistoryFile
from assay.train.loop import Loop, Observer
from assay.train.pace import choose_step, choose_threads
from assay.train.range_test import find_rate

if TYPE_CHECKING:
    from assay.model.snapshots import Snapshots
    from assay.train.checkpoint import Stored
    from assay.train.data import Data
    from assay.train.run import Moment
    from assay.train.settings import Settings
    from assay.train.task import Task
    from assay.train.weights import Weights
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
        folder: For history and checkpoint; None for nowhere. Of several processes, that of process 0 counts.
        again: Go on after a training that a budget or a callback ended, too.
        crew: The processes that carry it out together.
        weights: Of the network, where the loop is not to make its own.
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
    crew: Crew = field(default_factory=Crew)
    weights: Callable[[], Weights | None] = lambda: None
    notes: tuple[str, ...] = ()


def carry_out(plan: Plan) -> Outcome:
    """Train as planned, going on from the checkpoint where there is one.

    Raises:
        RunError: the checkpoint is of another training, or cannot be read or written.
        OptionError: a setting that this machine or network cannot do.
    """
    try:
        return _carried_out(plan, plan.crew)
    except BaseException:
        plan.crew.leave()
        raise


def _carried_out(plan: Plan, crew: Crew) -> Outcome:
    there = read_checkpoint(plan.folder, crew)
    chosen: dict[str, Any] = dict(there[0].get("chosen", {})) if there is not None else {}
    notes = list(plan.notes)
    threads = 1 if plan.settings.threads == "auto" else int(plan.settings.threads)
    with own_streams(plan.seed, crew), own_threads(threads) as most:
        settings = plan.settings
        if settings.learning_rate == "auto":
            if "learning_rate" not in chosen and not crew.rank:
                found = find_rate(plan.task, plan.data, settings, plan.seed)
                chosen |= {"learning_rate": found.suggestion, "why": found.why}
            chosen = crew.told(chosen)
            notes.append(f"learning rate {chosen['learning_rate']:.3g}: {chosen['why']}")
            settings = replace(settings, learning_rate=float(chosen["learning_rate"]))
        weights = plan.weights()
        if weights is None:
            crew.start_equal([*plan.task.network.parameters(), *plan.task.network.buffers()])
        loop = Loop(
            plan.task,
            plan.data,
            plan.valid,
            settings=settings,
            seed=plan.seed,
            layers=plan.layers(),
            watched=plan.watched,
            crew=crew,
            weights=weights,
        )
        try:
            return _run(plan, loop, there, chosen, notes, most)
        finally:
            loop.weights.release()


def _run(plan: Plan, loop: Loop, there: Stored | None, chosen: dict[str, Any], notes: list[str], most_threads: int) -> Outcome:
    crew, checkpoint = loop.crew, None
    is_kept = crew.agree(plan.folder is not None)
    identity = identity_of(loop, plan.settings, (plan.data, plan.valid)) if is_kept or crew.world > 1 else {}
    _refuse_unlike(crew, identity)
    if is_kept:
        checkpoint = Checkpoint(plan.folder or Path(), loop, identity, chosen)
    is_new = checkpoint is None or not checkpoint.resume(there)
    history = loop.history
    if is_new:
        loop.measure_birth()
    elif plan.again and history.stopped in GOES_ON:
        history.stopped = ""
    _choose(plan, loop, chosen, notes, most_threads)
    if checkpoint is not None:
        checkpoint.chosen = chosen
    callbacks, started = list(plan.callbacks) if not crew.rank else [], time.monotonic()
    if plan.folder is not None and not crew.rank:
        write_json(plan.folder / RECORD, _record(plan, loop, chosen))
        lines = HistoryFile(plan.folder, history)
        callbacks.insert(0, lambda _moment: lines.append(history, time.monotonic() - started, _signals(loop)))
    for one in callbacks:
        if isinstance(one, Observer):
            loop.observer = one
            one.begin(loop)
    try:
        loop.run(
            budget_seconds=plan.budget_seconds, callbacks=callbacks, save=checkpoint.keep if checkpoint is not None else lambda _ends: None
        )
    finally:
        if loop.observer is not None:
            loop.observer.end()
        if checkpoint is not None:
            checkpoint.flush()
    loop.finish()
    crew.hold()
    return Outcome(loop, loop.kept.path(loop.last_kept), tuple(notes))


def _refuse_unlike(crew: Crew, identity: Mapping[str, str]) -> None:
    """Refuse to train together what is not the same everywhere.

    Raises:
        InputError: a process was given something else than process 0.
    """
    told = crew.all_told(dict(identity))
    for rank, its in enumerate(told):
        differs = [name for name in told[0] if its[name] != told[0][name]]
        if differs:
            raise InputError(
                f"process {rank} of {crew.world} was given other {', '.join(differs)} than process 0; give all the same whole data, seed "
                "and settings, the loop shares each batch out"
            )


def _choose(plan: Plan, loop: Loop, chosen: dict[str, Any], notes: list[str], most_threads: int) -> None:
    """Fix threads and the way of a step, as an earlier part of this training did or by measuring."""
    if loop.history.stopped:
        return
    torch.set_num_threads(most_threads)
    threads, note = loop.crew.told(choose_threads(loop, chosen.get("threads", plan.settings.threads)))
    torch.set_num_threads(threads)
    # process 0 measures which way is faster, the others go the same
    step, told = choose_step(loop, chosen.get("step")) if not loop.crew.rank else ("", "")
    step, told = loop.crew.told((step, told))
    if loop.crew.rank:
        choose_step(loop, step)
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
def own_streams(seed: int, crew: Crew) -> Iterator[None]:
    """Torch's global stream seeded for layers that know no other, and given back as it was."""
    with torch.random.fork_rng():
        own = seed_for(seed, of_rank("torch", crew))
        torch.default_generator.manual_seed(own)
        if torch.cuda.is_available():
            torch.cuda.manual_seed_all(own)
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
