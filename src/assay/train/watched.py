"""The watch around Assay's own loop: a callback of `fit` that sees each of its steps, as strangers' loops are seen."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from assay.watch.callback import Session

if TYPE_CHECKING:
    from assay.core.finding import Finding
    from assay.train.data import Batch
    from assay.train.loop import Loop
    from assay.train.run import Moment
    from assay.watch.attach import Watch

KNOWN = ("betas", "momentum", "weight_decay")


class LoopOptimiser(torch.optim.Optimizer):
    """The loop's optimiser over the network's own parameters, which are views of the buffers that it steps.

    Args:
        loop: Whose optimiser.
    """

    def __init__(self, loop: Loop) -> None:
        self.loop = loop
        groups = [group for member in loop.optimiser.members for group in member.param_groups]
        given = []
        for its, numbers in zip(loop.weights.groups, groups, strict=False):
            given.append({"params": list(its.parameters), **{k: numbers[k] for k in KNOWN if k in numbers}})
        super().__init__(given, {"lr": loop.optimiser.rate})

    def step(self, closure: Any = None) -> Any:
        """The loop's own step, at its rate of now."""
        for group in self.param_groups:
            group["lr"] = self.loop.optimiser.rate
        return closure()


def loop_optimiser(loop: Loop) -> LoopOptimiser:
    """The loop's optimiser under the name of PyTorch's class, by which optimisers are told apart."""
    name = {"adam": "Adam", "adamw": "AdamW", "amsgrad": "Adam"}.get(loop.settings.optimiser, "SGD")
    made: LoopOptimiser = type(name, (LoopOptimiser,), {})(loop)
    return made


class WatchCallback:
    """Watches a training of `fit`: give it as one of its `callbacks`.

    Args:
        overhead: Share of the training's own time that watching may take.
        folder: Where evidence and findings are kept for `assay judge` and `assay report`; None for nowhere.
        on_finding: Called with each finding when it is first named; logged to "assay" when None.

    Example:
        >>> from assay.train import Settings, TensorData, fit
        >>> x = torch.linspace(-1, 1, 64)[:, None]
        >>> seen = WatchCallback()
        >>> _ = fit(torch.nn.Linear(1, 1), "squared", TensorData(x, 2 * x[:, 0]), settings=Settings(epochs=3), callbacks=[seen])
        >>> seen.watch.steps, seen.watch.troubles
        (6, ())
    """

    def __init__(
        self, overhead: float = 0.03, *, folder: Path | str | None = None, on_finding: Callable[[Finding], object] | None = None
    ) -> None:
        self.session = Session(overhead, folder, on_finding)
        self._loss_scale = 1.0
        self._optimiser: LoopOptimiser | None = None

    @property
    def watch(self) -> Watch | None:
        """The watch, None before the training began."""
        return self.session.watch

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What was named so far."""
        return self.watch.findings if self.watch is not None else ()

    def begin(self, loop: Loop) -> None:
        """The training begins."""
        self._loss_scale = loop.task.loss_scale
        self._optimiser = loop_optimiser(loop)
        self.session.begin(loop.network, [self._optimiser], name=loop.task.name, planned_steps=loop.steps)

    def around(self, step: Callable[[], object], loss: Tensor, batch: Batch) -> None:
        """One step of the optimiser, which is taken here."""
        if self._optimiser is None:
            step()
            return
        self._optimiser.step(step)
        is_plain = isinstance(batch.inputs, Tensor | tuple)
        self.session.step(inputs=batch.inputs if is_plain else None, targets=batch.targets, loss=loss)

    def __call__(self, moment: Moment) -> None:
        """An evaluation has ended an epoch."""
        self.session.end_epoch(moment.valid_loss / self._loss_scale if math.isfinite(moment.valid_loss) else None)

    def end(self) -> None:
        """The training is over."""
        self.session.end()
        self._optimiser = None
