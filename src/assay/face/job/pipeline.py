"""The run itself: read, audit, split, climb, assess, freeze, report; every stage is on disk before the next begins."""

from __future__ import annotations

import io
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import polars as pl

from assay.artifact import Predictor, save
from assay.core.errors import ExtraMissing, RunError
from assay.core.evidence import Evidence
from assay.core.files import write_atomically
from assay.core.table_evidence import AssociationEvidence
from assay.face.config import Config
from assay.face.job.assessment import assess
from assay.face.job.preparation import Parts, prepare, read_source
from assay.face.job.rungs import Trained, climb
from assay.face.job.settings import IN_MEMORY, Settings
from assay.face.job.stages import Stages, finished, publish, reopened, stem_of, versions
from assay.face.progress import Noting, Progress, Silent
from assay.model.family import family
from assay.train.folder import RunFolder, free_name

if TYPE_CHECKING:
    from assay.table import Table


@dataclass
class Job(Stages):
    """One run on a table.

    Attributes:
        settings: What was asked.
    """

    settings: Settings = field(kw_only=True)

    absent: ClassVar[Mapping[str, str]] = {
        "TraceEvidence": "no neural training was watched",
        "SplitEvidence": "the split was not measured",
    }


def run(
    source: Any,
    settings: Settings,
    *,
    out: str | Path | None = None,
    overwrite: bool = False,
    config: Config | None = None,
    progress: Progress | None = None,
) -> Path:
    """Do the whole job and keep it as a run folder.

    Args:
        source: What `assay.table.read` takes.
        settings: What is asked of it.
        out: The run folder; the next free one under runs/ when None.
        overwrite: Replace an earlier run in `out`.
        config: The project's decisions about findings.
        progress: Listener; silent when None.

    Returns:
        The run folder.

    Raises:
        InputError: the source, an option or this installation cannot be used; nothing is left behind.
        RunError: the folder holds a run already, or cannot be written.
        Interrupted: a KeyboardInterrupt that came after the run had begun, and says where it is kept; `resume` goes on with it.
    """
    listener = progress or Silent()
    path = Path(out) if out is not None else free_name(Path("runs"), stem_of(settings.source))
    RunFolder.refuse(path, overwrite=overwrite)
    if settings.model is not None and family(settings.model).needs_torch and find_spec("torch") is None:
        raise ExtraMissing(f"model {settings.model!r}", "torch")
    listener.stage("read")
    started = time.monotonic()
    table = read_source(source, settings)
    record: dict[str, Any] = {
        "config": settings.to_json(),
        "command": settings.command(None if out is None else str(out)),
        "fingerprint": table.fingerprint,
        "versions": versions(),
    }
    parts = prepare(table, settings)
    infinite = [
        f"column {column!r}: {n:,} infinite numbers in the training rows count as missing" for column, n in parts.encoder.infinite.items()
    ]
    record["notes"] = [*parts.table.notes, *parts.target.notes, *parts.split.notes, *parts.encoder.unread, *infinite]
    record["all_rows"] = parts.table.fingerprint
    if out is None:  # another run may have taken the name while this one read its rows
        path = free_name(Path("runs"), stem_of(settings.source))
    folder = RunFolder.create(path, record, overwrite=overwrite)
    job = Job(folder, config or Config(), listener, settings=settings, seconds={"read": time.monotonic() - started})
    return finished(folder, lambda: _work(job, table, parts))


def resume(
    path: str | Path,
    *,
    source: Any = None,
    asked: Mapping[str, Any] | None = None,
    config: Config | None = None,
    progress: Progress | None = None,
) -> Path:
    """Go on with an interrupted run from what it kept.

    Args:
        path: The run folder.
        source: The rows again: needed where the run was on a table in memory, or where their file was moved.
        asked: Settings that were named again; they must be those that the run began with.
        config: The project's decisions about findings.
        progress: Listener; silent when None.

    Raises:
        RunError: there is no such run, it began with other settings or rows, or another process is at work on it.
    """
    listener = progress or Silent()
    folder, record, settings = reopened(path, Settings, asked or {})
    if record["state"] == "finished":
        listener.note(f"{path} is finished already; nothing is left to do")
        return folder.path
    if source is None and settings.source == IN_MEMORY:
        raise RunError(f"{path} was trained on a table in memory; give that table again to go on")
    listener.stage("read")
    table = read_source(settings.source if source is None else source, settings)
    if table.fingerprint != record["fingerprint"]:
        raise RunError(f"{table.source} has changed since {path} began; train anew with another --out, or bring the old rows back")
    parts = prepare(table, settings)
    if record.get("all_rows", parts.table.fingerprint) != parts.table.fingerprint:
        raise RunError(f"{settings.test} has changed since {path} began; train anew with another --out, or bring the old rows back")
    folder.claim()
    job = Job(folder, config or Config(), listener, settings=settings, seconds=dict(record.get("seconds", {})))
    return finished(folder, lambda: _work(job, table, parts))


def _work(job: Job, table: Table, parts: Parts) -> None:
    from assay.audit import audit, compare_parts

    with job.stage("audit"):
        job.progress.stage("audit")
        job.keep("10-table", audit(table))
    with job.stage("split"):
        train, test = parts.table.take(parts.split.train), parts.table.take(parts.split.test)
        job.keep("20-split", [compare_parts(train, test, parts.split.how)])
    with job.stage("train"):
        heard = Noting(job.progress)
        trained = {one.name: one for one in climb(parts, job.settings, job.folder.path / "models", heard)}
        job.folder.update(untrained=heard.notes)
        traces: list[Evidence] = [one.training.trace for one in trained.values() if one.training.trace is not None]
        job.keep("30-trace", traces)
    with job.stage("ledger"):
        evidence = assess(
            trained,
            parts,
            job.settings,
            job.judge(),
            order=[c.column for e in job.pieces if isinstance(e, AssociationEvidence) for c in e.columns],
            progress=job.progress,
        )
        job.keep("40-evaluation", [evidence])
    with job.stage("artifact"):
        job.progress.stage("artifact")
        _freeze(job, trained[evidence.model], parts)
    with job.stage("report"):
        job.progress.stage("report")
        publish(job.folder)


def _freeze(job: Job, one: Trained, parts: Parts) -> None:
    """Keep the recommended model ready to predict, and its held-out predictions."""
    record = job.folder.record()
    predictor = Predictor(
        encoder=parts.encoder,
        model=one.model,
        temperature=one.temperature,
        task=parts.loss.task,
        classes=parts.target.classes,
        target=job.settings.target,
        unit=parts.loss.unit,
        fingerprint=record["fingerprint"],
        versions=record["versions"],
        findings=tuple(f"{f.code} {f.name} at {f.where}" for f in job.judge().findings),
        label_type=parts.target.label_type,
    )
    save(job.folder.path / "artifact", predictor)
    test = parts.split.test
    held_out = parts.target.take(test)
    truth = predictor.labels([held_out.classes[i] for i in held_out.values]) if held_out.classes else held_out.values
    frame = pl.DataFrame({"row": held_out.rows_kept + 1, "target": truth}).hstack(predictor.predict_frame(parts.table.take(test)))
    buffer = io.BytesIO()
    frame.write_parquet(buffer)
    write_atomically(job.folder.path / "predictions.parquet", lambda stream: stream.write(buffer.getvalue()))
