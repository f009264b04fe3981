"""The light look: gradients, weights and steps, seen from hooks of the optimiser that are there for that step alone."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from assay.watch.anatomy import LayerBirth
from assay.watch.pending import Pending
from assay.watch.sample import FlatSample

PAIRS_REMEMBERED = 16
MOST_TWIN_UNITS = 1_024


class LightLook:
    """Looks at one step of the optimisers.

    Args:
        named: Every watched tensor by name.
        layers: The layers, whose units are compared.
        optimisers: All of them.
    """

    def __init__(self, named: dict[str, Tensor], layers: Sequence[LayerBirth], optimisers: Sequence[torch.optim.Optimizer]) -> None:
        self.names, self.tensors = list(named), list(named.values())
        self.layers, self.optimisers = layers, optimisers
        self.sample = FlatSample.of(self.tensors)
        self.kept: Tensor | None = None
        self._handles: list[Any] = []
        self._gradient: Tensor | None = None
        self._last_gradient: Tensor | None = None
        self._last_step: tuple[int, Tensor, Tensor] | None = None
        self._before: Tensor | None = None
        self._norms: deque[tuple[Tensor, Tensor]] = deque(maxlen=PAIRS_REMEMBERED)
        self._raw: dict[int, Tensor] = {}
        self._stepped: set[int] = set()
        self.tracer = Tracer(self.tensors)
        self.fired = False

    # -- hooks ------------------------------------------------------------------------------------------------------------

    def begin(self, step: int, pending: Pending, guarded: Callable[[Callable[[], None]], None]) -> None:
        """Hook into the optimisers for the coming step.

        Args:
            step: Its number.
            pending: Where numbers go.
            guarded: Runs the watcher's work, timed, and lets no failure of it out.
        """
        self.end()
        self.fired, self._raw, self._stepped = False, {}, set()
        if self._last_step is None or self._last_step[0] != step - 1:
            self.tracer.forget()
        for place, optimiser in enumerate(self.optimisers):

            def before(*_: Any, place: int = place) -> None:
                guarded(lambda: self._see_before(step, place, pending))

            def after(*_: Any, place: int = place) -> None:
                guarded(lambda: self._see_after(step, place, pending))

            self._handles += [optimiser.register_step_pre_hook(before), optimiser.register_step_post_hook(after)]
        for i, tensor in enumerate(self.tensors):
            if tensor.requires_grad and tensor.is_leaf:
                self._handles.append(tensor.register_post_accumulate_grad_hook(self._raw_seer(i)))
        self._handles += self.tracer.hooks()

    def _raw_seer(self, place: int) -> Callable[[Tensor], None]:
        def see(parameter: Tensor) -> None:
            gradient = parameter.grad
            if gradient is not None and not gradient.is_sparse:
                self._raw[place] = torch.linalg.vector_norm(gradient.detach())

        return see

    def end(self) -> None:
        """Take all hooks away."""
        for handle in self._handles:
            handle.remove()
        self._handles = []

    # -- looks ------------------------------------------------------------------------------------------------------------

    def _see_before(self, step: int, place: int, pending: Pending) -> None:
        if place in self._stepped:
            return
        gradients = [t.grad for t in self.tensors]
        if self._before is None:
            self._gradient = self.sample.read(gradients)
            self._before = self.sample.read(self.tensors)
            self._note_gradients(gradients, pending)
            self.tracer.judge(pending)
        else:
            self._gradient = self.sample.read(gradients)

    def _see_after(self, step: int, place: int, pending: Pending) -> None:
        self._stepped.add(place)
        self.tracer.remember()
        if len(self._stepped) < len(self.optimisers) or self._before is None or self._gradient is None:
            return
        gradient, before = self._gradient, self._before
        after = self.sample.read(self.tensors)
        moved = after - before
        self._note_step(gradient, after, before, moved, pending)
        self._note_pairs(step, gradient, moved, pending)
        self._last_gradient, self._last_step = gradient, (step, gradient, moved)
        self._before, self._gradient, self.fired = None, None, True

    def finish(self, step: int, pending: Pending) -> None:
        """Close a look in which not every optimiser stepped, as where two take turns."""
        if self._before is None or self._gradient is None or not self._stepped:
            return
        self._stepped = set(range(len(self.optimisers)))
        self._see_after(step, 0, pending)

    def _note_gradients(self, gradients: Sequence[Tensor | None], pending: Pending) -> None:
        graded = [g is not None for g in gradients]
        for name, is_graded in zip(self.names, graded, strict=True):
            pending.add(("graded", name), float(is_graded))
        if self._raw:
            pending.add(("raw_gradient_norm",), torch.stack([n.double() for n in self._raw.values()]).square().sum().sqrt())
        dense = [(i, g) for i, g in enumerate(gradients) if g is not None and not g.is_sparse and i in self._raw]
        if dense:
            norms = torch._foreach_norm([g for _, g in dense])
            pending.add(("taken_gradient_norm",), torch.stack(list(norms)).double().square().sum().sqrt())
        place = {id(t): g for t, g in zip(self.tensors, gradients, strict=True)}
        for layer in self.layers:
            gradient = place.get(id(layer.weight))
            if gradient is None or layer.weight.ndim < 2 or gradient.is_sparse:
                continue
            units = torch.linalg.vector_norm(gradient.detach().flatten(1)[:MOST_TWIN_UNITS], dim=1)
            pending.add(("quiet_units", layer.name), (units == 0).double().mean())
            weights = torch.linalg.vector_norm(layer.weight.detach().flatten(1)[:MOST_TWIN_UNITS], dim=1)
            pending.add(("twin_units", layer.name), _twins(units, weights))

    def _note_step(self, gradient: Tensor, after: Tensor, before: Tensor, moved: Tensor, pending: Pending) -> None:
        sample = self.sample
        for what, values in (
            ("gradient_square", sample.square_sums(gradient)),
            ("weight_square", sample.square_sums(after)),
            ("before_square", sample.square_sums(before)),
            ("step_square", sample.square_sums(moved)),
            ("booked", sample.dots(gradient, moved)),
            ("pull", sample.dots(before, moved)),
        ):
            pending.add_all([(what, name) for name in self.names], values)
        pending.add(("nonfinite_gradients",), _nonfinite(gradient))
        pending.add(("nonfinite_weights",), _nonfinite(after))

    def _note_pairs(self, step: int, gradient: Tensor, moved: Tensor, pending: Pending) -> None:
        last = self._last_gradient
        if last is not None and last.shape == gradient.shape and last.device == gradient.device:
            one, other = torch.linalg.vector_norm(gradient), torch.linalg.vector_norm(last)
            inner = torch.dot(gradient, last)
            pending.add(("agreement",), inner / (one * other).clamp(min=1e-30))
            self._norms.append((inner, 0.5 * (one.square() + other.square())))
            inners, squares = torch.stack([p[0] for p in self._norms]), torch.stack([p[1] for p in self._norms])
            pending.add(("gradient_noise",), 1.0 - inners.mean() / squares.mean().clamp(min=1e-30))
        if self._last_step is not None and self._last_step[0] == step - 1:
            _, old, path = self._last_step
            if path.device == gradient.device and path.shape == gradient.shape:
                pending.add(("overshoot",), torch.dot(gradient, path) / torch.dot(old, path).abs().clamp(min=1e-30))
                sizes = torch.linalg.vector_norm(path) * torch.linalg.vector_norm(moved)
                pending.add(("turn",), torch.dot(path, moved) / sizes.clamp(min=1e-30))

    def forget(self) -> None:
        """Drop what is kept for comparison, after the tensors changed under it."""
        self._last_gradient, self._last_step, self._before, self._gradient = None, None, None, None
        self.tracer.forget()


def _nonfinite(flat: Tensor) -> Tensor | float:
    """How many numbers are not finite; where reading one costs nothing, they are counted only if their sum is not."""
    if flat.device.type == "cpu" and math.isfinite(float(flat.sum())):
        return 0.0
    return (~torch.isfinite(flat)).sum()


def _twins(one: Tensor, other: Tensor) -> Tensor:
    """Share of units that equal another in two numbers each."""
    if len(one) < 2:
        return torch.zeros((), dtype=torch.float64, device=one.device)
    marks = torch.stack([one, other], dim=1).double()
    marks = marks[torch.argsort(marks[:, 1] + 1e-3 * marks[:, 0])]
    size = marks.abs().amax(dim=0).clamp(min=1e-30)
    gaps = ((marks[1:] - marks[:-1]).abs() <= 1e-6 * size).all(dim=1)
    alike = torch.zeros(len(marks), dtype=torch.bool, device=marks.device)
    alike[1:] |= gaps
    alike[:-1] |= gaps
    return alike.double().mean()


class Tracer:
    """Follows the gradient of one small tensor, to see whether an old gradient lies under a new one.

    After a step its gradient is remembered; the parts that the next backward passes add are summed. If what the optimiser is then given
    is the old one and the sum, nobody cleared it.
    """

    def __init__(self, tensors: Sequence[Tensor]) -> None:
        able = [t for t in tensors if t.requires_grad and t.is_leaf]
        self.tensor = min(able, key=lambda t: (t.numel() < 4, t.numel())) if able else None
        self._old: Tensor | None = None
        self._sum: Tensor | None = None
        self._last: Tensor | None = None

    def hooks(self) -> list[Any]:
        """Hooks for one step."""
        self._sum = self._last = None
        if self.tensor is None or not self.tensor.requires_grad:
            return []

        def see_new(gradient: Tensor) -> None:
            new = gradient.detach()
            if not new.is_sparse:
                self._sum = new.clone() if self._sum is None else self._sum + new

        def see_sum(parameter: Tensor) -> None:
            if parameter.grad is not None and not parameter.grad.is_sparse:
                self._last = parameter.grad.detach().clone()

        return [self.tensor.register_hook(see_new), self.tensor.register_post_accumulate_grad_hook(see_sum)]

    def remember(self) -> None:
        """Keep the gradient that was just used."""
        gradient = self.tensor.grad if self.tensor is not None else None
        self._old = gradient.detach().clone() if gradient is not None and not gradient.is_sparse else None

    def judge(self, pending: Pending) -> None:
        """Compare what lies there with the new parts alone, and with the old gradient under them."""
        old, new, last = self._old, self._sum, self._last
        self._old = None
        if old is None or new is None or last is None or not old.shape == new.shape == last.shape:
            return
        size = torch.linalg.vector_norm(new).clamp(min=1e-30)
        pending.add(("fresh_distance",), torch.linalg.vector_norm(last - new) / size)
        pending.add(("kept_distance",), torch.linalg.vector_norm(last - new - old) / size)
        pending.add(("old_size",), torch.linalg.vector_norm(old) / size)

    def forget(self) -> None:
        """Drop what is remembered."""
        self._old = self._sum = self._last = None
