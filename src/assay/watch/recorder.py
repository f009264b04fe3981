"""The recorder: what happens to a training at each step, from which the evidence is made."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from assay.watch.anatomy import LayerBirth, Switches, layers_of
from assay.watch.epoch_book import EpochBook
from assay.watch.feed import Feed, first_tensor
from assay.watch.forward import ForwardLook
from assay.watch.governor import Governor
from assay.watch.held_out import HeldOutBook
from assay.watch.light import LightLook
from assay.watch.looks import DeepLook, Looks
from assay.watch.losses import LossBook
from assay.watch.pending import Pending
from assay.watch.rates import Rates
from assay.watch.windows import WRAPPERS, ForwardWindow, unwrapped

GRAPHS_READ = 3


class Recorder:
    """Watches one training; `step` and `end_epoch` are its clock.

    Args:
        model: The network, wrapped or not.
        optimisers: All that step it.
        loss_fn: As `watch` was given it.
        overhead: Share of the bare time that it may take.
    """

    def __init__(self, model: nn.Module, optimisers: Sequence[torch.optim.Optimizer], loss_fn: Any, overhead: float) -> None:
        self.model, self.core, self.optimisers, self.loss_fn = model, unwrapped(model), tuple(optimisers), loss_fn
        self.governor = Governor(overhead)
        self.layers: list[LayerBirth] = layers_of(self.core)
        self.named = self._named()
        self.birth = {name: _mark(t) for name, t in self.named.items()}
        self.switches = Switches.of(self.core)
        self.light = LightLook(self.named, self.layers, self.optimisers)
        self.window = ForwardWindow(model, self.core, self._owners(), {layer.name: layer.kind for layer in self.layers})
        self.losses, self.rates, self.feed, self.looks = LossBook(), Rates(self.optimisers), Feed(), Looks()
        self.epochs = EpochBook(model, self.switches)
        self.pending = Pending()
        self.is_spread = type(model).__name__ in WRAPPERS
        self.held_out: HeldOutBook | None = None
        self.steps = 0
        self.troubles: dict[str, None] = {}
        self.is_looking = False
        self._is_deep = False
        self._spent = 0.0
        self._left = math.inf
        self._took = math.nan
        self._booked = 0.0
        self._graphs = 0
        self._caught: dict[str, Any] = {}
        self._handle: Any = None
        if self.governor.wants(0):
            self._begin()

    def _named(self) -> dict[str, Tensor]:
        named: dict[str, Tensor] = {n: p for n, p in self.core.named_parameters() if p.numel() and _is_real(p)}
        known = {id(p) for p in named.values()}
        for optimiser in self.optimisers:
            for group in optimiser.param_groups:
                for p in group["params"]:
                    if id(p) not in known and p.numel():
                        known.add(id(p))
                        named[f"not in the model #{len(known)}, shape {tuple(p.shape)}"] = p
        return named

    def _owners(self) -> dict[int, str]:
        owners: dict[int, str] = {}
        for layer in self.layers:
            owners |= {id(p): layer.name for p in layer.parameters}
        return owners

    # -- the clock --------------------------------------------------------------------------------------------------------

    def step(self, loss: Any, inputs: Any, outputs: Any, targets: Any) -> None:
        """Take note of one step; the long way only where it is looked at, or a window is full."""
        now = time.perf_counter()
        self._took, was_looking = now - self._left, self.is_looking
        self.losses.add(loss.detach() if isinstance(loss, Tensor) else loss)
        self.rates.see(self.steps)
        self.epochs.see_step(self.steps)
        if targets is not None:
            self.feed.see_step(self.steps, inputs, outputs, targets)
        self.steps += 1
        if self.is_looking or self.steps >= self.governor.next_step or self.losses.is_full:
            self._slow(loss, inputs, outputs, targets)
        if not was_looking:
            self.governor.see_bare(self._took)
        self._left = time.perf_counter()
        self.governor.spent += self._left - now - self._booked
        self._booked = 0.0

    def end_epoch(self) -> None:
        """The time up to the next step holds more than a step: a validation, perhaps."""
        self._left = math.inf

    def _slow(self, loss: Any, inputs: Any, outputs: Any, targets: Any) -> None:
        started = time.perf_counter()
        looked, was_deep = self.is_looking, self._is_deep
        if looked:
            self._finish(loss, inputs, outputs, targets)
        self.losses.fetch()
        if self.governor.wants(self.steps):
            self._begin()
        inside = self._spent
        if looked and math.isfinite(self._took):
            # what passes through the look is slower too, beyond the work that is timed by itself
            inside = max(inside, self._took - self.governor.bare_seconds)
        self._spent = 0.0
        own = time.perf_counter() - started
        self._booked = own
        self.governor.book(own + inside, is_look=looked and was_deep)

    def guarded(self, work: Callable[[], None]) -> None:
        """Do some of the watcher's work inside the training: timed, and without letting a failure out."""
        started = time.perf_counter()
        try:
            with torch.no_grad():
                work()
        except Exception as problem:  # whatever fails here is ours, and the training must go on
            self.trouble(problem)
        self._spent += time.perf_counter() - started

    def trouble(self, problem: BaseException) -> None:
        """Keep what went wrong, once."""
        self.troubles[f"{type(problem).__name__}: {str(problem).strip().splitlines()[0] if str(problem).strip() else ''}"] = None

    # -- looks ------------------------------------------------------------------------------------------------------------

    def _begin(self) -> None:
        self.is_looking, self._is_deep, self._caught = True, not self.governor.is_second, {}
        self.light.begin(self.steps, self.pending, self.guarded)
        if self._is_deep:
            self.window.begin(self.guarded)
            if isinstance(self.loss_fn, nn.Module):
                self._handle = self.loss_fn.register_forward_hook(self._see_loss)

    def _see_loss(self, _module: nn.Module, args: Any, _result: Any) -> None:
        if "targets" not in self._caught and len(args) >= 2 and torch.is_grad_enabled():
            self._caught["outputs"], self._caught["targets"] = args[0], args[1]

    def _finish(self, loss: Any, inputs: Any, outputs: Any, targets: Any) -> None:
        self.light.finish(self.steps - 1, self.pending)
        if not self.light.fired and self._is_accumulating(loss):
            return
        self.is_looking = False
        self.light.end()
        if self._handle is not None:
            self._handle.remove()
            self._handle = None
        deep = None
        if self._is_deep:
            seen = self.window.end()
            inputs = inputs if inputs is not None else self.window.inputs
            outputs = outputs if outputs is not None else first_tensor(self.window.outputs)
            caught_outputs = outputs if outputs is not None else self._caught.get("outputs")
            targets = targets if targets is not None else self._caught.get("targets")
            if seen is None:
                seen = self.window.rehearse(inputs)
            deep = self._deep(loss, inputs, caught_outputs, targets, seen)
            self.window.drop()
        if self.held_out is not None and self.light.fired:
            self.held_out.see(self.steps - 1, self.governor)
        numbers = self.pending.fetch()
        self.looks.add_light(self.steps - 1, numbers, fired=self.light.fired)
        if deep is not None:
            self.looks.add_deep(deep, numbers)

    def _is_accumulating(self, loss: Any) -> bool:
        """Whether no optimiser stepped because gradients are still being gathered; the look then goes on."""
        stepless = self.looks.stepless = self.looks.stepless + 1
        return stepless % 64 != 0 and isinstance(loss, Tensor)

    def _deep(self, loss: Any, inputs: Any, outputs: Any, targets: Any, seen: ForwardLook | None) -> DeepLook:
        if seen is not None and seen.failed is not None:
            self.trouble(seen.failed)
        if seen is not None:
            self.feed.first_is_norm = bool(seen.first_is_norm)
            if seen.fed is not None and self.feed.fed_rms is None:
                self.feed.fed_rms = torch.nan_to_num(seen.fed.float(), posinf=0.0, neginf=0.0).square().mean().sqrt()
        output = first_tensor(outputs)
        if targets is None and output is not None:
            targets = self.window.decoded_targets(output, loss)
        self.feed.see(inputs, targets, output)
        if self.held_out is not None:
            self.held_out.offer(inputs, targets)
        reads = isinstance(loss, Tensor) and (self._graphs < GRAPHS_READ or self._graphs % 16 == 0)
        self._graphs += 1
        read = loss if reads else None
        return DeepLook.of(self.steps - 1, read, output, first_tensor(targets), seen, self.layers, self.pending)

    # -- the end ----------------------------------------------------------------------------------------------------------

    def flush(self) -> None:
        """Fetch what waits, so that evidence is of now."""
        self.losses.fetch()

    def close(self) -> None:
        """Take every hook away."""
        self.light.end()
        self.window.end()
        self.window.drop()
        self.epochs.close()
        if self._handle is not None:
            self._handle.remove()
            self._handle = None
        self.is_looking = False
        self.losses.fetch()


def _is_real(parameter: Tensor) -> bool:
    return not isinstance(parameter, nn.parameter.UninitializedParameter)


def _mark(tensor: Tensor) -> tuple[float, float]:
    """Two numbers that change when a tensor does."""
    values = tensor.detach().float()
    if not values.numel():
        return math.nan, math.nan
    return float(values.double().sum()), float(values.double().square().sum())


def has_moved(before: tuple[float, float], tensor: Tensor) -> bool:
    """Whether a tensor differs from what it was marked as."""
    return before != _mark(tensor)
