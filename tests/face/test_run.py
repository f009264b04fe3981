"""A run's predictions: in the target's own type, the same as those it kept, for new rows of any shape."""

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

import assay

ROWS = 160


def table(rng: np.random.Generator, labels: Any) -> pl.DataFrame:
    """A number, a category, and a target that follows the number."""
    x = rng.normal(size=ROWS)
    kind = (x + rng.normal(0.0, 0.5, ROWS) > 0).astype(int)
    return pl.DataFrame({"x": x, "town": rng.choice(["rome", "oslo"], ROWS), "y": pl.Series([labels[k] for k in kind])})


@pytest.mark.parametrize(
    ("labels", "dtype"),
    [((0, 1), pl.Int64), ((-1, 12), pl.Int64), ((False, True), pl.Boolean), ((0.0, 2.5), pl.Float64), (("no", "yes"), pl.String)],
)
def test_predictions_have_the_type_of_the_target(labels: Any, dtype: Any, tmp_path: Path, rng: np.random.Generator) -> None:
    frame = table(rng, labels)
    run = assay.train(frame, target="y", task="classification", model="one-rule", out=tmp_path / "r", quiet=True)
    made = run.predict(frame)
    assert made["prediction"].dtype == dtype
    assert (made["prediction"] == frame["y"]).mean() > 0.7
    names = {False: "false", True: "true"} if dtype == pl.Boolean else {}
    assert made.columns[1:] == [f"p_{names.get(one, str(one).removesuffix('.0'))}" for one in labels]
    kept = pl.read_parquet(run.folder / "predictions.parquet")
    assert kept["target"].dtype == dtype
    assert kept["target"].equals(frame["y"][(kept["row"] - 1).to_list()].alias("target"))


def test_kept_predictions_are_those_of_the_same_rows(tmp_path: Path, rng: np.random.Generator) -> None:
    frame = table(rng, ("no", "yes"))
    run = assay.train(frame, target="y", model="boosting", out=tmp_path / "r", quiet=True)
    kept = pl.read_parquet(run.folder / "predictions.parquet")
    again = run.predict(frame)[(kept["row"] - 1).to_list()]
    assert again.equals(kept.drop("row", "target"))


def test_models_that_the_budget_left_out_are_told_to_whoever_reads_the_run(tmp_path: Path, rng: np.random.Generator) -> None:
    from assay.face.terminal import run_text

    run = assay.train(table(rng, ("no", "yes")), target="y", budget=1e-6, out=tmp_path / "r", quiet=True)
    assert [r.name for r in run.evaluation.ladder] == ["constant"]
    assert "mlp was not trained: the budget of 1e-06 s is used up" in run.view.untrained
    assert "mlp was not trained" in run_text(run.view)
    assert "mlp was not trained" in run.report_path.read_text(encoding="utf-8")


def test_a_model_that_the_budget_cut_says_so_on_the_ladder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from assay.model import fit_boosting

    monkeypatch.setattr(fit_boosting, "_rounds_within", lambda *_, **__: 2)
    run = assay.train("wine", model="boosting", budget=60, out=tmp_path / "r", quiet=True)
    assert run.evaluation.rung("boosting").note == "cut by the budget; 2 rounds of boosting, 3 trees a round"


def test_the_demos_report_says_how_to_make_it_again(tmp_path: Path) -> None:
    from assay.face.api import demo

    run = demo(out=tmp_path / "demo", quiet=True, budget=1e-6)
    assert run.view.command == f"assay train claims-leak --target verdict --budget 1e-06 --out {tmp_path / 'demo'}"


def test_new_rows_are_read_as_the_training_rows_were(tmp_path: Path, rng: np.random.Generator) -> None:
    """A marker of missing values or a type that was asked for at training once counted for nothing at prediction."""
    frame = table(rng, ("no", "yes")).with_columns(
        age=pl.Series(rng.choice(["30", "40", "-99"], ROWS)), when=pl.Series(rng.choice([20210203, 20210503, 20211103], ROWS))
    )
    options = {"missing": ["-99"], "types": {"when": "date"}}
    run = assay.train(frame, target="y", model="linear", out=tmp_path / "r", quiet=True, **options)
    kept = pl.read_parquet(run.folder / "predictions.parquet")
    again = run.predict(frame)[(kept["row"] - 1).to_list()]
    assert again.equals(kept.drop("row", "target"))
    without_age = run.predict(frame.with_columns(age=pl.lit(None, pl.String)))
    assert without_age.equals(run.predict(frame.with_columns(age=pl.lit("-99"))))


def test_dates_of_new_rows_are_read_in_the_order_of_the_training(tmp_path: Path, rng: np.random.Generator) -> None:
    """03/02/2021 alone fits either order; it once was March in one row and February beside 25/02/2021."""
    days, months = rng.integers(1, 29, ROWS), rng.integers(1, 13, ROWS)
    frame = pl.DataFrame({"day": [f"{d:02d}/{m:02d}/2021" for d, m in zip(days, months, strict=True)], "y": months > 6})
    frame.write_csv(tmp_path / "t.csv")
    run = assay.train(tmp_path / "t.csv", target="y", model="boosting", out=tmp_path / "r", quiet=True)
    assert (run.predict(tmp_path / "t.csv")["prediction"] == frame["y"]).mean() > 0.9
    for written in ("03/12/2021", "2021-12-03", "3/12/2021"):
        alone = run.predict({"day": [written]})
        assert alone.equals(run.predict({"day": ["03/12/2021", "25/12/2021"]})[:1]), written
    assert alone["prediction"].to_list() == [True]
    gaps = run.predict({"day": ["03/12/2021", "NA", "", None]})
    assert gaps[:1].equals(alone)
    assert gaps[1:2].equals(gaps[2:3]) and gaps[2:3].equals(gaps[3:4])


def test_the_audit_looks_at_the_task_that_was_asked_for(tmp_path: Path, rng: np.random.Generator) -> None:
    """Whole numbers asked for as values were once audited as classes, and called imbalanced."""
    frame = table(rng, (0, 1)).with_columns(y=(3 * pl.col("x")).round().cast(pl.Int64))
    run = assay.train(frame, target="y", task="regression", model="one-rule", out=tmp_path / "r", quiet=True)
    assert run.view.table.target is not None and run.view.table.target.task == "regression"
    assert "DAT106" not in {f.code for f in run.findings}


def test_a_table_in_memory_is_trained_again_by_the_call_that_the_report_names(tmp_path: Path, rng: np.random.Generator) -> None:
    import ast

    frame = table(rng, ("no", "yes"))
    run = assay.train(frame, target="y", model="one-rule", drop=["town"], seed=3, out=tmp_path / "r", quiet=True)
    call = ast.parse(run.view.command, mode="eval").body
    assert isinstance(call, ast.Call)
    asked = {one.arg: ast.literal_eval(one.value) for one in call.keywords}
    assert asked == {"target": "y", "model": "one-rule", "drop": ("town",), "seed": 3, "out": str(tmp_path / "r")}


def test_infinite_numbers_are_told_to_count_as_missing(tmp_path: Path, rng: np.random.Generator) -> None:
    frame = table(rng, ("no", "yes")).with_columns(x=pl.when(pl.int_range(pl.len()) % 2 == 0).then(float("inf")).otherwise("x"))
    run = assay.train(frame, target="y", model="one-rule", out=tmp_path / "r", quiet=True)
    (told,) = [note for note in run.view.notes if "infinite" in note]
    assert told.startswith("column 'x': ")
