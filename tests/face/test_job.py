"""The main job end to end on real and bundled tables: whole, interrupted, resumed, refused."""

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import assay
from assay.core.errors import AssayError, InputError, RunError
from assay.face.job import rungs


@pytest.fixture(scope="module")
def wine(tmp_path_factory: pytest.TempPathFactory) -> "assay.Run":
    """One run on a bundled table, shared by the tests that only look."""
    return assay.train("wine", out=tmp_path_factory.mktemp("runs") / "wine", quiet=True)


def test_run_is_whole_and_shows_itself(wine: "assay.Run") -> None:
    assert wine.state == "finished"
    assert [r.name for r in wine.evaluation.ladder] == ["constant", "one-rule", "linear", "boosting", "mlp"]
    assert wine.report_path.stat().st_size < 2_000_000
    assert "<table" in wine.ledger._repr_html_() and "<" in wine.findings._repr_html_() and wine._repr_html_()
    assert not list(wine.folder.rglob("*.part"))


def test_both_sides_of_the_ledger_balance(wine: "assay.Run") -> None:
    ledger = wine.ledger
    for side in (ledger.sources, ledger.learners):
        assert side.total + side.remainder == pytest.approx(ledger.reduction, abs=1e-9)
        assert side.balances


def test_predict_gives_one_row_a_row_with_probabilities_that_sum_to_one(wine: "assay.Run") -> None:
    from assay.table import sample

    table = sample("wine")
    frame = wine.predict(table)
    shares = frame.select(pl.selectors.starts_with("p_")).to_numpy()
    assert frame.height == table.rows and frame.columns[0] == "prediction" and shares.shape[1] == 3
    assert np.allclose(shares.sum(axis=1), 1.0)


def test_judging_again_gives_the_same_findings(wine: "assay.Run") -> None:
    assert wine.judge().findings == wine.view.report.findings


def test_same_seed_gives_the_same_run(wine: "assay.Run", tmp_path: Path) -> None:
    again = assay.train("wine", out=tmp_path / "again", quiet=True)
    assert [r.held_out_loss for r in again.evaluation.ladder] == [r.held_out_loss for r in wine.evaluation.ladder]


def test_table_in_memory_of_pandas_trains_too(tmp_path: Path, rng: np.random.Generator) -> None:
    import pandas as pd

    x = rng.normal(size=200)
    table = pd.DataFrame({"x": x, "colour": rng.choice(["red", "blue"], 200), "y": np.where(x + rng.normal(size=200) > 0, "yes", "no")})
    run = assay.train(table, target="y", model="linear", out=tmp_path / "r", quiet=True)
    assert run.evaluation.model == "linear"
    assert set(run.predict(table).columns) == {"prediction", "p_no", "p_yes"}


def test_interrupted_run_keeps_what_is_done_and_resumes_to_the_same_result(
    tmp_path: Path, wine: "assay.Run", monkeypatch: pytest.MonkeyPatch
) -> None:
    real = rungs.train_one

    def stop_at_boosting(name, *rest, **named):  # type: ignore[no-untyped-def]
        if name == "boosting":
            raise KeyboardInterrupt
        return real(name, *rest, **named)

    monkeypatch.setattr(rungs, "train_one", stop_at_boosting)
    with pytest.raises(KeyboardInterrupt):
        assay.train("wine", out=tmp_path / "r", quiet=True)
    half = assay.load(tmp_path / "r")
    assert half.state == "interrupted"
    assert sorted(p.name for p in (tmp_path / "r" / "models").iterdir()) == ["constant", "linear", "one-rule"]
    with pytest.raises(RunError, match="--resume"):
        _ = half.ledger
    monkeypatch.setattr(rungs, "train_one", real)
    whole = assay.train("wine", out=tmp_path / "r", quiet=True, resume=True)
    assert whole.state == "finished"
    assert [r.held_out_loss for r in whole.evaluation.ladder] == [r.held_out_loss for r in wine.evaluation.ladder]


def test_changed_source_is_not_resumed(tmp_path: Path) -> None:
    source = tmp_path / "t.csv"
    rows = "\n".join(f"{i % 7},{'a' if i % 3 else 'b'}" for i in range(90))
    source.write_text("x,y\n" + rows + "\n")
    assay.train(source, target="y", model="one-rule", out=tmp_path / "r", quiet=True)
    record = json.loads((tmp_path / "r" / "run.json").read_text())
    (tmp_path / "r" / "run.json").write_text(json.dumps({**record, "state": "interrupted"}))
    source.write_text("x,y\n" + rows.replace("1,a", "5,a", 1) + "\n")
    with pytest.raises(RunError, match="has changed"):
        assay.train(source, target="y", out=tmp_path / "r", quiet=True, resume=True)


def test_changed_held_out_file_is_not_resumed(tmp_path: Path) -> None:
    for name in ("train.csv", "test.csv"):
        (tmp_path / name).write_text("x,y\n" + "\n".join(f"{i % 7},{'a' if i % 3 else 'b'}" for i in range(90)) + "\n")
    source, held_out = tmp_path / "train.csv", tmp_path / "test.csv"
    assay.train(source, target="y", test=str(held_out), model="one-rule", out=tmp_path / "r", quiet=True)
    record = json.loads((tmp_path / "r" / "run.json").read_text())
    (tmp_path / "r" / "run.json").write_text(json.dumps({**record, "state": "interrupted"}))
    held_out.write_text(held_out.read_text().replace("1,a", "5,a", 1))
    with pytest.raises(RunError, match=r"test\.csv has changed"):
        assay.train(source, target="y", out=tmp_path / "r", quiet=True, resume=True)


def test_existing_run_is_refused_before_anything_is_read(wine: "assay.Run") -> None:
    with pytest.raises(RunError, match="--overwrite"):
        assay.train("no such file.csv", target="x", out=wine.folder, quiet=True)


@pytest.mark.parametrize(
    ("columns", "target", "says"),
    [
        ({"x": [1.0, 2.0], "y": ["a", "b"]}, "y", "2 rows"),
        ({"x": list(range(60)), "y": ["a"] * 60}, "y", "at least 2 distinct values"),
        ({"x": list(range(60)), "y": [None] * 60}, "y", "missing"),
        ({"x": list(range(60)), "label": ["a", "b"] * 30}, "labl", "did you mean 'label'"),
    ],
)
def test_unfit_tables_are_refused_and_leave_nothing_behind(columns: dict, target: str, says: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=says):
        assay.train(columns, target=target, out=tmp_path / "r", quiet=True)
    assert not (tmp_path / "r").exists()


def test_held_out_file_is_the_test_part(tmp_path: Path, rng: np.random.Generator) -> None:
    def write(name: str, n: int) -> Path:
        x = rng.normal(size=n)
        pl.DataFrame({"x": x, "y": np.where(x > 0, "up", "down")}).write_csv(tmp_path / name)
        return tmp_path / name

    run = assay.train(write("a.csv", 200), target="y", test=str(write("b.csv", 50)), model="one-rule", out=tmp_path / "r", quiet=True)
    assert run.evaluation.rows == 50
    assert run.view.split is not None and run.view.split.how == "given"


def test_regression_run(tmp_path: Path) -> None:
    run = assay.train("diabetes", out=tmp_path / "r", quiet=True)
    ledger = run.ledger
    assert ledger.unit == "squared error/row"
    assert 0 < ledger.reduction < ledger.opening
    assert run.predict("diabetes").columns == ["prediction"]


def test_nothing_honest_is_left_where_every_column_leaks_and_rows_weigh_differently(tmp_path: Path, rng: np.random.Generator) -> None:
    label = rng.integers(0, 2, 400)
    table = {"refunded": label * 10.0, "y": np.where(label, "yes", "no"), "w": np.where(label, 5.0, 1.0)}
    ledger = assay.train(table, target="y", weight="w", model="one-rule", out=tmp_path / "r", quiet=True).ledger
    assert ledger.reduction > 0.3
    assert ledger.honest == pytest.approx(0.0, abs=1e-9)


@pytest.mark.shared
def test_titanic_leaks_are_named_priced_and_taken_off(shared_data: Path, tmp_path: Path) -> None:
    source = shared_data / "titanic" / "titanic_openML.csv"
    leaky = assay.train(source, target="survived", model="boosting", out=tmp_path / "leaky", quiet=True)
    named = {f.at.get("column") for f in leaky.findings if f.code in ("SPL101", "SPL102")}
    assert {"boat", "body"} <= named
    (leaked,) = [a for a in leaky.ledger.adjustments if a.kind == "leaked"]
    honest = assay.train(source, target="survived", model="boosting", drop=("boat", "body"), out=tmp_path / "honest", quiet=True)
    assert leaked.amount > 0.2
    assert leaky.ledger.honest == pytest.approx(honest.ledger.reduction, abs=0.02)


def test_broken_source_is_one_assay_error(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_bytes(b"\x00\x01\x02" * 100)
    with pytest.raises(AssayError):
        assay.train(tmp_path / "x.csv", target="y", out=tmp_path / "r", quiet=True)
