"""A probe on a running training: it looks at a few steps an epoch, changes no number, and makes the trace."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from assay.core.trace_evidence import InputTrace, LayerTrace

if TYPE_CHECKING:
    from torch import Tensor, nn

LOOKS_AN_EPOCH = 4
STEPS_BETWEEN_LOOKS = 16
MOST_STEPS_KEPT = 500
PROBE_ROWS = 512


@dataclass(frozen=True)
class Layer:
    """One watched layer of a network.

    Attributes:
        name: As people read it.
        kind: "linear", "embedding", "text", ...
        units: Output units.
        parameters: Its weights.
        activation: The module behind it whose outputs are looked at for dead units, or None.
    """

    name: str
    kind: str
    units: int
    parameters: tuple[Tensor, ...]
    activation: nn.Module | None = None


@dataclass
class Probe:
    """Records a training.

    Losses stay tensors until the epoch's end; gradients and updates are looked at in at most `LOOKS_AN_EPOCH` evenly spread steps,
    dead units by one forward pass over fixed rows at the epoch's end. It draws no random number and writes to no weight, so a watched
    training equals an unwatched one bit for bit.

    Args:
        layers: The layers to watch.
        forward: Runs the network in evaluation mode over the probe rows.
        steps_per_epoch: Steps of one epoch.
    """

    layers: Sequence[Layer]
    forward: Callable[[], object]
    steps_per_epoch: int
    record: dict[str, list[list[float]]] = field(default_factory=dict)
    step_loss: list[float] = field(default_factory=list)
    step_number: list[int] = field(default_factory=list)
    _stride: int = 1
    _step: int = 0
    _losses: list[Tensor] = field(default_factory=list)
    _gradients: list[list[Tensor]] = field(default_factory=list)
    _updates: list[list[Tensor]] = field(default_factory=list)
    _before: list[list[Tensor]] | None = None

    def wants(self, step_of_epoch: int) -> bool:
        """Whether it looks at gradients and updates in this step of the epoch (0-based)."""
        return step_of_epoch % max(STEPS_BETWEEN_LOOKS, -(-self.steps_per_epoch // LOOKS_AN_EPOCH)) == 0

    def before_step(self) -> None:
        """Look at the gradients, and keep the weights to compare with; call between backward and the optimiser's step."""
        self._gradients.append([_norm([p.grad for p in layer.parameters if p.grad is not None]) for layer in self.layers])
        self._before = [[p.detach().clone() for p in layer.parameters] for layer in self.layers]

    def after_step(self, loss: Tensor) -> None:
        """Note a step's loss, and the size of its update if `before_step` was called for it."""
        self._losses.append(loss.detach())
        self.after_update()

    def after_update(self) -> None:
        """Note the size of a step's update if `before_step` was called for it; alone where the losses are kept elsewhere."""
        if self._before is not None:
            ratios = []
            for layer, olds in zip(self.layers, self._before, strict=True):
                moved = _norm([p.detach() - old for p, old in zip(layer.parameters, olds, strict=True)])
                # a layer born at zero has no relative update before its first step
                size = _norm(olds)
                ratios.append(moved / size if float(size) > 0 else moved * 0.0)
            self._updates.append(ratios)
            self._before = None

    def end_epoch(self) -> None:
        """Fetch what the epoch left, and look for dead units and at the weights' sizes."""
        import torch

        losses = torch.stack(self._losses).tolist() if self._losses else []
        for loss in losses:
            if self._step % self._stride == 0:
                self.step_loss.append(loss)
                self.step_number.append(self._step)
            self._step += 1
        while len(self.step_loss) > MOST_STEPS_KEPT:
            self._stride *= 2
            kept = [i for i, n in enumerate(self.step_number) if n % self._stride == 0]
            self.step_loss, self.step_number = [self.step_loss[i] for i in kept], [self.step_number[i] for i in kept]
        self._note("gradient_norm", _means(self._gradients, len(self.layers)))
        self._note("update_ratio", _means(self._updates, len(self.layers)))
        self._note("weight_norm", [float(_norm([p.detach() for p in layer.parameters])) for layer in self.layers])
        self._note("dead_share", self._dead_shares())
        self._losses, self._gradients, self._updates, self._before = [], [], [], None

    def drop_epoch(self) -> None:
        """Forget the looks of an epoch that was not finished."""
        self._losses, self._gradients, self._updates, self._before = [], [], [], None

    def _note(self, name: str, values: list[float]) -> None:
        self.record.setdefault(name, []).append(values)

    def _dead_shares(self) -> list[float]:
        import torch

        seen: dict[int, Tensor] = {}

        def note(place: int) -> Callable[[nn.Module, Any, Tensor], None]:
            def hook(_module: nn.Module, _inputs: Any, output: Tensor) -> None:
                seen[place] = (output > 0).flatten(0, -2).any(dim=0)

            return hook

        hooks = [layer.activation.register_forward_hook(note(i)) for i, layer in enumerate(self.layers) if layer.activation is not None]
        if not hooks:
            return [0.0] * len(self.layers)
        try:
            with torch.no_grad():
                self.forward()
        finally:
            for hook in hooks:
                hook.remove()
        return [float((~seen[i]).double().mean()) if i in seen else 0.0 for i in range(len(self.layers))]

    def traces(self) -> tuple[LayerTrace, ...]:
        """What was seen of each layer so far."""
        found = []
        for i, layer in enumerate(self.layers):
            series = {name: tuple(values[i] for values in epochs) for name, epochs in self.record.items()}
            activation = type(layer.activation).__name__.lower() if layer.activation is not None else ""
            found.append(LayerTrace(layer.name, layer.kind, layer.units, activation, **series))
        return tuple(found)

    def state(self) -> dict[str, Any]:
        """What it has seen, as JSON-able data."""
        return {
            "record": self.record,
            "step_loss": self.step_loss,
            "step_number": self.step_number,
            "stride": self._stride,
            "step": self._step,
            "gradients": [[float(v) for v in one] for one in self._gradients],
            "updates": [[float(v) for v in one] for one in self._updates],
        }

    def resume(self, data: Mapping[str, Any]) -> None:
        """Go on from what `state` described."""
        import torch

        self._gradients = [[torch.tensor(float(v), dtype=torch.float64) for v in one] for one in data.get("gradients", ())]
        self._updates = [[torch.tensor(float(v), dtype=torch.float64) for v in one] for one in data.get("updates", ())]
        self.record = {name: [list(v) for v in values] for name, values in data["record"].items()}
        self.step_loss, self.step_number = list(data["step_loss"]), list(data["step_number"])
        self._stride, self._step = int(data["stride"]), int(data["step"])


def input_traces(names: Sequence[str], fed: Tensor) -> tuple[InputTrace, ...]:
    """Mean, spread and range of each number input as the first layer is fed it.

    Args:
        names: Name of each column.
        fed: A sample of rows, (rows, columns).
    """
    if not len(names) or not len(fed):
        return ()
    values = fed.double()
    parts = (values.mean(dim=0), values.std(dim=0, correction=0), values.amin(dim=0), values.amax(dim=0))
    return tuple(InputTrace(name, *numbers) for name, *numbers in zip(names, *(p.tolist() for p in parts), strict=True))


def nonfinite_place(layers: Sequence[Layer], loss: Tensor, fed: Tensor, names: Sequence[str]) -> str:
    """Where a NaN or infinity came in: "input column 'fare'", else "loss", else "gradient of hidden 1"."""
    import torch

    bad = ~torch.isfinite(fed).all(dim=0)
    if bool(bad.any()):
        return f"input column {names[int(bad.nonzero()[0, 0])]!r}"
    if not math.isfinite(float(loss)):
        return "loss"
    # the gradient flows from the output back: the last layer in which it is not finite is where it broke
    for layer in reversed(layers):
        if any(p.grad is not None and not bool(torch.isfinite(p.grad).all()) for p in layer.parameters):
            return f"gradient of {layer.name}"
    return "gradient"


def _norm(parts: Sequence[Tensor]) -> Tensor:
    import torch

    return torch.linalg.vector_norm(torch.stack([torch.linalg.vector_norm(p) for p in parts])) if parts else torch.zeros(())


def _means(looks: list[list[Tensor]], n_layers: int) -> list[float]:
    import torch

    if not looks:
        return [0.0] * n_layers
    means: list[float] = torch.stack([torch.stack([v.double() for v in one]) for one in looks]).mean(dim=0).tolist()
    return means
