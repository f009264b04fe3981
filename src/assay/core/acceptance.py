"""Accepted findings: a configuration may accept a finding, with a reason, for a place and until a date."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import dataclass

from assay.core.errors import OptionError
from assay.core.finding import Finding
from assay.core.report import Report, without_accepted


@dataclass(frozen=True, slots=True)
class Acceptance:
    """One accepted finding.

    Attributes:
        code: Rule code or rule name.
        why: The reason; obligatory, at least three words.
        at: Text that must occur in the finding's place, such as a column name; "" for any place.
        until: Last day on which it holds; None for always.
    """

    code: str
    why: str
    at: str = ""
    until: datetime.date | None = None

    def __post_init__(self) -> None:
        if len(self.why.split()) < 3:
            raise OptionError(f"accepting {self.code} needs a reason of at least three words in `why`, got {self.why!r}")

    def covers(self, finding: Finding, today: datetime.date) -> bool:
        """Whether this acceptance holds for the finding today."""
        fits = self.code.upper() == finding.code or self.code.lower() == finding.name
        return fits and self.at in finding.where and (self.until is None or today <= self.until)


def accept(report: Report, acceptances: Sequence[Acceptance], today: datetime.date) -> tuple[Report, list[str]]:
    """Move the covered findings of a report to its accepted ones.

    Returns:
        The new report, and one sentence for each acceptance that covered nothing or is past its date.
    """
    reasons: dict[int, str] = {}
    used: set[int] = set()
    for place, finding in enumerate(report.findings):
        for number, one in enumerate(acceptances):
            if one.covers(finding, today):
                reasons.setdefault(place, one.why)
                used.add(number)
    idle = []
    for number, one in enumerate(acceptances):
        if one.until is not None and today > one.until:
            idle.append(f"the acceptance of {one.code} ended on {one.until}; renew or remove it")
        elif number not in used:
            idle.append(f"the acceptance of {one.code}{f' at {one.at!r}' if one.at else ''} covered no finding; remove it")
    return without_accepted(report, reasons), idle
