"""The report of a language run: the pages' common parts, its own pictures, and the text itself, coloured by what it cost."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from assay.face.language_view import COUNTED, ENDS
from assay.face.report import language_charts, pictures
from assay.face.report.drawing import figure
from assay.face.report.page import common, template
from assay.face.view import noun_of, quantity

if TYPE_CHECKING:
    from markupsafe import Markup

    from assay.core.language_evidence import LanguageEvidence
    from assay.core.ledger import Side
    from assay.face.view import RunView

DEAREST_BITS = 8.0
"""A piece of text that costs so much or more has the strongest colour: a chance of 1 in 256."""

STRONGEST = 0.75
MOST_DEAREST = 12
CONTEXT_PIECES = 24


def render(view: RunView) -> str:
    """The report of a language run as one HTML page that loads nothing from anywhere."""
    made: str = template("language.html").render(
        **common(view),
        noun=noun_of(view.evaluation.unit) if view.evaluation is not None else (view.corpus.noun if view.corpus else "token"),
        pictures=pictures_of(view),
        learners=learners_of(view),
        ends=ENDS.get(view.traces[0].stopped, "it ended") if view.traces else "",
        excerpt=excerpt_html(view.language) if view.language is not None else "",
        scale=scale_html(),
        dearest=dearest_pieces(view.language) if view.language is not None else [],
        parts=parts_of(view),
    )
    return made


def pictures_of(view: RunView) -> dict[str, Markup]:
    """The pictures that both kinds of run have, and those of a text."""
    from markupsafe import Markup

    wanted = [*_of_training(view), *_of_layers(view), *_of_context(view)]
    own = {name: Markup(figure(make, name, label, caption)) for name, label, caption, make in wanted}  # noqa: S704 labels are escaped
    return pictures.of_view(view) | own


def _of_training(view: RunView) -> list[pictures.Wanted]:
    found = view.evaluation
    if not view.traces or not view.traces[0].train_loss or found is None:
        return []
    trace = view.traces[0]
    peers = {"unigram": found.opening} | {r.name: r.held_out_loss for r in found.ladder if r.name in COUNTED}
    told = ", ".join(f"{name} {quantity(loss, trace.unit)}" for name, loss in peers.items())
    label = f"Loss of {trace.model} over its steps, with the held-out losses of {told}"
    caption = (
        "Dashed lines: held-out loss of models that only count. The curves are over whole blocks, whose first tokens have little context "
        "to go by; the closing balance gives every token at least half a block."
    )
    return [("curves", label, caption, partial(language_charts.loss_curves, trace, peers))]


def _of_layers(view: RunView) -> list[pictures.Wanted]:
    layers = view.evaluation.layers if view.evaluation is not None else None
    if view.evaluation is None or layers is None or not any(b.by_epoch for b in layers.bookings):
        return []
    told = ", ".join(f"{b.name} {quantity(b.held_out)}" for b in layers.bookings)
    caption = "Summed over the snapshots of the weights so far; below zero a part has raised the held-out loss."
    make = partial(language_charts.layer_bookings, layers, view.evaluation.unit)
    return [("bookings", f"Held-out loss taken off by each part of the network: {told}", caption, make)]


def learners_of(view: RunView) -> list[tuple[str, Side, bool]]:
    """The sides of learners with their titles, and whether a picture of it was drawn: the network's first, then the chosen model's."""
    found, ledger = view.evaluation, view.ledger
    sides: list[tuple[str, Side, bool]] = []
    if found is not None and found.layers is not None:
        network = view.traces[0].model if view.traces else "network"
        sides.append((f"What each part of the {network} learned", found.layers, True))
    if ledger is not None and ledger.learners.bookings and (found is None or ledger.learners != found.layers):
        sides.append((f"What each part of the {ledger.model} model learned", ledger.learners, False))
    return sides


def _of_context(view: RunView) -> list[pictures.Wanted]:
    if view.language is None or view.evaluation is None or not view.language.by_context:
        return []
    curves, unit = view.language.by_context, view.evaluation.unit
    ends = ", ".join(f"{name} from {quantity(curve[0][1])} to {quantity(curve[-1][1], unit)}" for name, curve in curves.items())
    caption = (
        "The same held-out tokens with the context cut short. Where a curve rises, what stands farther back misleads the model. "
        "Each curve is on the tokens sampled for it."
    )
    make = partial(language_charts.context_curves, curves, unit)
    return [("context", f"Held-out loss by length of context: {ends}", caption, make)]


def excerpt_html(language: LanguageEvidence) -> Markup:
    """A piece of held-out text, each token on a ground as strong as it was dear."""
    from markupsafe import Markup

    made = Markup('<span class="soft">{}</span>').format(language.excerpt_before)
    for text, bits in language.excerpt:
        made += Markup('<span style="background:{}" title="{} bits">{}</span>').format(ground(bits), f"{bits:.1f}", text)
    return made


def ground(bits: float) -> str:
    """The colour behind a piece of text of that price, as CSS.

    Example:
        >>> ground(0.0), ground(8.0)
        ('rgba(213,94,0,0.00)', 'rgba(213,94,0,0.75)')
    """
    return f"rgba(213,94,0,{STRONGEST * min(1.0, max(0.0, bits) / DEAREST_BITS):.2f})"


def scale_html() -> Markup:
    """What the colours mean."""
    from markupsafe import Markup

    steps = Markup("").join(
        Markup('<span style="background:{}">&nbsp;{}&nbsp;</span>').format(ground(bits), bits) for bits in (0, 1, 2, 4, 6, 8)
    )
    return Markup("bits: ") + steps + Markup(" and more")


def dearest_pieces(language: LanguageEvidence) -> list[tuple[str, str, float]]:
    """(text before, piece, bits) of the pieces of the excerpt that cost most, the dearest first."""
    texts = [text for text, _ in language.excerpt]
    ranked = sorted(range(len(texts)), key=lambda i: -language.excerpt[i][1])[:MOST_DEAREST]
    before = language.excerpt_before
    found = []
    for place in ranked:
        context = (before + "".join(texts[:place]))[-CONTEXT_PIECES:]
        found.append((context.replace("\n", "⏎"), texts[place].replace("\n", "⏎").replace(" ", "␣"), language.excerpt[place][1]))
    return found


def parts_of(view: RunView) -> list[tuple[str, str, str, str, str]]:
    """(part, tokens, characters, bytes, unknown) of the corpus as texts."""
    corpus = view.corpus
    if corpus is None:
        return []
    named = (("to learn from", corpus.train), ("to stop by", corpus.valid), ("held out", corpus.test))
    return [(name, f"{p.tokens:,}", f"{p.characters:,}", f"{p.bytes:,}", f"{p.unknown:,}") for name, p in named]
