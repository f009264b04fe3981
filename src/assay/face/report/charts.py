"""The report's charts as Vega-Lite specifications made with Altair: one function a chart, one specification for every face."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Any, cast

from assay.face.report.look import (
    AMBER,
    BLUE,
    FAINT,
    GREEN,
    GREY,
    INK,
    SERIES,
    SKY,
    VERMILION,
    WIDE,
    end_of_axis,
    labels,
    legend,
    over,
    stack,
    ticks,
)
from assay.face.view import amount, quantity

if TYPE_CHECKING:
    from assay.core.eval_evidence import Calibration, Rung, Slice
    from assay.core.image_evidence import ImageEvidence
    from assay.core.ledger import Side
    from assay.core.table_evidence import ColumnEvidence
    from assay.core.trace_evidence import TraceEvidence
    from assay.face.report.contact_sheet import Region
    from assay.face.report.look import Chart
    from assay.face.report.steps import Step


def waterfall(steps: Sequence[Step], unit: str, width: int = WIDE) -> Chart:
    """The ledger's way from the opening to the closing balance and on to the honest one, a bar a step.

    Args:
        steps: What `assay.face.report.steps.steps_of` made of a ledger.
        unit: Of the loss, for the axis.
        width: Of the whole picture in pixels.
    """
    import altair as alt

    low = min(s.low for s in steps)
    high = max(max(s.start, s.end) + (s.se or 0.0) for s in steps)
    rows = [
        {
            "place": i,
            "kind": s.kind,
            "start": max(low, min(s.start, s.end)),
            "end": max(s.start, s.end),
            "text": s.text,
            "told": f"{s.label}: {s.text} {unit}",
            "se_low": s.end - s.se if s.se else None,
            "se_high": s.end + s.se if s.se else None,
            "right": max(s.start, s.end, s.end + (s.se or 0.0)),
        }
        for i, s in enumerate(steps)
    ]
    kinds = {"balance": GREY, "learned": BLUE, "leaking": VERMILION, "raises the loss": AMBER, "told beside": FAINT, "honest": GREEN}
    used = [k for k in kinds if any(r["kind"] == k for r in rows)]
    end = end_of_axis(width, [s.label for s in steps], [(float(str(r["right"])), s.text) for r, s in zip(rows, steps, strict=True)], low)
    scale = alt.Scale(domain=[low, max(end, high)], nice=False, zero=False)
    title = f"loss, {unit}" + ("" if low == 0 else " (axis cut: it does not start at 0)")
    base = over(rows).encode(
        y=alt.Y("place:O", title=None, axis=labels(width, [s.label for s in steps])),
    )
    bars = base.mark_bar(clip=True, height={"band": 0.72}).encode(
        x=alt.X("start:Q", scale=scale, title=title, axis=ticks(width, size=high, unit=unit)),
        x2="end:Q",
        color=alt.Color("kind:N", scale=alt.Scale(domain=used, range=[kinds[k] for k in used]), legend=legend(width)),
        description="told:N",
    )
    whiskers = base.transform_filter("isValid(datum.se_low)").mark_rule(color=INK, clip=True, aria=False)
    whiskers = whiskers.encode(x="se_low:Q", x2="se_high:Q")
    texts = base.mark_text(align="left", dx=5, color=INK, aria=False).encode(x="right:Q", text="text:N")
    return stack([bars, whiskers, texts], width, 26 * len(rows) + 70)


def ladder(rungs: Sequence[Rung], unit: str, opening: float, recommended: str, width: int = WIDE) -> Chart:
    """Held-out loss of every model with its standard error, the recommended one in another colour, the opening as a line."""
    import altair as alt

    rows = [
        {
            "model": r.name,
            "loss": r.held_out_loss,
            "low": r.held_out_loss - r.se,
            "high": r.held_out_loss + r.se,
            "kind": "recommended" if r.name == recommended else "other",
            "text": amount(r.held_out_loss, unit, opening),
            "told": f"{r.name}: {quantity(r.held_out_loss, unit)}, standard error {quantity(r.se, unit)}",
        }
        for r in rungs
    ]
    high = max([opening, *(r.held_out_loss + r.se for r in rungs)])
    ends = [(r.held_out_loss + r.se, amount(r.held_out_loss, unit, opening)) for r in rungs]
    scale = alt.Scale(domain=[0, max(1.02 * high, end_of_axis(width, [r.name for r in rungs], ends))], nice=False)
    base = over(rows).encode(y=alt.Y("model:N", sort=[r.name for r in rungs], title=None, axis=labels(width)))
    bars = base.mark_bar(height={"band": 0.62}).encode(
        x=alt.X("loss:Q", title=f"held-out loss, {unit} (less is better)", scale=scale, axis=ticks(width, size=high, unit=unit)),
        color=alt.Color("kind:N", scale=alt.Scale(domain=["recommended", "other"], range=[BLUE, FAINT]), legend=None),
        description="told:N",
    )
    whiskers = base.mark_rule(color=INK, strokeWidth=2, aria=False).encode(x="low:Q", x2="high:Q")
    texts = base.mark_text(align="left", dx=6, color=INK, aria=False).encode(x="high:Q", text="text:N")
    line = over([{"opening": opening}]).mark_rule(color=INK, strokeDash=[4, 3], aria=False).encode(x="opening:Q")
    return stack([bars, whiskers, texts, line], width, 36 * len(rows) + 50)


def curves(trace: TraceEvidence, width: int = WIDE) -> Chart:
    """Training and validation loss by epoch, with the opening balance and the epoch whose weights were kept."""
    import altair as alt

    rows = [
        {"epoch": i + 1, "loss": value, "part": part}
        for part, series in (("training", trace.train_loss), ("validation", trace.valid_loss))
        for i, value in enumerate(series)
        if abs(value) < 1e300  # NaN and infinity have no place on an axis; the finding nan-inf names them
    ]
    parts = [p for p in ("training", "validation") if any(r["part"] == p for r in rows)]
    many = max((int(str(r["epoch"])) for r in rows), default=1)
    lines = (
        over(rows)
        .mark_line(strokeWidth=2.2, point={"size": 22} if many <= 40 else False)
        .encode(
            x=alt.X("epoch:Q", title="epoch", scale=alt.Scale(domain=[1, max(2, many)], nice=False), axis=ticks(width, 1)),
            y=alt.Y("loss:Q", title=f"loss, {trace.unit}", scale=alt.Scale(zero=False)),
            color=alt.Color("part:N", scale=alt.Scale(domain=parts, range=[AMBER, BLUE][: len(parts)]), legend=legend(width)),
        )
    )
    marks: list[Any] = [lines]
    if trace.best_epoch >= 0:
        early = trace.best_epoch < many / 2
        kept = over([{"epoch": trace.best_epoch + 1, "text": "kept"}])
        marks.append(kept.mark_rule(color=INK, strokeDash=[4, 3], aria=False).encode(x="epoch:Q"))
        marks.append(
            kept.mark_text(align="left" if early else "right", dx=5 if early else -5, y=34, color=INK, aria=False).encode(
                x="epoch:Q", text="text:N"
            )
        )
    opening = over([{"loss": trace.opening, "text": "opening balance"}])
    marks.append(opening.mark_rule(color=GREY, aria=False).encode(y="loss:Q"))
    marks.append(opening.mark_text(align="right", x="width", dx=-4, dy=10, color=INK, aria=False).encode(y="loss:Q", text="text:N"))
    return stack(marks, width, 260)


def bookings(side: Side, unit: str, width: int = WIDE, *, kept_epoch: int = 0) -> Chart:
    """What each layer has taken off the held-out loss up to each epoch, stacked: the ledger's learner side as it grew.

    Args:
        side: Bookings by epoch.
        unit: Of the loss.
        width: Of the whole picture in pixels.
        kept_epoch: Epoch (1-based) whose weights were kept. Of a long training only some epochs are booked; the axis then
            counts snapshots of the weights, and says so.
    """
    import altair as alt

    rows = []
    for place, booking in enumerate(side.bookings):
        total = 0.0
        for epoch, taken in enumerate(booking.by_epoch, start=1):
            total += taken
            told = f"{booking.name}, up to snapshot {epoch}: {quantity(total, unit)}"
            rows.append({"epoch": epoch, "layer": booking.name, "place": place, "amount": total, "told": told})
    names = list(dict.fromkeys(str(r["layer"]) for r in rows))
    colours = [SERIES[i % len(SERIES)] for i in range(len(names))]
    last = max((int(str(r["epoch"])) for r in rows), default=1)
    ticks = [e for e in range(1, last + 1) if e == 1 or e % max(1, round(last / 8)) == 0]
    title = "epoch" if last == kept_epoch else f"snapshot of the weights, the last at epoch {kept_epoch}" if kept_epoch else "snapshot"
    bars = (
        over(rows)
        .mark_bar()
        .encode(
            x=alt.X("epoch:O", title=title, axis=alt.Axis(labelAngle=0, values=ticks)),
            y=alt.Y("amount:Q", title=f"taken off, {unit}"),
            color=alt.Color("layer:N", sort=names, scale=alt.Scale(domain=names, range=colours), legend=legend(width)),
            order=alt.Order("place:Q"),
            description="told:N",
        )
    )
    return stack([bars], width, 240)


def reliability(calibration: Calibration, width: int = WIDE) -> Chart:
    """Share that happened against the probability that was said, with the 95 % band in which a calibrated model would lie."""
    import altair as alt

    rows = [
        {
            "said": said,
            "happened": happened,
            "rows": n,
            "low": low,
            "high": high,
            "kind": "inside the band" if low <= happened <= high else "outside the band",
            "told": f"said {said:.2f}, happened {happened:.2f} in {n} rows, band {low:.2f} to {high:.2f}",
        }
        for said, happened, n, low, high in calibration.bins
    ]
    unit = alt.Scale(domain=[0, 1], nice=False)
    base = over(rows).encode(x=alt.X("said:Q", title="probability said", scale=unit, axis=ticks(min(width, 480))))
    ideal = over([{"said": 0, "happened": 0}, {"said": 1, "happened": 1}])
    line = ideal.mark_line(color=GREY, strokeDash=[4, 3], aria=False).encode(x="said:Q", y="happened:Q")
    bands = base.mark_rule(strokeWidth=9, opacity=0.45, color=FAINT, aria=False).encode(y=alt.Y("low:Q"), y2="high:Q")
    curve = base.mark_line(color=BLUE, strokeWidth=1.5, aria=False).encode(y="happened:Q")
    kinds = [k for k in ("inside the band", "outside the band") if any(r["kind"] == k for r in rows)]
    colours = [BLUE if k.startswith("inside") else VERMILION for k in kinds]
    points = base.mark_point(filled=True, opacity=1).encode(
        y=alt.Y("happened:Q", title="share that happened", scale=unit),
        size=alt.Size("rows:Q", scale=alt.Scale(range=[30, 220]), legend=None),
        color=alt.Color("kind:N", scale=alt.Scale(domain=kinds, range=colours), legend=legend(width)),
        shape=alt.Shape(
            "kind:N", scale=alt.Scale(domain=kinds, range=["circle" if c == BLUE else "diamond" for c in colours]), legend=None
        ),
        description="told:N",
    )
    return stack([line, bands, curve, points], min(width, 480), 340)


def confusion(counts: Sequence[Sequence[int]], classes: Sequence[str], width: int = WIDE) -> Chart:
    """Rows by true class and predicted class; the shade is the share of the true class."""
    import altair as alt

    cells = []
    for true, line in zip(classes, counts, strict=True):
        total = max(1, sum(line))
        for said, n in zip(classes, line, strict=True):
            told = f"{n} rows of class {true} were called {said}"
            cells.append({"true": true, "said": said, "n": n, "share": n / total, "told": told, "text": f"{n:,}"})
    order = list(classes)
    base = over(cells).encode(
        x=alt.X("said:N", sort=order, title="predicted", axis=alt.Axis(labelAngle=0 if len(order) <= 4 else -40, labelLimit=90)),
        y=alt.Y("true:N", sort=order, title="true", axis=alt.Axis(labelLimit=110)),
    )
    tiles = base.mark_rect(stroke=FAINT, strokeWidth=0.5, fill=BLUE).encode(
        fillOpacity=alt.FillOpacity("share:Q", scale=alt.Scale(domain=[0, 1], range=[0.04, 0.62]), legend=None), description="told:N"
    )
    texts = base.mark_text(color=INK, aria=False, fontSize=13 if len(order) <= 6 else 10).encode(text="text:N")
    side = max(170, min(440, 52 * len(order) + 90))
    return stack([tiles, texts], min(width, 140 + 90 * len(order)), side)


def regions(found: Sequence[Region], image: ImageEvidence, unit: str, width: int = WIDE) -> Chart:
    """What each region of an image took off the held-out loss, laid out as in the image; the shade is the share of the largest."""
    import altair as alt

    high = max((abs(r.amount) for r in found), default=1.0) or 1.0
    cells = [
        {"row": r.row, "column": r.column, "size": max(0.0, r.amount) / high, "text": amount(r.amount, unit, high, signed=False),
         "told": f"row {r.row}, column {r.column}: {quantity(r.amount, unit)}"}
        for r in found
    ]  # fmt: skip
    base = over(cells).encode(
        x=alt.X("column:O", title="column", axis=alt.Axis(labelAngle=0, orient="top")), y=alt.Y("row:O", title="row", axis=labels(width))
    )
    tiles = base.mark_rect(stroke=FAINT, strokeWidth=0.5, fill=BLUE).encode(
        fillOpacity=alt.FillOpacity("size:Q", scale=alt.Scale(domain=[0, 1], range=[0.02, 0.62]), legend=None), description="told:N"
    )
    texts = base.mark_text(color=INK, aria=False).encode(text="text:N")
    side = min(width, 340)
    return stack([tiles, texts], side, max(120, round(side * min(1.5, image.height / image.width))))


def residuals(pairs: Sequence[tuple[float, float]], target: str, width: int = WIDE) -> Chart:
    """Predicted against true values, with the line on which a perfect model would lie."""
    import altair as alt

    values = [v for pair in pairs for v in pair]
    ends = [min(values), max(values)]
    scale = alt.Scale(domain=ends, nice=True, zero=False)
    points = (
        over([{"said": said, "true": true} for said, true in pairs])
        .mark_circle(size=26, color=BLUE, opacity=0.5, aria=False)
        .encode(
            x=alt.X("said:Q", title=f"predicted {target}", scale=scale, axis=ticks(width)),
            y=alt.Y("true:Q", title=f"true {target}", scale=scale),
        )
    )
    ideal = over([{"said": v, "true": v} for v in ends])
    line = ideal.mark_line(color=INK, strokeDash=[4, 3], aria=False).encode(x="said:Q", y="true:Q")
    return stack([points, line], min(width, 520), 340)


def slices(worst: Sequence[Slice], unit: str, width: int = WIDE) -> Chart:
    """How much more loss a row the worst parts of the held-out rows have than all of them, the worst first."""
    import altair as alt

    high = max((s.excess for s in worst), default=1.0)
    rows = [
        {"place": i, "excess": s.excess, "text": amount(s.excess, unit, high, signed=True),
         "told": f"{s.rule}: {quantity(s.excess, unit, signed=True)} in {s.rows} rows"}
        for i, s in enumerate(worst)
    ]  # fmt: skip
    ends = [(s.excess, amount(s.excess, unit, high, signed=True)) for s in worst]
    scale = alt.Scale(domain=[0, end_of_axis(width, [s.rule for s in worst], ends, share=0.42)], nice=False)
    base = over(rows).encode(y=alt.Y("place:O", title=None, axis=labels(width, [s.rule for s in worst], 0.42)))
    bars = base.mark_bar(color=AMBER, height={"band": 0.65}).encode(
        x=alt.X("excess:Q", title=f"loss above the mean, {unit}", scale=scale, axis=ticks(width, size=high, unit=unit)),
        description="told:N",
    )
    texts = base.mark_text(align="left", dx=4, color=INK, aria=False).encode(x="excess:Q", text="text:N")
    return stack([bars, texts], width, 26 * len(rows) + 50)


def histogram(column: ColumnEvidence) -> dict[str, Any]:
    """A column's values at a glance, as a specification: the histogram of numbers, the most frequent values of others."""
    if column.histogram_counts:
        edges = column.histogram_edges
        rows = [{"low": edges[i], "high": edges[i + 1], "n": n, "colour": BLUE} for i, n in enumerate(column.histogram_counts)]
    else:
        rows = [{"low": i + 0.06, "high": i + 0.94, "n": n, "colour": SKY} for i, (_, n) in enumerate(column.top[:20])]
    return {**_histogram_of_nothing(), "data": {"values": rows}}


@cache
def _histogram_of_nothing() -> dict[str, Any]:
    """The specification without data, built once: Altair's validation costs more than the drawing."""
    import altair as alt

    chart = (
        over([])
        .mark_bar(aria=False)
        .encode(
            x=alt.X("low:Q", axis=None, scale=alt.Scale(nice=False, zero=False)),
            x2="high:Q",
            y=alt.Y("n:Q", axis=None),
            y2=alt.datum(0),
            color=alt.Color("colour:N", scale=None),
        )
        .properties(width=150, height=34)
    )
    return cast("dict[str, Any]", chart.to_dict())
