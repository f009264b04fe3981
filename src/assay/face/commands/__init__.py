"""One file a group of commands; each adds its parsers and runs what was asked."""

from __future__ import annotations

import argparse

from assay import __version__
from assay.face.commands import catalog, check, embed, generate, models, predict, runs, train, watch
from assay.face.commands.parser import Parser, refuse_unknown_words

__all__ = ["parse", "parser"]

OVERVIEW = """\
Assay trains a model and shows, bit by bit, what it has really learned.

start here:
  assay demo                                   train on a bundled sample and write a report
  assay train adult.csv --target income        audit, train, watch, account, report
  assay check adult.csv --target income        the audit alone, like a linter
  assay watch train.py                         watch a PyTorch script train, and name what is wrong
  assay explain target-leak-feature            what a finding means and what to do
"""


def parser() -> Parser:
    """The parser of the whole command line."""
    top = Parser(prog="assay", description=OVERVIEW, formatter_class=argparse.RawDescriptionHelpFormatter, add_help=True)
    top.add_argument("--version", action="version", version=f"assay {__version__}", help="print the version and leave")
    commands = top.add_subparsers(dest="command", metavar="COMMAND", title="commands", parser_class=Parser)
    for group in (train, check, watch, catalog, models, runs, predict, generate, embed):
        group.add(commands)
    return top


def parse(words: list[str]) -> argparse.Namespace:
    """The arguments of one command line, with the function to call as `run`.

    Raises:
        OptionError: a command or an option is unknown (the nearest is offered), or a value is not accepted.
    """
    top = parser()
    if not words:
        top.print_help()
        raise SystemExit(0)
    refuse_unknown_words(top, words)
    return top.parse_args(words)
