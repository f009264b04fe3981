"""One fault, one leading finding: consequences are put under what caused them."""

from __future__ import annotations

from dataclasses import replace

from assay.core.finding import Finding
from assay.core.loop_evidence import LoopEvidence
from assay.core.report import Report
from assay.watch.causes import CONSEQUENCES, RANK


def diagnosed(report: Report, evidence: LoopEvidence) -> Report:
    """The report with leaders first and each consequence named after its leader.

    A finding leads where no other one explains it. Among leaders the more specific comes first, as `RANK` has it, then the worse. Several
    findings of one rule, one a layer, stay together: the first leads, the others stand behind all leaders.

    Args:
        report: As the rules made it.
        evidence: Of the training, to tell apart which of two came first.
    """
    by_name: dict[str, list[Finding]] = {}
    for finding in report.findings:
        by_name.setdefault(finding.name, []).append(finding)
    leaders: dict[str, str] = {}
    for name in by_name:
        causes = [c for c in by_name if c != name and name in CONSEQUENCES.get(c, ()) and not _is_caused(c, name, by_name)]
        if causes:
            leaders[name] = min(causes, key=_rank)
    first = [findings[0] for name, findings in by_name.items() if name not in leaders]
    first.sort(key=lambda f: (-f.severity.rank, _rank(f.name)))
    more = [f for name, findings in by_name.items() if name not in leaders for f in findings[1:]]
    under = [replace(f, caused_by=_root(name, leaders)) for name, findings in by_name.items() if name in leaders for f in findings]
    under.sort(key=lambda f: (_rank(f.caused_by), -f.severity.rank, _rank(f.name)))
    return replace(report, findings=(*first, *more, *under))


def _is_caused(cause: str, by: str, names: dict[str, list[Finding]]) -> bool:
    """Whether two findings would explain each other; the one of lower rank then gives way."""
    return cause in CONSEQUENCES.get(by, ()) and _rank(by) < _rank(cause)


def _root(name: str, leaders: dict[str, str]) -> str:
    seen = {name}
    while name in leaders and leaders[name] not in seen:
        name = leaders[name]
        seen.add(name)
    return name


def _rank(name: str) -> int:
    return RANK.index(name) if name in RANK else len(RANK)
