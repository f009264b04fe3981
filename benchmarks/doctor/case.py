"""A case: one small training with its fault and its repaired twin, on one ground, and the list of all of them."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from benchmarks.doctor.data import Rows
from benchmarks.doctor.ground import GROUNDS, Ground
from benchmarks.doctor.loop import Loop


class Watching(Protocol):
    """What a loop calls: the watch of `assay.watch`, or a stand-in that sees nothing."""

    def step(self, loss: Tensor, inputs: Any = None, outputs: Any = None, targets: Any = None) -> None: ...

    def end_epoch(self, valid_loss: float | None = None, valid_metric: float | None = None) -> None: ...


# watch(model, optimizer, loss_fn, steps=planned, **options): `steps` is for the benchmark's clock, the watcher is not told
WatchFactory = Callable[..., AbstractContextManager[Watching]]


class Kit:
    """What one training is put together from: the ground's usual network, optimiser and loop, varied by the seed.

    Attributes:
        repaired: Train the twin, which differs by the repair alone.
        style: 0 to 4, how the loop is written: 0 to 2 tell the watcher everything, 3 only the loss, 4 not even the loss function.
    """

    def __init__(self, name: str, ground: Ground, watch: WatchFactory, seed: int, repaired: bool) -> None:
        self.ground, self.watch, self.seed, self.repaired = ground, watch, seed, repaired
        self.style = (zlib.crc32(name.encode()) + seed) % 5
        torch.manual_seed(zlib.crc32(name.encode()) % 10_000 + seed)

    @property
    def rows(self) -> Rows:
        """Of the ground's task."""
        return self.ground.rows()

    def by_seed(self, *options: Any) -> Any:
        """One of these, by the seed."""
        return options[self.seed % len(options)]

    def network(self, **knobs: Any) -> nn.Module:
        """The ground's network; its width varies with the seed."""
        width = int(self.ground.width * self.by_seed(1.0, 0.75, 1.5)) // 4 * 4
        return self.ground.build(**{"width": width, **knobs})

    def optimizer(self, parameters: nn.Module | Iterable[Any], rate: float = 0.0) -> torch.optim.Optimizer:
        """Adam or AdamW at the ground's rate, by the seed."""
        held = parameters.parameters() if isinstance(parameters, nn.Module) else parameters
        made = self.by_seed(torch.optim.Adam, torch.optim.AdamW, torch.optim.Adam)
        return made(held, lr=rate or self.ground.rate)

    def sgd(self, model: nn.Module, rate: float = 0.0, momentum: float = 0.9, **more: Any) -> torch.optim.Optimizer:
        """Stochastic gradient descent at the ground's rate for it."""
        return torch.optim.SGD(model.parameters(), lr=rate or self.ground.sgd_rate, momentum=momentum, **more)

    def loop(self, model: nn.Module, **options: Any) -> Loop:
        """The ground's loop over its rows, in the style of this seed."""
        told = options.pop("told", False)
        batch = self.by_seed(32, 16, 64) if self.ground.batch == 32 else self.ground.batch
        # small batches take fewer epochs, so that each seed costs about the same
        epochs = max(2, round(self.ground.epochs * {16: 0.6, 64: 1.5}.get(batch, 1.0)))
        usual: dict[str, Any] = {
            "rows": self.rows,
            "loss_fn": self.ground.loss(),
            "epochs": epochs,
            "batch": batch,
            "zero": "after" if self.style in (1, 3) else "before",
            "gives": "all" if told or self.style < 3 else "loss",
            "gives_loss_fn": self.style != 4,
        }
        if "optimizer" not in options:
            usual["optimizer"] = self.optimizer(model)
        return Loop(self.watch, model, **{**usual, **options})

    def fit(self, model: nn.Module, **options: Any) -> float:
        """Train by the ground's loop, with these changes; the score on validation rows, higher is better."""
        return self.loop(model, **options).run()


@dataclass(frozen=True, slots=True)
class Case:
    """One training.

    Attributes:
        name: Of the fault and its ground: "softmax-twice/cnn-mnist".
        causes: Names of rules that count as its true cause; empty for a healthy one.
        is_quiet: The fault need not show in the validation score.
        is_quick: One of the quick set.
    """

    name: str
    causes: tuple[str, ...]
    make: Callable[[Kit], float]
    ground: Ground
    is_quiet: bool = False
    is_quick: bool = True

    def train(self, watch: WatchFactory, seed: int, repaired: bool = False) -> float:
        """Run it; the score on validation rows, higher is better, nan where the outputs are not finite."""
        return self.make(Kit(self.name, self.ground, watch, seed, repaired))


FAULTS: dict[str, Case] = {}
HEALTHY: dict[str, Case] = {}
Make = Callable[[Kit], float]


def fault(*causes: str, over: tuple[str, ...], is_quiet: bool = False) -> Callable[[Make], Make]:
    """Enter a fault on each of these grounds; the quick set takes one, in turn."""

    def enter(make: Make) -> Make:
        stem = make.__name__.replace("_", "-")
        turn = len({name.split("/")[0] for name in FAULTS})
        for n, ground in enumerate(over):
            name = f"{stem}/{ground}"
            FAULTS[name] = Case(name, causes, make, GROUNDS[ground], is_quiet, is_quick=n == turn % len(over))
        return make

    return enter


def healthy(*over: str) -> Callable[[Make], Make]:
    """Enter a training on which nothing may be warned of, on each of these grounds."""

    def enter(make: Make) -> Make:
        for ground in over:
            name = f"{make.__name__.replace('_', '-')}/{ground}"
            HEALTHY[name] = Case(name, (), make, GROUNDS[ground])
        return make

    return enter
