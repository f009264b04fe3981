"""Taps on PyTorch itself: where a stranger's program makes optimisers, carries losses back, steps, and draws batches.

What is tapped is wrapped while the block runs and given back as it was; nothing that passes is changed. An error in a listener is
caught here, told once, and ends the listening: it never reaches the program.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Protocol

import torch
from torch import Tensor
from torch.nn import functional
from torch.optim.optimizer import Optimizer, register_optimizer_step_post_hook
from torch.utils.data import DataLoader
from torch.utils.data import dataloader as loading

LOSSES = (
    "cross_entropy",
    "nll_loss",
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "mse_loss",
    "l1_loss",
    "smooth_l1_loss",
    "huber_loss",
    "kl_div",
    "poisson_nll_loss",
    "gaussian_nll_loss",
    "hinge_embedding_loss",
    "multi_margin_loss",
    "soft_margin_loss",
    "multilabel_soft_margin_loss",
    "multilabel_margin_loss",
    "ctc_loss",
)


class LossListener(Protocol):
    """Who is told of losses alone."""

    def before_backward(self, loss: Tensor) -> None:
        """A scalar loss is about to be carried back."""

    def scaled(self, loss: Tensor, larger: Tensor) -> None:
        """A loss was scaled up for half precision."""


class Listener(LossListener, Protocol):
    """Who is told of everything."""

    def optimiser_made(self, optimiser: Optimizer) -> None:
        """An optimiser has its parameters."""

    def stepped(self, optimiser: Optimizer) -> None:
        """An optimiser has stepped."""

    def cleared(self, optimiser: Optimizer) -> None:
        """Its gradients are about to be cleared."""

    def loss_computed(self, outputs: Tensor, targets: Tensor, loss: Tensor, arguments: Mapping[str, Any]) -> None:
        """One of PyTorch's loss functions was called."""

    def loader_made(self, loader: DataLoader[Any]) -> None:
        """A data loader was made."""

    def drawn(self, dataset: object, *, is_end: bool) -> None:
        """A loader over a data set gave a batch, or has no more."""


class Taps:
    """The taps of one program.

    Args:
        listener: Who is told; a `Listener` unless losses alone are tapped.
        trouble: Called once with what went wrong in the listener, which is told nothing more.
    """

    def __init__(self, listener: LossListener, trouble: Callable[[Exception], None]) -> None:
        self.listener, self.trouble = listener, trouble
        self.is_open = True
        self._is_inside = self._is_in_loss = False

    def tell(self, what: str, *arguments: Any, **more: Any) -> None:
        """Tell the listener, unless it is the listener's own doing."""
        if not self.is_open or self._is_inside:
            return
        self._is_inside = True
        try:
            getattr(self.listener, what)(*arguments, **more)
        except Exception as problem:  # a fault of the watcher must never end a stranger's training
            self.is_open = False
            self.trouble(problem)
        finally:
            self._is_inside = False

    @contextmanager
    def laid(self, *, losses_only: bool = False) -> Iterator[None]:
        """Tap while the block runs; only what is carried back where a framework tells the rest."""
        places: list[tuple[Any, str, Callable[[Any], Any]]] = [
            (torch.autograd, "backward", self._backward),
            (torch.amp.GradScaler, "scale", self._scale),
        ]
        if not losses_only:
            places += [
                (Optimizer, "__init__", self._after_init("optimiser_made")),
                (Optimizer, "zero_grad", self._before("cleared")),
                (DataLoader, "__init__", self._after_init("loader_made")),
                (loading._BaseDataLoaderIter, "__next__", self._next),
                *((functional, name, self._loss) for name in LOSSES if hasattr(functional, name)),
            ]
        hook = None if losses_only else register_optimizer_step_post_hook(lambda optimiser, _args, _more: self.tell("stepped", optimiser))
        was = [(owner, name, getattr(owner, name)) for owner, name, _ in places]
        try:
            for (owner, name, original), (_, _, wrap) in zip(was, places, strict=True):
                setattr(owner, name, wrap(original))
            yield
        finally:
            if hook is not None:
                hook.remove()
            for owner, name, original in was:
                setattr(owner, name, original)

    def _after_init(self, what: str) -> Callable[[Any], Any]:
        def wrap(original: Any) -> Any:
            @functools.wraps(original)
            def init(thing: Any, *arguments: Any, **more: Any) -> None:
                original(thing, *arguments, **more)
                self.tell(what, thing)

            return init

        return wrap

    def _before(self, what: str) -> Callable[[Any], Any]:
        def wrap(original: Any) -> Any:
            @functools.wraps(original)
            def method(thing: Any, *arguments: Any, **more: Any) -> Any:
                self.tell(what, thing)
                return original(thing, *arguments, **more)

            return method

        return wrap

    def _backward(self, original: Any) -> Any:
        @functools.wraps(original)
        def backward(tensors: Any, *arguments: Any, **more: Any) -> Any:
            first = tensors[0] if isinstance(tensors, tuple | list) and tensors else tensors
            if isinstance(first, Tensor) and first.numel() == 1:
                self.tell("before_backward", first)
            return original(tensors, *arguments, **more)

        return backward

    def _scale(self, original: Any) -> Any:
        @functools.wraps(original)
        def scale(scaler: Any, outputs: Any) -> Any:
            larger = original(scaler, outputs)
            if isinstance(outputs, Tensor) and outputs.numel() == 1:
                self.tell("scaled", outputs, larger)
            return larger

        return scale

    def _next(self, original: Any) -> Any:
        @functools.wraps(original)
        def following(batches: Any) -> Any:
            try:
                batch = original(batches)
            except StopIteration:
                self.tell("drawn", batches._dataset, is_end=True)
                raise
            self.tell("drawn", batches._dataset, is_end=False)
            return batch

        return following

    def _loss(self, original: Any) -> Any:
        @functools.wraps(original)
        def loss(*arguments: Any, **more: Any) -> Any:
            if torch.compiler.is_compiling() or self._is_in_loss:
                return original(*arguments, **more)
            self._is_in_loss = True  # under a function mode a loss calls itself again
            try:
                found = original(*arguments, **more)
            finally:
                self._is_in_loss = False
            outputs = arguments[0] if arguments else more.get("input")
            targets = arguments[1] if len(arguments) > 1 else more.get("target")
            if isinstance(outputs, Tensor) and isinstance(targets, Tensor) and isinstance(found, Tensor):
                self.tell("loss_computed", outputs, targets, found, more)
            return found

        return loss
