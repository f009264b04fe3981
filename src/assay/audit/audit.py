"""The audit: all evidence that a table gives before any model exists."""

from __future__ import annotations

from typing import TYPE_CHECKING

from assay.audit.association import associate
from assay.audit.part import compare_parts
from assay.audit.profile import profile

if TYPE_CHECKING:
    from assay.core.evidence import Evidence
    from assay.table.table import Table


def audit(table: Table, against: Table | None = None, how: str = "given") -> list[Evidence]:
    """All evidence of a table: its profile, its associations if it has a target, its overlap with a second part if there is one.

    Args:
        table: The rows to learn from, with their roles.
        against: The rows to test on.
        how: How the two parts came about: "given", "random", "stratified", "group" or "time".

    Raises:
        ColumnError: the target cannot be predicted.

    Example:
        >>> import polars as pl
        >>> from assay.table import Table
        >>> [type(e).__name__ for e in audit(Table(pl.DataFrame({"a": [1, 2]}), {"a": "number"}))]
        ['TableEvidence']
    """
    evidence: list[Evidence] = [profile(table)]
    if table.roles.target is not None:
        evidence.append(associate(table))
    if against is not None:
        evidence.append(compare_parts(table, against, how))
    return evidence
