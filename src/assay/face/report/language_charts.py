"""Charts of a language run: its loss over the steps beside its cheap peers, and what each length of context tells."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from assay.core.ledger import Booking
from assay.face.report import charts
from assay.face.report.look import AMBER, BLUE, GREEN, GREY, INK, PINK, SERIES, WIDE, legend, over, stack, ticks
from assay.face.view import noun_of

if TYPE_CHECKING:
    from assay.core.ledger import Side
    from assay.core.trace_evidence import TraceEvidence
    from assay.face.report.look import Chart


def loss_curves(trace: TraceEvidence, peers: Mapping[str, float], width: int = WIDE) -> Chart:
    """Training and validation loss of a network over its steps, with the held-out losses of other models as lines across.

    Args:
        trace: Of the network; its unit counts tokens.
        peers: Name of a line -> loss.
        width: Of the whole picture in pixels.
    """
    import altair as alt

    a_step = max(1, trace.steps_per_epoch)
    rows = [
        {"step": (i + 1) * a_step, "loss": value, "part": part}
        for part, series in (("training", trace.train_loss), ("validation", trace.valid_loss))
        for i, value in enumerate(series)
        if abs(value) < 1e300
    ]
    parts = [p for p in ("training", "validation") if any(r["part"] == p for r in rows)]
    last = max((int(str(r["step"])) for r in rows), default=1)
    lines = (
        over(rows)
        .mark_line(strokeWidth=2.2, point={"size": 22} if len(rows) <= 80 else False)
        .encode(
            x=alt.X("step:Q", title="step", scale=alt.Scale(domain=[0, max(2, last)], nice=False), axis=ticks(width, 1)),
            y=alt.Y("loss:Q", title=f"loss, {trace.unit}", scale=alt.Scale(zero=False)),
            color=alt.Color("part:N", scale=alt.Scale(domain=parts, range=[AMBER, BLUE][: len(parts)]), legend=legend(width)),
        )
    )
    marks: list[Any] = [lines]
    for place, (name, loss) in enumerate(peers.items()):
        level = over([{"loss": loss, "text": name}])
        marks.append(level.mark_rule(color=(GREY, GREEN, PINK)[place % 3], strokeDash=[4, 3], aria=False).encode(y="loss:Q"))
        marks.append(level.mark_text(align="right", x="width", dx=-4, dy=-7, color=INK, aria=False).encode(y="loss:Q", text="text:N"))
    return stack(marks, width, 280)


def layer_bookings(side: Side, unit: str, width: int = WIDE) -> Chart:
    """What each part of a network has taken off the held-out loss up to each snapshot, few enough parts to be told apart."""
    merged = merged_layers([b for b in side.bookings if b.by_epoch])
    return charts.bookings(replace(side, bookings=tuple(merged)), unit, width)


def merged_layers(bookings: Sequence[Booking], most: int = len(SERIES)) -> list[Booking]:
    """The lines with attention and feed-forward of a layer in one, then neighbouring layers in one, until there are few enough.

    Example:
        >>> parts = [Booking(f"layer {i} {part}", 1.0, by_epoch=(1.0,)) for i in (1, 2) for part in ("attention", "feed-forward")]
        >>> [(b.name, b.by_epoch) for b in merged_layers(parts, most=2)], [b.name for b in merged_layers(parts, most=1)]
        ([('layer 1', (2.0,)), ('layer 2', (2.0,))], ['layers 1-2'])
    """
    lines = list(bookings)
    for at_once in range(len(lines) + 1):
        if len(lines) <= most:
            break
        groups: dict[tuple[int, str], list[Booking]] = {}
        for place, one in enumerate(bookings):
            found = re.match(r"layer (\d+)\b", one.name)
            number = int(found[1]) if found else None
            groups.setdefault((place, one.name) if number is None else ((number - 1) // (at_once + 1), "layer"), []).append(one)
        lines = [_one_of(several) for several in groups.values()]
    return lines


def _one_of(several: Sequence[Booking]) -> Booking:
    numbers = [int(n[1]) for n in (re.match(r"layer (\d+)\b", b.name) for b in several) if n]
    name = several[0].name
    if numbers:
        name = f"layer {numbers[0]}" if numbers[0] == numbers[-1] else f"layers {numbers[0]}-{numbers[-1]}"
    by_epoch = tuple(map(sum, zip(*(b.by_epoch for b in several), strict=True)))
    return Booking(name, sum(b.held_out for b in several), by_epoch=by_epoch)


def context_curves(by_context: Mapping[str, Sequence[tuple[int, float]]], unit: str, width: int = WIDE) -> Chart:
    """Held-out loss of each model when only the last so many tokens are known: 0, 1, 2, 4, and on."""
    import altair as alt

    noun = noun_of(unit)
    rows = [
        {"known": known, "loss": bits, "model": model, "told": f"{model}, {known} {noun}s known: {bits:.3f} {unit}"}
        for model, curve in by_context.items()
        for known, bits in curve
    ]
    names = list(by_context)
    lengths = sorted({int(str(r["known"])) for r in rows})
    shown = [n for n in lengths if n == 0 or n & (n - 1) == 0 or n == lengths[-1]]
    lines = (
        over(rows)
        .mark_line(strokeWidth=2.2, point={"size": 34, "filled": True})
        .encode(
            x=alt.X(
                "known:Q",
                title=f"{noun}s of context known",
                scale=alt.Scale(type="symlog", constant=1, domain=[0, max(lengths)], nice=False),
                axis=alt.Axis(values=shown, grid=True),
            ),
            y=alt.Y("loss:Q", title=f"held-out loss, {unit}", scale=alt.Scale(zero=False)),
            color=alt.Color("model:N", sort=names, scale=alt.Scale(domain=names, range=list(SERIES[: len(names)])), legend=legend(width)),
            description="told:N",
        )
    )
    return stack([lines], width, 260)
