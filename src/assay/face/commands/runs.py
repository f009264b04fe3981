"""`assay report`, `assay ledger`, `assay compare` and `assay judge`: what finished runs say."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

from assay.core.errors import RunError
from assay.face.commands.check import add_judging, show, status_of, words_of
from assay.face.commands.parser import Parser, command_of, one_of

if TYPE_CHECKING:
    from assay.face.run import Run

RUN_HELP = "folder of a finished run, such as runs/demo"


def add(commands: argparse._SubParsersAction[Parser]) -> None:
    """Add `report`, `ledger`, `compare` and `judge`."""
    report = command_of(
        commands, "report", "print the path of a run's report, or open it", "assay report runs/demo\nassay report runs/demo --open"
    )
    report.add_argument("folder", metavar="RUN", help=RUN_HELP)
    report.add_argument("--open", action="store_true", help="open it in the browser")
    report.set_defaults(run=run_report)
    ledger = command_of(commands, "ledger", "print a run's ledger", "assay ledger runs/demo\nassay ledger runs/demo --format json")
    ledger.add_argument("folder", metavar="RUN", help=RUN_HELP)
    ledger.add_argument("--format", metavar="FORM", type=one_of("text", "json"), default="text", help="text (default) or json")
    ledger.set_defaults(run=run_ledger)
    compare = command_of(commands, "compare", "set two runs side by side", "assay compare runs/before runs/after")
    compare.add_argument("first", metavar="RUN", help=RUN_HELP)
    compare.add_argument("second", metavar="RUN", help="another one")
    compare.set_defaults(run=run_compare)
    judge = command_of(
        commands,
        "judge",
        "run the rules again over a run's stored evidence",
        "assay judge runs/demo\nassay judge runs/demo --fail-on error",
    )
    judge.add_argument("folder", metavar="RUN", help=RUN_HELP)
    judge.add_argument("--format", metavar="FORM", type=one_of("text", "json", "github"), help="text (default), json or github annotations")
    add_judging(judge)
    judge.set_defaults(run=run_judge)


def run_report(arguments: argparse.Namespace) -> int:
    """Print the report's path; open it if asked."""
    from assay.face.api import load

    path = Path(load(arguments.folder).report_path)
    if not path.is_file():
        raise RunError(f"{arguments.folder} holds no report {path.name}; go on with the run: the same assay train command and --resume")
    print(path)
    if arguments.open:
        import webbrowser

        if not webbrowser.open(path.resolve().as_uri()):
            raise RunError(f"no browser could be started; open {path} yourself")
    return 0


def run_ledger(arguments: argparse.Namespace) -> int:
    """Print the ledger."""
    from assay.core.evidence import plain

    view = _table_run(arguments.folder).view
    ledger = view.evaluation.ledger if view.evaluation is not None else None
    if ledger is None:
        raise RunError(f"{arguments.folder} holds no ledger; the run ended before its books were closed: repeat its command with --resume")
    if arguments.format == "json":
        print(json.dumps(plain(ledger), indent=1, allow_nan=False))
        return 0
    from assay.face.terminal import ledger_text

    print(ledger_text(ledger))
    return 0


def run_compare(arguments: argparse.Namespace) -> int:
    """Print two runs side by side."""
    from assay.face.terminal import compare_text

    print(compare_text(_table_run(arguments.first).view, _table_run(arguments.second).view))
    return 0


def _table_run(folder: str) -> Run:
    """A run of `assay train`.

    Raises:
        RunError: a watched training is kept there, which has no ledger.
    """
    from assay.face.api import load
    from assay.face.run import Run as Trained

    run = load(folder)
    if not isinstance(run, Trained):
        raise RunError(f"{folder} keeps a watched training, which has no ledger; see its findings with: assay judge {folder}")
    return run


def run_judge(arguments: argparse.Namespace) -> int:
    """Judge the stored evidence again and say the exit status."""
    from assay.face.api import load
    from assay.face.config import read_config

    config = read_config().overridden(
        select=words_of(arguments.select), ignore=words_of(arguments.ignore), fail_on=arguments.fail_on, form=arguments.format
    )
    report = load(arguments.folder).judge(config)
    show(report, config.form, arguments.folder)
    return status_of(report, config.fail_on)
