"""`assay watch`: run a PyTorch script as it is and name what goes wrong in its training."""

from __future__ import annotations

import argparse
from pathlib import Path

from assay.core.errors import OptionError
from assay.face.commands.parser import Parser, command_of, one_of

EXAMPLES = """
assay watch train.py
assay watch --live train.py --epochs 20 --lr 0.1
assay watch --fix --fail-on warning train.py
assay watch --out runs/before train.py && assay judge runs/before
"""


def add(commands: argparse._SubParsersAction[Parser]) -> None:
    """Add `watch`."""
    command = command_of(commands, "watch", "run a PyTorch script as it is, watch it train, and name what is wrong", EXAMPLES)
    command.add_argument("--out", metavar="DIR", help="run folder (default: the next free runs/watch-SCRIPT)")
    command.add_argument("--overwrite", action="store_true", help="replace an earlier run in DIR")
    command.add_argument(
        "--overhead",
        metavar="SHARE",
        type=float,
        default=0.03,
        help="share of the training time that watching may take (default 0.03)",
    )
    command.add_argument("--live", action="store_true", help="draw the training while it runs, where standard error is a terminal")
    command.add_argument("--quiet", action="store_true", help="say nothing before the summary")
    command.add_argument("--fix", action="store_true", help="print the changes to the script that are proposed; it is never edited")
    command.add_argument(
        "--fail-on", metavar="SEVERITY", type=one_of("error", "warning", "note", "never"), default="never",
        help="exit with 1 from this severity on: error, warning, note or never (default)",
    )  # fmt: skip
    command.add_argument("script", metavar="SCRIPT", help="a Python script that trains with torch.optim; options of assay stand before it")
    command.add_argument("arguments", metavar="ARGUMENT", nargs=argparse.REMAINDER, help="the script's own arguments, all that follows it")
    command.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Run, watch, and say the exit status: the script's own where it failed."""
    from assay.face.commands.check import status_of
    from assay.face.script_watch import Asked, watch_script

    if not 0.0 < arguments.overhead <= 1.0:
        raise OptionError(f"--overhead {arguments.overhead} is no share; give a number above 0 and up to 1, such as 0.03")
    if arguments.live and arguments.quiet:
        raise OptionError("--live draws what --quiet hides; give one of them")
    asked = Asked(
        file=Path(arguments.script),
        arguments=tuple(arguments.arguments),
        out=Path(arguments.out) if arguments.out is not None else None,
        overwrite=arguments.overwrite,
        overhead=arguments.overhead,
        live=arguments.live,
        quiet=arguments.quiet,
        fix=arguments.fix,
    )
    seen = watch_script(asked)
    return seen.ending.status or max((status_of(report, arguments.fail_on) for report in seen.reports), default=0)
