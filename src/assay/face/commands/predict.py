"""`assay predict`: one row out for each row in."""

from __future__ import annotations

import argparse
import io
import sys
from collections.abc import Callable
from pathlib import Path
from typing import IO, TYPE_CHECKING

from assay.core.errors import OptionError
from assay.face.commands.parser import Parser, command_of
from assay.face.commands.reading import SOURCE_HELP, add_reading, reading_options

if TYPE_CHECKING:
    import polars as pl

EXAMPLES = """
assay predict runs/adult new.csv > predictions.csv
assay predict runs/adult new.parquet --out predictions.parquet
"""


def add(commands: argparse._SubParsersAction[Parser]) -> None:
    """Add `predict`."""
    command = command_of(commands, "predict", "predict for new rows with a run's recommended model", EXAMPLES)
    command.add_argument("folder", metavar="RUN", help="folder of a finished run, such as runs/demo")
    command.add_argument("source", metavar="SOURCE", help=SOURCE_HELP)
    command.add_argument(
        "--out", metavar="FILE", help="where to write: .csv, .parquet or .jsonl by its ending (default: CSV to standard output)"
    )
    add_reading(command)
    command.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Predict and write."""
    out = None if arguments.out is None else Path(arguments.out)
    form = writer_for(out)
    from assay.face.run import Run

    frame = Run(arguments.folder).predict(arguments.source, **reading_options(arguments))
    written = io.BytesIO()  # whole before any of it goes out, and a full disk is then no error inside Polars
    form(frame, written)
    if out is None:
        if hasattr(sys.stdout, "buffer"):  # data is UTF-8 wherever it goes; the terminal's encoding is for prose
            sys.stdout.flush()
            sys.stdout.buffer.write(written.getvalue())
        else:
            sys.stdout.write(written.getvalue().decode("utf-8"))
        return 0
    from assay.core.files import write_atomically

    write_atomically(out, lambda stream: stream.write(written.getvalue()))
    print(f"{frame.height:,} predictions written to {out}", file=sys.stderr)
    return 0


def writer_for(out: Path | None) -> Callable[[pl.DataFrame, IO[bytes]], object]:
    """What writes a frame in the form of that file name; CSV for None.

    Raises:
        OptionError: the ending is none of those that can be written.

    Example:
        >>> writer_for(Path("p.xlsx"))
        Traceback (most recent call last):
        assay.core.errors.OptionError: --out 'p.xlsx' ends in '.xlsx', which cannot be written; use .csv, .parquet or .jsonl
    """
    ending = ".csv" if out is None else out.suffix.lower()
    if ending == ".csv":
        return lambda frame, stream: frame.write_csv(stream)
    if ending == ".parquet":
        return lambda frame, stream: frame.write_parquet(stream)
    if ending in (".jsonl", ".ndjson"):
        return lambda frame, stream: frame.write_ndjson(stream)
    raise OptionError(f"--out {str(out)!r} ends in {ending!r}, which cannot be written; use .csv, .parquet or .jsonl")
