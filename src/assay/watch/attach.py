"""`assay.watch`: one line around anybody's training loop, and what can be asked of it while it runs."""

from __future__ import annotations

import math
import time
import weakref
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import torch
from torch import nn

from assay.core.errors import OptionError
from assay.core.finding import Finding
from assay.core.loop_evidence import LoopEvidence
from assay.core.loop_parts import FloorFacts
from assay.core.report import Report, judge
from assay.core.rule import Rule
from assay.rules import catalogue
from assay.watch.books import evidence_of, measured_floor
from assay.watch.diagnosis import diagnosed
from assay.watch.held_out import HeldOutBook
from assay.watch.recorder import Recorder

OVERHEAD = 0.03
FIRST_JUDGED = 12
JUDGED_GROWTH = 1.35
FLOOR_STEPS = 24
FLOOR_SECONDS = 0.02
"""What asking the neighbours is taken to cost before it was measured."""
JUDGING_SHARE = 0.3
"""Of the watch's budget, for judging while the training runs."""

_watched: weakref.WeakSet[nn.Module] = weakref.WeakSet()


def watch(
    model: nn.Module,
    optimizer: torch.optim.Optimizer | Sequence[torch.optim.Optimizer],
    loss_fn: Callable[..., Any] | None = None,
    *,
    overhead: float = OVERHEAD,
    held_out: tuple[Any, Any] | None = None,
    planned_steps: int = 0,
    name: str = "",
) -> Watch:
    """Watch a training loop and name what is wrong with it.

    No number of the training changes: not its weights, not its random draws. A failure inside the watcher is kept as one of its `troubles`.

    Args:
        model: The network that is trained: any module, also compiled or distributed.
        optimizer: What steps it; several as a sequence.
        loss_fn: The loss, where it is a function or module of outputs and targets.
        overhead: Share of the training's own time that watching may take.
        held_out: Inputs and targets that nothing is learned from; with `loss_fn` they show which layers memorise.
        planned_steps: How many steps the training is to take, if that is known.
        name: Of the model, for people; its class if "".

    Returns:
        The watch, to be used in a `with` statement or closed.

    Raises:
        OptionError: the model has no parameters, is watched already, or `optimizer` is none.

    Example:
        >>> torch.manual_seed(0) is not None
        True
        >>> model, x = nn.Linear(3, 1), torch.rand(64, 3)
        >>> optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        >>> with watch(model, optimizer) as w:
        ...     for _ in range(30):
        ...         optimizer.zero_grad()
        ...         loss = nn.functional.mse_loss(model(x), x.sum(1, keepdim=True))
        ...         loss.backward()
        ...         optimizer.step()
        ...         w.step(loss)
        >>> [f.name for f in w.findings]
        []
    """
    optimisers = (
        [optimizer] if isinstance(optimizer, torch.optim.Optimizer) else list(optimizer) if isinstance(optimizer, list | tuple) else []
    )
    if not isinstance(model, nn.Module):
        raise OptionError(f"assay.watch: model is {type(model).__name__}; give a torch.nn.Module")
    if not optimisers or not all(isinstance(o, torch.optim.Optimizer) for o in optimisers):
        raise OptionError(f"assay.watch: optimizer is {type(optimizer).__name__}; give a torch.optim.Optimizer, or a list of them")
    if not 0.0 <= overhead <= 1.0:
        raise OptionError(f"assay.watch: overhead is {overhead}; give a share of the training's time, such as 0.03")
    if model in _watched:
        raise OptionError("assay.watch: this model is watched already; close the first watch, or leave its with block")
    if not any(p.numel() for p in model.parameters()) and not any(g["params"] for o in optimisers for g in o.param_groups):
        raise OptionError(
            f"assay.watch: {type(model).__name__} has no parameters, so there is nothing to learn; look for layers in plain lists"
        )
    return Watch(model, optimisers, loss_fn, overhead=overhead, held_out=held_out, planned_steps=planned_steps, name=name)


@cache
def _rules() -> list[Rule[Any]]:
    """The rules that read a training."""
    return [rule for rule in catalogue().values() if issubclass(LoopEvidence, rule.evidence)]


class Watch:
    """A training that is watched; `assay.watch` makes it.

    Attributes:
        model: What is watched.
        on_finding: Called once with each finding when it is first named, or None.
        on_step, on_close: Called after each step, and when the watch ends, with the watch, or None.
        first_named: Step at which each rule first spoke, by rule name.
    """

    def __init__(
        self,
        model: nn.Module,
        optimisers: Sequence[torch.optim.Optimizer],
        loss_fn: Callable[..., Any] | None,
        *,
        overhead: float,
        held_out: tuple[Any, Any] | None,
        planned_steps: int,
        name: str,
    ) -> None:
        self.model = model
        self.on_finding: Callable[[Finding], object] | None = None
        self.on_step: Callable[[Watch], object] | None = None
        self.on_close: Callable[[Watch], object] | None = None
        self.first_named: dict[str, int] = {}
        self._name = name or type(model).__name__
        self._planned = planned_steps
        self._recorder = Recorder(model, optimisers, loss_fn, overhead)
        if held_out is not None and loss_fn is not None:
            self._recorder.held_out = HeldOutBook(self._recorder.core, self._recorder.layers, loss_fn, held_out)
        self._next_judged = FIRST_JUDGED
        self._judge_seconds = self._judge_spent = 0.0
        self._closed = False
        self._judged: tuple[tuple[int, int, int, bool], Report] | None = None
        self._floor: tuple[int, FloorFacts] | None = None
        self._floor_seconds = FLOOR_SECONDS
        self._rules = _rules()
        _watched.add(model)

    # -- the loop's calls ---------------------------------------------------------------------------------------------------

    @property
    def steps(self) -> int:
        """Steps so far."""
        return self._recorder.steps

    def step(self, loss: Any, inputs: Any = None, outputs: Any = None, targets: Any = None) -> None:
        """Tell the watch of one step, after the optimiser's own.

        Args:
            loss: The batch's loss as it was carried back, or a number.
            inputs: What the model was called with; taken from the model where not given.
            outputs: What it gave; likewise.
            targets: What the loss compared with; taken from `loss_fn` or worked out where possible.
        """
        if self._closed:
            return
        try:
            self._recorder.step(loss, inputs, outputs, targets)
            if self._recorder.steps >= self._next_judged:
                self._judge_live()
            if self.on_step is not None:
                self.on_step(self)
        except Exception as problem:  # a failure of the watcher must never end the user's training
            self._recorder.trouble(problem)

    def end_epoch(self, valid_loss: float | None = None, valid_metric: float | None = None) -> None:
        """Tell the watch that an epoch is over.

        Args:
            valid_loss: Mean loss on held-out rows, as the loop measured it.
            valid_metric: Whatever else was measured there, such as an accuracy.
        """
        if self._closed:
            return
        try:
            recorder = self._recorder
            recorder.end_epoch()
            recorder.losses.fetch()
            told = [None if v is None else float(v) for v in (valid_loss, valid_metric)]
            recorder.epochs.end(recorder.steps, recorder.losses.end_epoch(), told[0], told[1])
            self._judge_live()
        except Exception as problem:
            self._recorder.trouble(problem)

    def _judge_live(self) -> None:
        """Look for findings, if there is time; tell of those that are new."""
        recorder = self._recorder
        self._next_judged = math.ceil(recorder.steps * JUDGED_GROWTH) + 1
        governor = recorder.governor
        if self._judge_spent + self._judge_seconds > JUDGING_SHARE * governor.budget:
            return
        started = time.perf_counter()
        found = self._report(with_floor=self._judge_spent + 4.0 * self._floor_seconds < JUDGING_SHARE * governor.budget).findings
        self._judge_seconds = time.perf_counter() - started
        self._judge_spent += self._judge_seconds
        governor.book(self._judge_seconds)
        for finding in found:
            if finding.name not in self.first_named:
                self.first_named[finding.name] = recorder.steps
                if self.on_finding is not None:
                    self.on_finding(finding)

    # -- what can be asked ----------------------------------------------------------------------------------------------------

    def evidence(self) -> LoopEvidence:
        """All that was seen up to now, as rules read it."""
        return self._evidence(with_floor=True)

    def _evidence(self, *, with_floor: bool) -> LoopEvidence:
        recorder, n_looks = self._recorder, len(self._recorder.looks.deep)
        if with_floor and recorder.steps >= FLOOR_STEPS and (self._floor is None or self._floor[0] != n_looks):
            started = time.perf_counter()
            self._floor = (n_looks, measured_floor(recorder))
            self._floor_seconds = time.perf_counter() - started
        floor = self._floor[1] if self._floor is not None else None
        return evidence_of(recorder, name=self._name, floor=floor, planned_steps=self._planned)

    def report(self) -> Report:
        """The judgement of all rules that read a training, leading causes first."""
        return self._report(with_floor=True)

    def _report(self, *, with_floor: bool) -> Report:
        now = (self._recorder.steps, len(self._recorder.epochs.steps), len(self._recorder.looks.light), with_floor)
        if self._judged is None or self._judged[0] != now:
            evidence = self._evidence(with_floor=with_floor)
            self._judged = (now, diagnosed(judge([evidence], self._rules), evidence))
        return self._judged[1]

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What is wrong as far as seen, leading causes first, each with what follows from it behind all leaders."""
        return self.report().findings

    @property
    def overhead(self) -> float:
        """Share of the training's own time that watching has taken so far."""
        return self._recorder.governor.share

    @property
    def troubles(self) -> tuple[str, ...]:
        """What went wrong inside the watch itself."""
        return tuple(self._recorder.troubles)

    def save(self, folder: Path | str) -> Path:
        """Write evidence and findings into a folder that `assay judge` and `assay report` read.

        Raises:
            RunError: the folder cannot be written.
        """
        from assay.watch.loop_folder import write_loop

        return write_loop(folder, self.evidence(), self.report(), first_named=self.first_named)

    # -- the end ----------------------------------------------------------------------------------------------------------------

    def close(self) -> None:
        """Take every hook away; what was seen can still be asked."""
        if not self._closed:
            self._closed = True
            self._recorder.close()
            _watched.discard(self.model)
            if self.on_close is not None:
                self.on_close(self)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None) -> None:
        self.close()
