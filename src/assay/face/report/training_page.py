"""The report of a watched training: findings, causes first, on the loss's curve; layers over time; heads and time steps."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from assay.face.report import training_charts
from assay.face.report.drawing import figure
from assay.face.report.page import MOST_FOLDED, rule_pages, template, unfolded
from assay.face.report.training_charts import LayerMap, Pin
from assay.face.view import quantity

if TYPE_CHECKING:
    from markupsafe import Markup

    from assay.core.finding import Finding
    from assay.core.loop_evidence import LoopEvidence
    from assay.core.loop_parts import LayerLooks
    from assay.face.loop_run import LoopRun

MOST_PINS = 12
MOST_LAYERS = 200


def render(run: LoopRun) -> str:
    """The report of a watched training as one HTML page that loads nothing from anywhere."""
    loop, report = run.evidence, run.stored
    shown, folded = unfolded(report.findings)
    pins = pins_of(report.findings, run.manifest.get("first_named") or {}, loop.steps)
    made: str = template("training.html").render(
        run=run,
        seen=loop,
        view=run,
        shown=shown,
        folded=folded,
        most_folded=MOST_FOLDED,
        pages=rule_pages(report),
        numbers={p.told: p.text for p in pins},
        verdict=verdict(report.findings, loop),
        pictures=_pictures(loop, pins),
        layers=loop.parts[:MOST_LAYERS],
        last=last_seen,
        heads=[(h, _row(h.entropy), _row(h.sink)) for h in loop.heads],
        frozen=[p for p in loop.parameters if not (p.requires_grad and p.optimisers)],
    )
    return made


def pins_of(findings: Iterable[Finding], first_named: dict[str, int], steps: int) -> list[Pin]:
    """One pin a rule that leads, numbered in the order of the list; at the step where it was first named."""
    leaders = list(dict.fromkeys(f.name for f in findings if not f.caused_by))[:MOST_PINS]
    return [Pin(int(first_named.get(name, steps)), str(i + 1), name) for i, name in enumerate(leaders)]


def verdict(findings: Sequence[Finding], loop: LoopEvidence) -> list[str]:
    """What is to be known first."""
    alarms = [f for f in findings if not f.caused_by and f.severity.value != "note"]
    said = "; ".join(f"{f.name} ({f.where.partition(', ')[2] or f.where})" for f in alarms[:3])
    head = f"{len(alarms)} cause{'s' if len(alarms) != 1 else ''} of trouble named: {said}." if alarms else "Nothing wrong was named."
    first = f"It took {loop.steps:,} steps" + (f" in {len(loop.epoch_step)} epochs" if loop.epoch_step else "")
    last = loop.windows[-1].mean if loop.windows else math.nan
    told = f"; the loss of a batch went from {quantity(loop.birth)} to {quantity(last, loop.unit)}" if loop.birth is not None else ""
    return [head, first + (told if math.isfinite(last) else "; its loss is no longer a finite number") + "."]


def last_seen(values: Sequence[float]) -> str:
    """The last finite number of a series as text, "" without any.

    Example:
        >>> last_seen((0.5, 0.25, float("nan"))), last_seen(())
        ('0.25', '')
    """
    finite = [v for v in values if math.isfinite(v)]
    return f"{finite[-1]:.3g}" if finite else ""


def _row(looks: Sequence[Sequence[float]]) -> list[str]:
    return [f"{v:.2f}" for v in looks[-1]] if looks else []


def _pictures(loop: LoopEvidence, pins: Sequence[Pin]) -> dict[str, Markup]:
    from markupsafe import Markup

    made: dict[str, Any] = {}
    if loop.windows:
        told = ", ".join(f"{p.told} at step {p.step}" for p in pins)
        label = f"Loss of {loop.model} over {loop.steps} steps" + (f"; named: {told}" if told else "")
        caption = "Mean of the batch losses in each window, in a band from the lowest to the highest."
        caption += " Numbers: the findings below, where they were first named." if pins else ""
        made["loss"] = figure(partial(training_charts.loss_curve, loop, pins), "loss", label, caption)
    for name, shown in maps_of(loop).items():
        made[name] = figure(partial(training_charts.layer_map, shown), name, f"{shown.title}, by layer and step")
    return {name: Markup(text) for name, text in made.items()}  # noqa: S704 labels are escaped


def maps_of(loop: LoopEvidence) -> dict[str, LayerMap]:
    """The maps for which something was seen, by the name of their picture."""
    wanted = {
        "gradients": LayerMap("size of the gradient, power of ten", loop.look_step, _lines(loop.parts, "gradient_rms"), log=True),
        "updates": LayerMap("step over weight, power of ten", loop.look_step, _lines(loop.parts, "update_ratio"), log=True),
        "activity": LayerMap("size of the outputs, power of ten", loop.deep_step, _lines(loop.parts, "output_rms"), log=True),
        "dead": LayerMap("share of units that are never on", loop.deep_step, _lines(loop.parts, "dead_share")),
        "booked": LayerMap("loss that a step takes off (blue) or adds (red)", loop.look_step, _lines(loop.parts, "booked"), signed=True),
    }
    return {name: one for name, one in wanted.items() if one.steps and one.rows}


def _lines(parts: Sequence[LayerLooks], series: str) -> tuple[tuple[str, tuple[float, ...]], ...]:
    lines = [(part.name or "the model", getattr(part, series)) for part in parts[:MOST_LAYERS]]
    return tuple((name, values) for name, values in lines if any(math.isfinite(v) and v != 0 for v in values))
