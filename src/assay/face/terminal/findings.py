"""Findings as text for people, and as annotations for GitHub."""

from __future__ import annotations

from pathlib import PurePath
from typing import TYPE_CHECKING

from assay.core.finding import Severity
from assay.face.terminal.layout import Paper, clean, paper_of_stdout, wrapped
from assay.face.view import p_text, price_text

if TYPE_CHECKING:
    from assay.core.finding import Finding
    from assay.core.report import Report

GITHUB_LEVEL = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.NOTE: "notice"}


def findings_text(report: Report, paper: Paper | None = None, most: int | None = None) -> str:
    """The findings, the dearest first, each with evidence, price and next step; the last line says what was not checked.

    Args:
        report: What the rules found.
        paper: What is written on; standard output when None.
        most: How many findings to print; how many were left out is said. All when None.
    """
    on = paper or paper_of_stdout()
    parts = [finding_text(f, on) for f in report.findings[:most]]
    if most is not None and len(report.findings) > most:
        parts.append(f"... and {len(report.findings) - most:,} cheaper ones, which the report lists")
    if report.accepted:
        named = ", ".join(f"{f.code} at {f.where} ({why})" for f, why in report.accepted)
        parts.append(wrapped(f"{len(report.accepted)} accepted: {named}", on, later="  "))
    parts.append(wrapped(report.closing_line(), on, later="  "))
    return "\n".join(parts)


def finding_text(finding: Finding, paper: Paper) -> str:
    """One finding in three lines or a few more: what and where, the evidence with its price, the next step."""
    level = finding.severity.value
    head = f"{paper.paint(finding.code, 'bold')} {finding.name}   {paper.paint(level, level)}   {clean(finding.where)}"
    sure = f", {p_text(finding)}" if finding.p is not None else ""
    body = f"saw {finding.saw}, expected {finding.expected}; {price_text(finding)}{sure}"
    lines = [head, wrapped(body, paper, first="  ", later="    ")]
    page = f"assay explain {finding.code}"
    tail = f"next: {finding.remedy}   {page}" if finding.remedy else f"next: {page}"
    lines.append(wrapped(tail, paper, first="  ", later="    "))
    return "\n".join(lines)


def findings_github(report: Report, file: str) -> str:
    """The findings as GitHub workflow commands, one a line, with the closing line as plain text.

    Args:
        report: What the rules found.
        file: The table's path, as seen from the repository's root.
    """
    lines = []
    for one in report.findings:
        place = f"file={_property(file)}"
        rows = list(one.at.get("rows", ()))
        if rows and PurePath(file).suffix.lower() in (".csv", ".tsv"):
            place += f",line={int(rows[0]) + 1}"  # data row 1 stands in line 2, below the header
        title = _property(f"{one.code} {one.name}")
        text = f"{one.where}: saw {one.saw}, expected {one.expected}; {price_text(one)}" + (f"; next: {one.remedy}" if one.remedy else "")
        lines.append(f"::{GITHUB_LEVEL[one.severity]} {place},title={title}::{_data(text)}")
    return "\n".join([*lines, clean(report.closing_line())])


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
