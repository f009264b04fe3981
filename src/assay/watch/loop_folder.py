"""A watched training on disk: evidence, findings and where they came from, as `assay judge` and `assay report` read them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from assay.core.errors import RunError
from assay.core.files import read_json, write_json
from assay.core.finding import Finding
from assay.core.loop_evidence import LoopEvidence
from assay.core.report import Report

FORMAT = 1
RECORD, EVIDENCE, FINDINGS = "run.json", "evidence.json", "findings.json"
KIND = "loop"
"""What the record of a watched training says it is."""


def write_loop(folder: Path | str, evidence: LoopEvidence, report: Report, **record: Any) -> Path:
    """Keep a watched training; each file is whole or absent, and the record, by which a folder is known as a run, is written last.

    Args:
        folder: Where; made if it is absent. What an earlier watch kept there is replaced.
        evidence: What was seen.
        report: What the rules made of it.
        record: What else is known: script, arguments, state, seconds.

    Raises:
        RunError: the folder holds a run of another kind, or cannot be written.

    Example:
        >>> import tempfile
        >>> folder = write_loop(tempfile.mkdtemp(), LoopEvidence("net", "bits/row", 1.0, (), steps=3), Report((), (), {}))
        >>> read_evidence(folder).steps
        3
    """
    place = Path(folder)
    if (place / RECORD).is_file() and not is_loop(place):
        raise RunError(f"{place} holds a run of another kind; choose another folder")
    write_json(place / EVIDENCE, evidence.to_json())
    write_json(place / FINDINGS, report.as_dict())
    write_json(place / RECORD, {"format": FORMAT, "state": "finished", **record, "config": {"kind": KIND, **record.get("config", {})}})
    return place


def clear_loops(folder: Path) -> None:
    """Remove what an earlier watch kept in a folder, and in those below for the further models of a script."""
    for place in [folder, *(file.parent for file in folder.glob(f"*/{RECORD}"))]:
        if is_loop(place):
            for name in (RECORD, EVIDENCE, FINDINGS, "report.html", "fix.diff"):
                (place / name).unlink(missing_ok=True)
            if place != folder and not any(place.iterdir()):
                place.rmdir()


def is_loop(folder: Path | str) -> bool:
    """Whether a folder keeps a watched training."""
    place = Path(folder)
    if not (place / EVIDENCE).is_file() or not (place / RECORD).is_file():
        return False
    record = read_json(place / RECORD)
    return isinstance(record, dict) and (record.get("config") or {}).get("kind") == KIND


def read_evidence(folder: Path | str) -> LoopEvidence:
    """The evidence of a watched training.

    Raises:
        RunError: there is none, or its file was changed.
    """
    file = Path(folder) / EVIDENCE
    data = read_json(file)
    if not isinstance(data, Mapping) or data.get("evidence") != LoopEvidence.__name__:
        held = data.get("evidence") if isinstance(data, Mapping) else type(data).__name__
        raise RunError(f"{file} holds {held!r}, expected {LoopEvidence.__name__}; the file was changed by hand")
    return LoopEvidence.from_json(data)


def read_findings(folder: Path | str) -> Report:
    """The report as it was when the training was judged.

    Raises:
        RunError: there is none, or its file was changed.
    """
    file = Path(folder) / FINDINGS
    data = read_json(file)
    try:
        findings = tuple(Finding.from_dict(f) for f in data["findings"])
        return Report(findings, tuple(data["checked"]), data["not_checked"])
    except (KeyError, TypeError, ValueError) as problem:
        raise RunError(f"cannot read {file}: {problem!r}; the file was changed by hand or is of another version") from problem


def read_record(folder: Path | str) -> dict[str, Any]:
    """What is known of a watched training beside its evidence.

    Raises:
        RunError: it was written by a newer format.
    """
    record = read_json(Path(folder) / RECORD)
    if not isinstance(record, dict) or record.get("format") != FORMAT:
        found = record.get("format") if isinstance(record, dict) else type(record).__name__
        raise RunError(f"{folder} has run format {found!r}, this version reads {FORMAT}; use the version of assay that wrote it")
    return record
