"""Which charts a run's report has, and what each of them says to those who do not see it."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from assay.face.report import charts, contact_sheet
from assay.face.report.drawing import figure, svg_of
from assay.face.report.steps import steps_of
from assay.face.view import RunView, leaking_columns, quantity

if TYPE_CHECKING:
    from collections.abc import Callable

    from markupsafe import Markup

    from assay.core.ledger import Ledger
    from assay.core.table_evidence import ColumnEvidence
    from assay.face.report.look import Chart
    from assay.face.report.steps import Step

MOST_CLASSES = 12
MOST_SLICES = 10


def of_view(view: RunView) -> dict[str, Markup]:
    """Name of a picture -> its `<figure>`; a run that lacks what a picture shows lacks the picture."""
    from markupsafe import Markup

    wanted = [*_of_books(view), *_of_training(view), *_of_predictions(view)]
    return {name: Markup(figure(make, name, label, caption)) for name, label, caption, make in wanted}  # noqa: S704 labels are escaped


def of_column(column: ColumnEvidence, place: int) -> Markup:
    """A column's values as a small picture, empty where nothing was counted."""
    from markupsafe import Markup

    if not column.histogram_counts and not column.top:
        return Markup("")
    return Markup(svg_of(charts.histogram(column), f"column-{place}", ""))  # noqa: S704 the picture holds no text


Wanted = tuple[str, str, str, "Callable[[int], Chart]"]


def _of_books(view: RunView) -> list[Wanted]:
    found, ledger = view.evaluation, view.ledger
    wanted: list[Wanted] = []
    if ledger is not None:
        steps = steps_of(ledger, leaking_columns(view))
        honest = quantity(ledger.opening - ledger.honest, ledger.unit)
        label = (
            f"Waterfall of the ledger: from {quantity(ledger.opening)} to {quantity(ledger.closing, ledger.unit)}, honestly {honest}. "
            + "; ".join(f"{s.label} {s.text}" for s in steps)
        )
        caption = "Thin lines at the ends of the bars are one standard error. Amounts below zero take loss away."
        wanted.append(("waterfall", label, caption, partial(_waterfall, steps, ledger.unit)))
        wanted += _of_regions(view, ledger)
    if found is not None and found.ladder:
        label = "Held-out loss by model: " + ", ".join(f"{r.name} {quantity(r.held_out_loss, found.unit)}" for r in found.ladder)
        caption = "Thin lines are one standard error; the dashed line is the opening balance."
        wanted.append(("ladder", label, caption, lambda width: charts.ladder(found.ladder, found.unit, found.opening, view.model, width)))
    return wanted


def _of_regions(view: RunView, ledger: Ledger) -> list[Wanted]:
    wanted: list[Wanted] = []
    for place, image in enumerate(view.table.images):
        booked = contact_sheet.regions(ledger, image.name)
        if not booked:
            continue
        best = max(booked, key=lambda r: r.amount)
        label = (
            f"Loss taken away by each region of {image.name}: most by row {best.row}, column {best.column} "
            f"({quantity(best.amount, ledger.unit)})"
        )
        size = f"The {image.height}x{image.width} {image.name}"
        caption = f"{size} in {len(booked)} regions; each figure is what its pixels took off the loss, in {ledger.unit}."
        wanted.append((f"regions-{place}", label, caption, partial(charts.regions, booked, image, ledger.unit)))
    return wanted


def _waterfall(steps: tuple[Step, ...], unit: str, width: int) -> Chart:
    return charts.waterfall(steps, unit, width)


def _of_training(view: RunView) -> list[Wanted]:
    wanted: list[Wanted] = []
    trace = view.trace
    if trace is not None and trace.train_loss:
        label = f"Training and validation loss over {len(trace.train_loss)} epochs"
        wanted.append(("curves", label, "", partial(charts.curves, trace)))
    layers = view.evaluation.layers if view.evaluation else None
    if view.evaluation is not None and layers is not None and any(b.by_epoch for b in layers.bookings):
        label = "Held-out loss taken off by each layer up to each epoch: " + ", ".join(
            f"{b.name} {quantity(b.held_out)}" for b in layers.bookings
        )
        unit, kept = view.evaluation.unit, 0 if trace is None else trace.best_epoch + 1
        wanted.append(("bookings", label, "Summed over the epochs so far; below zero a layer has raised the held-out loss.",
                       lambda width: charts.bookings(layers, unit, width, kept_epoch=kept)))  # fmt: skip
    return wanted


def _of_predictions(view: RunView) -> list[Wanted]:
    found = view.evaluation
    wanted: list[Wanted] = []
    if found is None:
        return []
    if found.calibration is not None and found.calibration.bins:
        calibration = found.calibration
        outside = sum(not low <= happened <= high for _, happened, _, low, high in calibration.bins)
        label = f"Reliability curve: {outside} of {len(calibration.bins)} points outside the band of a calibrated model"
        caption = "Grey bars: where 95 % of a calibrated model's points would lie. Larger points stand for more rows."
        wanted.append(("reliability", label, caption, lambda width: charts.reliability(calibration, width)))
    if found.confusion and len(found.confusion) <= MOST_CLASSES:
        label = f"Confusion of {len(found.confusion)} classes on {found.rows} held-out rows"
        caption = "The shade is the share of the true class."
        wanted.append(("confusion", label, caption, lambda width: charts.confusion(found.confusion, found.classes, width)))
    if found.residuals:
        label = f"Predicted against true {view.target} in {len(found.residuals)} held-out rows"
        caption = "On the dashed line a prediction is right."
        wanted.append(("residuals", label, caption, lambda width: charts.residuals(found.residuals, view.target, width)))
    if found.slices:
        worst = sorted(found.slices, key=lambda s: -s.excess)[:MOST_SLICES]
        label = "Slices with the highest loss: " + ", ".join(f"{s.rule} {quantity(s.excess, signed=True)}" for s in worst)
        wanted.append(("slices", label, "", lambda width: charts.slices(worst, found.unit, width)))
    return wanted
