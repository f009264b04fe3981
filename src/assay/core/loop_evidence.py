"""Evidence from anybody's training loop, as the watcher saw it step by step."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from assay.core.loop_parts import (
    BatchFacts,
    FloorFacts,
    GroupFacts,
    HeadLooks,
    LayerLooks,
    ModeFacts,
    OutputFacts,
    ParameterFacts,
    TimeLooks,
)
from assay.core.trace_evidence import TraceEvidence


@dataclass(frozen=True, slots=True)
class Window:
    """The batch losses of consecutive steps.

    Attributes:
        step: First step (0-based).
        steps: How many.
        mean, std, low, high: Of the finite losses.
        rises: Share of steps whose loss is above that of the step before.
    """

    step: int
    steps: int
    mean: float
    std: float
    low: float
    high: float
    rises: float = 0.5


@dataclass(frozen=True, slots=True)
class Spike:
    """One step whose loss stood far above those before.

    Attributes:
        step: The step.
        loss: Its batch's loss.
        usual: Median of the 32 steps before.
        spread: Their spread: 1.48 times the median absolute deviation.
        batch: What is known of the batch, in words; "" for nothing.
    """

    step: int
    loss: float
    usual: float
    spread: float
    batch: str = ""


@dataclass(frozen=True, slots=True)
class LoopEvidence(TraceEvidence):
    """One training of a stranger's loop from inside: all that a trace has, and the watcher's looks.

    `train_loss` has one number an epoch, the mean of its batch losses; without a call of `end_epoch` it is empty. `opening` is nan where
    targets or loss are unknown. Losses are in bits where the loss is a code length, else in the loss's own unit. What was not seen is
    empty, nan or "": a rule that needs it says so and stays silent.

    Attributes:
        steps: Optimiser steps so far.
        early_loss: The first 128 batch losses, one by one.
        windows: All batch losses in at most 256 windows of about equal length, in order.
        recent_loss: The last 128 batch losses.
        spikes: Steps whose loss stood far above those before, at most 20.
        valid_metric: What `end_epoch` was given, one an epoch.
        epoch_step: Step at which each epoch ended.
        look_step: Steps of light looks: gradients, weights and steps of the optimiser.
        deep_step: Steps of deep looks: forward passes.
        gradient_norm: Light: norm of the whole gradient as the optimiser took it.
        raw_gradient_norm: Light: before clipping or unscaling.
        clip_factor: Light: the former over the latter where gradients were made smaller on purpose, 1 where not.
        agreement: Light: cosine between this look's gradient and that of the look before.
        overshoot: Light: slope of the loss along the step just taken, on the next batch, over its size on the step's own batch: -1 is
            still fully downhill, 0 the valley's floor, above 0 uphill. nan where the next step was not looked at.
        turn: Light: cosine between two successive steps of the optimiser; nan where the next step was not looked at.
        gradient_noise: Light: 1 - |mean gradient|^2 / mean |gradient|^2 over the last looks, 1 for nothing but noise.
        nonfinite_gradients: Light: how many numbers of the gradient are not finite.
        kept_gradient: Share of the looks at which old gradients lay under a new one: zero_grad was not called.
        steps_without_gradient: Optimiser steps at which no parameter had a gradient.
        parts: One for each layer with weights, in the data's way.
        parameters: One for each tensor.
        groups: One for each parameter group.
        batch, output, modes, floor: See there.
        heads, recurrent: See there.
        held_out_booked: By layer name, first-order change of the loss on held-out rows that its steps made, summed over the looks.
        trained_booked: The same on training rows.
        overhead: Share of the watched time that the watcher took.
        troubles: What went wrong inside the watcher itself, each once.
        planned_steps: Steps that the training is to take, 0 where unknown.
    """

    steps: int = 0
    early_loss: tuple[float, ...] = ()
    windows: tuple[Window, ...] = ()
    recent_loss: tuple[float, ...] = ()
    spikes: tuple[Spike, ...] = ()
    valid_metric: tuple[float, ...] = ()
    epoch_step: tuple[int, ...] = ()
    look_step: tuple[int, ...] = ()
    deep_step: tuple[int, ...] = ()
    gradient_norm: tuple[float, ...] = ()
    raw_gradient_norm: tuple[float, ...] = ()
    clip_factor: tuple[float, ...] = ()
    agreement: tuple[float, ...] = ()
    overshoot: tuple[float, ...] = ()
    turn: tuple[float, ...] = ()
    gradient_noise: tuple[float, ...] = ()
    nonfinite_gradients: tuple[float, ...] = ()
    kept_gradient: float = 0.0
    steps_without_gradient: int = 0
    parts: tuple[LayerLooks, ...] = ()
    parameters: tuple[ParameterFacts, ...] = ()
    groups: tuple[GroupFacts, ...] = ()
    batch: BatchFacts = field(default_factory=BatchFacts)
    output: OutputFacts = field(default_factory=OutputFacts)
    modes: ModeFacts = field(default_factory=ModeFacts)
    floor: FloorFacts = field(default_factory=FloorFacts)
    heads: tuple[HeadLooks, ...] = ()
    recurrent: tuple[TimeLooks, ...] = ()
    held_out_booked: tuple[tuple[str, float], ...] = ()
    trained_booked: tuple[tuple[str, float], ...] = ()
    overhead: float = 0.0
    troubles: tuple[str, ...] = ()
    planned_steps: int = 0

    absent: ClassVar[str] = "no training loop was watched"

    @property
    def looks(self) -> int:
        """One look a layer."""
        return max(1, len(self.parts))
