"""A run's view becomes one HTML page that needs no network and no script."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from functools import cache
from typing import TYPE_CHECKING, Any

from assay.face.report import contact_sheet, pictures
from assay.face.report.steps import leading
from assay.face.view import (
    NOISE_SE,
    RunView,
    amount,
    is_told_memorising,
    leaking_columns,
    p_text,
    percent,
    price_text,
    quantity,
    significant,
    verdict,
)

if TYPE_CHECKING:
    from jinja2 import Template
    from markupsafe import Markup

    from assay.core.eval_evidence import Calibration
    from assay.core.finding import Finding
    from assay.core.ledger import Side
    from assay.core.report import Report
    from assay.core.table_evidence import ColumnEvidence

MOST_COLUMNS = 60
MOST_SOURCES = 40
MOST_OF_A_RULE = 5
MOST_FOLDED = 500


def render(view: RunView) -> str:
    """The report of a run as one HTML page: inlined style and pictures, nothing loaded from anywhere.

    A part that the run does not have says so in one line instead of vanishing.
    """
    if view.corpus is not None:
        from assay.face.report.language_page import render as render_text

        return render_text(view)
    columns, left_out = telling_columns(view)
    ledger = view.ledger
    sources = leading(ledger.sources.bookings, MOST_SOURCES) if ledger else ((), ())
    return template("page.html").render(
        **common(view),
        pictures=pictures.of_view(view),
        sources=sources,
        leaking=leaking_columns(view),
        learners=learner_sides(view),
        confusions=most_confused(view),
        columns=[(c, pictures.of_column(c, i)) for i, c in enumerate(columns)],
        left_out=left_out,
        images=contact_sheet.sheets(view),
    )


def common(view: RunView) -> dict[str, Any]:
    """What the page of every run needs, on a table or on text."""
    shown, folded = unfolded(view.report.findings)
    return {
        "view": view,
        "verdict": verdict(view),
        "memorises": is_told_memorising,
        "alarm": bool(leaking_columns(view)),
        "options": [(name, value) for name, value in view.config.items() if value not in (None, "", (), [], {}, False)],
        "pages": rule_pages(view.report),
        "shown": shown,
        "folded": folded,
        "most_folded": MOST_FOLDED,
    }


@cache
def template(name: str) -> Template:
    """A compiled page template; values are escaped unless the page itself made them."""
    from jinja2 import Environment, FunctionLoader, StrictUndefined

    loader = FunctionLoader(_data)
    made = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, loader=loader)
    made.filters.update(quantity=quantity, percent=percent, price=price_text, figure=amount, values=values_text, p=p_text)
    made.filters.update(metric=metric_text, remedy=remedy_html, short="{:.2g}".format, calibration=calibration_text)
    return made.get_template(name)


def telling_columns(view: RunView) -> tuple[list[ColumnEvidence], int]:
    """The columns to show, in the table's order, and how many are left out; pixels of images are shown as images.

    Of more than `MOST_COLUMNS` those are shown that play a role, that a finding names, or that tell most about the target.
    """
    columns = [c for c in view.table.columns if not c.image]
    if len(columns) <= MOST_COLUMNS:
        return columns, 0
    named = {str(c) for f in view.report.findings for c in (f.at.get("column"), *f.at.get("columns", ())) if c}
    bits = {a.column: a.bits for a in view.association.columns} if view.association else {}
    booked = {b.name: b.held_out for b in view.ledger.sources.bookings} if view.ledger else {}

    def rank(place_and_column: tuple[int, ColumnEvidence]) -> tuple[bool, bool, float, int]:
        place, c = place_and_column
        return (c.role == "feature", c.name not in named, -max(bits.get(c.name, 0.0), booked.get(c.name, 0.0)), place)

    best = sorted(enumerate(columns), key=rank)[:MOST_COLUMNS]
    return [c for _, c in sorted(best)], len(columns) - MOST_COLUMNS


def learner_sides(view: RunView) -> list[tuple[str, Side]]:
    """The learner sides that the run has, with their titles: the watched network's layers first, then the recommended model's parts."""
    sides = []
    if view.evaluation is not None and view.evaluation.layers is not None:
        sides.append((f"What each layer of the watched {view.evaluation.watched or 'network'} learned", view.evaluation.layers))
    ledger = view.ledger
    if ledger is not None and ledger.learners.bookings and (not sides or ledger.learners != sides[0][1]):
        sides.append((f"What each part of the {ledger.model} model learned", ledger.learners))
    return sides


def most_confused(view: RunView, most: int = 12) -> list[tuple[str, str, int]]:
    """(true class, predicted class, rows) of the most frequent confusions."""
    found = view.evaluation
    if found is None:
        return []
    pairs = [(t, s, n) for t, line in zip(found.classes, found.confusion, strict=False) for s, n in zip(found.classes, line, strict=True)]
    return sorted((p for p in pairs if p[0] != p[1] and p[2]), key=lambda p: -p[2])[:most]


def remedy_html(text: str) -> Markup:
    """A remedy with its code set as code: what stands in backticks, and options with their values."""
    from markupsafe import Markup, escape

    parts = re.split(r"`([^`]+)`|(--[a-z-]+(?: [\w.\[\]-]+)?)", text)
    made = Markup("")
    for i, part in enumerate(parts):
        if part:
            made += Markup("<code>{}</code>").format(part) if i % 3 else escape(part)
    return made


def unfolded(findings: Iterable[Finding]) -> tuple[list[Finding], list[Finding]]:
    """The findings to print in full, at most `MOST_OF_A_RULE` of a rule, and the others, both in their order."""
    shown: list[Finding] = []
    folded: list[Finding] = []
    seen: Counter[str] = Counter()
    for one in findings:
        seen[one.code] += 1
        (shown if seen[one.code] <= MOST_OF_A_RULE else folded).append(one)
    return shown, folded


def rule_pages(report: Report) -> dict[str, dict[str, str]]:
    """Code -> the sections of the rule's page, for the codes of the findings that are in the catalogue."""
    from assay.rules import catalogue

    known = catalogue()
    codes = {f.code for f in (*report.findings, *(f for f, _ in report.accepted))}
    return {code: {"": known[code].summary, **known[code].sections} for code in codes if code in known}


def values_text(column: ColumnEvidence) -> str:
    """A column's values in a few words: the range of numbers, the most frequent of others."""
    if column.kind in ("number", "date") and column.minimum is not None and column.maximum is not None:
        middle = f", median {_plain(column.quartiles[1])}" if len(column.quartiles) == 3 and column.kind == "number" else ""
        if column.kind == "date":
            return f"{_day(column.minimum)} to {_day(column.maximum)}"
        return f"{_plain(column.minimum)} to {_plain(column.maximum)}{middle}"
    if column.kind == "image":
        return f"{column.distinct:,} different images"
    if not column.top:
        return "no value" if column.missing == column.rows else f"texts of {column.mean_length:.0f} characters on average"
    words = ", ".join(f"{_cut(value)} ({n:,})" for value, n in column.top[:3])
    return words + (f" and {column.distinct - 3:,} more" if column.distinct > 3 else "")


def calibration_text(found: Calibration, unit: str) -> str:
    """Whether the probabilities can be taken at their word, with what recalibrating would win back."""
    how = f"with a temperature of {found.temperature:.2f}" if found.method == "temperature" else f"by {found.method} scaling"
    told = f"{quantity(found.gain)} ± {quantity(found.gain_se, unit)}, {how}; calibration error {quantity(found.error)}"
    if found.gain > NOISE_SE * found.gain_se:
        return f"Not quite: recalibrating wins back {told}."
    return f"As far as these rows tell, yes: recalibrating wins nothing back beyond noise ({told})."


def metric_text(value: float) -> str:
    """A metric for people: three decimals, or four digits where it is large; nearly 1 is not told as 1."""
    if 0.9995 <= value < 1.0:
        return "> 0.999"
    return f"{value:.3f}" if abs(value) < 10 else significant(value)


def _plain(value: float) -> str:
    text = significant(value)
    return text.rstrip("0").rstrip(".") if "." in text else text


def _cut(text: str, most: int = 28) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"


def _day(days: float) -> str:
    import datetime

    try:
        return (datetime.date(1970, 1, 1) + datetime.timedelta(days=days)).isoformat()
    except OverflowError:
        return f"day {days:,.0f} since 1970"


def _data(name: str) -> Any:
    from importlib.resources import files

    return (files("assay.face.report") / name).read_text(encoding="utf-8")
