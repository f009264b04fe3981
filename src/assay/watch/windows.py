"""The time of one forward pass, in which operations are watched; hooks on the model, there for that step alone, open and close it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from assay.watch.feed import first_tensor
from assay.watch.forward import ForwardLook

REHEARSED_ROWS = 16
MISSES_BEFORE_PARTS = 3
WRAPPERS = ("DistributedDataParallel", "DataParallel", "FullyShardedDataParallel")


def unwrapped(model: nn.Module) -> nn.Module:
    """The network inside of a compiled or distributed one."""
    inner = model
    while True:
        if hasattr(inner, "_orig_mod"):
            inner = inner._orig_mod  # type: ignore[assignment]
        elif type(inner).__name__ in WRAPPERS and isinstance(getattr(inner, "module", None), nn.Module):
            inner = inner.module  # type: ignore[assignment]
        else:
            return inner


def is_compiled(model: nn.Module) -> bool:
    """Whether a model, or a part of it, runs compiled; its operations then do not pass by one by one."""
    return any(hasattr(m, "_orig_mod") or getattr(m, "_compiled_call_impl", None) is not None for m in model.modules())


class ForwardWindow:
    """Opens at the model's first training pass of a step.

    Args:
        model: As the loop calls it.
        core: The network inside.
        owners: Identity of a parameter -> name of its layer.
        kinds: Layer -> kind.
    """

    def __init__(self, model: nn.Module, core: nn.Module, owners: Mapping[int, str], kinds: Mapping[str, str]) -> None:
        self.model, self.core, self.owners, self.kinds = model, core, owners, kinds
        self.is_compiled = is_compiled(model)
        self.inputs: Any = None
        self.outputs: Any = None
        self.output_gradient: Tensor | None = None
        self._look: Any = None
        self._inside: nn.Module | None = None
        self._is_over = False
        self._handles: list[Any] = []
        self._misses = (
            MISSES_BEFORE_PARTS if type(core).forward is nn.Module.forward or isinstance(core, nn.ModuleList | nn.ModuleDict) else 0
        )

    def begin(self, guarded: Callable[[Callable[[], None]], None]) -> None:
        """Wait for the next forward pass."""
        self.end()
        self.drop()
        self._is_over, self._guarded = False, guarded
        self._look = None if self.is_compiled else ForwardLook(self.owners, self.kinds)
        if getattr(self.model, "_compiled_call_impl", None) is not None:
            return
        parts = [self.model] if self._misses < MISSES_BEFORE_PARTS else _callable_parts(self.core)
        for part in parts:
            self._handles.append(part.register_forward_pre_hook(self._open, with_kwargs=True))
            self._handles.append(part.register_forward_hook(self._close, with_kwargs=True, always_call=True))

    def _open(self, module: nn.Module, args: Any, kwargs: Any) -> None:
        if self._inside is not None or self._is_over or not torch.is_grad_enabled():
            return
        self._inside = module
        if self.inputs is None:
            self.inputs = args if args else tuple(kwargs.values())
        if self._look is not None:
            self._look.__enter__()

    def _close(self, module: nn.Module, args: Any, kwargs: Any, outputs: Any) -> None:
        if self._inside is not module:
            return
        self._inside = None
        if self._look is not None:
            self._look.__exit__(None, None, None)
        is_whole = module is self.model
        self._is_over = is_whole
        self.outputs = outputs

        def note() -> None:
            out = first_tensor(outputs)
            if self._look is not None:
                self._look.close(out)
            if out is not None and out.requires_grad:
                out.register_hook(self._see_gradient)

        self._guarded(note)

    def _see_gradient(self, gradient: Tensor) -> None:
        self.output_gradient = gradient.detach()

    def end(self) -> ForwardLook | None:
        """Stop waiting; what was seen, None without a pass."""
        for handle in self._handles:
            handle.remove()
        self._handles = []
        if self._inside is not None and self._look is not None:  # the pass ended in an exception that no hook was told of
            self._look.__exit__(None, None, None)
        self._inside = None
        look: ForwardLook | None = self._look
        self._look = None
        if look is not None and not look.calls and look.failed is None:
            self._misses += 1
            return None
        return look

    def drop(self) -> None:
        """Let go of the pass's tensors."""
        self.inputs = self.outputs = self.output_gradient = None

    def rehearse(self, inputs: Any) -> ForwardLook | None:
        """Run a few rows through the plain network where the training's own pass is compiled; nothing of the training changes."""
        if not self.is_compiled or inputs is None:
            return None
        some = _few(inputs, REHEARSED_ROWS)
        args = some if isinstance(some, tuple) else (some,)
        look = ForwardLook(self.owners, self.kinds)
        buffers = [(b, b.clone()) for b in self.core.buffers()]
        devices = [b.device for b, _ in buffers if b.is_cuda]
        with torch.no_grad(), torch.random.fork_rng(devices=[d.index for d in devices]), torch._dynamo.config.patch(disable=True), look:
            outputs = self.core.forward(*args)
        for buffer, value in buffers:
            buffer.copy_(value)
        look.close(first_tensor(outputs))
        return look

    def decoded_targets(self, output: Tensor, loss: Any) -> Tensor | None:
        """Targets worked out from the gradient that reached the outputs: of cross-entropy it is negative at the true class alone."""
        gradient = self.output_gradient
        if gradient is None or gradient.shape != output.shape or output.ndim != 2 or output.shape[1] < 2 or not isinstance(loss, Tensor):
            return None
        sums = gradient.double().sum(dim=1).abs()
        size = gradient.double().abs().amax(dim=1)
        negative = (gradient < 0).sum(dim=1)
        if bool(((sums <= 1e-4 * size) & (negative == 1)).double().mean() > 0.95):
            return gradient.argmin(dim=1)
        return None


def _callable_parts(core: nn.Module) -> list[nn.Module]:
    """The modules under a model that are called by themselves, containers opened."""
    parts: list[nn.Module] = []
    for child in core.children():
        parts += _callable_parts(child) if _is_container(child) else [child]
    return parts


def _is_container(module: nn.Module) -> bool:
    """Whether a module only holds others and is never called itself."""
    return isinstance(module, nn.ModuleList | nn.ModuleDict) or "_forward_unimplemented" in getattr(type(module).forward, "__name__", "")


def _few(value: Any, rows: int) -> Any:
    if isinstance(value, Tensor):
        return value.detach()[:rows] if value.ndim else value
    if isinstance(value, tuple | list):
        return tuple(_few(v, rows) for v in value)
    return value
