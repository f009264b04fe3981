"""A run in several processes: process 0 does the job, and calls the others in whenever it trains a network."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assay.core.errors import LeaderEnded, RunError
from assay.face.progress import Silent
from assay.model.family import family
from assay.train.crew import Crew, crew_here

if TYPE_CHECKING:
    from assay.face.job.language_settings import LanguageSettings
    from assay.face.job.settings import Settings


class Lead:
    """What process 0 says at the end of its run; `folder` is set where it went well."""

    folder: Path | None = None


@contextmanager
def leading(crew: Crew) -> Iterator[Lead]:
    """While entered, this process does the job; at the end the others are told so, however it ends."""
    lead = Lead()
    try:
        yield lead
    finally:
        with suppress(RunError):  # a process that was lost in the run is told nothing more
            crew.told({"ends": "" if lead.folder is None else str(lead.folder)})


def call(settings: Settings, rung: str, budget_seconds: float | None, without: Sequence[str] = ()) -> None:
    """Have the other processes train a network of a table's run together with this one, if there are any."""
    if family(rung).needs_torch:
        crew_here().told({"rung": rung, "settings": settings.to_json(), "budget": budget_seconds, "without": list(without)})


def call_for_text(settings: LanguageSettings, rung: str) -> None:
    """Have the other processes train a network of a text's run together with this one, if there are any."""
    crew_here().told({"rung": rung, "settings": settings.to_json(), "text": True})


def follow(crew: Crew, table: Any = None) -> Path:
    """Train with process 0 whatever it calls for, until its run ends; nothing is written or told.

    Args:
        crew: Of which this is not process 0.
        table: The rows, where they are in memory; else they are read from the source that process 0 names.

    Returns:
        The run folder of process 0.

    Raises:
        LeaderEnded: process 0 ended without a finished run.
        KeyboardInterrupt: Ctrl-C ended a training.
    """
    parts: Any = None
    while True:
        order: dict[str, Any] = crew.told({})
        if "ends" in order:
            if not order["ends"]:
                raise LeaderEnded("process 0 ended without a finished run; its own message says why")
            return Path(order["ends"])
        parts = _text(order, parts) if order.get("text") else _rows(order, parts, table)


def _rows(order: dict[str, Any], parts: Any, table: Any) -> Any:
    from assay.face.job.preparation import prepare, read_source
    from assay.face.job.rungs import train_one
    from assay.face.job.settings import Settings

    settings = Settings.from_json(order["settings"])
    if parts is None:
        parts = prepare(read_source(settings.source if table is None else table, settings), settings)
    those = parts.without(tuple(order["without"])) if order["without"] else parts
    train_one(order["rung"], those, settings, None, Silent(), order["budget"])
    return parts


def _text(order: dict[str, Any], parts: Any) -> Any:
    from assay.face.job.language_parts import prepare
    from assay.face.job.language_rungs import train_one
    from assay.face.job.language_settings import LanguageSettings
    from assay.table.corpus import read_corpus

    settings = LanguageSettings.from_json(order["settings"])
    if parts is None:
        parts = prepare(read_corpus(settings.source, encoding=settings.encoding), settings)
    train_one(order["rung"], parts, settings, None, Silent())
    return parts
