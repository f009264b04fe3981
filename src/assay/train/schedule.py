"""The learning rate of each step: warm-up forms by formula, the others by PyTorch's own schedulers, each on a dummy optimiser."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import torch
from torch.optim import lr_scheduler

if TYPE_CHECKING:
    from assay.train.settings import Settings

# making PyTorch's first optimiser or scheduler of a process takes seconds, which these need not
BY_FORMULA = ("warmup-cosine", "warmup-linear", "constant")
BY_EPOCH = ("step", "exponential")
PLATEAU_PATIENCE = 3


class Schedule:
    """Rates of a training, asked for step by step.

    warmup-cosine and warmup-linear rise over `warm_share` of the steps, the first step already above zero, and fall to `floor_share` of the
    peak; cosine falls to it from the first step on; step and exponential multiply by `gamma` each period or epoch; one-cycle is Smith
    and Topin's (2018), with momentum falling while the rate rises; plateau multiplies by `gamma` after evaluations without a gain.

    Args:
        settings: Filled in.
        steps: Steps planned.
        steps_per_epoch: Of them, in an epoch.

    Example:
        >>> from assay.train.settings import Settings
        >>> schedule = Schedule(Settings(learning_rate=1.0, schedule="warmup-linear", floor_share=0.0), steps=20, steps_per_epoch=20)
        >>> [round(schedule.rate(step), 3) for step in (0, 1, 2, 11, 19)]
        [0.5, 1.0, 1.0, 0.5, 0.056]
    """

    def __init__(self, settings: Settings, *, steps: int, steps_per_epoch: int) -> None:
        self.settings, self.steps, self.steps_per_epoch = settings, max(1, steps), max(1, steps_per_epoch)
        self.kind = settings.schedule
        self.warm_steps = max(1, round(settings.warm_share * self.steps))
        if self.kind not in BY_FORMULA:
            self._begin()

    def _begin(self) -> None:
        self._place = 0
        self._dummy = torch.optim.SGD([torch.zeros(1)], lr=self.settings.peak, momentum=self.settings.momentum or 0.0)
        self._torchs = self._torch_scheduler()
        # a scheduler warns where no step of its optimiser came before its own; without gradients this one does nothing
        self._dummy.step()

    def _torch_scheduler(self) -> Any:
        settings, dummy = self.settings, self._dummy
        if self.kind == "step":
            epochs = math.ceil(self.steps / self.steps_per_epoch)
            return lr_scheduler.StepLR(dummy, settings.period_epochs or max(1, epochs // 3), settings.gamma)
        if self.kind == "exponential":
            return lr_scheduler.ExponentialLR(dummy, settings.gamma)
        if self.kind == "cosine":
            return lr_scheduler.CosineAnnealingLR(dummy, self.steps, settings.peak * settings.floor_share)
        if self.kind == "one-cycle":
            steps = max(2, self.steps)  # the fewest that a cycle can be made of
            return lr_scheduler.OneCycleLR(dummy, settings.peak, steps, pct_start=max(settings.warm_share, 1.5 / steps))
        if self.kind == "plateau":
            return lr_scheduler.ReduceLROnPlateau(dummy, factor=settings.gamma, patience=settings.period_epochs or PLATEAU_PATIENCE)
        return None

    @property
    def cycles_momentum(self) -> bool:
        """Whether `momentum` gives the momentum of each step."""
        return self.kind == "one-cycle"

    @property
    def momentum(self) -> float:
        """The momentum that goes with the rate asked for last; only where `cycles_momentum`."""
        return float(self._dummy.param_groups[0]["momentum"])

    def rate(self, step: int) -> float:
        """The learning rate of a step (0-based)."""
        if self.kind in BY_FORMULA:
            return self.settings.peak if self.kind == "constant" else self._warmed(step)
        if self.kind != "plateau":
            self._advance(step // self.steps_per_epoch if self.kind in BY_EPOCH else step)
        return float(self._dummy.param_groups[0]["lr"])

    def _warmed(self, step: int) -> float:
        peak, floor = self.settings.peak, self.settings.floor_share
        if step < self.warm_steps:
            return peak * (step + 1) / self.warm_steps
        along = min(1.0, (step - self.warm_steps) / max(1, self.steps - self.warm_steps))
        left = 0.5 * (1.0 + math.cos(math.pi * along)) if self.kind == "warmup-cosine" else 1.0 - along
        return peak * (floor + (1.0 - floor) * left)

    def _advance(self, place: int) -> None:
        if place < self._place:
            self._begin()
        last = max(2, self.steps) - 1 if self.kind == "one-cycle" else place
        while self._place < min(place, last):
            self._torchs.step()
            self._place += 1

    def observe(self, loss: float) -> None:
        """Tell an evaluation's loss, on which "plateau" decides."""
        if self.kind == "plateau" and math.isfinite(loss):
            self._torchs.step(loss)

    def state(self) -> dict[str, Any]:
        """What cannot be computed from the step alone, as JSON-able data: where "plateau" stands."""
        if self.kind != "plateau":
            return {}
        kept = {name: self._torchs.state_dict()[name] for name in ("best", "num_bad_epochs", "cooldown_counter", "last_epoch")}
        return {**kept, "rate": self._dummy.param_groups[0]["lr"]}

    def resume(self, state: Mapping[str, Any]) -> None:
        """Go on from what `state` described."""
        if state:
            self._torchs.load_state_dict({name: float(v) if name == "best" else v for name, v in state.items() if name != "rate"})
            self._dummy.param_groups[0]["lr"] = state["rate"]
