"""`assay.train` on a text instead of a table: the same call, another job."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from assay.core.errors import OptionError, nearest
from assay.face.config import read_config
from assay.face.job.language_settings import language_settings
from assay.face.language_view import is_language
from assay.face.progress import Progress
from assay.table.corpus import is_corpus
from assay.train.folder import RECORD, RunFolder

PLACES = ("ray",)
TEXT_KNOBS = ("tokens", "vocab", "block", "steps")


@dataclass(frozen=True)
class Place:
    """Where a run is kept and where it is worked on.

    Attributes:
        out: The run folder; None for the next free one.
        resumed: The run to go on with; None for a new one.
        overwrite: Replace an earlier run in `out`.
        on: "ray", or None for here.
    """

    out: str | Path | None
    resumed: Path | None
    overwrite: bool
    on: str | None = None

    def refuse(self, source: str, processes: int) -> None:
        """Refuse a place that cannot do this run.

        Raises:
            OptionError: there is no such place, or it cannot go on with a run, take a table in memory, or take several processes.
        """
        from assay.face.job.settings import IN_MEMORY

        if self.on is None:
            return
        if self.on not in PLACES:
            raise OptionError(f"no place {self.on!r} to train on; {nearest(self.on, PLACES)}")
        if self.resumed is not None:
            raise OptionError(f"--resume of {self.resumed} goes on here, where its folder is, not on {self.on}; leave --on out")
        if source == IN_MEMORY:
            raise OptionError(f"a {IN_MEMORY} cannot be sent to {self.on}; write it to a file, such as table.parquet, and give its path")
        if processes > 1:
            raise OptionError(f"--on {self.on} hands the run over from 1 process, and {processes} were started; call it without torchrun")


def is_text_run(source: Any, target: str | None, resumed: Path | None) -> bool:
    """Whether a call of `assay.train` is about a text.

    Args:
        source: As given, "" where a run is to be resumed by its folder alone.
        target: A column to predict makes every source a table.
        resumed: The run to go on with.
    """
    if resumed is not None and (resumed / RECORD).is_file():
        return is_language(RunFolder(resumed).record())
    return target is None and is_corpus(source)


def train_text(
    source: str,
    given: Mapping[str, Any],
    usual: Mapping[str, Any],
    place: Place,
    progress: Progress,
) -> Path:
    """Train language models on a text, or go on with such a run; its folder.

    Args:
        source: A text file, a glob or a folder.
        given: Options by name; those that are None, off, empty or as usual count as not given.
        usual: What the options of tables are where nobody says anything.
        place: Where the run is kept and worked on.
        progress: Listener.

    Raises:
        InputError: the text or an option cannot be used.
        RunError: the folder holds a run already, or is not that of such a run.
    """
    from assay.face.job.language import resume, run

    said = {k: v for k, v in given.items() if v is not None and v is not False and v != () and v != usual.get(k)}
    settings = language_settings(source, said)
    if place.resumed is not None:
        asked = {name: getattr(settings, name) for name in said}
        return resume(place.resumed, asked=asked, config=read_config(), progress=progress)
    if place.on == "ray":
        from assay.face.job.cluster import run_on_ray

        return run_on_ray(settings, out=place.out, overwrite=place.overwrite, config=read_config(), progress=progress)
    return run(settings, out=place.out, overwrite=place.overwrite, config=read_config(), progress=progress)


def refuse_text_knobs(source: str, given: Mapping[str, Any]) -> None:
    """Refuse, for a table, what only texts have.

    Raises:
        OptionError: such an option was given.
    """
    for name in TEXT_KNOBS:
        if given.get(name) is not None:
            raise OptionError(
                f"--{name} {given[name]} is for texts (.txt, .md) without --target, and {source} is read as a table; leave it out"
            )
