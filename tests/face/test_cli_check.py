"""`assay check` end to end: exit statuses, one clean JSON object, faults of the input in one line, decisions of the project."""

import gzip
import json
import random
import subprocess
import sys
from pathlib import Path

import pytest

from assay.face.cli import main
from assay.rules import catalogue

FINDING_KEYS = ["code", "name", "severity", "at", "saw", "expected", "remedy", "p", "price", "unit"]


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    """A working folder outside of any project."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def table(folder) -> Path:
    """400 rows with one constant column and nothing else wrong: three honest features share what there is to know."""
    draw = random.Random(8)
    lines = ["age,dose,ward,country,returned"]
    for _ in range(400):
        age, dose, ward = draw.randint(18, 90), round(draw.gauss(50, 12), 1), draw.choice("abcde")
        leaning = (age - 54) / 20 + (dose - 50) / 12 + (ward in "ab") - 0.4
        lines.append(f"{age},{dose},{ward},PT,{'yes' if leaning + draw.gauss(0, 1) > 0 else 'no'}")
    file = folder / "visits.csv"
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return file


def checked(capsys, *words: str) -> tuple[int, dict, str]:
    """Exit status, the JSON object, and standard error of `assay check`."""
    status = main(["check", *words, "--format", "json"])
    said = capsys.readouterr()
    return status, json.loads(said.out), said.err


def test_findings_give_status_1_and_one_json_object(capsys, table):
    status, told, errors = checked(capsys, str(table), "--target", "returned")
    assert status == 1
    assert list(told) == ["findings", "checked", "not_checked"]
    assert errors == ""
    constant = [f for f in told["findings"] if f["name"] == "constant-column"]
    assert [f["at"]["column"] for f in constant] == ["country"]
    assert list(constant[0]) == FINDING_KEYS
    assert set(told["checked"]) | set(told["not_checked"]) == set(catalogue())
    assert not set(told["checked"]) & set(told["not_checked"])


def test_what_was_not_checked_has_its_reason(capsys, table):
    _, told, _ = checked(capsys, str(table))
    assert told["not_checked"]["SPL101"] == "no target named (--target)"
    assert told["not_checked"]["SPL103"] == "no second part to compare with (--against)"
    assert told["not_checked"]["TRN101"] == "no training was watched (assay train)"
    assert told["not_checked"]["EVL101"] == "no model was evaluated (assay train)"
    assert "DAT101" in told["checked"]


def test_stdout_is_json_and_nothing_else_in_a_real_process(table):
    done = subprocess.run([sys.executable, "-m", "assay", "check", table, "--target", "returned", "--format", "json"], capture_output=True)
    assert done.returncode == 1
    assert done.stderr == b""
    assert "findings" in json.loads(done.stdout)


def test_text_names_the_finding_and_closes_with_what_was_checked(capsys, table):
    assert main(["check", str(table), "--target", "returned"]) == 1
    text = capsys.readouterr().out
    assert "400 rows, 5 columns" in text.splitlines()[0]
    assert any("DAT101" in line and "country" in line for line in text.splitlines())
    closing = " ".join(text[text.rindex(" finding") :].split())
    assert f"Checked {len(catalogue())}" not in closing
    assert f"of {len(catalogue())} rules; " in closing
    assert closing.endswith(").")


def test_github_annotations(capsys, table):
    assert main(["check", str(table), "--target", "returned", "--format", "github"]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert any(line.startswith("::warning ") and "visits.csv" in line and "DAT101" in line for line in lines)


@pytest.mark.parametrize(
    ("words", "status"),
    [
        ((), 1),
        (("--fail-on", "note"), 1),
        (("--fail-on", "error"), 0),
        (("--fail-on", "never"), 0),
        (("--ignore", "constant-column"), 0),
        (("--ignore", "DAT,SPL"), 0),
        (("--select", "SPL"), 0),
        (("--select", "DAT101,small-sample"), 1),
    ],
)
def test_exit_status_follows_the_options(capsys, table, words, status):
    assert checked(capsys, str(table), "--target", "returned", *words)[0] == status


def test_ignored_rules_are_listed_as_not_checked(capsys, table):
    _, told, _ = checked(capsys, str(table), "--target", "returned", "--ignore", "DAT101")
    assert told["not_checked"]["DAT101"] == "ignored (--ignore)"
    _, told, _ = checked(capsys, str(table), "--target", "returned", "--select", "DAT101")
    assert told["checked"] == ["DAT101"]
    assert told["not_checked"]["DAT102"] == "not selected (--select)"


def test_accepted_findings_are_told_apart_and_do_not_fail(capsys, folder, table):
    (folder / "pyproject.toml").write_text(
        '[[tool.assay.accept]]\ncode = "DAT101"\nat = "country"\nwhy = "only sold in Portugal"\n', encoding="utf-8"
    )
    status, told, errors = checked(capsys, str(table), "--target", "returned")
    assert status == 0
    assert [f["why"] for f in told["accepted"]] == ["only sold in Portugal"]
    assert "DAT101" not in [f["code"] for f in told["findings"]]
    assert errors == ""


def test_acceptance_that_covers_nothing_is_said_on_stderr(capsys, folder, table):
    (folder / "pyproject.toml").write_text(
        '[tool.assay]\nignore = ["DAT101"]\n[[tool.assay.accept]]\ncode = "DAT101"\nat = "city"\nwhy = "only sold in Porto"\n',
        encoding="utf-8",
    )
    status, _, errors = checked(capsys, str(table), "--target", "returned")
    assert status == 0
    assert errors == "assay: the acceptance of DAT101 at 'city' covered no finding; remove it\n"


def test_acceptance_without_a_reason_is_refused(capsys, folder, table):
    (folder / "pyproject.toml").write_text('[[tool.assay.accept]]\ncode = "DAT101"\n', encoding="utf-8")
    assert main(["check", str(table), "--target", "returned"]) == 2
    assert "lacks 'why'" in capsys.readouterr().err


def test_defaults_of_the_project_name_the_target(capsys, folder, table):
    (folder / "pyproject.toml").write_text(
        '[tool.assay]\nfail-on = "error"\n[tool.assay.defaults]\ntarget = "returned"\n', encoding="utf-8"
    )
    status, told, _ = checked(capsys, str(table))
    assert status == 0
    assert "SPL101" in told["checked"]
    status, _, _ = checked(capsys, str(table), "--fail-on", "warning")
    assert status == 1


def write(folder: Path, name: str, content: bytes) -> str:
    file = folder / name
    file.write_bytes(content)
    return str(file)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("empty.csv", b"", "empty"),
        ("header.csv", b"a,b,y\n", "header"),
        ("ragged.csv", b"a,y\n1,2\n3,4,5\n", "line 3"),
        ("rubbish.csv", bytes(range(256)) * 40, "rubbish.csv"),
        ("twice.csv", b"a,a,y\n1,2,3\n", "'a'"),
        ("cut.csv.gz", gzip.compress(b"a,y\n" + b"1,2\n" * 5000, mtime=0)[:60], "cut.csv.gz"),
        ("not.parquet", b"PAR1 this is none", "not.parquet"),
    ],
    ids=["empty", "header", "ragged", "rubbish", "twice", "cut-gzip", "not-parquet"],
)
def test_unusable_files_are_refused_in_one_line(capsys, folder, name, content, said):
    assert main(["check", write(folder, name, content), "--target", "y"]) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.startswith("assay: ")
    assert told.err.count("\n") == 1
    assert said in told.err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["visit.csv", "--target", "returned"], "visits.csv"),
        ([".", "--target", "returned"], "folder"),
        (["visits.csv", "--target", "retuned"], "did you mean 'returned'?"),
        (["visits.csv", "--target", "returned", "--time", "wen"], "no column 'wen'"),
        (["visits.csv", "--target", "returned", "--against", "test.csv"], "test.csv"),
        (["visits.csv", "--target", "returned", "--select", "DAT999"], "--select 'DAT999' fits no rule"),
        (["visits.csv", "--target", "returned", "--encoding", "utf-9"], "utf-9"),
    ],
)
def test_wrong_names_are_refused_with_the_nearest(capsys, table, words, said):
    assert main(["check", *words]) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.startswith("assay: ")
    assert told.err.count("\n") == 1
    assert said in told.err


def test_second_part_with_the_same_rows_is_named(capsys, folder, table):
    header, *rows = table.read_text(encoding="utf-8").splitlines()
    (folder / "train.csv").write_text("\n".join([header, *rows[:320]]) + "\n", encoding="utf-8")
    (folder / "test.csv").write_text("\n".join([header, *rows[300:]]) + "\n", encoding="utf-8")
    _, told, _ = checked(capsys, "train.csv", "--target", "returned", "--against", "test.csv")
    (crossing,) = [f for f in told["findings"] if f["name"] == "exact-duplicates-cross"]
    learned = {row.rpartition(",")[0] for row in rows[:320]}
    assert crossing["at"]["rows_count"] == sum(row.rpartition(",")[0] in learned for row in rows[300:]) >= 20
    assert crossing["at"]["part"] == "test"
    assert told["not_checked"]["SPL105"] == "no time column named (--time)"


def test_second_part_may_lack_the_target_but_not_the_entity(capsys, folder, table):
    lines = [line.split(",") for line in table.read_text(encoding="utf-8").splitlines()]
    (folder / "test.csv").write_text("\n".join(",".join(line[:-1]) for line in [lines[0], *lines[300:]]) + "\n", encoding="utf-8")
    words = ["visits.csv", "--target", "returned", "--against", "test.csv"]
    assert checked(capsys, *words)[0] == 1
    (folder / "test.csv").write_text("\n".join(",".join(line[:2]) for line in [lines[0], *lines[300:]]) + "\n", encoding="utf-8")
    assert main(["check", *words, "--entity", "ward"]) == 2
    assert "no column 'ward' in test.csv" in capsys.readouterr().err


@pytest.mark.shared
@pytest.mark.parametrize(
    ("path", "target", "leaks"),
    [
        ("titanic/titanic_openML.csv", "survived", {"boat", "body"}),
        ("bike_sharing/bike_sharing_hourly_kaggle_train.csv.gz", "count", {"casual", "registered"}),
        ("german_credit/german_credit.csv", "class", set()),
    ],
)
def test_leaks_of_real_files_are_named(capsys, folder, shared_data, path, target, leaks):
    _, told, errors = checked(capsys, str(shared_data / path), "--target", target)
    named = {f["at"]["column"] for f in told["findings"] if f["name"] in ("target-leak-feature", "missing-leak")}
    assert named == leaks
    assert errors == ""
