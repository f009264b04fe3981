"""How far a training is, and its numbers as lines of a file that is readable whenever the process ends."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from assay.core.errors import RunError
from assay.core.evidence import plain
from assay.core.files import write_text

MOST_STEPS_KEPT = 500
FILE = "history.jsonl"


@dataclass
class History:
    """How far a training is; with weights, optimiser and streams all that going on needs.

    An evaluation is each epoch's end, or every so many steps; the lists hold one number an evaluation. Losses are in the objective's unit.

    Attributes:
        epoch: Whole epochs done.
        step: Steps done.
        step_of_epoch: Of them, in the epoch that is not whole yet.
        best: Evaluations done when the validation loss was lowest, 0 for birth.
        waited: Evaluations since.
        at_step, at_epoch: Where each evaluation was.
        step_loss, step_number: Losses of batches, thinned evenly to at most 500, and their steps.
        stride: Steps between two of these.
        window: Training-unit losses of the steps since the last evaluation.
        stopped: Why it ended, "" while it runs.
    """

    epoch: int = 0
    step: int = 0
    step_of_epoch: int = 0
    best: int = 0
    best_loss: float = math.inf
    best_se: float = 0.0
    best_train_se: float = 0.0
    waited: int = 0
    train_loss: list[float] = field(default_factory=list)
    valid_loss: list[float] = field(default_factory=list)
    learning_rate: list[float] = field(default_factory=list)
    at_step: list[int] = field(default_factory=list)
    at_epoch: list[int] = field(default_factory=list)
    step_loss: list[float] = field(default_factory=list)
    step_number: list[int] = field(default_factory=list)
    stride: int = 1
    window: list[float] = field(default_factory=list)
    nonfinite_step: int = -1
    nonfinite_where: str = ""
    stopped: str = ""

    @property
    def evaluations(self) -> int:
        """Evaluations done."""
        return len(self.train_loss)

    def note_steps(self, losses: Sequence[float], first: int) -> None:
        """Keep the losses of consecutive steps, thinned so that at most 500 evenly spaced ones stay.

        Args:
            losses: In the unit.
            first: Number (0-based) of the first of these steps.
        """
        for place, loss in enumerate(losses):
            if (first + place) % self.stride == 0:
                self.step_loss.append(loss)
                self.step_number.append(first + place)
        while len(self.step_loss) > MOST_STEPS_KEPT:
            self.stride *= 2
            kept = [i for i, n in enumerate(self.step_number) if n % self.stride == 0]
            self.step_loss, self.step_number = [self.step_loss[i] for i in kept], [self.step_number[i] for i in kept]


class HistoryFile:
    """One line of JSON an evaluation, appended and flushed as the training goes.

    A process that is killed leaves whole lines and at most one cut one; going on first drops the lines of evaluations that the
    checkpoint does not know of, so that none stands there twice.
    """

    def __init__(self, folder: Path, history: History) -> None:
        self.path = folder / FILE
        there = read_history(folder) if self.path.is_file() else []
        told = [self._told(history, i) for i in range(history.evaluations)]
        known = [there[i] if i < len(there) and there[i].get("step") == one["step"] else one for i, one in enumerate(told)]
        write_text(self.path, "".join(_line(one) for one in known))

    @staticmethod
    def _told(history: History, i: int) -> dict[str, Any]:
        told: dict[str, Any] = {"evaluation": i + 1, "step": history.at_step[i], "epoch": history.at_epoch[i]}
        told |= {"train_loss": history.train_loss[i], "learning_rate": history.learning_rate[i]}
        return told | ({"valid_loss": history.valid_loss[i]} if i < len(history.valid_loss) else {})

    def append(self, history: History, seconds: float, layers: dict[str, Any]) -> None:
        """Write the last evaluation down, with the signals of the layers at it."""
        line = _line({**self._told(history, history.evaluations - 1), "seconds": round(seconds, 3), "best": history.best, **layers})
        try:
            with self.path.open("a", encoding="utf-8") as stream:
                stream.write(line)
        except OSError as problem:
            raise RunError(f"cannot write {self.path}: {problem.strerror or problem}; free some space and go on with resume") from problem


def read_history(folder: Path) -> list[dict[str, Any]]:
    """The evaluations of a training's folder as far as they are whole, also while it runs or after it was killed.

    Raises:
        RunError: there is no such file.
    """
    path = folder / FILE
    if not path.is_file():
        raise RunError(f"no {FILE} in {folder}; give a folder that a training was told to write to")
    found = []
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            found.append(json.loads(line))
        except ValueError:  # the line that a kill cut
            break
    return found


def as_data(history: History) -> dict[str, Any]:
    """The history as JSON-able data."""
    data: dict[str, Any] = plain(asdict(history))
    return data


def _line(told: dict[str, Any]) -> str:
    return json.dumps(plain(told), allow_nan=False) + "\n"
