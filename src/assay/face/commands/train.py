"""`assay train` and `assay demo`: the whole way from a table to a report."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from assay.core.errors import Interrupted, OptionError, RunError
from assay.face.commands.parser import Parser, command_of, one_of
from assay.face.commands.reading import SOURCE_HELP, add_columns, add_reading, reading_options
from assay.model.family import FAMILIES

TRAIN_EXAMPLES = """
assay train adult.csv --target income
assay train breast-cancer --target diagnosis --model boosting
assay train rides.parquet --target count --drop casual,registered --time datetime
assay train reviews.csv --target rating --model lstm --layers 2 --width 128 --lr auto
assay train questions.csv --target same --model siamese --pair text1 text2
assay train poems.txt --model transformer --tokens char --block 64
assay train claims --target verdict --group patient --budget 60 --out runs/claims
"""
DEMO_EXAMPLES = """
assay demo
assay demo --out runs/demo --overwrite
"""
MODELS = tuple(one.name for one in FAMILIES)
COUNTED = ("bigram", "n-gram")


def add(commands: argparse._SubParsersAction[Parser]) -> None:
    """Add `train` and `demo`."""
    _add_train(commands)
    demo = command_of(commands, "demo", "train on the bundled claims sample, with a leak planted for Assay to catch", DEMO_EXAMPLES)
    _add_run_options(demo, default_folder="runs/demo")
    demo.set_defaults(run=run_demo)


def _add_train(commands: argparse._SubParsersAction[Parser]) -> None:
    train = command_of(commands, "train", "audit, train, watch, evaluate, account and report, in one go", TRAIN_EXAMPLES)
    train.add_argument("source", metavar="SOURCE", nargs="?", help=f"{SOURCE_HELP}; may be left out with --resume")
    train.add_argument("--target", metavar="COLUMN", help="what is to be predicted (required; a bundled sample knows its own)")
    train.add_argument(
        "--task",
        metavar="TASK",
        type=one_of("classification", "regression"),
        help="classification or regression (default: from the target)",
    )
    train.add_argument(
        "--model",
        metavar="NAME",
        type=one_of(*MODELS, *COUNTED),
        help="train this family alone, see assay models (default: a ladder of them, and recommend one)",
    )
    train.add_argument(
        "--loss",
        metavar="NAME",
        help="log, squared or absolute (default: log for classes, squared for numbers); of siamese contrastive (default) or triplet",
    )
    add_columns(
        train,
        entity="who a row is about; the audit tells if one is on both sides of the split",
        time="when a row happened; train on the past, test on the latest rows",
        group="rows that must stay on one side of the split",
    )
    train.add_argument("--weight", metavar="COLUMN", help="weight of a row in the loss")
    train.add_argument(
        "--drop", metavar="COLUMNS", action="append", default=[], help="columns to leave out, with commas; repeat for names with commas"
    )
    train.add_argument(
        "--test", metavar="SHARE|FILE", type=test_part, help="share of rows to test on, or a file of them (default 0.2; of a text 0.1)"
    )
    _add_knobs(train)
    _add_text(train)
    _add_run_options(train, default_folder="runs/ and the source's name, numbered if there is one already")
    train.add_argument("--resume", action="store_true", help="go on with an interrupted run of the same command")
    train.add_argument(
        "--on",
        metavar="PLACE",
        type=one_of("ray"),
        help="ray: hand the run to the cluster at RAY_ADDRESS, else to one begun here; needs the extra ray",
    )
    add_reading(train)
    train.set_defaults(run=run_train)


def _add_knobs(command: Parser) -> None:
    group = command.add_argument_group("the network of --model", "each left out is as is usual for the family; see assay models NAME")
    group.add_argument("--layers", metavar="N", type=int, help="layers, one upon the other")
    group.add_argument("--width", metavar="N", type=int, help="units of each layer")
    group.add_argument("--heads", metavar="N", type=int, help="attention heads; they divide the width")
    group.add_argument("--activation", metavar="NAME", help="relu, leaky, gelu, silu, tanh, sigmoid, selu or linear")
    group.add_argument("--dropout", metavar="SHARE", type=float, help="share of units silenced at each training step")
    group.add_argument(
        "--pair",
        metavar=("LEFT", "RIGHT"),
        nargs=2,
        help="of siamese: two columns to compare, or marks of two groups of columns (default: found by names as text1, text2)",
    )
    group.add_argument("--lr", metavar="RATE|auto", help="learning rate; auto finds one by a range test and says which")
    group.add_argument("--optimiser", metavar="NAME", help="such as adamw, sgd, nesterov or muon")
    group.add_argument("--batch", metavar="N", type=int, help="rows a step")
    group.add_argument("--epochs", metavar="N", type=int, help="at most so many; it stops earlier where that no longer pays")
    group.add_argument("--schedule", metavar="NAME", help="of the learning rate, such as warmup-cosine, one-cycle or constant")
    group.add_argument("--average", action="store_true", help="keep a moving average of the weights")
    group.add_argument("--precision", metavar="NAME", help="float32, bf16 or fp16")
    group.add_argument("--clip", metavar="NORM", type=float, help="largest norm of a gradient")


def _add_text(command: Parser) -> None:
    group = command.add_argument_group("texts (.txt, .md or a folder of them, without --target): a language model is trained")
    group.add_argument("--tokens", metavar="KIND", type=one_of("byte", "char", "word", "bpe"), help="byte, char (default), word or bpe")
    group.add_argument("--vocab", metavar="N", type=int, help="size of the vocabulary of words (default 10000) or BPE tokens (4096)")
    group.add_argument("--block", metavar="N", type=int, help="tokens of context to train on (default 64)")
    group.add_argument("--steps", metavar="N", type=int, help="training steps at most (default 2000)")


def _add_run_options(command: Parser, default_folder: str) -> None:
    command.add_argument("--seed", metavar="N", type=int, default=0, help="fixes every random choice (default 0)")
    command.add_argument(
        "--budget", metavar="SECONDS", type=_seconds, help="time for training; without it training ends when it no longer pays"
    )
    command.add_argument("--out", metavar="FOLDER", help=f"run folder (default: {default_folder})")
    command.add_argument("--overwrite", action="store_true", help="replace a run that is already in that folder")
    command.add_argument("--quiet", action="store_true", help="no progress bar, no tables: the report's path alone")
    command.add_argument("--format", metavar="FORM", type=one_of("text", "json"), default="text", help="text (default) or json")


def test_part(text: str) -> float | str:
    """A share in (0, 1), or the name of a file with the rows to test on.

    Example:
        >>> test_part("0.3"), test_part("test.csv")
        (0.3, 'test.csv')
    """
    try:
        share = float(text)
    except ValueError:
        return text
    if not 0.0 < share < 1.0:
        raise argparse.ArgumentTypeError(f"a share lies between 0 and 1, such as 0.2, got {text!r}")
    return share


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0.0 < seconds < float("inf"):
        raise argparse.ArgumentTypeError(f"takes seconds above 0, such as 60, got {text!r}")
    return seconds


def run_train(arguments: argparse.Namespace) -> int:
    """Train and show the run."""
    if arguments.resume and arguments.overwrite:
        raise OptionError("--resume and --overwrite contradict each other; give one of them")
    if arguments.source is None and not arguments.resume:
        raise OptionError("the following arguments are required: SOURCE; see: assay train --help")
    from assay.face.api import train
    from assay.face.job.knobs import KNOBS
    from assay.face.text_api import TEXT_KNOBS

    out = arguments.out or (newest_unfinished(Path("runs")) if arguments.resume and arguments.source is None else None)
    run = train(
        arguments.source or "",
        target=arguments.target,
        task=arguments.task,
        model=arguments.model,
        loss=arguments.loss,
        entity=arguments.entity,
        group=arguments.group,
        time=arguments.time,
        weight=arguments.weight,
        drop=columns_of(arguments.drop),
        test=arguments.test,
        seed=arguments.seed,
        budget=arguments.budget,
        out=out,
        quiet=arguments.quiet or arguments.format == "json",
        resume=arguments.resume,
        overwrite=arguments.overwrite,
        on=arguments.on,
        **reading_options(arguments),
        **{knob: getattr(arguments, knob) for knob in (*KNOBS, *TEXT_KNOBS) if _is_turned(getattr(arguments, knob))},
    )
    try:
        show_run(run, arguments)
    except KeyboardInterrupt as stop:
        raise Interrupted(run.folder) from stop
    return 0


def _is_turned(value: object) -> bool:
    """Whether an option was given; 0 is a value like any other."""
    return value is not None and value is not False


def newest_unfinished(parent: Path) -> Path:
    """The run folder under `parent` that was begun last and is not finished.

    Raises:
        RunError: there is none.
    """
    from assay.train.folder import RECORD, RunFolder

    waiting = [file.parent for file in parent.glob(f"*/{RECORD}") if RunFolder(file.parent).record().get("state") != "finished"]
    if not waiting:
        raise RunError(f"no interrupted run under {parent}/; name its folder with --out, or start one: assay train SOURCE --target COLUMN")
    return max(waiting, key=lambda folder: (folder / RECORD).stat().st_mtime)


def run_demo(arguments: argparse.Namespace) -> int:
    """Train on the bundled claims with a planted leak and show the run."""
    from assay.face.api import demo

    run = demo(
        seed=arguments.seed,
        budget=arguments.budget,
        out=arguments.out or "runs/demo",
        quiet=arguments.quiet or arguments.format == "json",
        overwrite=arguments.overwrite,
    )
    show_run(run, arguments)
    return 0


def columns_of(options: list[str]) -> tuple[str, ...]:
    """Column names of a repeatable option with commas.

    Example:
        >>> columns_of(["boat,body", "home.dest"])
        ('boat', 'body', 'home.dest')
    """
    return tuple(word.strip() for option in options for word in option.split(",") if word.strip())


def show_run(run: Any, arguments: argparse.Namespace) -> None:
    """Print a finished run: ledger, ladder and findings, and the report's path last."""
    if arguments.format == "json":
        from assay.core.evidence import plain

        evaluation = run.view.evaluation
        told = {
            "run": str(run.folder),
            "report_html": str(run.report_path),
            "recommended": run.view.recommended,
            "ledger": None if evaluation is None else evaluation.ledger,
            **run.view.report.as_dict(),
        }
        print(json.dumps(plain(told), indent=1, allow_nan=False))
        return
    if not arguments.quiet:
        from assay.face.terminal import run_text

        print(run_text(run.view))
    print(Path(run.report_path))
