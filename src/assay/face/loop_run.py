"""A watched training as a person holds it: opened from its folder, judged again."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assay.core.errors import RunError
from assay.core.loop_evidence import LoopEvidence
from assay.core.report import merge
from assay.face.notebook import FindingList
from assay.watch.loop_folder import is_loop, read_evidence, read_findings, read_record

if TYPE_CHECKING:
    from assay.core.report import Report
    from assay.face.config import Config

LOOP_LACKS = {
    "TableEvidence": "a training loop was watched, no table",
    "AssociationEvidence": "a training loop was watched, no table",
    "SplitEvidence": "a training loop was watched, no split",
    "EvalEvidence": "a training loop was watched, no evaluation",
}
"""Type of evidence -> why a watched training lacks it."""


class LoopRun:
    """One folder that a watch kept: of a loop, of a scikit-learn curve, or of a whole script.

    Args:
        folder: Its path.

    Raises:
        RunError: no watched training is kept there.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        if not is_loop(self.folder):
            raise RunError(f"no watched training in {folder}; keep one with w.save({str(folder)!r}) or: assay watch SCRIPT --out {folder}")

    @cached_property
    def manifest(self) -> dict[str, Any]:
        """What is known beside the evidence: name, script, arguments, state, seconds."""
        return read_record(self.folder)

    @property
    def name(self) -> str:
        """What it is called: the model's name, else the folder's."""
        return str(self.manifest.get("name") or self.folder.resolve().name)

    @property
    def state(self) -> str:
        """How it ended: finished, failed or interrupted."""
        return str(self.manifest.get("state", "finished"))

    @cached_property
    def evidence(self) -> LoopEvidence:
        """What was seen of the training; of a script with several models, of the largest."""
        return read_evidence(self.folder)

    @cached_property
    def others(self) -> tuple[LoopRun, ...]:
        """The further models of a script, each in a folder of its own below."""
        return tuple(LoopRun(file.parent) for file in sorted(self.folder.glob("*/run.json")) if is_loop(file.parent))

    @cached_property
    def stored(self) -> Report:
        """The report as it was when the training ended."""
        return read_findings(self.folder)

    @property
    def findings(self) -> FindingList:
        """What the rules named, leading causes first."""
        return FindingList(self.stored.findings)

    def judge(self, config: Config | None = None) -> Report:
        """Run the rules again over the stored evidence, of the script's other models as well."""
        from assay.face.checking import judged
        from assay.face.config import Config as Settled
        from assay.rules import catalogue
        from assay.watch.diagnosis import diagnosed

        settled = config or Settled()
        chosen, skipped = settled.choose(catalogue().values())
        reports = []
        for evidence in (self.evidence, *(other.evidence for other in self.others)):
            report, _ = judged([evidence], chosen, skipped, settled, LOOP_LACKS)
            reports.append(diagnosed(report, evidence))
        whole = merge(reports)
        return replace(whole, findings=tuple(f for report in reports for f in report.findings))

    @property
    def report(self) -> Report:
        """The report as it was when the training ended, as pages name it."""
        return self.stored

    @property
    def report_path(self) -> Path:
        """Path of its HTML report, which is drawn anew from what the folder holds; of a script's other models as well.

        Raises:
            RunError: it cannot be written.
        """
        from assay.core.files import write_text
        from assay.face.report.training_page import render

        for run in (self, *self.others):
            write_text(run.folder / "report.html", render(run))
        return self.folder / "report.html"

    def __repr__(self) -> str:
        return f"LoopRun({str(self.folder)!r}, {self.evidence.steps} steps, {self.state})"
