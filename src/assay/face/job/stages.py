"""What every job has, on a table or on text: a folder, its stages by the clock, its evidence, and an end that is told."""

from __future__ import annotations

import contextlib
import platform
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, Self, TypeVar

from assay.core.errors import Interrupted, RunError
from assay.core.evidence import Evidence
from assay.core.files import write_text
from assay.face.checking import judged
from assay.face.config import Config
from assay.face.job.settings import IN_MEMORY
from assay.face.progress import Progress
from assay.train.folder import RunFolder

if TYPE_CHECKING:
    from assay.core.report import Report

S = TypeVar("S", bound="Kept")
LIBRARIES = ("assay", "numpy", "polars", "scikit-learn", "scipy", "torch")


class Kept(Protocol):
    """Settings that a run's record holds."""

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Self:
        """The settings that these data describe."""


@dataclass
class Stages:
    """One run on its way.

    Attributes:
        folder: Where it is kept.
        config: The project's decisions about findings.
        progress: Listener.
        pieces: Evidence so far.
        seconds: Stage -> how long it took.
        absent: Type of evidence -> why this kind of run may lack it.
    """

    folder: RunFolder
    config: Config
    progress: Progress
    pieces: list[Evidence] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)

    absent: ClassVar[Mapping[str, str]] = {}

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time a stage and record it."""
        started = time.monotonic()
        yield
        self.seconds[name] = self.seconds.get(name, 0.0) + time.monotonic() - started
        self.folder.update(seconds=self.seconds)

    def keep(self, name: str, pieces: list[Evidence]) -> None:
        """Put evidence on disk and among the pieces, and judge all that there is."""
        self.folder.write_evidence(name, pieces)
        self.pieces += pieces
        self.folder.write_report(self.judge())

    def judge(self) -> Report:
        """The rules over the evidence so far, accepted findings moved aside."""
        from assay.rules import catalogue

        chosen, skipped = self.config.choose(catalogue().values())
        report, _ = judged(self.pieces, chosen, skipped, self.config, self.absent)
        return report


def finished(folder: RunFolder, work: Callable[[], None]) -> Path:
    """Do the work of a run and mark how it ended.

    Raises:
        Interrupted: Ctrl-C; the run is marked, and `resume` goes on with it.
    """
    try:
        work()
    except KeyboardInterrupt as stop:
        with contextlib.suppress(KeyboardInterrupt, RunError):  # a second Ctrl-C or a full disk: a dead process's mark blocks nobody
            folder.update(state="interrupted")
        raise Interrupted(folder.path) from stop
    except BaseException:
        with contextlib.suppress(RunError):  # on a full disk the first error is the one to tell
            folder.update(state="interrupted")
        raise
    folder.update(state="finished")
    return folder.path


def reopened(path: str | Path, kind: type[S], asked: Mapping[str, Any]) -> tuple[RunFolder, dict[str, Any], S]:
    """The folder of an interrupted run, its record, and the settings that it began with.

    Raises:
        RunError: there is no such run, or it began with other settings than are asked for now.
    """
    folder = RunFolder.open(Path(path))
    record = folder.record()
    settings = kind.from_json(record["config"])
    refuse_others(folder.path, settings, asked)
    return folder, record, settings


def refuse_others(path: Path, settings: object, asked: Mapping[str, Any]) -> None:
    """Refuse to go on with a run under other settings than it began with.

    Raises:
        RunError: one of the settings that were asked for differs.
    """
    for name, value in asked.items():
        began = getattr(settings, name)
        if value != began:
            raise RunError(f"{path} began with {name} {began!r}, not {value!r}; leave it out to go on, or train anew with another --out")


def publish(folder: RunFolder) -> Path:
    """Render the report of what the folder holds, and return its path."""
    from assay.face.report import render
    from assay.face.run import view_of

    path = folder.path / "report.html"
    write_text(path, render(view_of(folder)))
    return path


def stem_of(source: str) -> str:
    """A run name from a source."""
    name = Path(source).name if source != IN_MEMORY else "run"
    stem = "".join(c if c.isalnum() or c in "-_" else "-" for c in name.split(".")[0]).strip("-")
    return stem or "run"


def versions() -> dict[str, str]:
    """The versions of what makes a run."""
    found = {"python": platform.python_version()}
    for name in LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found
