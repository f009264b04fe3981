"""A training while it runs, on the terminal: its loss, a strip of gradients for each layer, and what was named so far."""

from __future__ import annotations

import contextlib
import math
import shutil
import sys
import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from assay.face.terminal.layout import Paper, clean, columns, cut
from assay.face.view import quantity

if TYPE_CHECKING:
    from assay.watch.attach import Watch
    from assay.watch.glance import Glance, LayerGlance

SHADES, PLAIN_SHADES = "▁▂▃▄▅▆▇█", ".:-=+*#@"
LEAST_SECONDS = 0.25
OWN_SHARE = 1 / 3
"""Of the watch's budget that drawing may take."""
LINES_BESIDE = 8


class LiveView:
    """Draws a watched training in place, at most four times a second and within a third of its watch's budget.

    Args:
        stream: Where to draw.
    """

    def __init__(self, stream: Any = None) -> None:
        from rich.console import Console
        from rich.live import Live

        self._console = Console(file=stream or sys.stderr, highlight=False)
        self._live = Live(
            console=self._console, auto_refresh=False, transient=True, redirect_stdout=sys.stdout.isatty(), redirect_stderr=True
        )
        self._next = 0.0
        self._is_on = False

    def show(self, watch: Watch) -> None:
        """Draw, if it is time again."""
        started = time.perf_counter()
        if started < self._next:
            return
        from rich.text import Text

        from assay.watch.glance import book, budget_share, glance

        if not self._is_on:
            self._is_on = True
            self._live.start()
        size = shutil.get_terminal_size((100, 24))
        lines = glance_lines(glance(watch), Paper(max(40, size.columns - 1), colour=True), most_layers=max(3, size.lines - LINES_BESIDE))
        self._live.update(Text.from_ansi("\n".join(lines)), refresh=True)
        seconds = time.perf_counter() - started
        book(watch, seconds)
        self._next = started + max(LEAST_SECONDS, seconds / max(1e-4, budget_share(watch) * OWN_SHARE))

    def say(self, text: str) -> None:
        """Print something that stays above the view."""
        from rich.text import Text

        self._console.print(Text.from_ansi(text))

    def stop(self) -> None:
        """Take the view away."""
        if self._is_on:
            self._is_on = False
            self._live.stop()


def glance_lines(seen: Glance, paper: Paper, *, most_layers: int) -> list[str]:
    """A training as lines of text.

    Args:
        seen: The training.
        paper: What is written on.
        most_layers: Layers to show at most; of more, evenly chosen ones.
    """
    loss = f"loss {quantity(seen.loss, seen.unit)}" if math.isfinite(seen.loss) else "loss not finite"
    rate = f", rate {seen.rate:.3g}" if math.isfinite(seen.rate) else ""
    head = f"{paper.paint(clean(seen.model), 'bold')}  step {seen.steps:,}  {loss}{rate}; watching costs {100 * seen.overhead:.1f} %"
    shown = _evenly(seen.layers, most_layers)
    known = [math.log10(g) for layer in seen.layers for g in layer.gradient_rms if 0 < g < math.inf]
    low, high = (min(known), max(known)) if known else (0.0, 1.0)
    rows = [[paper.paint(word, "soft") for word in ("layer", "gradient", "rms", "update", "dead")]]
    for layer in shown:
        now = layer.gradient_rms[-1] if layer.gradient_rms else math.nan
        strip = gradient_strip(layer.gradient_rms, low, high, blocks=paper.blocks)
        dead = f"{layer.dead_share:.0%}" if math.isfinite(layer.dead_share) else ""
        rows.append([cut(layer.name or "(model)", 28), strip, _short(now), _short(layer.update_ratio), dead])
    lines = [head, *columns(rows, "llrrr")]
    if len(shown) < len(seen.layers):
        lines.append(f"... of {len(seen.layers):,} layers")
    worst = [f for f in seen.findings if not getattr(f, "caused_by", "")]
    named = "; ".join(f"{paper.paint(f.name, f.severity.value)} at {clean(f.where)}" for f in worst[:3])
    lines.append(f"found so far: {named}" + (f" and {len(worst) - 3} more" if len(worst) > 3 else "") if worst else "nothing found so far")
    return lines


def gradient_strip(values: Sequence[float], low: float, high: float, *, blocks: bool = True) -> str:
    """One character a look: the higher, the larger on a log scale from 10^low to 10^high; "0" for none, "!" where it is not finite.

    Example:
        >>> gradient_strip((1e-4, 1e-2, 0.0, float("inf")), -4, -2)
        '▁█0!'
    """
    shades = SHADES if blocks else PLAIN_SHADES
    strip = ""
    for value in values:
        if math.isnan(value):
            strip += " "
        elif math.isinf(value):
            strip += "!"
        elif value <= 0:
            strip += "0"
        else:
            share = (math.log10(value) - low) / max(high - low, 1e-9)
            strip += shades[min(len(shades) - 1, max(0, int(share * len(shades))))]
    return strip


def _evenly(layers: Sequence[LayerGlance], most: int) -> list[LayerGlance]:
    if len(layers) <= most:
        return list(layers)
    places = sorted({round(i * (len(layers) - 1) / max(1, most - 1)) for i in range(most)})
    return [layers[i] for i in places]


def _short(value: float) -> str:
    return f"{value:.1e}" if math.isfinite(value) else ""


@contextlib.contextmanager
def live_view(stream: Any = None) -> Iterator[LiveView | None]:
    """A live view where the stream (standard error when None) is a terminal, else None."""
    out = sys.stderr if stream is None else stream
    if not out.isatty():
        yield None
        return
    view = LiveView(out)
    try:
        yield view
    finally:
        view.stop()
