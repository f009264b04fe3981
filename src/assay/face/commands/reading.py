"""The options that say how a source is read and what its columns are, shared by train, check and predict."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any

from assay.core.errors import OptionError, nearest
from assay.face.commands.parser import Parser

SOURCE_HELP = (
    "CSV, TSV, JSON lines, Parquet, Arrow, Feather or .npz file, any of them gzipped, a quoted glob, a folder of images, "
    "or a bundled sample's name"
)


def add_reading(command: Parser) -> None:
    """Add --encoding, --separator, --missing, --type and --image-size."""
    group = command.add_argument_group("how the source is read (inferred where not given)")
    group.add_argument("--encoding", metavar="NAME", help="text encoding, such as utf-8 or cp1252")
    group.add_argument("--separator", metavar="CHAR", help="what separates the fields; 'tab' for a tab")
    group.add_argument(
        "--missing", metavar="MARK", action="append", default=[], help="a further mark of a missing value; repeat for several"
    )
    group.add_argument(
        "--type",
        metavar="COL=KIND",
        action="append",
        default=[],
        help="kind of a column: number, category, text, date, boolean or image; repeat for several",
    )
    group.add_argument(
        "--image-size", metavar="HxW", help="resize images to this height and width on reading, such as 64x64 (default: all have one size)"
    )


def add_columns(command: Parser, *, entity: str, time: str, group: str) -> None:
    """Add --entity, --time and --group with what they mean for this command."""
    command.add_argument("--entity", metavar="COLUMN", help=entity)
    command.add_argument("--time", metavar="COLUMN", help=time)
    command.add_argument("--group", metavar="COLUMN", help=group)


def reading_of(
    encoding: str | None, separator: str | None, missing: Sequence[str], types: Sequence[str], image_size: str | None = None
) -> dict[str, Any]:
    r"""The keyword arguments of `assay.table.read` for these options.

    Raises:
        OptionError: a --type is not COL=KIND with a known kind, or the separator is not one character.

    Example:
        >>> reading_of(None, "tab", ["-99"], ["zip=category"])
        {'separator': '\t', 'missing': ('-99',), 'types': {'zip': 'category'}}
    """
    chosen: dict[str, Any] = {}
    if encoding is not None:
        chosen["encoding"] = encoding
    if separator is not None:
        chosen["separator"] = {"tab": "\t", r"\t": "\t", "comma": ",", "semicolon": ";", "pipe": "|"}.get(separator, separator)
        if len(chosen["separator"]) != 1:
            raise OptionError(f"--separator takes one character or 'tab', got {separator!r}")
    if missing:
        chosen["missing"] = tuple(missing)
    if types:
        chosen["types"] = dict(_kind(text) for text in types)
    if image_size is not None:
        chosen["image_size"] = image_size
    return chosen


def reading_options(arguments: argparse.Namespace) -> dict[str, Any]:
    """`reading_of` for parsed arguments."""
    return reading_of(arguments.encoding, arguments.separator, arguments.missing, arguments.type, arguments.image_size)


def _kind(text: str) -> tuple[str, str]:
    kinds = ("number", "category", "text", "date", "boolean", "image")
    column, equals, kind = text.rpartition("=")
    if not equals or not column:
        raise OptionError(f"--type takes COL=KIND, such as zip=category, got {text!r}")
    if kind not in kinds:
        raise OptionError(f"--type {text!r} names no kind {kind!r}; {nearest(kind, kinds)}")
    return column, kind
