"""Charts of an embed run: its loss by pass, and its words on a flat map."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from assay.face.report.look import BLUE, GREY, INK, LETTER_PIXELS, WIDE, over, stack

if TYPE_CHECKING:
    from assay.face.report.look import Chart

LINE_HEIGHT = 13.0
MAP_HEIGHT = 460


def losses(values: Sequence[float], opening: float, unit: str, width: int = WIDE) -> Chart:
    """Loss of each pass, and of the vectors as they were born as a line across."""
    import altair as alt

    rows = [{"pass": i + 1, "loss": value, "told": f"pass {i + 1}: {value:.3f} {unit}"} for i, value in enumerate(values)]
    step = max(1, math.ceil(len(rows) / (5 if width < 500 else 10)))
    passes = alt.Axis(values=list(range(1, len(rows) + 1, step)), format="d")
    lines = (
        over(rows)
        .mark_line(strokeWidth=2.2, color=BLUE, point={"size": 34, "filled": True, "color": BLUE})
        .encode(
            x=alt.X("pass:Q", title="pass over the text", scale=alt.Scale(domain=[1, max(2, len(rows))], nice=False), axis=passes),
            y=alt.Y("loss:Q", title=f"loss, {unit}", scale=alt.Scale(zero=False)),
            description="told:N",
        )
    )
    born = over([{"loss": opening, "text": "at birth: every answer a coin toss"}])
    rule = born.mark_rule(color=GREY, strokeDash=[4, 3], aria=False).encode(y="loss:Q")
    text = born.mark_text(align="right", x="width", dx=-4, dy=10, color=INK, aria=False).encode(y="loss:Q", text="text:N")
    return stack([lines, rule, text], width, 240)


def word_map(places: Sequence[tuple[str, float, float]], width: int = WIDE) -> Chart:
    """Words as dots on a plane; as many are written out as have room, the most frequent first."""
    import altair as alt

    written = with_room(places, width, MAP_HEIGHT)
    rows = [{"word": word, "x": x, "y": y, "text": word if word in written else ""} for word, x, y in places]
    axis: dict[str, Any] = {"axis": None, "scale": alt.Scale(nice=False, zero=False, padding=34)}
    base = over(rows).encode(x=alt.X("x:Q", **axis), y=alt.Y("y:Q", **axis))
    dots = base.mark_circle(size=26, color=BLUE, opacity=0.9).encode(description="word:N")
    texts = base.mark_text(dy=-9, color=INK, aria=False).encode(text="text:N")
    return stack([dots, texts], width, MAP_HEIGHT)


def with_room(places: Sequence[tuple[str, float, float]], width: int, height: int) -> set[str]:
    """The words whose names fit on a map of that size without lying on one another, those that come first preferred.

    Example:
        >>> sorted(with_room([("king", 0.0, 0.0), ("queen", 0.001, 0.0), ("cat", 1.0, 1.0)], 700, 400))
        ['cat', 'king']
    """
    across, up = [x for _, x, _ in places], [y for _, _, y in places]
    x_span, y_span = (max(max(side) - min(side), 1e-12) for side in (across, up))
    kept: list[tuple[float, float, float]] = []
    written = set()
    for word, x, y in places:
        left, top = (x - min(across)) / x_span * (width - 68), (y - min(up)) / y_span * (height - 68)
        half = len(word) * LETTER_PIXELS / 2
        if all(abs(left - other) > half + other_half or abs(top - above) > LINE_HEIGHT for other, above, other_half in kept):
            kept.append((left, top, half))
            written.add(word)
    return written
