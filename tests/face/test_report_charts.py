"""The charts as data: their specifications are valid, hold the right bars, and sum where they must."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.core.ledger import Adjustment, Booking, Ledger, Side
from assay.face.report import charts
from assay.face.report.drawing import figure, svg_of
from assay.face.report.look import NARROW, WIDE, themed
from assay.face.report.pictures import of_column
from assay.face.report.steps import steps_of
from assay.face.view import RunView

amounts = st.floats(min_value=-1.0, max_value=1.0, allow_nan=False)


def book(sources: list[float], remainder: float, leaked: float) -> Ledger:
    lines = tuple(Booking(f"c{i}", a, 0.01) for i, a in enumerate(sources))
    side = Side("source", lines, remainder, "by hand", 1.0)
    closing = 2.0 - sum(sources) - remainder
    return Ledger("m", "bits/row", 10, 2.0, closing, 0.1, 1.0, side, side, (Adjustment("leaked", leaked, counts=True),))


@given(st.lists(amounts, max_size=30), amounts, amounts)
def test_the_steps_lead_from_opening_to_closing_to_honest(sources: list[float], remainder: float, leaked: float) -> None:
    ledger = book(sources, remainder, leaked)
    steps = steps_of(ledger)
    names = [s.label for s in steps]
    way = steps[1 : names.index("closing")]
    level = ledger.opening
    for step in way:
        assert step.start == pytest.approx(level, abs=1e-9)
        level = step.end
    assert level == pytest.approx(ledger.closing, abs=1e-9)
    assert steps[-1].label == "honest" and steps[-1].end == pytest.approx(ledger.opening - ledger.honest, abs=1e-9)
    assert len(way) <= 10 + 2


def test_a_small_reduction_cuts_the_axis_and_says_so() -> None:
    small = steps_of(book([0.02, 0.01], 0.0, 0.0))
    large = steps_of(book([0.9], 0.0, 0.0))
    assert small[0].low > 1.9 and large[0].low == 0.0
    assert "does not start at 0" in json.dumps(charts.waterfall(small, "bits/row").to_dict())
    assert "does not start at 0" not in json.dumps(charts.waterfall(large, "bits/row").to_dict())


def test_leaking_columns_are_marked(leaky_view: RunView) -> None:
    assert leaky_view.ledger is not None
    kinds = {s.label: s.kind for s in steps_of(leaky_view.ledger, {"boat"})}
    assert kinds["boat"] == "leaking" and kinds["sex"] == "learned" and kinds["name"] == "raises the loss"


def pictures(view: RunView) -> dict[str, Callable[[int], charts.Chart]]:
    found, trace = view.evaluation, view.traces[0]
    assert found is not None and found.ledger is not None and found.layers is not None and found.calibration is not None
    ledger, layers, calibration = found.ledger, found.layers, found.calibration
    return {
        "waterfall": lambda w: charts.waterfall(steps_of(ledger), "bits/row", w),
        "ladder": lambda w: charts.ladder(found.ladder, found.unit, found.opening, "boosting", w),
        "curves": lambda w: charts.curves(trace, w),
        "bookings": lambda w: charts.bookings(layers, found.unit, w),
        "reliability": lambda w: charts.reliability(calibration, w),
        "confusion": lambda w: charts.confusion(found.confusion, found.classes, w),
        "residuals": lambda w: charts.residuals([(1.0, 2.0), (3.0, 2.5)], "count", w),
        "slices": lambda w: charts.slices(found.slices, found.unit, w),
    }


@pytest.mark.parametrize("name", ["waterfall", "ladder", "curves", "bookings", "reliability", "confusion", "residuals", "slices"])
def test_pictures_fit_their_width_and_are_named_for_those_who_do_not_see(name: str, leaky_view: RunView) -> None:
    make = pictures(leaky_view)[name]
    make(WIDE).to_dict(validate=True)
    html = figure(make, name, 'a "label"', "a <caption>")
    assert html.count("<svg") == 2 and html.count('aria-label="a &quot;label&quot;"') == 2 and "a &lt;caption&gt;" in html
    widths = [float(found) for found in re.findall(r'<svg [^>]*? width="([\d.]+)"', html)]
    assert len(widths) == 2 and 150 < widths[0] <= WIDE and 150 < widths[1] <= NARROW


def test_names_at_the_left_have_room_in_a_face_a_fifth_wider_than_arial(leaky_view: RunView) -> None:
    assert leaky_view.ledger is not None
    steps = [replace(step, label="w" * 12) for step in steps_of(leaky_view.ledger)]
    svg = svg_of(charts.waterfall(steps, "bits/row"), "w", "x")
    left = float(re.search(r'stroke-miterlimit="10" transform="translate\(([\d.]+),', svg)[1])  # type: ignore[index]
    assert left >= 12 * 12 * 0.722 * 1.19  # Arial's w is 0.722 of its size wide
    assert 'font-size="12px"' in svg and "14.4" not in svg


def test_bars_count_the_steps(leaky_view: RunView) -> None:
    assert leaky_view.ledger is not None
    steps = steps_of(leaky_view.ledger)
    svg = svg_of(charts.waterfall(steps, "bits/row"), "w", "x")
    assert svg.count('aria-roledescription="bar"') == len(steps) == 18


def test_two_rows_of_one_name_stay_two_bars(leaky_view: RunView) -> None:
    assert leaky_view.ledger is not None
    twins = replace(leaky_view.ledger.sources, bookings=(Booking("opening", 0.4), Booking("closing", 0.1), Booking("closing", 0.05)))
    svg = svg_of(charts.waterfall(steps_of(replace(leaky_view.ledger, sources=twins)), "bits/row"), "w", "x")
    places = set(re.findall(r'd="M[\d.]+,([\d.]+)h[^"]+" fill', svg))
    assert svg.count('aria-roledescription="bar"') == len(places) == 10  # opening, 3 sources, remainder, closing, 3 adjustments, honest


def test_the_last_stack_is_what_the_layers_learned(leaky_view: RunView) -> None:
    assert leaky_view.evaluation is not None and leaky_view.evaluation.layers is not None
    layers = leaky_view.evaluation.layers
    spec = charts.bookings(layers, "bits/row").to_dict()
    (rows,) = spec["datasets"].values()
    last = [r["amount"] for r in rows if r["epoch"] == 15]
    assert sum(last) == pytest.approx(layers.total)


def test_thinned_snapshots_are_not_called_epochs(leaky_view: RunView) -> None:
    assert leaky_view.evaluation is not None and leaky_view.evaluation.layers is not None
    layers = leaky_view.evaluation.layers
    whole, thinned = (json.dumps(charts.bookings(layers, "bits/row", kept_epoch=k).to_dict()) for k in (15, 58))
    assert '"title": "epoch"' in whole and '"title": "epoch"' not in thinned and "the last at epoch 58" in thinned


def test_many_confused_classes_and_thin_evidence_still_draw() -> None:
    names = [f"class {i}" for i in range(12)]
    counts = [[i * j for j in range(12)] for i in range(12)]
    assert "<svg" in svg_of(charts.confusion(counts, names, NARROW), "c", "x")
    assert "<svg" in svg_of(charts.residuals([(1.0, 1.0)], "y"), "r", "x")
    assert "<svg" in svg_of(charts.slices((), "bits/row"), "s", "x")


@settings(max_examples=15, deadline=None)
@given(st.lists(st.integers(0, 10**9), min_size=1, max_size=20), st.floats(-1e9, 1e9), st.floats(1e-6, 1e9))
def test_histograms_of_any_counts_draw(counts: list[int], start: float, width: float) -> None:
    from assay.core.table_evidence import ColumnEvidence

    edges = tuple(start + i * width for i in range(len(counts) + 1))
    column = ColumnEvidence("x", "number", 9, 9, histogram_edges=edges, histogram_counts=tuple(counts))
    spec = themed(charts.histogram(column))
    assert len(spec["data"]["values"]) == len(counts)
    assert "NaN" not in of_column(column, 0)


def test_a_histogram_rises_from_its_ground(leaky_view: RunView) -> None:
    column = replace(leaky_view.table.columns[3], histogram_edges=(0.0, 1.0, 2.0), histogram_counts=(1, 2))
    svg = svg_of(charts.histogram(column), "h", "")
    tall = [
        float(part.split("v")[1].split("h")[0]) for part in svg.split('d="M')[1:] if "v" in part and 'fill="#0072b2"' in part.split(">")[0]
    ]
    assert len(tall) == 2 and max(tall) == pytest.approx(2 * min(tall))
