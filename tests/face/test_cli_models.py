"""`assay models` lists what `--model` takes, and says of each what it assumes."""

import json

import pytest

from assay.face.cli import main
from assay.model.family import FAMILIES


def test_the_list_names_every_family_once(capsys):
    assert main(["models"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[1 : len(FAMILIES) + 1]] == [one.name for one in FAMILIES]


def test_json_has_every_field(capsys):
    assert main(["models", "--format", "json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert [one["name"] for one in told] == [one.name for one in FAMILIES]
    assert all(one["assumes"] and one["tasks"] for one in told)


def test_one_family_whole(capsys):
    assert main(["models", "naive-bayes"]) == 0
    assert "where the table has a text column" in capsys.readouterr().out


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
