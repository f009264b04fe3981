"""Guesses where a stranger's epochs end and what the held-out loss is, from data loaders and from losses without a graph."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import torch
from torch import Tensor

MOST_GUESSED = 256
"""Epochs that are told at most where only passes without a gradient mark them."""


@dataclass
class GuessedEpochs:
    """One training's epochs.

    An epoch ends where the loader that its steps draw from is exhausted; without such a loader, where a pass without a gradient begins.
    Losses without a graph on other rows than those of the training, up to the next step, are its held-out loss.

    Example:
        >>> epochs, train, held_out = GuessedEpochs(), object(), object()
        >>> for dataset in (train, train):
        ...     epochs.drawn(dataset, is_end=False)
        ...     epochs.stepped()
        >>> epochs.drawn(train, is_end=True)
        >>> epochs.drawn(held_out, is_end=False)
        >>> epochs.held_out(torch.tensor(0.5), 8)
        >>> epochs.is_due, epochs.finish()
        (True, 0.5)
    """

    steps: int = 0
    all_steps: int = 0
    drawn_from: object = None
    trained_on: object = None
    by_loader: bool = False
    is_over: bool = False
    _losses: list[tuple[Tensor, int]] = field(default_factory=list)

    def drawn(self, dataset: object, *, is_end: bool) -> None:
        """A loader over this data set gave a batch, or has no more."""
        if not is_end:
            self.drawn_from = dataset
        elif dataset is self.trained_on and self.steps:
            self.by_loader = self.is_over = True
        if is_end and dataset is self.drawn_from:
            self.drawn_from = None

    def stepped(self) -> None:
        """The optimiser stepped on what was drawn last."""
        self.steps += 1
        self.all_steps += 1
        if self.drawn_from is not None:
            self.trained_on = self.drawn_from

    @property
    def is_on_training_rows(self) -> bool:
        """What was drawn last are rows that the optimiser steps on."""
        return self.drawn_from is not None and self.drawn_from is self.trained_on

    def held_out(self, loss: Tensor, rows: int) -> None:
        """A loss without a graph was computed on so many rows."""
        if not self.is_on_training_rows or self.is_over:
            self._losses.append((loss.detach(), rows))

    @property
    def is_due(self) -> bool:
        """An epoch has ended, and is to be told before the next step."""
        if not self.steps:
            return False
        if self.is_over or self.by_loader:
            return self.is_over
        return bool(self._losses) and self.steps >= self.all_steps // MOST_GUESSED

    def finish(self) -> float | None:
        """Its held-out loss, None where there was none; the next epoch begins."""
        losses, self._losses = self._losses, []
        self.steps, self.is_over = 0, False
        if not losses:
            return None
        values = torch.stack([loss.double().mean().cpu() for loss, _ in losses]).tolist()
        rows = [n for _, n in losses]
        return math.fsum(v * n for v, n in zip(values, rows, strict=True)) / max(1, sum(rows))
