"""How the charts look: palette, sizes, axes and legends that stay readable on a phone.

Colours are of Okabe and Ito's palette, told apart by the colour-blind; the report's style sheet recolours exactly these in the dark.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeAlias, cast

from assay.face.view import power_of_ten

if TYPE_CHECKING:
    import altair as alt

    Chart: TypeAlias = alt.LayerChart

INK, FAINT, GRID = "#333333", "#8a8a8a", "#dddddd"
BLUE, VERMILION, AMBER, GREEN, GREY, SKY, PINK = "#0072b2", "#d55e00", "#e69f00", "#009e73", "#777777", "#56b4e9", "#cc79a7"
SERIES = (BLUE, AMBER, GREEN, PINK, SKY, VERMILION, GREY)
WIDE, NARROW = 720, 350
FONT = "Arial, Helvetica, sans-serif"
TEXT_PIXELS = 12
# Where Arial is missing a wider face stands in: DejaVu Sans and Verdana are up to a fifth wider. Texts are laid out so large.
MEASURED_PIXELS = 14.4
# Of one letter or digit in such a face, generously; and of what stands around a plot besides names.
LETTER_PIXELS, EDGE_PIXELS = 7.7, 24

_CONFIG: dict[str, Any] = {
    "font": FONT,
    "view": {"stroke": None},
    "axis": {
        "labelFontSize": MEASURED_PIXELS,
        "titleFontSize": MEASURED_PIXELS,
        "titleFontWeight": "normal",
        "labelColor": INK,
        "titleColor": INK,
        "gridColor": GRID,
        "domainColor": FAINT,
        "tickColor": FAINT,
        "labelOverlap": True,
    },
    "axisY": {"domain": False, "ticks": False, "labelPadding": 6},
    "legend": {"labelFontSize": MEASURED_PIXELS, "labelColor": INK, "titleColor": INK, "symbolType": "square", "labelLimit": 200},
    "text": {"fontSize": TEXT_PIXELS},
}


def themed(chart: Chart | dict[str, Any]) -> dict[str, Any]:
    """The specification with Assay's look: transparent, quiet axes, type that stays readable on a phone."""
    spec = chart if isinstance(chart, dict) else chart.to_dict()
    return {**spec, "autosize": {"type": "fit", "contains": "padding"}, "background": None, "padding": 4, "config": _CONFIG}


def over(rows: list[dict[str, Any]]) -> alt.Chart:
    """A chart over these rows, which travel inside the specification."""
    import altair as alt

    return alt.Chart(alt.InlineData(values=rows))


def stack(marks: list[Any], width: int, height: int) -> alt.LayerChart:
    """Marks on one another in a picture of that size."""
    import altair as alt

    return cast("alt.LayerChart", alt.layer(*marks).properties(width=width, height=height))


def labels(width: int, labels: Sequence[str] = (), share: float = 0.33) -> Any:
    """An axis of names; with `labels` the rows are numbered, so that two rows of one name stay two rows."""
    import altair as alt

    named: dict[str, Any] = {"labelExpr": f"{json.dumps(list(labels))}[datum.value]"} if labels else {}
    return alt.Axis(labelLimit=round(width * share), grid=False, **named)


def end_of_axis(width: int, names: Sequence[str], bars: Sequence[tuple[float, str]], low: float = 0.0, share: float = 0.33) -> float:
    """Where an axis must end so that the texts behind its bars have room, in any face.

    Args:
        width: Of the whole picture in pixels.
        names: At the left of the bars, of which at most `share` of the width is shown.
        bars: End and text of each.
        low: Where the axis starts.

    Example:
        >>> round(end_of_axis(400, ["age"], [(1.0, "-0.25"), (0.2, "+0.0001")]), 2)
        1.15
    """
    plot = width - min(share * width, LETTER_PIXELS * max(map(len, names), default=0)) - EDGE_PIXELS
    return max((low + (end - low) / (1.0 - min(0.8, (LETTER_PIXELS * len(text) + 8) / plot)) for end, text in bars), default=low + 1.0)


def ticks(width: int, least_step: float | None = None, *, size: float = 1.0, unit: str = "bits") -> Any:
    """An axis of numbers up to `size`, with as many ticks as the width can label; large ones in the power of ten of the books."""
    import altair as alt

    step: dict[str, Any] = {} if least_step is None else {"tickMinStep": least_step}
    power = 0 if unit.startswith("bits") or size <= 0 else power_of_ten(size)
    if power:
        step["labelExpr"] = f"datum.value == 0 ? '0' : format(datum.value / 1e{power}, '~g') + 'e{power}'"
    return alt.Axis(tickCount=4 if width < 500 else 8, labelOverlap="greedy", **step)


def legend(width: int) -> Any:
    """A legend above the picture, in two columns on a phone."""
    import altair as alt

    return alt.Legend(title=None, orient="top", columns=2 if width < 500 else 0, symbolSize=90)
