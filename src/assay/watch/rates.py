"""Learning rates of every parameter group, noted where they change."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence
from typing import Any

import torch

from assay.core.loop_evidence import Window
from assay.core.loop_parts import GroupFacts

MOST_CHANGES = 20_000


class Rates:
    """Reads each group's rate at each step and keeps the changes.

    Args:
        optimisers: Whose groups.
    """

    def __init__(self, optimisers: Sequence[torch.optim.Optimizer]) -> None:
        self.optimisers = optimisers
        self._last: list[Any] = []
        self._steps: list[int] = []
        self._rates: list[list[float]] = []
        self._every = 1

    def see(self, step: int) -> None:
        """Note the rates of now, if they differ from the last ones."""
        now = [group["lr"] for optimiser in self.optimisers for group in optimiser.param_groups]
        if now != self._last and step % self._every == 0:
            self._last = now
            self._steps.append(step)
            self._rates.append([float(rate) for rate in now])
            if len(self._steps) > MOST_CHANGES:
                self._steps, self._rates, self._every = self._steps[::2], self._rates[::2], self._every * 2

    def at(self, step: int) -> float:
        """The first group's rate at a step; nan before any."""
        place = bisect_right(self._steps, max(0, step - 1)) - 1
        return self._rates[place][0] if place >= 0 and self._rates[place] else math.nan

    def facts(self, windows: Sequence[Window], decay_shares: Sequence[Sequence[float]]) -> tuple[GroupFacts, ...]:
        """Each group with its rate at the end of each window."""
        places = [bisect_right(self._steps, w.step + w.steps - 1) - 1 for w in windows]
        found = []
        number = 0
        for optimiser in self.optimisers:
            kind = type(optimiser).__name__
            for group in optimiser.param_groups:
                rates = tuple(self._rates[p][number] for p in places if p >= 0 and number < len(self._rates[p]))
                betas = group.get("betas") or (group.get("momentum", 0.0), 0.0)
                first = self._rates[0][number] if self._rates and number < len(self._rates[0]) else float(group["lr"])
                found.append(
                    GroupFacts(
                        optimiser=kind,
                        size=sum(p.numel() for p in group["params"]),
                        learning_rate=rates,
                        momentum=float(betas[0]),
                        second_momentum=float(betas[1]) if len(betas) > 1 else 0.0,
                        weight_decay=float(group.get("weight_decay") or 0.0),
                        decoupled=kind == "AdamW" or bool(group.get("decoupled_weight_decay")),
                        decay_share=tuple(decay_shares[number]) if number < len(decay_shares) else (),
                        scheduled="initial_lr" in group,
                        base_rate=float(group.get("initial_lr", first)),
                    )
                )
                number += 1
        return tuple(found)
