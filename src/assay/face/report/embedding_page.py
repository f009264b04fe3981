"""The report of an embed run: its loss, a map of its words, their neighbours, topics, and agreement with people."""

from __future__ import annotations

from typing import TYPE_CHECKING

from assay.face.report import embedding_charts
from assay.face.report.drawing import figure
from assay.face.report.page import template
from assay.face.view import percent, quantity

if TYPE_CHECKING:
    from markupsafe import Markup

    from assay.face.embedding_view import EmbeddingView

GOOD_CORRELATION = 0.3


def render(view: EmbeddingView) -> str:
    """The report of an embed run as one HTML page: inlined style and pictures, nothing loaded from anywhere."""
    options = [(name, value) for name, value in view.config.items() if name != "kind" and value not in (None, "", (), [], {}, False)]
    return template("embedding.html").render(
        view=view,
        verdict=verdict(view),
        pictures=pictures(view),
        options=options,
        kind="passages" if view.method in ("lsa", "lda") else "texts",
    )


def verdict(view: EmbeddingView) -> tuple[str, ...]:
    """In three sentences: what was learned, how far people agree, what to do next."""
    first = f"{view.vocabulary:,} distinct words have a vector of {view.dim} numbers each, learned by {view.method}."
    if view.losses and view.opening > 0:
        gone = percent(1.0 - view.losses[-1] / view.opening)
        first += f" The loss fell from {quantity(view.opening)} to {quantity(view.losses[-1], view.unit)}; {gone} of it is gone."
    if view.explained_share is not None:
        first += f" They keep {percent(view.explained_share)} of the variance of the weighted words."
    measured = [one for one in view.evaluation.agreements if one.correlation is not None]
    if not measured:
        return first, "How far they agree with people was not measured.", "Next: give word pairs judged by people with --evaluate FILE."
    told = ", ".join(
        f"{one.correlation:.2f} on {one.name} ({percent(one.coverage_share)} of its pairs known)"
        for one in measured
        if one.correlation is not None
    )
    best = max(one.correlation or 0.0 for one in measured)
    second = f"Their cosines rank pairs of words as people do with a correlation of {told}."
    third = (
        "Next: a larger text; that is what such vectors gain most from."
        if best < GOOD_CORRELATION
        else "Next: ask them with `assay similar` and `assay analogy` before they are used."
    )
    return first, second, third


def pictures(view: EmbeddingView) -> dict[str, Markup]:
    """Name of a picture -> its `<figure>`; a run that lacks what a picture shows lacks the picture."""
    from markupsafe import Markup

    made = {}
    if len(view.losses) > 1:
        label = f"Loss by pass: {', '.join(quantity(value) for value in view.losses)} {view.unit}, {quantity(view.opening)} at birth"
        caption = (
            "Each prediction is counted before it is learned from. A rise at the end is usual: at its low rate the training"
            " no longer chases the latest words."
        )
        draw = lambda width: embedding_charts.losses(view.losses, view.opening, view.unit, width)  # noqa: E731
        made["losses"] = Markup(figure(draw, "losses", label, caption))  # noqa: S704 labels are escaped
    if view.places:
        label = f"Map of {len(view.places)} frequent words: {', '.join(word for word, _, _ in view.places[:20])} and others"
        caption = f"Words that lie together are used alike; the plane shows {percent(view.map_share)} of how their directions differ."
        draw = lambda width: embedding_charts.word_map(view.places, width)  # noqa: E731
        made["map"] = Markup(figure(draw, "map", label, caption))  # noqa: S704 labels are escaped
    return made
