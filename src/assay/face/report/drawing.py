"""Specifications become static SVG: a wide and a narrow variant of each chart, inlined, without a script."""

from __future__ import annotations

import re
from collections.abc import Callable
from html import escape
from typing import TYPE_CHECKING, Any

from assay.face.report import look

if TYPE_CHECKING:
    from assay.face.report.look import Chart


def svg_of(chart: Chart | dict[str, Any], name: str, label: str) -> str:
    """Render a chart as one accessible `<svg>` element whose ids do not clash with those of another chart.

    Args:
        chart: What a function of `charts` made, or its specification.
        name: Unique in the page; letters, digits, hyphens.
        label: What the picture says, for those who do not see it; "" for mere decoration beside a text.
    """
    import vl_convert

    raw = vl_convert.vegalite_to_svg(look.themed(chart), allowed_base_urls=[])
    # laid out larger than they are written, so that a wider face has room too
    raw = raw.replace(f'font-size="{look.MEASURED_PIXELS}px"', f'font-size="{look.TEXT_PIXELS}px"')
    # The renderer numbers its ids on from the picture before; ours start anew, so that a run has the same report every time.
    fresh = {old: f"{name}-{i}" for i, old in enumerate(dict.fromkeys(re.findall(r' id="([^"]+)"', raw)))}
    raw = re.sub(r' id="([^"]+)"', lambda found: f' id="{fresh[found[1]]}"', raw)
    raw = re.sub(r"url\(#([^)]+)\)", lambda found: f"url(#{fresh[found[1]]})", raw)
    spoken = f'role="img" aria-label="{escape(label)}"' if label else 'aria-hidden="true"'
    raw = re.sub(r' (xmlns|xmlns:xlink|version|class)="[^"]*"', "", raw, count=4)
    return raw.replace("<svg", f"<svg {spoken}", 1)


def figure(make: Callable[[int], Chart], name: str, label: str, caption: str = "") -> str:
    """A `<figure>` with a chart in two widths, of which the style sheet shows the one that fits.

    Args:
        make: Gives the chart for a width in pixels.
        name: Unique in the page.
        label: What the picture says.
        caption: Printed under it, "" for none.
    """
    both = [(kind, svg_of(make(width), f"{name}-{kind}", label)) for kind, width in (("wide", look.WIDE), ("narrow", look.NARROW))]
    drawn = "".join(f'<div class="chart {kind}">{svg}</div>' for kind, svg in both)
    below = f"<figcaption>{escape(caption)}</figcaption>" if caption else ""
    return f'<figure id="{name}">{drawn}{below}</figure>'
