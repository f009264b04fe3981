"""Training of any network on any data: the one entry to the loop."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assay.core.errors import ExtraMissing, InputError, OptionError, RunError
from assay.train.crew import Crew, crew_here
from assay.train.data import Data
from assay.train.settings import Settings

if TYPE_CHECKING:
    import torch
    from torch import nn

    from assay.train.run import Moment, Run

DEVICES = ("cpu", "cuda", "auto")


def fit(
    network: nn.Module,
    objective: Any,
    data: Data,
    *,
    valid: Data | None = None,
    settings: Settings | None = None,
    seed: int = 0,
    out: Path | str | None = None,
    resume: bool = False,
    device: str = "cpu",
    callbacks: Sequence[Callable[[Moment], object]] = (),
    budget_seconds: float | None = None,
    groups: Mapping[str, Sequence[str]] | None = None,
    watched: bool = True,
    name: str = "network",
    crew: Crew | None = None,
) -> Run:
    """Train a network that is already born.

    Started by torchrun, all processes train it together, each given the same whole data: the loop shares every batch out, so that
    the losses are those of one process. Process 0 alone writes to `out` and calls callbacks; all get the run.

    The seed fixes the order of examples and every dropout; where the number of threads or compiling is left to "auto", the note says
    what was chosen, for another choice may add the same numbers in another order.

    Args:
        network: Any module; called with a batch's inputs, trained in place.
        objective: "log", "binary", "squared", "absolute", "next-token", an object with `unit` and `losses(outputs, targets)`, or a
            function of outputs and targets.
        data: What it learns from.
        valid: What early stopping looks at; without it the last weights are kept.
        settings: The loop's knobs; the usual ones if None.
        seed: Of everything random.
        out: Folder for history.jsonl, readable at any time, and the checkpoint.
        resume: Go on from the checkpoint in `out`, bit for bit; without one there, begin.
        device: "cpu", "cuda", or "auto" for CUDA where there is one.
        callbacks: Called with a `Moment` after each evaluation; one that returns "stop" ends the training. A
            `assay.train.watched.WatchCallback` among them sees each step and names what goes wrong.
        budget_seconds: Ends the training, with an evaluation, once they are used up.
        groups: Layer name for people -> parameter names; as the network's own `groups()` says, or one a module, if None.
        watched: Record a trace from inside.
        name: For people.
        crew: The processes that share the work; those that torchrun started if None, `Crew()` for this one alone.

    Returns:
        The run; after Ctrl-C with `stopped` "interrupted" and the best weights so far.

    Raises:
        ExtraMissing: torch is not installed.
        InputError: there is no example, data do not fit network and objective, or processes were given unlike data.
        OptionError: a setting that this machine or network cannot do.
        RunError: `out` holds another training, or cannot be written; or another process was lost.

    Example:
        >>> import torch
        >>> from assay.train import TensorData
        >>> x = torch.linspace(-1, 1, 64)[:, None]
        >>> run = fit(torch.nn.Linear(1, 1), "squared", TensorData(x, 2 * x[:, 0]), settings=Settings(epochs=40, learning_rate=0.1))
        >>> run.history.train_loss[-1] < 0.1, run.unit
        (True, 'squared error/row')
    """
    started = time.perf_counter()
    _need_torch()
    from assay.objective.training_loss import training_loss
    from assay.train.evidence import opening_loss, trace_of
    from assay.train.layers import layers_of
    from assay.train.parallel import placed
    from assay.train.run import Run
    from assay.train.session import Plan, carry_out

    crew = crew_here() if crew is None else crew
    loss, folder = training_loss(objective), Path(out) if out is not None else None
    knobs = crew.together(lambda: _knobs(data, settings, folder if not crew.rank else None, resume=resume and not crew.rank))
    there = crew.together(lambda: placed(network, loss, data, valid, settings=knobs, device=device_of(device), crew=crew, name=name))
    plan = Plan(
        there.task,
        there.data,
        there.valid,
        settings=knobs,
        seed=seed,
        layers=lambda: layers_of(network, groups) if not there.is_sharded else (),
        folder=folder,
        budget_seconds=budget_seconds,
        callbacks=callbacks,
        watched=watched and not there.is_sharded,
        crew=crew,
        weights=there.weights,
        notes=(*_notes(knobs, data), *there.notes),
    )
    outcome = carry_out(plan)
    there.give_back(outcome.loop.weights)
    trace = trace_of(outcome.loop, opening_loss(loss, there.data)) if watched else None
    return Run(
        network,
        loss.unit,
        outcome.loop.history,
        outcome.loop.settings,
        trace,
        outcome.snapshots,
        time.perf_counter() - started,
        folder,
        outcome.notes,
    )


def _need_torch() -> None:
    import importlib.util

    if importlib.util.find_spec("torch") is None:
        raise ExtraMissing("training a network", "torch")


def _knobs(data: Data, settings: Settings | None, folder: Path | None, *, resume: bool) -> Settings:
    """The settings, filled, once nothing of what can be seen from outside speaks against training."""
    refuse_nothing(data)
    _refuse_folder(folder, resume=resume)
    return (settings or Settings()).filled(data.rows)


def refuse_nothing(data: Data) -> None:
    """Refuse data without an example.

    Raises:
        InputError: there is none.
    """
    if not isinstance(data, Data):
        raise InputError(f"data is {type(data).__name__}; give TensorData, TokenData, StreamData or another Data of assay.train")
    if data.rows < 1:
        raise InputError("the training data have 0 examples; give at least 1 row, or a text of at least 2 tokens")


def device_of(name: str) -> torch.device:
    """The device that was meant.

    Raises:
        OptionError: there is no such device here.
    """
    import torch

    if name not in DEVICES:
        raise OptionError(f"no device {name!r}; accepted are {', '.join(DEVICES)}")
    has_cuda = torch.cuda.is_available()
    if name == "cuda" and not has_cuda:
        raise OptionError(f"device 'cuda': PyTorch {torch.__version__} finds 0 CUDA devices here; take 'cpu' or 'auto'")
    return torch.device("cuda" if has_cuda and name != "cpu" else "cpu")


def _refuse_folder(folder: Path | None, *, resume: bool) -> None:
    from assay.train.checkpoint import FILE

    if folder is None and resume:
        raise OptionError("resume=True, but out is None; name the folder that holds the training with out=...")
    if folder is not None and not resume and (folder / FILE).exists():
        raise RunError(f"{folder} holds a training; go on with it by resume=True, or choose another out")


def _notes(settings: Settings, data: Data) -> tuple[str, ...]:
    batch = settings.batch_rows or 1
    if batch <= data.rows:
        return ()
    return (f"a batch of {batch:,} is larger than the data: every step takes all {data.rows:,} examples",)
