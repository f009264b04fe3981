"""What the steps of each layer do to the loss on held-out rows: the same steps, booked a second time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from assay.watch.anatomy import LayerBirth
from assay.watch.governor import Governor

MOST_ROWS = 256
MOST_NUMBERS = 1_000_000


class HeldOutBook:
    """Books the change of the loss between looks to layers, on training rows and on held-out ones.

    Between two looks each layer is booked the inner product of its path with the mean of the gradients at both ends (the trapezoid rule for
    the integral of the gradient along the path; the ledger of a run uses finer nodes). It needs a loss function, rows of both kinds, and
    weights of at most a million numbers.

    Args:
        core: The network.
        layers: Its layers.
        loss_fn: Of outputs and targets.
        held_out: Inputs and targets that nothing is learned from.
    """

    def __init__(self, core: nn.Module, layers: Sequence[LayerBirth], loss_fn: Callable[..., Any], held_out: tuple[Any, Any]) -> None:
        self.core, self.layers, self.loss_fn = core, layers, loss_fn
        self.rows = {"held out": _first(held_out), "trained": None}
        self.weights = [p for layer in layers for p in layer.parameters if p.requires_grad]
        self.owner = [layer.name for layer in layers for p in layer.parameters if p.requires_grad]
        self.is_able = sum(p.numel() for p in self.weights) <= MOST_NUMBERS
        self._last: tuple[list[Tensor], dict[str, list[Tensor]]] | None = None
        self._booked: dict[str, dict[str, Tensor]] = {"held out": {}, "trained": {}}
        self.seconds = 0.0

    def offer(self, inputs: Any, targets: Any) -> None:
        """Keep the first batch that is seen as the training rows."""
        if self.rows["trained"] is None and inputs is not None and targets is not None:
            self.rows["trained"] = _first((inputs, targets))

    def see(self, step: int, governor: Governor) -> None:
        """Book the path since the last time, if the budget allows."""
        import time

        if not self.is_able or self.rows["trained"] is None or not (step < 3 or governor.affords(2.0 * self.seconds)):
            return
        started = time.perf_counter()
        now = [p.detach().clone() for p in self.weights]
        slopes = {part: self._slopes(*rows) for part, rows in self.rows.items() if rows is not None}
        if self._last is not None:
            before, old = self._last
            for part, gradients in slopes.items():
                for name, a, b, p, q in zip(self.owner, old[part], gradients, before, now, strict=True):
                    change = (0.5 * (a + b) * (q - p)).sum().double()
                    self._booked[part][name] = self._booked[part].get(name, torch.zeros_like(change)) + change
        self._last = (now, slopes)
        self.seconds = time.perf_counter() - started

    def _slopes(self, inputs: Any, targets: Any) -> list[Tensor]:
        """Gradients on some rows in evaluation mode; no parameter's own gradient is touched."""
        modes = [(m, m.training) for m in self.core.modules()]
        devices = sorted({p.device.index for p in self.weights if p.is_cuda})
        try:
            with torch.enable_grad(), torch.random.fork_rng(devices=devices):
                for module, _ in modes:
                    module.training = False
                args = inputs if isinstance(inputs, tuple) else (inputs,)
                loss = self.loss_fn(self.core.forward(*args), targets)
                found = torch.autograd.grad(loss, self.weights, allow_unused=True)
        finally:
            for module, was in modes:
                module.training = was
        return [torch.zeros_like(p) if g is None else g.detach() for p, g in zip(self.weights, found, strict=True)]

    def held_out(self) -> Iterator[tuple[str, float]]:
        """By layer, what was booked on held-out rows."""
        yield from ((name, float(v)) for name, v in self._booked["held out"].items())

    def trained(self) -> Iterator[tuple[str, float]]:
        """By layer, what was booked on training rows."""
        yield from ((name, float(v)) for name, v in self._booked["trained"].items())


def _first(rows: tuple[Any, Any]) -> tuple[Any, Any]:
    def cut(value: Any) -> Any:
        if isinstance(value, Tensor):
            return value.detach()[:MOST_ROWS].clone()
        if isinstance(value, tuple | list):
            return tuple(cut(v) for v in value)
        return value

    return cut(rows[0]), cut(rows[1])
