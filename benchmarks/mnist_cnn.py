"""MNIST by a small residual CNN: how well it tells the digits, and what an epoch costs beside a hand-written PyTorch loop, one thread.

A 5x5 convolution that halves the image, then a pre-activation block in each of three stages of 16, 32 and 64 channels, and the mean
over places. Training images are shifted by up to one pixel. Both loops train the same network from the same weights with AdamW, one
cycle of the rate and batches of 100, and take turns, an epoch each, in one process, so that a busy machine slows them alike.
"""

from __future__ import annotations

import copy
import statistics
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.measured import Measured

MNIST = Path(__file__).resolve().parents[2] / "shared" / "data" / "mnist" / "mnist.npz"
BATCH, RATE, DECAY, WARM_SHARE, EPOCHS = 100, 8e-3, 0.05, 0.1, 3
QUICK_ROWS = 10_000
ACCURACY, QUICK_ACCURACY = 0.992, 0.97
RATIO = 1.1  # almost all of an epoch is convolutions, which both do alike; the rest is what a busy machine adds to either
WITHIN_SECONDS = 300.0


@dataclass(frozen=True)
class Digits:
    """Images (rows, 1, 28, 28), of mean 0 and spread 1, and their digits."""

    x: Any
    y: Any

    @classmethod
    def read(cls, part: str, rows: int | None = None) -> Digits:
        """A part of the file, "train" or "test", or its first rows."""
        import torch

        with np.load(MNIST, allow_pickle=False) as arrays:
            pixels, targets = arrays[f"x_{part}"][:rows], arrays[f"y_{part}"][:rows]
        return cls(((torch.as_tensor(pixels).float() / 255 - 0.1307) / 0.3081)[:, None], torch.as_tensor(targets).long())

    def accuracy(self, network: Any) -> float:
        """Share of the digits that a network tells rightly."""
        import torch

        network.eval()
        with torch.no_grad():
            right = [network(x).argmax(1) == y for x, y in zip(self.x.split(1_000), self.y.split(1_000), strict=True)]
        return float(torch.cat(right).double().mean())


def run(quick: bool) -> list[Measured]:
    """A line for the accuracy, one for the whole training, one for an epoch beside the plain loop's."""
    if not MNIST.is_file():
        return [Measured("MNIST residual CNN", "not measured", f"needs {MNIST}", False)]
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        return _measure(QUICK_ROWS if quick else None, QUICK_ACCURACY if quick else ACCURACY)
    finally:
        torch.set_num_threads(threads)


def _measure(rows: int | None, promised: float) -> list[Measured]:
    import torch

    from assay.model.residual_network import ResidualNetwork
    from assay.model.residual_shape import ResidualShape

    born = ResidualNetwork(ResidualShape(classes=10, block="pre-activation", shift=1))
    born.be_born(torch.Generator().manual_seed(0))
    ours, theirs = born, copy.deepcopy(born)
    our_seconds, their_seconds = _side_by_side(ours, theirs, Digits.read("train", rows))
    test = Digits.read("test")
    share, their_share = test.accuracy(ours), test.accuracy(theirs)
    spent, ratio = sum(our_seconds), statistics.median(our_seconds) / statistics.median(their_seconds)
    told = f"{ratio:.3f} ({statistics.median(our_seconds):.1f} of {statistics.median(their_seconds):.1f} CPU s/epoch)"
    name = "MNIST residual CNN"
    return [
        Measured(f"{name}, {EPOCHS} epochs", f"{share:.4f} (plain loop {their_share:.4f})", f"at least {promised}", share >= promised),
        Measured(f"{name}, whole training", f"{spent:.0f} CPU s", f"under {WITHIN_SECONDS:.0f} CPU s", spent < WITHIN_SECONDS),
        Measured(f"{name} beside a plain loop", told, f"at most {RATIO} of the plain loop's", ratio <= RATIO),
    ]


def _side_by_side(ours: Any, theirs: Any, data: Digits) -> tuple[list[float], list[float]]:
    """Processor seconds of each epoch; after each of ours the other loop has its turn."""
    from assay.train import Settings, TensorData, fit

    settings = Settings(
        optimiser="adamw",
        learning_rate=RATE,
        weight_decay=DECAY,
        batch_rows=BATCH,
        epochs=EPOCHS,
        schedule="one-cycle",
        warm_share=WARM_SHARE,
        clip_norm=None,
        measure_train=False,
        threads=1,
    )
    plain = _plain(theirs, data)
    our_seconds: list[float] = []
    their_seconds: list[float] = []
    started = time.process_time()

    def take_turns(_moment: object) -> None:
        nonlocal started
        our_seconds.append(time.process_time() - started)
        their_seconds.append(next(plain))
        started = time.process_time()

    fit(ours, "log", TensorData(data.x, data.y), settings=settings, callbacks=[take_turns], watched=False)
    return our_seconds, their_seconds


def _plain(network: Any, data: Digits) -> Iterator[float]:
    """The loop that one writes by hand, with PyTorch's own one-cycle schedule: processor seconds of each epoch."""
    import torch

    optimiser = torch.optim.AdamW(network.parameters(), lr=RATE, weight_decay=DECAY, fused=True)
    steps = EPOCHS * -(-len(data.x) // BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, RATE, total_steps=steps, pct_start=WARM_SHARE, cycle_momentum=False)
    stream, network.noise = torch.Generator().manual_seed(0), torch.Generator().manual_seed(1)
    network.train()
    for _ in range(EPOCHS):
        started = time.process_time()
        for rows in torch.split(torch.randperm(len(data.x), generator=stream), BATCH):
            optimiser.zero_grad(set_to_none=True)
            loss = torch.nn.functional.cross_entropy(network(data.x[rows]), data.y[rows])
            torch.autograd.backward(loss)
            optimiser.step()
            schedule.step()
        yield time.process_time() - started
