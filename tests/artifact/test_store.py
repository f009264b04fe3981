"""A stored predictor predicts the same bits, and a changed, cut or foreign file is refused with cause and cure."""

import hashlib
import json

import numpy as np
import polars as pl
import pytest

from assay.artifact import Predictor, load, save
from assay.artifact.arrays import read_arrays, write_arrays
from assay.core.errors import ColumnError, RunError
from assay.model.contract import Rows
from assay.model.encoding import Encoder
from assay.model.registry import MODELS, ladder_names
from assay.objective.loss import loss_for
from assay.table.table import Roles, Table


@pytest.fixture(scope="module")
def table() -> Table:
    rng = np.random.default_rng(4)
    age, town = rng.normal(40, 9, 240), rng.choice(["oslo", "rome"], 240)
    text = [f"{a} thing" for a in rng.choice(["red", "blue"], 240)]
    kind = np.where(age + 8 * (town == "oslo") > 43, "yes", "no")
    frame = pl.DataFrame({"age": age, "town": town, "note": text, "y": kind})
    return Table(frame, {"age": "number", "town": "category", "note": "text", "y": "category"}, Roles(target="y"), "t")


def make(table: Table, name: str, task: str) -> Predictor:
    encoder = Encoder.fit(table)
    is_class = task == "classification"
    target = (table.frame["y"] == "yes").to_numpy().astype(np.int64) if is_class else table.frame["age"].to_numpy() ** 2
    rows = Rows(encoder.transform(table), target)
    model = MODELS[name]()
    model.fit(rows.take(np.arange(180)), rows.take(np.arange(180, 240)), loss=loss_for(task), classes=2 if is_class else 0, seed=1)
    return Predictor(
        encoder, model, 1.3, task, ("no", "yes") if is_class else (), "y", "bits/row", "abc", {"assay": "0.1"}, ("DAT101 x at y",)
    )


@pytest.fixture(scope="module")
def predictor(table: Table) -> Predictor:
    return make(table, "linear", "classification")


@pytest.mark.parametrize("task", ["classification", "regression"])
@pytest.mark.parametrize("name", ladder_names(torch_available=False))
def test_what_was_saved_predicts_the_same_bits(table, tmp_path, name, task):
    made = make(table, name, task)
    save(tmp_path / "model", made)
    again = load(tmp_path / "model")
    assert made.predict_frame(table).equals(again.predict_frame(table))
    for label in ("temperature", "task", "classes", "target", "unit", "fingerprint", "versions", "findings", "created", "schema"):
        assert getattr(again, label) == getattr(made, label), label


def test_the_frame_has_one_row_a_row_and_a_chance_a_class(table, predictor):
    frame = predictor.predict_frame(table.take([3, 1, 2]))
    assert frame.columns == ["prediction", "p_no", "p_yes"]
    assert frame.height == 3
    assert frame.dtypes == [pl.String, pl.Float64, pl.Float64]
    likeliest = ["yes" if p > 0.5 else "no" for p in frame["p_yes"]]
    assert frame["prediction"].to_list() == likeliest


def test_no_rows_give_no_predictions(table, predictor):
    assert predictor.predict_frame(table.take([])).columns == ["prediction", "p_no", "p_yes"]


def test_the_temperature_softens(table, predictor):
    from dataclasses import replace

    soft, hard = (replace(predictor, temperature=t).predict(table).probabilities.max(axis=1).mean() for t in (2.0, 1.0))
    assert soft < hard


def test_the_target_may_be_absent_but_a_feature_may_not(table, predictor):
    bare = Table(table.frame.drop("y"), {k: v for k, v in table.kinds.items() if k != "y"})
    assert predictor.predict_frame(bare).height == 240
    with pytest.raises(ColumnError, match="'town'"):
        predictor.predict(Table(table.frame.drop("town"), {"age": "number", "note": "text"}))


def test_numbers_are_predicted_as_numbers(table):
    assert make(table, "linear", "regression").predict_frame(table).dtypes == [pl.Float64]


@pytest.mark.parametrize("name", ["model.json", "arrays.npz", "schema.json"])
def test_one_changed_byte_is_refused(predictor, tmp_path, name):
    save(tmp_path, predictor)
    path = tmp_path / name
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(bytes(content))
    with pytest.raises(RunError, match=rf"{name} has sha256 .* the file was changed, train again"):
        load(tmp_path)


def test_a_missing_file_an_empty_folder_and_no_folder_are_told_apart(predictor, tmp_path):
    save(tmp_path / "whole", predictor)
    (tmp_path / "whole" / "arrays.npz").unlink()
    with pytest.raises(RunError, match=r"arrays.npz: No such file"):
        load(tmp_path / "whole")
    (tmp_path / "empty").mkdir()
    with pytest.raises(RunError, match="no finished run"):
        load(tmp_path / "empty")
    with pytest.raises(RunError, match="no folder"):
        load(tmp_path / "nowhere")


def test_a_later_format_is_refused(predictor, tmp_path):
    save(tmp_path, predictor)
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    (tmp_path / "manifest.json").write_text(json.dumps(manifest | {"format": 99}))
    with pytest.raises(RunError, match="format 99, this version reads 1"):
        load(tmp_path)


def rewrite(folder, change) -> None:
    """Change model.json and make the manifest agree, as a stranger with an editor could."""
    record = json.loads((folder / "model.json").read_text())
    change(record)
    (folder / "model.json").write_text(json.dumps(record))
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["sha256"]["model.json"] = hashlib.sha256((folder / "model.json").read_bytes()).hexdigest()
    (folder / "manifest.json").write_text(json.dumps(manifest))


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda record: record.update(name="os.system"), "os.system"),
        (lambda record: record.pop("temperature"), "temperature"),
        (lambda record: record["state"].pop("sources"), "sources"),
        (lambda record: record["encoder"]["columns"][0].update(type="Evil"), "Evil"),
    ],
)
def test_a_record_that_does_not_fit_is_an_error_of_one_line(predictor, tmp_path, change, told):
    save(tmp_path, predictor)
    rewrite(tmp_path, change)
    with pytest.raises(RunError, match=told) as caught:
        load(tmp_path)
    assert "\n" not in str(caught.value)


def test_pickled_arrays_are_neither_written_nor_read(tmp_path):
    with pytest.raises(RunError, match="Python objects"):
        write_arrays(tmp_path / "a.npz", {"x": np.array([{}], dtype=object)})
    np.savez(tmp_path / "evil.npz", x=np.array([{"run": "me"}], dtype=object))
    with pytest.raises(RunError, match="cannot read"):
        read_arrays(tmp_path / "evil.npz")


def test_cut_arrays_are_refused(tmp_path):
    write_arrays(tmp_path / "a.npz", {"x": np.arange(1000)})
    content = (tmp_path / "a.npz").read_bytes()
    (tmp_path / "a.npz").write_bytes(content[: len(content) // 2])
    with pytest.raises(RunError, match="cannot read"):
        read_arrays(tmp_path / "a.npz")
    np.save(tmp_path / "single.npy", np.arange(3))
    with pytest.raises(RunError, match="single array"):
        read_arrays(tmp_path / "single.npy")
