"""`assay train --model siamese` on a table of pairs."""

import json
from pathlib import Path

import polars as pl
import pytest

from assay.face.cli import main


@pytest.fixture
def pairs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    foods, skies = ["warm bread", "bread and salt", "salt soup"], ["full moon", "moon and stars", "bright stars"]
    rows = [(a, b, "yes" if (a in foods) == (b in foods) else "no", a) for a in foods + skies for b in foods + skies]
    frame = pl.DataFrame(rows * 3, schema=["question", "other", "same", "copy"], orient="row")
    frame.write_csv("pairs.csv")
    return frame


def test_pairs_are_trained_on_judged_and_predicted(pairs, capsys):
    command = ["train", "pairs.csv", "--target", "same", "--model", "siamese", "--pair", "question", "other", "--loss", "triplet"]
    assert main([*command, "--epochs", "3", "--width", "8", "--out", "run", "--quiet"]) == 0
    record = json.loads(Path("run/run.json").read_text())
    assert "--pair question other" in record["command"]
    assert "--loss triplet" in record["command"]
    assert any("read as text" in note for note in record["notes"])
    assert Path("run/report.html").is_file()
    capsys.readouterr()
    assert main(["predict", "run", "pairs.csv"]) == 0
    assert capsys.readouterr().out.startswith("prediction,p_no,p_yes")


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--model", "siamese"], "no two are marked as such"),
        (["--model", "siamese", "--pair", "question", "othr"], "did you mean 'other'"),
        (["--model", "linear", "--loss", "contrastive"], "take --model siamese"),
        (["--model", "mlp", "--pair", "question", "other"], "mlp has no --pair"),
        (["--pair", "question", "other"], "no model is named"),
        (["--model", "siamese", "--pair", "question", "other", "--loss", "contrastiv"], "no loss 'contrastiv'"),
    ],
)
def test_what_cannot_be_done_is_told_before_a_folder_is_made(pairs, options, told, capsys):
    assert main(["train", "pairs.csv", "--target", "same", "--out", "run", *options]) == 2
    assert told in capsys.readouterr().err
    assert not Path("run").exists()


def test_one_class_is_no_target(pairs, capsys):
    pairs.with_columns(same=pl.lit("yes")).write_csv("one.csv")
    assert main(["train", "one.csv", "--target", "same", "--model", "siamese", "--pair", "question", "other"]) == 2
    assert "yes" in capsys.readouterr().err
