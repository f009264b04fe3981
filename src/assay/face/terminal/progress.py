"""A progress bar on standard error that shows stage, loss and remaining time; silent where there is no terminal."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from assay.face.progress import Progress as Listener
from assay.face.progress import Silent
from assay.face.terminal.layout import clean
from assay.face.view import quantity

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress
    from rich.progress import TaskID


class Bar:
    """One line that tells of the stage under way; finished stages leave no trace.

    Args:
        drawn: A started progress display of rich.
    """

    def __init__(self, drawn: RichProgress) -> None:
        self._drawn = drawn
        self._task: TaskID | None = None
        self._name = self._before = self._loss = ""

    def stage(self, name: str) -> None:
        """A new stage begins; the one before is done, and its loss stays in sight."""
        if self._loss:
            self._before = f"{clean(self._name)} ended at {self._loss}"
        self._name, self._loss = name, ""
        if self._task is not None:
            self._drawn.remove_task(self._task)
        self._task = self._drawn.add_task(clean(name), total=None, told=self._before)

    def update(self, done_share: float, loss: float | None, seconds_left: float | None, unit: str = "") -> None:
        """The stage has come so far."""
        if self._task is None:
            return
        if loss is not None:
            self._loss = quantity(loss, unit)
        told = [] if loss is None else [f"loss {self._loss}"]
        if seconds_left is not None:
            told.append(f"{max(0.0, seconds_left):.0f} s left")
        self._drawn.update(self._task, total=1.0, completed=min(1.0, max(0.0, done_share)), told=", ".join(told))

    def note(self, text: str) -> None:
        """A line that stays above the bar."""
        self._drawn.console.print(clean(text), markup=False, highlight=False)


@contextmanager
def live_progress(stream: Any = None) -> Iterator[Listener]:
    """Listen to a job and draw its progress while the block runs.

    Args:
        stream: Where to draw; standard error when None. Without a terminal nothing is drawn.
    """
    out = sys.stderr if stream is None else stream
    if not out.isatty():
        yield Silent()
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    parts = (
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=28),
        TextColumn("{task.fields[told]}", markup=False),
    )
    with Progress(*parts, TimeElapsedColumn(), console=Console(file=out), transient=True) as drawn:
        yield Bar(drawn)
