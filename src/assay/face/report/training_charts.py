"""Charts of a watched training: its loss with findings pinned to the steps, and maps of layers over time."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from assay.face.report.look import AMBER, BLUE, GREY, INK, SKY, VERMILION, WIDE, labels, legend, over, stack, ticks
from assay.face.view import quantity

if TYPE_CHECKING:
    from assay.core.loop_evidence import LoopEvidence
    from assay.face.report.look import Chart

MOST_COLUMNS = 48
PALE = "#f2f2f2"
NEAR_SHARE = 0.04
"""Pins nearer to one another than this share of the picture are told in one."""
ROW_PIXELS, LEAST_ROW_PIXELS = 16, 9
MANY_ROWS = 40


@dataclass(frozen=True, slots=True)
class Pin:
    """A finding on the loss's curve.

    Attributes:
        step: When it was first named.
        text: Its number in the page's list.
        told: Its name, for those who do not see it.
    """

    step: int
    text: str
    told: str


def loss_curve(loop: LoopEvidence, pins: Sequence[Pin], width: int = WIDE) -> Chart:
    """The batch losses in windows, with their lowest and highest, held-out losses by epoch, the best constant's, and the findings.

    Args:
        loop: With its windows, in which the extremes of all steps are kept.
        pins: Findings by the step at which they were named.
        width: Of the whole picture in pixels.
    """
    import altair as alt

    rows: list[dict[str, Any]] = [
        {"step": w.step + w.steps / 2, "loss": w.mean, "low": w.low, "high": w.high, "part": "training batches"}
        for w in loop.windows
        if math.isfinite(w.mean) and abs(w.high) < 1e300
    ]
    held = [
        {"step": step, "loss": loss, "part": "held-out rows"}
        for step, loss in zip(loop.epoch_step, loop.valid_loss, strict=False)
        if math.isfinite(loss)
    ]
    parts = ["training batches", *(["held-out rows"] if held else [])]
    x = alt.X("step:Q", title="step", scale=alt.Scale(domain=[0, max(2, loop.steps)], nice=False), axis=ticks(width, 1))
    colour = alt.Color("part:N", scale=alt.Scale(domain=parts, range=[AMBER, BLUE][: len(parts)]), legend=legend(width))
    title = f"loss, {loop.unit}"
    band = over(rows).mark_area(color=AMBER, opacity=0.22, aria=False).encode(x=x, y=alt.Y("low:Q", title=title), y2="high:Q")
    line = over(rows + held).mark_line(strokeWidth=2.2, point={"size": 20} if len(rows) + len(held) <= 60 else False)
    marks: list[Any] = [band, line.encode(x=x, y=alt.Y("loss:Q", title=title, scale=alt.Scale(zero=False)), color=colour)]
    if math.isfinite(loop.opening):
        level = over([{"loss": loop.opening, "text": f"best constant {quantity(loop.opening)}"}])
        marks.append(level.mark_rule(color=GREY, strokeDash=[4, 3], aria=False).encode(y="loss:Q"))
        marks.append(level.mark_text(align="right", x="width", dx=-4, dy=-7, color=INK, aria=False).encode(y="loss:Q", text="text:N"))
    if pins:
        at = over([{"step": p.step, "text": p.text, "told": p.told} for p in joined(pins, NEAR_SHARE * loop.steps)])
        marks.append(at.mark_rule(color=VERMILION, strokeDash=[2, 2]).encode(x="step:Q", description="told:N"))
        marks.append(at.mark_text(align="left", y=8, dx=3, color=VERMILION, aria=False).encode(x="step:Q", text="text:N"))
    return stack(marks, width, 300)


def joined(pins: Sequence[Pin], near: float) -> list[Pin]:
    """Pins in the order of steps, those that would cover one another in one.

    Example:
        >>> joined([Pin(12, "1", "a"), Pin(90, "3", "c"), Pin(12, "2", "b")], 5.0)
        [Pin(step=12, text='1, 2', told='a, b'), Pin(step=90, text='3', told='c')]
    """
    found: list[Pin] = []
    for pin in sorted(pins, key=lambda p: (p.step, p.text)):
        if found and pin.step - found[-1].step < near:
            last = found.pop()
            found.append(Pin(last.step, f"{last.text}, {pin.text}", f"{last.told}, {pin.told}"))
        else:
            found.append(pin)
    return found


@dataclass(frozen=True, slots=True)
class LayerMap:
    """One number of every layer over the looks at it.

    Attributes:
        title: Of the colours.
        steps: Step of each look.
        rows: Name of a layer and its numbers, nan where it was not seen.
        log: Sizes, whose power of ten counts.
        signed: Gains and losses, coloured to both sides of 0.
    """

    title: str
    steps: tuple[int, ...]
    rows: tuple[tuple[str, tuple[float, ...]], ...]
    log: bool = False
    signed: bool = False


def columns_of(shown: LayerMap, most: int = MOST_COLUMNS) -> tuple[list[int], list[tuple[str, list[float]]]]:
    """The map in at most so many columns; of the looks that one column stands for, the number farthest from 0 is kept.

    Example:
        >>> columns_of(LayerMap("size", (0, 1, 2, 3), (("a", (1.0, -5.0, 2.0, float("nan"))),)), most=2)
        ([0, 2], [('a', [-5.0, 2.0])])
    """
    n = len(shown.steps)
    a_column = max(1, -(-n // most))
    starts = list(range(0, n, a_column))
    kept = []
    for name, values in shown.rows:
        several = [[v for v in values[i : i + a_column] if math.isfinite(v)] for i in starts]
        kept.append((name, [max(some, key=abs) if some else math.nan for some in several]))
    return [shown.steps[i] for i in starts], kept


def layer_map(shown: LayerMap, width: int = WIDE) -> Chart:
    """Layers downwards in the data's way, steps across, one colour a number."""
    import altair as alt

    steps, lines = columns_of(shown)
    rows = [
        {
            "place": place,
            "look": column,
            "value": math.log10(value) if shown.log else value,
            "told": f"{name}, step {step}: {value:.3g}",
        }
        for place, (name, values) in enumerate(lines)
        for column, (step, value) in enumerate(zip(steps, values, strict=True))
        if math.isfinite(value) and (value > 0 or not shown.log)
    ]
    names = [name for name, _ in lines]
    most = max((abs(float(str(r["value"]))) for r in rows), default=1.0) or 1.0
    colours = [BLUE, PALE, VERMILION] if shown.signed else [PALE, SKY, BLUE]
    scale = alt.Scale(domain=[-most, 0, most], range=colours) if shown.signed else alt.Scale(range=colours)
    told = f"{json_of([f'{s:,}' for s in steps])}[datum.value]"
    across = alt.Axis(labelExpr=told, labelOverlap="greedy", labelAngle=0, grid=False)
    each = ROW_PIXELS if len(names) <= MANY_ROWS else LEAST_ROW_PIXELS
    bar = alt.Legend(title=shown.title, orient="top", gradientLength=min(280, width - 80), titleLimit=width - 40)
    cells = over(rows).mark_rect().encode(
        x=alt.X("look:O", title="step of the look", axis=across),
        y=alt.Y("place:O", title=None, axis=labels(width, names), scale=alt.Scale(domain=list(range(len(names))))),
        color=alt.Color("value:Q", scale=scale, legend=bar),
        description="told:N",
    )  # fmt: skip
    return stack([cells], width, each * len(names) + 110)


def json_of(texts: Sequence[str]) -> str:
    """A list of texts as the specification's expressions write it."""
    import json

    return json.dumps(list(texts))
