"""A run and its findings as text for a terminal, a log or a build server. Standard library only, but for the progress bar."""

from __future__ import annotations

from assay.face.terminal.books import compare_text, ladder_text, ledger_text, run_text
from assay.face.terminal.findings import findings_github, findings_text
from assay.face.terminal.lists import families_text, family_text, rules_text, samples_text
from assay.face.terminal.progress import live_progress

__all__ = [
    "compare_text",
    "families_text",
    "family_text",
    "findings_github",
    "findings_text",
    "ladder_text",
    "ledger_text",
    "live_progress",
    "rules_text",
    "run_text",
    "samples_text",
]
