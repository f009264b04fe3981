"""The losses of a training's steps: kept as tensors, fetched a window at a time, and merged so that a million steps stay small."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from itertools import pairwise
from statistics import median
from typing import Any

import torch

from assay.core.loop_evidence import Spike, Window

STEPS_A_WINDOW = 64
MOST_WINDOWS = 256
MOST_SINGLE = 128
SPIKE_STEPS = 32
SPIKE_SPREADS = 12.0
MOST_SPIKES = 20


class LossBook:
    """Takes one loss a step without copying it to the host; knows windows, the first and last losses, spikes and epochs.

    Example:
        >>> book = LossBook()
        >>> for step in range(100):
        ...     book.add(torch.tensor(1.0 / (step + 1)))
        >>> book.fetch()
        >>> len(book.early), round(book.windows()[0].mean, 2), book.nonfinite_step
        (100, 0.52, -1)
    """

    def __init__(self) -> None:
        self.early: list[float] = []
        self.recent: deque[float] = deque(maxlen=MOST_SINGLE)
        self.spikes: list[Spike] = []
        self.nonfinite_step = -1
        self.fetched = 0
        self.lowest = math.inf
        self._waiting: list[Any] = []
        self._windows: list[Window] = []
        self._span = 4
        self._open: list[float] = []
        self._epoch: list[float] = []

    def add(self, loss: Any) -> None:
        """Note the loss of a step: a tensor, which is not read yet, or a number."""
        self._waiting.append(loss)

    @property
    def is_full(self) -> bool:
        """A window's worth waits to be fetched."""
        return len(self._waiting) >= STEPS_A_WINDOW

    def fetch(self) -> None:
        """Copy what waits to the host, in one piece."""
        waiting, self._waiting = self._waiting, []
        if not waiting:
            return
        if all(isinstance(v, torch.Tensor) for v in waiting) and len({(v.device, v.dtype) for v in waiting}) == 1:
            values: list[float] = torch.stack([v.reshape(()) if v.numel() == 1 else v.mean() for v in waiting]).tolist()
        else:
            values = [float(v.mean()) if isinstance(v, torch.Tensor) else float(v) for v in waiting]
        for value in values:
            self._take(value)

    def _take(self, value: float) -> None:
        step = self.fetched
        self.fetched += 1
        if len(self.early) < MOST_SINGLE:
            self.early.append(value)
        self._epoch.append(value)
        if math.isfinite(value):
            self.lowest = min(self.lowest, value)
            self._look_for_spike(step, value)
        elif self.nonfinite_step < 0:
            self.nonfinite_step = step
        self.recent.append(value)
        self._open.append(value)
        if len(self._open) >= self._span:
            self._windows.append(_window(step + 1 - len(self._open), self._open))
            self._open = []
            if len(self._windows) >= MOST_WINDOWS:
                self._merge()

    def _look_for_spike(self, step: int, value: float) -> None:
        last = self.recent[-1] if self.recent else value
        if len(self.spikes) >= MOST_SPIKES or len(self.recent) < SPIKE_STEPS or not value > last:
            return
        before = [v for v in list(self.recent)[-SPIKE_STEPS:] if math.isfinite(v)]
        if len(before) < SPIKE_STEPS or value <= 1.5 * max(before):
            return
        usual = median(before)
        spread = 1.4826 * median(abs(v - usual) for v in before)
        if value - usual > SPIKE_SPREADS * max(spread, 1e-3 * abs(usual)):
            self.spikes.append(Spike(step, value, usual, spread))

    def _merge(self) -> None:
        pairs = zip(self._windows[::2], self._windows[1::2], strict=False)
        tail = self._windows[-1:] if len(self._windows) % 2 else []
        self._windows = [_joined(a, b) for a, b in pairs] + tail
        self._span *= 2

    def windows(self) -> tuple[Window, ...]:
        """All losses fetched so far, in order."""
        tail = [_window(self.fetched - len(self._open), self._open)] if self._open else []
        return (*self._windows, *tail)

    def end_epoch(self) -> float:
        """Mean loss of the epoch's steps, which begins anew; nan without any finite."""
        finite = [v for v in self._epoch if math.isfinite(v)]
        is_clean = len(finite) == len(self._epoch)
        self._epoch = []
        return math.fsum(finite) / len(finite) if finite and is_clean else math.nan


def _window(step: int, losses: Sequence[float]) -> Window:
    finite = [v for v in losses if math.isfinite(v)]
    if not finite:
        return Window(step, len(losses), math.nan, math.nan, math.nan, math.nan)
    mean = math.fsum(finite) / len(finite)
    std = math.sqrt(math.fsum((v - mean) ** 2 for v in finite) / len(finite))
    ups = sum(b > a for a, b in pairwise(losses))
    return Window(step, len(losses), mean, std, min(finite), max(finite), ups / (len(losses) - 1) if len(losses) > 1 else 0.5)


def _joined(a: Window, b: Window) -> Window:
    """Two neighbouring windows as one: counts, means and extremes are exact."""
    steps = a.steps + b.steps
    if math.isnan(a.mean) or math.isnan(b.mean):
        seen = b if math.isnan(a.mean) else a
        return Window(a.step, steps, seen.mean, seen.std, seen.low, seen.high, seen.rises)
    mean = (a.mean * a.steps + b.mean * b.steps) / steps
    square = (a.steps * (a.std**2 + a.mean**2) + b.steps * (b.std**2 + b.mean**2)) / steps
    rises = (a.rises * a.steps + b.rises * b.steps) / steps
    return Window(a.step, steps, mean, math.sqrt(max(0.0, square - mean**2)), min(a.low, b.low), max(a.high, b.high), rises)
