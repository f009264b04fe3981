"""The engine: rules over evidence, with the false discovery rate held, into a report that says what was not checked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from assay.core.evidence import Evidence
from assay.core.finding import Finding, Severity
from assay.core.rule import Rule
from assay.core.statistics import benjamini_hochberg

FALSE_DISCOVERY_RATE = 0.01


@dataclass(frozen=True, slots=True)
class Report:
    """What was found, what was checked, and what was not and why.

    Attributes:
        findings: The dearest first (by price), then by severity and code.
        checked: Codes of the rules that had evidence to look at.
        not_checked: Code -> reason, for all other rules.
        accepted: Findings that a configuration accepted, with its reasons, in the order of `findings`.
    """

    findings: tuple[Finding, ...]
    checked: tuple[str, ...]
    not_checked: Mapping[str, str]
    accepted: tuple[tuple[Finding, str], ...] = field(default=())

    def worst(self) -> Severity | None:
        """The highest severity among the findings, None if there is none."""
        return max((f.severity for f in self.findings), key=lambda s: s.rank, default=None)

    def as_dict(self) -> dict[str, Any]:
        """The report as the one JSON object of `assay check --format json`; `accepted` is there if anything was."""
        told: dict[str, Any] = {
            "findings": [f.as_dict() for f in self.findings],
            "checked": list(self.checked),
            "not_checked": dict(self.not_checked),
        }
        if self.accepted:
            told["accepted"] = [{**f.as_dict(), "why": why} for f, why in self.accepted]
        return told

    def closing_line(self) -> str:
        """The last line of every report: how much was checked, and why the rest was not.

        Example:
            >>> Report((), ("DAT101",), {"TRN301": "no run"}).closing_line()
            'No findings. Checked 1 of 2 rules; 1 not checked: no run (1).'
        """
        total = len(self.checked) + len(self.not_checked)
        by_severity = Counter(f.severity for f in self.findings)
        said = ", ".join(f"{by_severity[s]} {s}{'s' if by_severity[s] > 1 else ''}" for s in Severity if by_severity[s])
        head = f"{len(self.findings)} finding{'s' if len(self.findings) != 1 else ''}: {said}." if said else "No findings."
        tail = f" Checked {len(self.checked)} of {total} rules"
        reasons = Counter(self.not_checked.values())
        if reasons:
            tail += f"; {len(self.not_checked)} not checked: " + ", ".join(f"{why} ({n})" for why, n in reasons.most_common())
        return head + tail + "."


def judge(evidence: Iterable[Evidence], rules: Iterable[Rule[Any]], *, absent: Mapping[str, str] | None = None) -> Report:
    """Run every rule over the evidence of its type.

    Statistical rules yield p-values; findings whose p-value does not pass Benjamini-Hochberg at
    `FALSE_DISCOVERY_RATE` over all places of that evidence are dropped. Findings without p are exact and kept.

    Args:
        evidence: Any pieces, several of one type included.
        rules: The rules to run.
        absent: Evidence type name -> why it is absent here, instead of the type's own text.

    Returns:
        A report whose `checked` and `not_checked` together name every rule.
    """
    pieces = list(evidence)
    found: list[Finding] = []
    checked: list[str] = []
    skipped: dict[str, str] = {}
    for rule in rules:
        mine = [e for e in pieces if isinstance(e, rule.evidence)]
        if not mine:
            skipped[rule.code] = (absent or {}).get(rule.evidence.__name__, rule.evidence.absent)
            continue
        if rule.cannot_say is not None:
            reasons = [rule.cannot_say(e) for e in mine]
            mine = [e for e, reason in zip(mine, reasons, strict=True) if not reason]
            if not mine:
                skipped[rule.code] = reasons[0]
                continue
        checked.append(rule.code)
        for piece in mine:
            found += controlled(rule(piece), piece.looks)
    return Report(tuple(sorted(found, key=_order)), tuple(checked), skipped)


def controlled(findings: list[Finding], looks: int) -> list[Finding]:
    """Keep the findings of one rule that hold the false discovery rate over `looks` places."""
    cut = benjamini_hochberg([f.p for f in findings if f.p is not None], looks, FALSE_DISCOVERY_RATE)
    return [f for f in findings if f.p is None or f.p <= cut]


def merge(reports: Iterable[Report]) -> Report:
    """One report of several; a rule counts as checked if any of them checked it."""
    parts = list(reports)
    checked = sorted({c for r in parts for c in r.checked})
    skipped = {c: why for r in parts for c, why in r.not_checked.items() if c not in checked}
    findings = sorted((f for r in parts for f in r.findings), key=_order)
    return Report(tuple(findings), tuple(checked), skipped, tuple(a for r in parts for a in r.accepted))


def without_accepted(report: Report, reason: Mapping[int, str]) -> Report:
    """Move findings (by their place in `report.findings`) from the findings to the accepted ones.

    Args:
        report: The report to change.
        reason: Place in `report.findings` -> why it was accepted.
    """
    kept = tuple(f for i, f in enumerate(report.findings) if i not in reason)
    gone = tuple((report.findings[i], why) for i, why in reason.items())
    return replace(report, findings=kept, accepted=report.accepted + gone)


def _order(finding: Finding) -> tuple[float, int, str, str]:
    return (-(finding.price if finding.price is not None else -1.0), -finding.severity.rank, finding.code, finding.where)
