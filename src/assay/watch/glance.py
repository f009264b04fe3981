"""What a watch shows while the training runs: a few numbers of the last looks, without making the whole evidence."""

from __future__ import annotations

import math
from collections.abc import Hashable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from assay.core.units import BITS_PER_NAT
from assay.watch.books import CODE_LENGTHS
from assay.watch.graph import loss_kind

if TYPE_CHECKING:
    from assay.core.finding import Finding
    from assay.watch.attach import Watch

SHOWN_LOOKS = 24


@dataclass(frozen=True, slots=True)
class LayerGlance:
    """One layer.

    Attributes:
        gradient_rms: At the last looks, the newest last; nan where it had none.
        update_ratio: Norm of the last step that was looked at over the norm of the weights.
        dead_share: Share of units that were never on of late, nan where that has no meaning.
    """

    name: str
    gradient_rms: tuple[float, ...]
    update_ratio: float
    dead_share: float


@dataclass(frozen=True, slots=True)
class Glance:
    """A training at one moment.

    Attributes:
        loss: Mean of the last losses, in `unit`.
        rate: Learning rate of the first parameter group.
        overhead: Share of the training's own time that watching took.
        findings: Those named so far.
    """

    model: str
    steps: int
    loss: float
    unit: str
    rate: float
    overhead: float
    layers: tuple[LayerGlance, ...]
    findings: tuple[Finding, ...]


def glance(watch: Watch) -> Glance:
    """What is known now; nothing is fetched from the device for it."""
    recorder = watch._recorder
    graph = recorder.looks.graph
    scale = BITS_PER_NAT if graph is not None and loss_kind(graph.chain) in CODE_LENGTHS else 1.0
    recent = [v for v in list(recorder.losses.recent)[-32:] if math.isfinite(v)]
    loss = math.fsum(recent) / len(recent) * scale if recent else math.nan
    light = [numbers for _, numbers in recorder.looks.light[-SHOWN_LOOKS:]]
    dead = recorder.looks.dead[-1] if recorder.looks.dead else {}
    names = {id(t): n for n, t in recorder.named.items()}
    layers = []
    for layer in recorder.layers:
        own = [names[id(p)] for p in layer.parameters if id(p) in names]
        weight, size = names.get(id(layer.weight), ""), max(1, layer.weight.numel())
        squares = [numbers.get(("gradient_square", weight), math.nan) for numbers in light]
        rms = tuple(math.sqrt(s / size) if s >= 0 else math.nan for s in squares)
        layers.append(LayerGlance(layer.name, rms, _ratio(light[-1] if light else {}, own), dead.get(layer.name, math.nan)))
    report = watch._judged[-1] if watch._judged is not None else None
    findings = report.findings if report is not None else ()
    unit = "bits/example" if scale != 1.0 else ""
    return Glance(watch._name, watch.steps, loss, unit, recorder.rates.at(watch.steps), watch.overhead, tuple(layers), findings)


def _ratio(numbers: dict[Hashable, float], own: list[str]) -> float:
    moved = math.fsum(numbers.get(("step_square", name), 0.0) for name in own)
    before = math.fsum(numbers.get(("before_square", name), 0.0) for name in own)
    return math.sqrt(moved / before) if before > 0 and math.isfinite(moved) else math.nan


def book(watch: Watch, seconds: float) -> None:
    """Count time that was spent on showing a training as time of its watch."""
    watch._recorder.governor.book(seconds)


def spent_seconds(watch: Watch) -> float:
    """How long watching has worked so far."""
    return watch._recorder.governor.spent


def budget_share(watch: Watch) -> float:
    """The share of the training's time that its watch may take."""
    return watch._recorder.governor.overhead
