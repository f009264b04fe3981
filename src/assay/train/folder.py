"""The run folder: one training on disk, written as it goes, whole or not at all, never overwritten silently."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from assay.core.errors import RunError
from assay.core.evidence import Evidence
from assay.core.files import read_json, remove_parts, write_json
from assay.core.process import is_at_work, this_process

if TYPE_CHECKING:
    from assay.core.report import Report

FORMAT = 1
RECORD = "run.json"
STATES = ("running", "interrupted", "finished")

E = TypeVar("E", bound=Evidence)


@dataclass(frozen=True, slots=True)
class RunFolder:
    """One run on disk.

    Layout: run.json (configuration, state, versions, fingerprint, seconds by stage), evidence/*.json, models/NAME/,
    findings.json, predictions.parquet, artifact/, report.html.

    Example:
        >>> import tempfile
        >>> folder = RunFolder.create(Path(tempfile.mkdtemp()) / "adult", {"config": {"target": "income"}})
        >>> folder.record()["state"]
        'running'
    """

    path: Path

    @classmethod
    def create(cls, path: Path, record: Mapping[str, Any], *, overwrite: bool = False) -> RunFolder:
        """Start a new run folder with its record.

        Args:
            path: Where; must not exist, or be empty, or be a run folder and `overwrite` be set.
            record: What is known at the start: configuration, command, versions, fingerprint.
            overwrite: Replace an earlier run there.

        Raises:
            RunError: the folder exists and may not be replaced, or cannot be written.
        """
        if cls.refuse(path, overwrite=overwrite):
            _remove(path)
        folder, was_there = cls(path), path.is_dir()
        begun = {"format": FORMAT, "state": "running", "seconds": {}, "process": this_process(), **record}
        try:
            write_json(path / RECORD, begun, new=True)
        except FileExistsError as problem:
            raise RunError(f"{path} was taken by another run just now; choose another --out") from problem
        except RunError:
            if not was_there and path.is_dir() and not any(path.iterdir()):
                path.rmdir()
            raise
        return folder

    def claim(self) -> None:
        """Take over a run that ended early: mark it as this process's and remove what was half written.

        Raises:
            RunError: another process is at work on it.
        """
        _refuse_at_work(self.path)
        remove_parts(self.path)
        shutil.rmtree(_doomed(self.path), ignore_errors=True)
        self.update(state="running", process=this_process())

    @staticmethod
    def refuse(path: Path, *, overwrite: bool) -> bool:
        """Whether an earlier run is there that may be replaced.

        Raises:
            RunError: something is there that may not be replaced.
        """
        if path.exists() and not path.is_dir():
            raise RunError(f"{path} is a file, a run needs a folder; choose another --out")
        if not path.is_dir() or not any(path.iterdir()):
            return False
        if not (path / RECORD).is_file():
            raise RunError(f"{path} exists and is no run of assay; choose another --out")
        if not overwrite:
            _refuse_at_work(path)
            raise RunError(f"{path} holds a run; go on with it by --resume, replace it by --overwrite, or choose another --out")
        _refuse_at_work(path)
        return True

    @classmethod
    def open(cls, path: Path) -> RunFolder:
        """An existing run folder.

        Raises:
            RunError: there is none, or it was written by a newer format.
        """
        if not (path / RECORD).is_file():
            known = sorted(p.parent.name for p in path.parent.glob(f"*/{RECORD}")) if path.parent.is_dir() else []
            there = f"; there are {', '.join(known[:8])}" if known else "; train one with: assay train SOURCE --target COLUMN"
            raise RunError(f"no run in {path}{there}")
        folder = cls(path)
        found = folder.record().get("format")
        if found != FORMAT:
            raise RunError(f"{path} has run format {found!r}, this version reads {FORMAT}; use the version of assay that wrote it")
        return folder

    def record(self) -> dict[str, Any]:
        """What run.json holds."""
        record = read_json(self.path / RECORD)
        if not isinstance(record, dict):
            raise RunError(f"{self.path / RECORD} holds no run record; the file was changed by hand")
        return record

    def update(self, **changes: Any) -> None:
        """Change fields of run.json; `seconds` is merged, all others are replaced."""
        record = self.record()
        seconds = {**record.get("seconds", {}), **changes.pop("seconds", {})}
        write_json(self.path / RECORD, {**record, **changes, "seconds": seconds})

    def write_evidence(self, name: str, pieces: Iterable[Evidence]) -> None:
        """Keep the evidence of one stage."""
        write_json(self.path / "evidence" / f"{name}.json", [piece.to_json() for piece in pieces])

    def has_evidence(self, name: str) -> bool:
        """Whether a stage's evidence was kept."""
        return (self.path / "evidence" / f"{name}.json").is_file()

    def evidence(self) -> list[Evidence]:
        """All evidence of the run, in the order of the stages.

        Raises:
            RunError: a file is cut, or holds evidence of a type that this version does not know.
        """
        kinds = {kind.__name__: kind for kind in _kinds(Evidence)}
        pieces: list[Evidence] = []
        for file in sorted((self.path / "evidence").glob("*.json")):
            for data in read_json(file):
                kind = kinds.get(data.get("evidence", ""))
                if kind is None:
                    raise RunError(f"{file} holds unknown evidence {data.get('evidence')!r}; use the version of assay that wrote it")
                pieces.append(kind.from_json(data))
        return pieces

    def first(self, kind: type[E], among: Iterable[Evidence] | None = None) -> E | None:
        """The run's first piece of evidence of a type, None if there is none."""
        return next((e for e in (self.evidence() if among is None else among) if isinstance(e, kind)), None)

    def write_report(self, report: Report) -> None:
        """Keep the findings, what was checked and what was not."""
        write_json(self.path / "findings.json", report.as_dict())

    def read_report(self) -> Report:
        """The findings as they were when the run was judged."""
        from assay.core.finding import Finding
        from assay.core.report import Report

        data = read_json(self.path / "findings.json")
        accepted = tuple((Finding.from_dict({k: v for k, v in a.items() if k != "why"}), a["why"]) for a in data.get("accepted", ()))
        findings = tuple(Finding.from_dict(f) for f in data["findings"])
        return Report(findings, tuple(data["checked"]), data["not_checked"], accepted)


def _kinds(base: type[Evidence]) -> list[type[Evidence]]:
    import assay.core.eval_evidence
    import assay.core.language_evidence
    import assay.core.ledger
    import assay.core.split_evidence
    import assay.core.table_evidence
    import assay.core.trace_evidence  # noqa: F401  importing is what makes the subclasses known

    return [kind for direct in base.__subclasses__() for kind in (direct, *_kinds(direct))]


def _remove(path: Path) -> None:
    """Take an old run away in one step, so that a killed process leaves either the old run or none."""
    doomed = _doomed(path)
    shutil.rmtree(doomed, ignore_errors=True)
    path.resolve().rename(doomed)
    shutil.rmtree(doomed)


def _doomed(path: Path) -> Path:
    """Where an old run goes before it is removed."""
    whole = path.resolve()
    return whole.with_name(f".{whole.name}.old.part")


def _refuse_at_work(path: Path) -> None:
    try:
        record = RunFolder(path).record()
    except RunError:  # a living run's record is whole
        return
    process = record.get("process") or {}
    if record.get("state") == "running" and is_at_work(process):
        raise RunError(f"{path} is being trained by process {process['pid']}; wait for it, stop it, or choose another --out")


def free_name(parent: Path, stem: str) -> Path:
    """The first free folder of "stem", "stem-2", "stem-3", ... under `parent`.

    Example:
        >>> free_name(Path("/nonexistent"), "adult").name
        'adult'
    """
    path, number = parent / stem, 1
    while path.exists():
        number += 1
        path = parent / f"{stem}-{number}"
    return path
