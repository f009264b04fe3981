"""The audit as a service of the face: read a source, measure it, judge it, apply what the project decided."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from assay.core.acceptance import accept
from assay.core.report import Report, judge
from assay.face.config import Config

if TYPE_CHECKING:
    from assay.core.evidence import Evidence
    from assay.table import Roles, Table

ONLY_AFTER_TRAINING = {"TraceEvidence": "no training was watched (assay train)", "EvalEvidence": "no model was evaluated (assay train)"}


@dataclass(frozen=True, slots=True)
class Checked:
    """What a check came to.

    Attributes:
        report: The findings, without the accepted ones.
        idle: One sentence for each acceptance that covered nothing or is past its date.
        table: The table that was checked.
        against: The second part, if one was given.
    """

    report: Report
    idle: tuple[str, ...]
    table: Table
    against: Table | None = None


def check_source(
    source: Any,
    *,
    target: str | None = None,
    against: Any = None,
    entity: str | None = None,
    time: str | None = None,
    group: str | None = None,
    config: Config | None = None,
    reading: Mapping[str, Any] | None = None,
) -> Checked:
    """Audit a source, judge the evidence, and move accepted findings aside.

    Args:
        source: Whatever `assay.table.read` takes.
        target: Column to be predicted; rules about leaks need it.
        against: The rows to test on, read like `source`.
        entity: Column of who a row is about.
        time: Column of when a row happened.
        group: Column of rows that belong together.
        config: The project's decisions; none when None.
        reading: Keyword arguments for `assay.table.read`; stronger than the configuration's defaults.

    Raises:
        InputError: the source cannot be read, or a column is absent.
        OptionError: the configuration names a rule that there is not.
    """
    from assay.audit import audit
    from assay.rules import catalogue
    from assay.table import Roles, read
    from assay.table.image_folder import LABEL, is_image_folder

    settled = config or Config()
    chosen, skipped = settled.choose(catalogue().values())
    columns, how_read = with_defaults(settled, {"target": target, "entity": entity, "time": time, "group": group}, reading or {})
    table = read(source, **how_read)
    target = columns["target"] or (LABEL if is_image_folder(source) and LABEL in table.kinds else None)
    roles = Roles(target=target, entity=columns["entity"], time=columns["time"], group=columns["group"], ids=table.roles.ids)
    table = table.with_roles(roles)
    other = None
    if against is not None:
        other = _second_part(read(against, **how_read, grids=table.grids, part="test"), roles)
    evidence = audit(table, against=other, how="given") if other is not None else audit(table)
    report, idle = judged(evidence, chosen, skipped, settled, ONLY_AFTER_TRAINING)
    return Checked(report, tuple(idle), table, other)


def _second_part(table: Table, roles: Roles) -> Table:
    """The rows to test on with their roles; they may lack the target, but no column that both are compared by."""
    has_target = roles.target in table.kinds
    return table.with_roles(roles if has_target else replace(roles, target=None))


def judged(
    evidence: Iterable[Evidence], rules: Iterable[Any], skipped: Mapping[str, str], config: Config, absent: Mapping[str, str] | None = None
) -> tuple[Report, list[str]]:
    """Judge evidence by the chosen rules, list the skipped ones as not checked, and accept.

    Returns:
        The report, and one sentence for each acceptance that is idle.
    """
    report = judge(evidence, rules, absent=absent)
    report = replace(report, not_checked=dict(sorted({**report.not_checked, **skipped}.items())))
    return accept(report, config.accept, datetime.date.today())


def with_defaults(
    config: Config, columns: Mapping[str, str | None], reading: Mapping[str, Any]
) -> tuple[dict[str, str | None], dict[str, Any]]:
    """Columns and reading options, with the configuration's defaults where nothing was said."""
    said = config.defaults
    roles = {name: column if column is not None else said.get(name) for name, column in columns.items()}
    read_with = {name: said[name] for name in ("encoding", "separator", "types") if name in said}
    if "missing" in said:
        read_with["missing"] = tuple(said["missing"])
    return roles, {**read_with, **reading}
