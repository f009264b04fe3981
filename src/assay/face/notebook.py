"""How findings, ledgers and runs show themselves in a notebook: HTML made when a cell asks for it, text everywhere else."""

from __future__ import annotations

import dataclasses
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

from assay.core.finding import Finding
from assay.core.ledger import Ledger
from assay.face.view import amount, leaking_columns, p_text, percent, price_text, verdict

if TYPE_CHECKING:
    from assay.face.view import RunView

_TABLE = 'style="border-collapse:collapse;text-align:left"'
_CELL = 'style="text-align:left;vertical-align:top;padding:.25em .8em .25em 0"'
_HEADS = ("rule", "severity", "where", "saw", "expected", "price", "next")


class FindingList(list[Finding]):
    """Findings, the dearest first, that show themselves as a table in a notebook and as lines elsewhere.

    Example:
        >>> FindingList([Finding({"column": "age"}, "1 value", "2 values", code="DAT101", name="constant-column")])
        [1 finding]
        DAT101 constant-column, note, column 'age': no price: it cannot be estimated
    """

    def __repr__(self) -> str:
        from assay.face.terminal.layout import clean

        head = f"[{len(self)} finding{'s' if len(self) != 1 else ''}]"
        return "\n".join([head, *(clean(f"{f.code} {f.name}, {f.severity}, {f.where}: {price_text(f)}") for f in self)])

    def _repr_html_(self) -> str:
        return findings_html(self)


@dataclass(frozen=True, slots=True, repr=False)
class LedgerView(Ledger):
    """A ledger that shows itself: a waterfall in a notebook, aligned text elsewhere."""

    @classmethod
    def of(cls, ledger: Ledger) -> LedgerView:
        """The same books, able to show themselves."""
        return cls(**{f.name: getattr(ledger, f.name) for f in dataclasses.fields(Ledger)})

    def __repr__(self) -> str:
        from assay.face.terminal import ledger_text
        from assay.face.terminal.layout import Paper

        return ledger_text(self, Paper())

    def _repr_html_(self) -> str:
        return ledger_html(self)


def findings_html(findings: Iterable[Finding]) -> str:
    """The findings as an HTML table, or a sentence where there are none."""
    rows = []
    for f in findings:
        price = price_text(f) + (f"<br><small>{escape(p_text(f))}</small>" if f.p is not None else "")
        cells = (f"<code>{escape(f.code)}</code> {escape(f.name)}", escape(f.severity.value), escape(f.where), escape(f.saw),
                 escape(f.expected), price, escape(f.remedy))  # fmt: skip
        rows.append("<tr>" + "".join(f"<td {_CELL}>{cell}</td>" for cell in cells) + "</tr>")
    if not rows:
        return "<p>No findings.</p>"
    return f"<table {_TABLE}><thead><tr>{_head(_HEADS)}</tr></thead><tbody>{''.join(rows)}</tbody></table>"


def ledger_html(ledger: Ledger, leaking: Iterable[str] = ()) -> str:
    """The ledger as its waterfall and a table of the adjustments, from the same specification as the report's."""
    from assay.face.report.charts import waterfall
    from assay.face.report.drawing import svg_of
    from assay.face.report.look import WIDE
    from assay.face.report.steps import steps_of

    chart = waterfall(steps_of(ledger, frozenset(leaking)), ledger.unit, WIDE)
    share = percent(ledger.honest / ledger.opening) if ledger.opening else "no part"
    told = (
        f"{ledger.model}: opening {_figure(ledger.opening, ledger)}, closing {_figure(ledger.closing, ledger)} ±"
        f" {_figure(ledger.closing_se, ledger)} {ledger.unit}; honestly taken away {_figure(ledger.honest, ledger)}, {share}."
    )
    name = f"ledger-{zlib.crc32(repr(ledger).encode()):08x}"  # two ledgers on one page must not share the ids of their clips
    # The waterfall is drawn for a light ground, which a dark notebook does not have.
    picture = f'<div style="background:#fff;max-width:{WIDE}px">{svg_of(chart, name, f"Waterfall of the ledger. {told}")}</div>'
    rows = "".join(
        f"<tr><td {_CELL}>{escape(a.kind)}</td><td {_CELL}>{_figure(a.amount, ledger)}</td>"
        f"<td {_CELL}>{'taken off' if a.counts else 'told beside'}</td><td {_CELL}>{escape(a.because)}</td></tr>"
        for a in ledger.adjustments
    )
    table = (
        f"<table {_TABLE}><thead><tr>{_head(('adjustment', ledger.unit, '', 'measured from'))}</tr></thead><tbody>{rows}</tbody></table>"
    )
    return f"<p>{escape(told)}</p>{picture}{table if rows else ''}"


def run_html(view: RunView) -> str:
    """A run as its verdict, its ledger and its findings."""
    said = "".join(f"<p>{escape(sentence)}</p>" for sentence in verdict(view))
    books = ledger_html(view.ledger, leaking_columns(view)) if view.ledger is not None else "<p>No ledger was made of this run.</p>"
    return f"<div>{said}{books}{findings_html(view.report.findings)}<p>{escape(view.report.closing_line())}</p></div>"


def _head(names: Iterable[str]) -> str:
    return "".join(f'<th scope="col" {_CELL}>{escape(name)}</th>' for name in names)


def _figure(value: float, ledger: Ledger) -> str:
    return amount(value, ledger.unit, ledger.opening)
