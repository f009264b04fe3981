"""What the callbacks of training frameworks share: one watch from the training's begin to its end."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assay.core.errors import AssayError
from assay.core.finding import Severity
from assay.watch.rounds import Round
from assay.watch.taps import Taps

if TYPE_CHECKING:
    from torch import Tensor, nn
    from torch.optim import Optimizer

    from assay.core.finding import Finding
    from assay.watch.attach import Watch

LOG = logging.getLogger("assay")


class LossTap:
    """Hears which losses are carried back, of whatever framework.

    Attributes:
        round: Those since the last step.
    """

    def __init__(self) -> None:
        self.round = Round()

    def before_backward(self, loss: Tensor) -> None:
        """Keep it until the optimiser steps."""
        self.round.add("", loss)

    def scaled(self, loss: Tensor, larger: Tensor) -> None:
        """Keep in mind which loss is meant."""
        self.round.scaled(loss, larger)


class Session:
    """One training that a framework runs.

    It never ends that training: what cannot be watched is logged, and the training goes on.

    Args:
        overhead: Share of the training's own time that watching may take.
        folder: Where evidence and findings are kept at the end; None for nowhere.
        on_finding: Called with each finding when it is first named; logged to "assay" when None.

    Attributes:
        watch: The watch, None before the training began.
    """

    def __init__(self, overhead: float, folder: Path | str | None, on_finding: Callable[[Finding], object] | None) -> None:
        self.overhead, self.folder, self.on_finding = overhead, folder, on_finding or log_finding
        self.watch: Watch | None = None
        self._is_on = False
        self._tap = LossTap()
        self._stack = ExitStack()

    def begin(self, model: nn.Module, optimisers: Sequence[Optimizer], *, name: str = "", planned_steps: int = 0) -> None:
        """Watch a model."""
        from assay.watch.attach import watch

        self.end()
        try:
            self.watch = watch(model, list(optimisers), overhead=self.overhead, name=name, planned_steps=max(0, planned_steps))
        except AssayError as problem:
            LOG.warning("%s; the training goes on unwatched", problem)
            return
        self.watch.on_finding = self.on_finding
        self._tap, self._is_on = LossTap(), True
        taps = Taps(self._tap, lambda problem: LOG.warning("assay hears no more losses: %r; the training goes on", problem))
        self._stack.enter_context(taps.laid(losses_only=True))

    def step(self, inputs: Any = None, targets: Any = None, loss: Tensor | None = None) -> None:
        """The optimiser has stepped; `loss` is its value where none was carried back by PyTorch."""
        carried = self._tap.round.loss() if self._tap.round.is_open else None
        self._tap.round.stepped()
        if not self._is_on or self.watch is None:
            return
        if carried is not None:
            self.watch.step(carried, inputs=inputs, targets=targets)
        elif loss is not None:
            self.watch.step(float(loss), inputs=inputs, targets=targets)

    def end_epoch(self, valid_loss: Any = None, valid_metric: Any = None) -> None:
        """An epoch is over."""
        if self._is_on and self.watch is not None:
            told = [None if value is None else float(value) for value in (valid_loss, valid_metric)]
            self.watch.end_epoch(valid_loss=told[0], valid_metric=told[1])

    def end(self) -> None:
        """The training is over, or has failed: what was seen is kept."""
        self._stack.close()
        if not self._is_on or self.watch is None:
            return
        self._is_on = False
        self.watch.close()
        for finding in self.watch.findings:
            if finding.name not in self.watch.first_named:
                self.on_finding(finding)
        if self.folder is not None and self.watch.steps:
            try:
                self.watch.save(self.folder)
            except AssayError as problem:
                LOG.warning("%s", problem)


def log_finding(finding: Finding) -> None:
    """Log a finding: a note as information, others as warnings."""
    level = logging.INFO if finding.severity is Severity.NOTE else logging.WARNING
    told = f"{finding.code} {finding.name}: {finding.where}: saw {finding.saw}, expected {finding.expected}"
    LOG.log(level, "%s%s", told, f"; next: {finding.remedy}" if finding.remedy else "")


def held_out_of(metrics: dict[str, Any]) -> tuple[Any, Any]:
    """The held-out loss among the numbers that a framework logs, and the first other held-out number.

    Example:
        >>> held_out_of({"loss": 0.3, "val_loss": 0.5, "val_acc": 0.8})
        (0.5, 0.8)
    """
    held = {name: value for name, value in metrics.items() if name.lower().startswith(("val", "eval"))}
    losses = [value for name, value in held.items() if "loss" in name.lower()]
    others = [value for name, value in held.items() if "loss" not in name.lower() and not _is_timing(name)]
    return (losses[0] if losses else None), (others[0] if others else None)


def _is_timing(name: str) -> bool:
    return name.endswith(("_runtime", "_per_second"))


class Watching:
    """What every framework's callback answers.

    Attributes:
        session: The training that it watches.
    """

    session: Session

    @property
    def watch(self) -> Watch | None:
        """The watch, None before the training began."""
        return self.session.watch

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What was named so far."""
        return self.watch.findings if self.watch is not None else ()
