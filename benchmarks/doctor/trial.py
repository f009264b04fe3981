"""One training under the watch, and what was said of it when."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

from assay.core.loop_evidence import LoopEvidence
from benchmarks.doctor.case import Case

POLLS = (0.1, 0.2, 0.5, 1.0)

Keep = Callable[[LoopEvidence], None]


@dataclass
class Said:
    """What a watch said of one training.

    Attributes:
        polls: (share of the training, names of the findings in their order) at each poll.
        findings: At the end: name, severity, what it follows from, where, what was seen and what was expected.
        troubles: What went wrong in the watcher or, with "crash:", in the training.
        score: Of the trained network.
        overhead: As the watcher books it.
        cpu_seconds: Of the whole training, with the watcher and the polls.
    """

    case: str
    seed: int
    repaired: bool
    causes: tuple[str, ...] = ()
    polls: list[tuple[float, list[str]]] = field(default_factory=list)
    findings: list[dict[str, Any]] = field(default_factory=list)
    troubles: list[str] = field(default_factory=list)
    score: float = float("nan")
    overhead: float = 0.0
    cpu_seconds: float = 0.0

    @property
    def alarms(self) -> list[str]:
        """Names of errors and warnings at the end."""
        return [f["name"] for f in self.findings if f["severity"] != "note"]

    @property
    def place(self) -> int:
        """Place of the first true cause among the findings at the end, from 0; -1 where none is named."""
        return next((n for n, f in enumerate(self.findings) if f["name"] in self.causes), -1)

    @property
    def named_at(self) -> float:
        """Share of the training at which a true cause was named, to stay; inf for never."""
        at = float("inf")
        for share, names in reversed(self.polls):
            if not set(names) & set(self.causes):
                break
            at = share
        return at


class Polled(AbstractContextManager["Polled"]):
    """The watch of `assay.watch`, asked for its findings at a few moments; it is told nothing that a stranger would not tell it."""

    def __init__(self, said: Said, keep: Keep, model: Any, optimizer: Any, loss_fn: Any = None, *, steps: int = 0, **options: Any) -> None:
        from assay import watch

        self.said, self.keep, self.steps, self.taken = said, keep, max(1, steps), 0
        self.due = list(POLLS)
        self.inner = watch(model, optimizer, loss_fn, **options)

    def __enter__(self) -> Self:
        self.inner.__enter__()
        return self

    def __exit__(self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None) -> None:
        self._ask(1.0)
        evidence = self.inner.evidence()
        self.said.troubles += list(evidence.troubles)
        self.said.overhead = evidence.overhead
        self.keep(evidence)
        self.inner.__exit__(kind, problem, trace)

    def step(self, *given: Any, **more: Any) -> None:
        self.inner.step(*given, **more)
        self.taken += 1
        while self.due and self.taken >= self.due[0] * self.steps and self.due[0] < 1:
            self._ask(self.due.pop(0))

    def end_epoch(self, *given: Any, **more: Any) -> None:
        self.inner.end_epoch(*given, **more)

    def _ask(self, share: float) -> None:
        findings = self.inner.findings
        self.said.polls.append((share, [f.name for f in findings]))
        self.said.findings = [
            {
                "name": f.name,
                "severity": f.severity.value,
                "caused_by": f.caused_by,
                "at": dict(f.at),
                "saw": f.saw,
                "expected": f.expected,
                "remedy": f.remedy,
            }
            for f in findings
        ]


def tried(case: Case, seed: int, repaired: bool, keep: Keep = lambda evidence: None) -> Said:
    """Train the case under the watch; `keep` is given the evidence at the end."""
    said = Said(case.name, seed, repaired, () if repaired else case.causes)
    began = time.process_time()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            said.score = case.train(lambda *given, **more: Polled(said, keep, *given, **more), seed, repaired)
        except Exception as problem:  # the benchmark goes on, and tells of it
            said.troubles.append(f"crash: {type(problem).__name__}: {problem}")
    said.cpu_seconds = time.process_time() - began
    return said
