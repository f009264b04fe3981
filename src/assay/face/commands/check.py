"""`assay check`: the audit alone, like a linter."""

from __future__ import annotations

import argparse
import json
import sys
from typing import TYPE_CHECKING

from assay.face.commands.parser import Parser, command_of, one_of
from assay.face.commands.reading import SOURCE_HELP, add_columns, add_reading, reading_options

if TYPE_CHECKING:
    from assay.core.report import Report
    from assay.table import Table

EXAMPLES = """
assay check adult.csv --target income
assay check train.csv --target churned --against test.csv --entity customer --time signed_up
assay check data.parquet --target y --format json | jq '.findings[].name'
assay check adult.csv --target income --select SPL --fail-on error
"""
SHOWN_NOTES = 8
FAIL_ON = ("error", "warning", "note", "never")


def add(commands: argparse._SubParsersAction[Parser]) -> None:
    """Add `check`."""
    command = command_of(commands, "check", "audit a table like a linter: leaks, traps, faults of the data", EXAMPLES)
    command.add_argument("source", metavar="SOURCE", help=SOURCE_HELP)
    command.add_argument("--target", metavar="COLUMN", help="what is to be predicted; without it leaks cannot be checked")
    command.add_argument("--against", metavar="FILE", help="the rows to test on; checks what they share with SOURCE")
    add_columns(
        command,
        entity="who a row is about; must not occur on both sides of --against",
        time="when a row happened; --against must lie after it",
        group="rows that belong together; must not occur on both sides of --against",
    )
    command.add_argument(
        "--format", metavar="FORM", type=one_of("text", "json", "github"), help="text (default), json or github annotations"
    )
    add_judging(command)
    add_reading(command)
    command.set_defaults(run=run)


def add_judging(command: Parser) -> None:
    """Add --select, --ignore and --fail-on."""
    command.add_argument("--select", metavar="RULES", action="append", help="only these rules: codes, prefixes or names, with commas")
    command.add_argument("--ignore", metavar="RULES", action="append", help="not these rules: codes, prefixes or names, with commas")
    command.add_argument(
        "--fail-on",
        metavar="SEVERITY",
        type=one_of(*FAIL_ON),
        help="exit with 1 from this severity on: error, warning (default), note or never",
    )


def run(arguments: argparse.Namespace) -> int:
    """Check, print, and say the exit status."""
    from assay.face.checking import check_source
    from assay.face.config import read_config

    config = read_config().overridden(
        select=words_of(arguments.select), ignore=words_of(arguments.ignore), fail_on=arguments.fail_on, form=arguments.format
    )
    checked = check_source(
        arguments.source,
        target=arguments.target,
        against=arguments.against,
        entity=arguments.entity,
        time=arguments.time,
        group=arguments.group,
        config=config,
        reading=reading_options(arguments),
    )
    if config.form == "text":
        print(opening_line(checked.table))
    show(checked.report, config.form, arguments.source)
    for sentence in checked.idle:
        print(f"assay: {sentence}", file=sys.stderr)
    return status_of(checked.report, config.fail_on)


def words_of(options: list[str] | None) -> tuple[str, ...] | None:
    """The words of a repeatable option with commas; None if it was not given.

    Example:
        >>> words_of(["DAT,SPL101", "small-sample"])
        ('DAT', 'SPL101', 'small-sample')
    """
    if options is None:
        return None
    return tuple(word.strip() for option in options for word in option.split(",") if word.strip())


def opening_line(table: Table) -> str:
    """What was read, in one line, and below it what was inferred on reading."""
    target = f"; target {table.roles.target!r}" if table.roles.target else "; no target named (--target)"
    head = f"{table.source}: {table.rows:,} rows, {len(table.columns):,} columns{target}"
    more = len(table.notes) - SHOWN_NOTES
    rest = [f"  and {more:,} more such notes"] if more > 0 else []
    return "\n".join([head, *(f"  {note}" for note in table.notes[:SHOWN_NOTES]), *rest])


def show(report: Report, form: str, file: str) -> None:
    """Print a report as text, json (one object and nothing else) or github annotations."""
    from assay.core.evidence import plain

    if form == "json":
        print(json.dumps(plain(report.as_dict()), indent=1, allow_nan=False))
        return
    from assay.face.terminal import findings_github, findings_text

    print(findings_github(report, file) if form == "github" else findings_text(report))


def status_of(report: Report, fail_on: str) -> int:
    """0 when no finding is at or above `fail_on`, else 1."""
    from assay.core.finding import Severity

    worst = report.worst()
    return int(fail_on != "never" and worst is not None and worst.rank >= Severity(fail_on).rank)
