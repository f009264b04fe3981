"""The command line's manners: help, refusals in one line, exit statuses."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from assay.core.errors import Interrupted, OptionError
from assay.face import cli
from assay.face.commands import parse, parser
from assay.face.commands.parser import Parser
from assay.face.commands.reading import reading_of
from assay.face.commands.train import test_part as part_of

COMMANDS = ("train", "demo", "check", "rules", "explain", "models", "samples", "report", "ledger", "compare", "judge", "predict")


def refusal(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    """What is said on standard error by a command line that cannot be used."""
    assert cli.main(list(words)) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.count("\n") == 1
    assert said.err.startswith("assay: ")
    return said.err


def test_help_lists_every_command(capsys):
    assert cli.main(["--help"]) == 0
    said = capsys.readouterr().out
    assert all(f"\n    {name} " in said for name in COMMANDS)


def test_no_words_print_the_help(capsys):
    assert cli.main([]) == 0
    assert "start here" in capsys.readouterr().out


@pytest.mark.parametrize("name", COMMANDS)
def test_help_of_a_command_has_examples_that_parse(capsys, name):
    assert cli.main([name, "--help"]) == 0
    said = capsys.readouterr().out
    examples = [line.strip().split(" | ")[0].split(" > ")[0] for line in said.partition("examples:\n")[2].splitlines()]
    assert examples
    for example in examples:
        assert parse(example.split()[1:]).command in COMMANDS


def test_every_option_has_help():
    commands = next(a.choices for a in parser()._actions if a.dest == "command")
    for name, command in commands.items():
        assert isinstance(command, Parser)
        assert all(action.help for action in command._actions), name


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["chekc"], "no command 'chekc'; did you mean 'check'?"),
        (["chekc", "x.csv", "--target", "y"], "did you mean 'check'?"),
        (["train", "x.csv", "--targt", "y"], "no option '--targt' of assay train; did you mean '--target'"),
        (["check", "x.csv", "--formt=json"], "no option '--formt' of assay check; did you mean '--format'?"),
        (["check", "x.csv", "--format", "jsn"], "--format: no 'jsn'; did you mean 'json'?"),
        (["check", "x.csv", "--fail-on", "warn"], "did you mean 'warning'?"),
        (["check"], "the following arguments are required: SOURCE"),
        (["check", "x.csv", "y.csv"], "unrecognized arguments: y.csv"),
        (["check", "x.csv", "--target"], "--target: expected one argument"),
        (["train", "x.csv", "--target", "y", "--model", "boost"], "--model: no 'boost'; did you mean 'boosting'?"),
        (["train", "x.csv", "--target", "y", "--test", "1.5"], "--test: a share lies between 0 and 1, such as 0.2, got '1.5'"),
        (["train", "x.csv", "--target", "y", "--seed", "one"], "--seed: invalid int value: 'one'"),
        (["train", "x.csv", "--target", "y", "--budget", "-3"], "--budget: takes seconds above 0"),
        (["train", "x.csv", "--target", "y", "--budget", "nan"], "--budget: takes seconds above 0"),
        (["train", "x.csv", "--target", "y", "--resume", "--overwrite"], "--resume and --overwrite contradict each other"),
        (["demo", "--rows", "9"], "no option '--rows' of assay demo"),
        (["explain", "DAT1O1"], "no rule 'DAT1O1'; did you mean 'DAT101'"),
        (["check", "x.csv", "--type", "zip"], "--type takes COL=KIND, such as zip=category, got 'zip'"),
        (["check", "x.csv", "--type", "zip=categry"], "names no kind 'categry'; did you mean 'category'?"),
        (["check", "x.csv", "--separator", "::"], "--separator takes one character or 'tab', got '::'"),
        (["predict", "runs/x", "x.csv", "--out", "p.xlsx"], "ends in '.xlsx', which cannot be written; use .csv, .parquet or .jsonl"),
        (["--versoin"], "no option '--versoin' of assay; did you mean '--version'?"),
    ],
)
def test_refusals_are_one_line_with_the_cure(capsys, words, said):
    assert said in refusal(capsys, *words)


def test_abbreviations_are_not_guessed():
    with pytest.raises(OptionError, match="no option '--targ'"):
        parse(["check", "x.csv", "--targ", "y"])


def test_reading_options():
    assert reading_of("cp1252", "tab", ["-99"], ["a=b=date"]) == {
        "encoding": "cp1252",
        "separator": "\t",
        "missing": ("-99",),
        "types": {"a=b": "date"},
    }
    assert reading_of(None, None, [], []) == {}


def test_test_part_is_a_share_or_a_file():
    assert part_of("0.25") == 0.25
    assert part_of("test.csv") == "test.csv"


def test_missing_mark_may_look_like_a_number():
    assert parse(["check", "x.csv", "--missing", "-99", "--missing", "?"]).missing == ["-99", "?"]


def raising(problem: BaseException):
    def run(*_: object) -> int:
        raise problem

    return run


@pytest.mark.parametrize(
    ("problem", "status", "said"),
    [
        (KeyboardInterrupt(), 130, "interrupted; nothing was begun yet; start again with: assay train 'a b.csv' --target y\n"),
        (Interrupted(Path("runs/a b")), 130, "kept; go on with: assay train 'a b.csv' --target y --out 'runs/a b' --resume\n"),
        (OSError(28, "No space left on device", "runs/x"), 2, "assay: cannot use runs/x: No space left on device; free some space"),
        (PermissionError(13, "Permission denied", "runs"), 2, "check the permissions"),
        (MemoryError(), 2, "assay: out of memory; give fewer rows"),
        (RuntimeError("oops"), 70, "this is a fault of Assay"),
    ],
)
def test_every_end_has_its_status(capsys, monkeypatch, problem, status, said):
    monkeypatch.setattr(cli, "_dispatch", raising(problem))
    assert cli.main(["train", "a b.csv", "--target", "y"]) == status
    told = capsys.readouterr().err
    assert said in told
    assert ("Traceback" in told) == (status == 70)


@pytest.mark.parametrize(
    ("words", "again"),
    [
        (["train", "x.csv", "--resume"], "assay train x.csv --out runs/x --resume"),
        (["train", "x.csv", "--overwrite", "--out=runs/x"], "assay train x.csv --out=runs/x --resume"),
        (["demo", "--quiet"], "assay train --out runs/x --resume"),
    ],
)
def test_interrupted_command_is_told_so_that_it_can_be_pasted(capsys, monkeypatch, words, again):
    monkeypatch.setattr(cli, "_dispatch", raising(Interrupted(Path("runs/x"))))
    assert cli.main(words) == 130
    assert capsys.readouterr().err.endswith(f"with: {again}\n")
    parse(again.split()[1:])


def test_old_terminal_gets_the_typewriter_form(tmp_path):
    code = "from assay.face.cli import main; main(['--version']); print('0.41 ± 0.02 → é')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, env={**os.environ, "PYTHONIOENCODING": "ascii"})
    assert done.stdout.splitlines()[-1] == b"0.41 +- 0.02 -> \\xe9"


def test_closed_pipe_is_quiet():
    code = "import sys; from assay.face.cli import main; sys.exit(main(['rules', '--format', 'json']))"
    piped = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert piped.stdout is not None
    piped.stdout.close()
    assert piped.stderr is not None
    assert piped.stderr.read() == b""
    assert piped.wait() == 141
    piped.stderr.close()


def test_rules_lists_the_catalogue(capsys):
    assert cli.main(["rules"]) == 0
    said = capsys.readouterr().out
    assert "DAT101  constant-column" in said
    assert "assay explain CODE" in said


def test_explain_prints_the_page_by_code_and_name(capsys):
    assert cli.main(["explain", "dat101"]) == 0
    by_code = capsys.readouterr().out
    assert cli.main(["explain", "constant-column"]) == 0
    assert capsys.readouterr().out == by_code
    for part in ("## Why it matters", "## Remedy", "## Limits", "def two_rows_one_value()", "saw 'PT' in all 2 rows", "no finding"):
        assert part in by_code
