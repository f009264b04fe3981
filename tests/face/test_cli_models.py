"""`assay models` lists what `--model` takes, and says of each what it assumes."""

import json
import re

import pytest

from assay.face.cli import main
from assay.face.terminal import family_text
from assay.face.terminal.layout import Paper
from assay.model.family import FAMILIES, family


def test_the_list_names_every_family_once(capsys):
    assert main(["models"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[1:-1] if not line.startswith(" ")] == [one.name for one in FAMILIES]
    told = " ".join(" ".join(lines).split())
    assert all(len(line) <= 120 for line in lines)
    assert f"{len(FAMILIES)} families" in told


def test_the_list_names_the_options_of_size_and_the_extra(capsys):
    assert main(["models"]) == 0
    mlp = next(line for line in capsys.readouterr().out.splitlines() if line.startswith("mlp"))
    assert "torch" in mlp
    assert [word for word in mlp.split() if word.startswith("--")] == re.findall(r"--[a-z-]+", family("mlp").sizes)


def test_json_has_every_field(capsys):
    assert main(["models", "--format", "json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert [one["name"] for one in told] == [one.name for one in FAMILIES]
    assert all(one["assumes"] and one["tasks"] for one in told)


def test_one_family_whole(capsys):
    assert main(["models", "naive-bayes"]) == 0
    told = capsys.readouterr().out
    assert "where the table has a text column" in told
    assert "McCallum and Nigam 1998" in told
    assert main(["models", "naive-bayes", "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["name"] == "naive-bayes"


@pytest.mark.parametrize("one", FAMILIES, ids=lambda one: one.name)
def test_every_family_says_what_it_is_without_being_imported(one):
    text = family_text(one, Paper(72))
    assert max(map(len, text.splitlines())) <= 72
    assert "\n\n" in text


def test_an_unknown_family_offers_the_nearest(capsys):
    assert main(["models", "boostin"]) == 2
    assert "no model 'boostin'" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["naive-bayes"])
def test_a_family_of_the_other_task_is_refused_before_a_folder_is_made(name, tmp_path, capsys):
    file = tmp_path / "t.csv"
    file.write_text("a,y\n" + "".join(f"{i % 7},{i * 1.5}\n" for i in range(60)), encoding="utf-8")
    out = tmp_path / "run"
    assert main(["train", str(file), "--target", "y", "--task", "regression", "--model", name, "--out", str(out)]) == 2
    assert "is for classification, this task is regression" in capsys.readouterr().err
    assert not out.exists()
