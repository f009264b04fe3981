"""A finding: one named fault, where it is, the number seen, the number expected, its price and its remedy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Severity(StrEnum):
    """How bad a fault is, never how sure we are.

    Example:
        >>> Severity.ERROR.rank > Severity.WARNING.rank > Severity.NOTE.rank
        True
    """

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"

    @property
    def rank(self) -> int:
        """2 for an error, 1 for a warning, 0 for a note."""
        return {"error": 2, "warning": 1, "note": 0}[self.value]


@dataclass(frozen=True, slots=True)
class Finding:
    """One case of a rule; code, name and severity are stamped on by the engine.

    Attributes:
        at: Where it is: any of column, columns, rows (1-based data row numbers), rows_count, part, layer, step, epoch, model.
        saw: What was measured, with numbers and units.
        expected: What an innocent case would have shown, with numbers and units.
        remedy: The next step, as code where there is one.
        p: P-value of the evidence under the rule's null hypothesis, if the rule is statistical.
        price: What it is worth in `unit`, or None where it cannot be estimated.
        unit: Unit of the price, such as "bits/row".
        caused_by: Name of the rule whose finding explains this one, "" where it leads.

    Example:
        >>> Finding({"column": "country"}, saw="1 distinct value", expected="at least 2").where
        "column 'country'"
    """

    at: Mapping[str, Any]
    saw: str
    expected: str
    remedy: str = ""
    p: float | None = None
    price: float | None = None
    unit: str = ""
    code: str = ""
    name: str = ""
    severity: Severity = field(default=Severity.NOTE)
    caused_by: str = ""

    @property
    def where(self) -> str:
        """The place in words, as findings are printed."""
        return place(self.at)

    def as_dict(self) -> dict[str, Any]:
        """The finding as JSON-able data, in the order of `assay check --format json`."""
        return {
            "code": self.code,
            "name": self.name,
            "severity": self.severity.value,
            "at": dict(self.at),
            "saw": self.saw,
            "expected": self.expected,
            "remedy": self.remedy,
            "p": self.p,
            "price": self.price,
            "unit": self.unit,
            **({"caused_by": self.caused_by} if self.caused_by else {}),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Finding:
        """The finding that `as_dict` described."""
        return cls(**{**data, "severity": Severity(data["severity"])})


def place(at: Mapping[str, Any]) -> str:
    """Say a finding's place in words.

    Example:
        >>> place({"column": "age", "rows": [3, 9], "rows_count": 2})
        "column 'age', rows 3, 9"
        >>> place({})
        'the table'
    """
    words = []
    for key, value in at.items():
        if key in ("rows", "rows_count"):
            continue
        if key == "columns":
            more = f" and {len(value) - 5:,} more" if len(value) > 5 else ""
            words.append("columns " + ", ".join(repr(c) for c in list(value)[:5]) + more)
        else:
            words.append(f"{key} {value!r}" if isinstance(value, str) else f"{key} {value}")
    rows = list(at.get("rows", ()))
    if rows:
        n_more = int(at.get("rows_count", len(rows))) - min(len(rows), 5)
        words.append("rows " + ", ".join(str(r) for r in rows[:5]) + (f" and {n_more:,} more" if n_more > 0 else ""))
    return ", ".join(words) or "the table"
