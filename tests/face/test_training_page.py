"""The report of a watched training: causes first, on the curve; small whatever was watched; drawn by assay report."""

import math
from pathlib import Path

import pytest

from assay.core.finding import Finding, Severity
from assay.core.loop_evidence import LoopEvidence, Window
from assay.core.loop_parts import HeadLooks, LayerLooks, TimeLooks
from assay.core.report import Report
from assay.face.cli import main
from assay.face.loop_run import LoopRun
from assay.face.report.training_charts import LayerMap, columns_of
from assay.face.report.training_page import maps_of, render
from assay.watch.loop_folder import write_loop

LOOKS = 200


def of_many_layers(layers: int, steps: int = 1_000_000) -> LoopEvidence:
    windows = tuple(Window(i * steps // 256, steps // 256, 1.0 / (i + 1), 0.1, 0.0, 9.0 if i == 100 else 1.2) for i in range(256))
    parts = tuple(
        LayerLooks(
            f"blocks.{i}.<b>linear",
            "linear",
            order=i,
            units=64,
            activation="relu",
            gradient_rms=tuple(10.0 ** -(i / 10 + look / 50) for look in range(LOOKS)),
            update_ratio=(1e-3,) * LOOKS,
            booked=tuple(-1e-3 if look % 2 else 1e-3 for look in range(LOOKS)),
            output_rms=(1.0, math.nan),
            dead_share=(0.0, 0.5),
        )
        for i in range(layers)
    )
    return LoopEvidence(
        "<script>Net",
        "bits/example",
        3.3,
        (1.0, 0.5),
        (1.1, 0.9),
        steps=steps,
        windows=windows,
        epoch_step=(steps // 2, steps),
        look_step=tuple(range(LOOKS)),
        deep_step=(0, 1),
        parts=parts,
        birth=3.4,
        heads=(HeadLooks("attention", 8, ((0.9, 0.1),), ((0.2, 0.95),)),),
        recurrent=(TimeLooks("cell", "rnn", 30, (0.8,), (1e-3,)),),
    )


def kept(folder: Path, evidence: LoopEvidence) -> Path:
    cause = Finding({"layer": "blocks.0"}, "much", "little", "lr=0.01", code="TRN102", name="lr-too-high", severity=Severity.ERROR)
    follows = Finding({}, "flat", "steep", code="TRN104", name="loss-stuck-at-prior", severity=Severity.ERROR, caused_by="lr-too-high")
    report = Report((cause, follows), ("TRN102", "TRN104"), {"TRN105": "no validation loss"})
    return write_loop(folder, evidence, report, name="net", first_named={"lr-too-high": 12}, command="assay watch train.py")


def test_causes_stand_first_and_are_pinned_to_their_step(tmp_path):
    page = render(LoopRun(kept(tmp_path / "r", of_many_layers(3))))
    assert "1 cause of trouble named: lr-too-high" in page
    assert page.index("follows from lr-too-high") > page.index("</code> lr-too-high")
    assert "lr-too-high at step 12" in page
    assert "assay watch train.py" in page


def test_whatever_was_not_seen_says_so(tmp_path):
    page = render(LoopRun(write_loop(tmp_path / "r", LoopEvidence("net", "loss", math.nan, ()), Report((), (), {}))))
    assert "Nothing wrong was named." in page
    assert "No loss was told." in page
    assert "No layer was looked at" in page


def test_a_hundred_layers_and_a_million_steps_stay_readable(tmp_path):
    page = render(LoopRun(kept(tmp_path / "r", of_many_layers(100))))
    assert len(page) < 12_000_000
    assert "blocks.99.&lt;b&gt;linear" in page
    assert "<b>linear" not in page


def test_no_extreme_is_lost_when_looks_become_columns():
    values = tuple(1e3 if i == 137 else 1.0 for i in range(LOOKS))
    steps, ((_, kept_values),) = columns_of(LayerMap("size", tuple(range(LOOKS)), (("a", values),)))
    assert len(steps) <= 48
    assert max(kept_values) == 1e3


def test_a_layer_that_only_zeros_are_known_of_is_in_no_map():
    assert "dead" not in maps_of(LoopEvidence("n", "loss", 1.0, (), deep_step=(0,), parts=(LayerLooks("a", "linear", dead_share=(0.0,)),)))


def test_assay_report_draws_it(tmp_path, capsys):
    folder = kept(tmp_path / "r", of_many_layers(2))
    assert main(["report", str(folder)]) == 0
    told = Path(capsys.readouterr().out.strip())
    assert told == folder / "report.html"
    assert told.read_text(encoding="utf-8").startswith("<!doctype html>")


@pytest.mark.parametrize("forbidden", ["http://", "https://", "<script"])
def test_nothing_is_loaded_or_run(tmp_path, forbidden):
    page = render(LoopRun(kept(tmp_path / "r", of_many_layers(2))))
    assert forbidden not in page.replace("http://www.w3.org", "")
