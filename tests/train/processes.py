"""Several processes that train together on one machine, for tests: forked from one that has torch loaded, so that they begin at once."""

import multiprocessing
import os
import signal
import socket
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tests.train.nets import born, classes, reader, text
from torch import nn

from assay.train import Moment, Run, Settings, TensorData, fit

SECONDS_UNTIL_STUCK = 240
WHOLE = Settings(epochs=4, batch_rows=16, threads=1, learning_rate=0.02)


def in_processes(scenario: Callable[..., Any], *given: Any, world: int = 2) -> list[Any]:
    """What a scenario gives in each process, by rank; the text of what it raised where it did."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.train.processes", "torch.distributed.fsdp"])
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    ways = [context.Pipe(duplex=False) for _ in range(world)]
    members = [context.Process(target=_begin, args=(rank, world, port, ways[rank][1], scenario, given)) for rank in range(world)]
    for member in members:
        member.start()
    told = [way[0].recv() if way[0].poll(SECONDS_UNTIL_STUCK) else "stuck" for way in ways]
    for member in members:
        member.join(1 if "stuck" in told else SECONDS_UNTIL_STUCK)
        member.kill()
    assert "stuck" not in told, told
    return told


def _begin(rank: int, world: int, port: int, way: Any, scenario: Callable[..., Any], given: tuple[Any, ...]) -> None:
    os.environ |= {
        "RANK": str(rank),
        "LOCAL_RANK": str(rank),
        "WORLD_SIZE": str(world),
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
    }
    torch.set_num_threads(1)
    try:
        way.send(scenario(rank, *given))
    except Exception as problem:
        way.send(f"{type(problem).__name__}: {problem}")


def told(run: Run) -> dict[str, Any]:
    """What two equal trainings have in common."""
    weights = np.concatenate([v.detach().double().numpy().ravel() for v in run.network.state_dict().values()])
    return {**asdict(run.history), "weights": weights, "notes": run.notes}


def doubles(n: int = 107) -> TensorData:
    """Rows, classes and weights in double precision; the last batch of 16 has 11."""
    data = classes(n)
    return TensorData(data.inputs.double(), data.targets, torch.linspace(0.5, 1.5, n, dtype=torch.float64))


def network() -> nn.Module:
    """Three blocks in double precision."""
    return born(nn.Linear(5, 7), nn.Tanh(), nn.Linear(7, 7), nn.Tanh(), nn.Linear(7, 3)).double()


def train_classes(_rank: int, **changes: Any) -> dict[str, Any]:
    return told(fit(network(), "log", doubles(), valid=doubles(90), settings=replace(WHOLE, **changes), seed=3))


def train_by(rank: int, changes: dict[str, Any]) -> dict[str, Any]:
    return train_classes(rank, **changes)


def train_masked_tokens(_rank: int) -> dict[str, Any]:
    """Targets of which many are masked, and most of them in the first half of the rows."""
    tokens = torch.arange(40 * 9).view(40, 9) % 7
    targets = (tokens + 1) % 7
    targets[torch.rand(40, 9, generator=torch.Generator().manual_seed(1)) < torch.linspace(0.9, 0.0, 40)[:, None]] = -1
    made = nn.Sequential(nn.Embedding(7, 6), nn.Linear(6, 7)).double()
    with torch.no_grad():
        for i, p in enumerate(made.parameters()):
            p.normal_(0.0, 0.3, generator=torch.Generator().manual_seed(i))
    return told(fit(made, "next-token", TensorData(tokens, targets), settings=replace(WHOLE, batch_rows=9, accumulate=2)))


def stop_and_resume(rank: int, folder: Path, shard: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """A training with dropout, running means and a moving average, whole, and in two parts of which the first is stopped."""
    knobs = replace(WHOLE, average=0.9, shard=shard, schedule="cosine")
    make = reader if shard == "never" else network
    data = text() if shard == "never" else doubles()
    objective = "next-token" if shard == "never" else "log"
    whole = fit(make(), objective, data, valid=data, settings=knobs, out=folder / f"whole {rank}")
    where = folder / f"parts {rank}"
    first = fit(make(), objective, data, valid=data, settings=knobs, out=where, callbacks=[lambda m: "stop" if m.epoch == 2 else None])
    assert (first.stopped, (where / "training.npz").exists()) == ("callback", rank == 0)
    return told(whole), told(fit(make(), objective, data, valid=data, settings=knobs, out=where, resume=True))


class Breaking(TensorData):
    """Data that cannot be read any more in the third batch of one process."""

    def batches(self, *given: Any, part: tuple[int, int] = (0, 1), **named: Any) -> Any:
        for place, batch in enumerate(super().batches(*given, part=part, **named)):
            if place == 2 and part[0] == 1:
                raise OSError("the disk went away")
            yield batch


def lose_a_process(_rank: int) -> None:
    data = doubles()
    fit(network(), "log", Breaking(data.inputs, data.targets), settings=WHOLE)


def train_unlike(rank: int) -> None:
    fit(network(), "log", doubles(100 + rank), settings=WHOLE)


def refuse_in_one(rank: int) -> None:
    fit(network(), "log", doubles() if rank else doubles(0), settings=WHOLE)


def interrupt_one(rank: int, folder: Path) -> tuple[str, int, bool]:
    """Ctrl-C reaches process 1 alone, in its fifth batch."""

    class Interrupting(TensorData):
        def batches(self, *given: Any, part: tuple[int, int] = (0, 1), **named: Any) -> Any:
            for place, batch in enumerate(super().batches(*given, part=part, **named)):
                if place == 4 and part[0] == 1:
                    os.kill(os.getpid(), signal.SIGINT)
                yield batch

    signal.signal(signal.SIGINT, signal.default_int_handler)
    data = doubles()
    out = folder / f"{rank}"
    run = fit(network(), "log", Interrupting(data.inputs, data.targets), settings=WHOLE, out=out)
    return run.stopped, run.history.step, (out / "training.npz").exists()


def break_in_one(_rank: int) -> tuple[str, int, str]:
    """One row has a number that is not finite; which process meets it is up to the order."""
    data = doubles()
    data.inputs[17, 3] = float("inf")
    run = fit(network(), "log", data, settings=WHOLE)
    return run.stopped, run.history.nonfinite_step, run.history.nonfinite_where


def call_back(rank: int) -> tuple[int, str, int]:
    heard: list[Moment] = []

    def second(moment: Moment) -> str | None:
        heard.append(moment)
        return "stop" if moment.epoch == 2 else None

    run = fit(network(), "log", doubles(), settings=WHOLE, callbacks=[second])
    return len(heard), run.stopped, run.history.epoch


def spend(_rank: int) -> tuple[str, int]:
    run = fit(network(), "log", doubles(), settings=replace(WHOLE, epochs=10_000, patience=10_000), budget_seconds=0.3)
    return run.stopped, run.history.step


def run_alone(rank: int) -> list[float]:
    """Each process trains by itself, process 1 on other data, and nobody waits."""
    from assay.train.crew import Crew

    return fit(network(), "log", doubles(60 + rank), settings=WHOLE, crew=Crew()).history.train_loss
