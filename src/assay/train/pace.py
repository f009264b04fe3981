"""What makes a training fast on this machine, found by measuring it: the number of threads, and whether compiling pays."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch

from assay.core.errors import OptionError
from assay.train.fused_step import fused_stack
from assay.train.task import NetworkTask

if TYPE_CHECKING:
    from assay.train.loop import Loop

SMALL_STEP_SECONDS = 0.003  # below it a second thread costs more than it brings, far more on a busy machine
WORTH_A_THREAD = 0.85
COMPILE_SECONDS = 30.0
COMPILE_GAIN = 0.25  # what compiling a step of small layers has saved, as a share
STEPS_MEASURED = 3


def choose_threads(loop: Loop, wanted: int | str) -> tuple[int, str]:
    """How many threads to train with, and a note for people, "" where there was nothing to choose.

    Small steps get one thread without more ado. For larger ones a few rehearsed steps are timed with one thread and with all.
    """
    most = torch.get_num_threads()
    if isinstance(wanted, int):
        return wanted, ""
    if most == 1 or loop.weights.trained[0].is_cuda or loop.weights.is_sharded:
        return most, ""
    torch.set_num_threads(1)
    alone = rehearse(loop)
    if alone < SMALL_STEP_SECONDS:
        return 1, ""
    torch.set_num_threads(most)
    together = rehearse(loop)
    chosen = most if together < WORTH_A_THREAD * alone else 1
    return chosen, f"threads: {chosen}, for a step takes {1e3 * alone:.1f} ms with 1 thread and {1e3 * together:.1f} ms with {most}"


def choose_step(loop: Loop, chosen: str | None = None) -> tuple[str, str]:
    """How a step's gradients are computed from now on: "fused", "compiled" or "plain"; and a note for people.

    Args:
        loop: That takes the steps.
        chosen: What an earlier part of this training chose, which is kept to.

    Raises:
        OptionError: compiling was demanded and fails.
    """
    task, settings = loop.task, loop.settings
    if not isinstance(task, NetworkTask) or loop.weights.is_sharded:
        return "plain", ""
    is_whole = settings.precision == "float32" and settings.accumulate == 1 and loop.crew.world == 1
    if settings.compile != "always" and chosen in (None, "fused") and is_whole:
        loop.backward.fused = fused_stack(loop.network, task.objective)
        if loop.backward.fused is not None:
            return "fused", ""
    if settings.compile == "always" or chosen == "compiled":
        return _compiled(loop, task)
    if settings.compile == "never" or chosen == "plain":
        return "plain", ""
    plain = rehearse(loop)
    left = plain * (loop.steps - loop.history.step)
    if left * COMPILE_GAIN < COMPILE_SECONDS:
        return "plain", f"not compiled: the {left:.0f} s of steps left cannot win back the {COMPILE_SECONDS:.0f} s that compiling may take"
    try:
        _compiled(loop, task)
    except OptionError as problem:
        return "plain", f"not compiled: {problem}"
    compiled = rehearse(loop)
    if compiled < plain:
        return "compiled", f"compiled: a step takes {1e3 * compiled:.1f} ms instead of {1e3 * plain:.1f} ms"
    task.called = task.network
    return "plain", f"not compiled: a compiled step takes {1e3 * compiled:.1f} ms, a plain one {1e3 * plain:.1f} ms"


def _compiled(loop: Loop, task: NetworkTask) -> tuple[str, str]:
    called: Any = task.called
    task.called = torch.compile(called)
    try:
        rehearse(loop, steps=1)
    except Exception as problem:  # whatever the compiler's many parts raise, the cure is the same
        task.called = called
        first = str(problem).strip().splitlines()[:1]
        raise OptionError(f"the network cannot be compiled here: {type(problem).__name__} {first}; take compile='never'") from problem
    return "compiled", ""


def rehearse(loop: Loop, steps: int = STEPS_MEASURED) -> float:
    """Seconds of a step's forward and backward, the fastest of a few after one to warm up; nothing of the training changes."""
    batch = next(iter(loop.data.batches(loop.batch_rows, 0, part=(loop.crew.rank, loop.crew.world))))
    seconds = []
    with _undone(loop):
        loop.network.train()
        for _ in range(steps + 1):
            started = time.perf_counter()
            float(loop.backward(batch))
            seconds.append(time.perf_counter() - started)
    return min(seconds[1:])


@contextmanager
def _undone(loop: Loop) -> Iterator[None]:
    """Put back what a forward pass while training changes: streams of random numbers and running means."""
    noise, stream = loop.noise.get_state(), torch.get_rng_state()
    buffers = [b.clone() for b in loop.weights.buffers()]
    was_training = loop.network.training
    try:
        yield
    finally:
        loop.noise.set_state(noise)
        torch.set_rng_state(stream)
        for place, value in zip(loop.weights.buffers(), buffers, strict=True):
            place.copy_(value)
        loop.weights.zero_gradients()
        loop.network.train(was_training)
