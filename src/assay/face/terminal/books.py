"""The ledger, the ladder and whole runs as text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from assay.face.terminal.findings import findings_text
from assay.face.terminal.language import bytes_row, language_text
from assay.face.terminal.layout import Paper, columns, cut, paper_of_stdout, wrapped
from assay.face.view import NOISE_SE, RunView, amount, is_told_memorising, noun_of, percent, verdict

if TYPE_CHECKING:
    from assay.core.eval_evidence import EvalEvidence
    from assay.core.ledger import Booking, Ledger, Side

MOST_SOURCES = 12
MOST_LEARNERS = 14
MOST_FINDINGS = 12
NAME_ROOM = 30


def ledger_text(ledger: Ledger, paper: Paper | None = None) -> str:
    """The books: opening, by source, closing, by learner, adjustments, honest; every remainder is printed.

    Args:
        ledger: The books of one model.
        paper: What is written on; standard output when None.
    """
    on = paper or paper_of_stdout()
    lines = [on.paint(f"Ledger of {ledger.model} on {ledger.rows:,} held-out {noun_of(ledger.unit)}s, in {ledger.unit}", "bold")]
    lines.append(f"  opening {_of(ledger, ledger.opening)}   the best constant answer")
    lines += _source_lines(ledger, on)
    gone = ledger.reduction / ledger.opening if ledger.opening else 0.0
    lines.append(
        f"  closing {_of(ledger, ledger.closing)} ± {_of(ledger, ledger.closing_se)}   {ledger.model};"
        f" it takes away {_of(ledger, ledger.reduction)}, {percent(gone)} of the opening"
    )
    lines += _learner_lines(ledger, on)
    lines += _adjustment_lines(ledger, on)
    honest = ledger.honest / ledger.opening if ledger.opening else 0.0
    told = f"  honest  {_of(ledger, ledger.honest)} taken away, {percent(honest)} of the opening"
    lines.append(on.paint(told, "good" if ledger.honest >= ledger.reduction else "warning"))
    return "\n".join(lines)


def ladder_text(found: EvalEvidence, recommended: str = "", paper: Paper | None = None) -> str:
    """All models of the ladder with their held-out loss; an arrow marks the recommended one."""
    on = paper or paper_of_stdout()
    head = [on.paint(word, "soft") for word in ("", "model", "held-out ± SE", "training", "seconds", "")]
    best = recommended or found.model
    rows = []
    for r in found.ladder:
        loss = f"{amount(r.held_out_loss, found.unit, found.opening)} ± {amount(r.se, found.unit, found.opening)}"
        rows.append(
            [
                "->" if r.name == best else "",
                r.name,
                loss,
                amount(r.train_loss, found.unit, found.opening),
                f"{r.seconds:.1f}",
                cut(r.note, on.width - 60),
            ]
        )
    title = on.paint(f"Ladder on {found.rows:,} held-out {noun_of(found.unit)}s, loss in {found.unit}; -> is recommended", "bold")
    return "\n".join([title, *columns([head, *rows], "llrrrl", indent="  ")])


def run_text(view: RunView, paper: Paper | None = None) -> str:
    """A finished run: the verdict, the ledger, the ladder, the findings."""
    on = paper or paper_of_stdout()
    parts = ["\n".join(wrapped(sentence, on) for sentence in verdict(view))]
    if view.ledger is not None:
        parts.append(ledger_text(view.ledger, on))
    if view.evaluation is not None and view.evaluation.ladder:
        untrained = (wrapped(note, on, first="  ", later="  ") for note in view.untrained)
        parts.append("\n".join([ladder_text(view.evaluation, view.model, on), *untrained]))
    if view.language is not None and view.corpus is not None:
        parts.append(language_text(view.language, view.corpus, on))
    return "\n\n".join([*parts, findings_text(view.report, on, MOST_FINDINGS)])


def compare_text(first: RunView, second: RunView, paper: Paper | None = None) -> str:
    """Two runs side by side: the books, what moved most by source, the findings that only one of them has."""
    on = paper or paper_of_stdout()
    lines = columns(_side_by_side(first, second, on), "lrrl")
    lines += _moved(first, second, on)
    for mine, other in ((first, second), (second, first)):
        known = {(f.code, f.where) for f in other.report.findings}
        only = [f for f in mine.report.findings if (f.code, f.where) not in known]
        said = "; ".join(f"{f.code} {f.name} at {f.where}" for f in only) or "none"
        lines.append(wrapped(f"findings only in {mine.name}: {said}", on, later="  "))
    if first.fingerprint != second.fingerprint:
        lines.append("The tables differ (their fingerprints do), so these losses are not of the same rows.")
    return "\n".join(lines)


def _source_lines(ledger: Ledger, on: Paper) -> list[str]:
    side = ledger.sources
    bookings = list(side.bookings) if side.in_order else sorted(side.bookings, key=lambda b: -abs(b.held_out))
    shown, rest = (
        (bookings, []) if side.in_order or len(bookings) <= MOST_SOURCES + 1 else (bookings[:MOST_SOURCES], bookings[MOST_SOURCES:])
    )
    largest = max((abs(b.held_out) for b in shown), default=0.0)
    rows = [
        [cut(b.name, NAME_ROOM), _of(ledger, b.held_out), _se(ledger, b.se), _drawn(b, largest, on)]
        for b in (shown if side.in_order else sorted(shown, key=lambda b: -b.held_out))
    ]
    if rest:
        total = sum(b.held_out for b in rest)
        rows.append([f"{len(rest)} other columns", _of(ledger, total), "", on.bar(total, largest)])
    rows.append(["remainder", _of(ledger, ledger.sources.remainder), "", _balance(ledger.sources)])
    return ["  by source, what it takes away", *columns(rows, "lrll", indent="    ")]


def _drawn(booking: Booking, largest: float, on: Paper) -> str:
    bar = on.bar(booking.held_out, largest)
    return f"{bar} raises the loss" if booking.held_out < -NOISE_SE * (booking.se or 0.0) else bar if booking.held_out > 0 else ""


def _learner_lines(ledger: Ledger, on: Paper) -> list[str]:
    side = ledger.learners
    shown, rest = side.bookings[:MOST_LEARNERS], side.bookings[MOST_LEARNERS:]
    head = [on.paint(word, "soft") for word in ("by learner", "training", "held-out", "")]
    rows = [head]
    for b in shown:
        train = "" if b.train is None else _of(ledger, b.train)
        rows.append(
            [
                "  " + cut(b.name, NAME_ROOM),
                train,
                _of(ledger, b.held_out),
                "memorising" if is_told_memorising(b, ledger.unit, ledger.opening) else "",
            ]
        )
    if rest:
        rows.append([f"  {len(rest)} others", "", _of(ledger, sum(b.held_out for b in rest)), ""])
    rows.append(["  remainder", "", _of(ledger, side.remainder), _balance(side)])
    return columns(rows, "lrrl", indent="  ")


def _adjustment_lines(ledger: Ledger, on: Paper) -> list[str]:
    if not ledger.adjustments:
        return ["  adjustments: none"]
    rows = [
        [
            a.kind,
            _of(ledger, -a.amount if a.counts else a.amount),
            _se(ledger, a.se),
            on.paint("taken off", "error") if a.counts else "told beside",
            cut(a.because, on.width - 46),
        ]
        for a in ledger.adjustments
    ]
    return ["  adjustments", *columns(rows, "lrlll", indent="    ")]


def _side_by_side(first: RunView, second: RunView, on: Paper) -> list[list[str]]:
    rows = [[on.paint(w, "soft") for w in ("", cut(first.name, 24), cut(second.name, 24), "difference")]]
    rows.append(["target", cut(first.target, 24), cut(second.target, 24), ""])
    counted = f"{first.corpus.noun}s" if first.corpus is not None else "rows"
    rows.append([counted, f"{first.table.rows:,}", f"{second.table.rows:,}", ""])
    rows.append(["recommended", first.model or "none", second.model or "none", ""])
    one, two = first.ledger, second.ledger
    if one is None or two is None:
        return [*rows, ["ledger", "made" if one else "none", "made" if two else "none", "no books to compare"]]
    rows.append(["unit", one.unit, two.unit, "" if one.unit == two.unit else "not comparable"])
    rows += bytes_row(first, second)
    for name in ("opening", "closing", "reduction", "honest"):
        a, b = float(getattr(one, name)), float(getattr(two, name))
        noise = NOISE_SE * (one.closing_se**2 + two.closing_se**2) ** 0.5
        told = amount(b - a, one.unit, one.opening, signed=True)
        within = " (within noise)" if name != "opening" and abs(b - a) <= noise and a != b else ""
        rows.append([name, _of(one, a), _of(two, b), (told + within) if one.unit == two.unit else ""])
    return rows


def _moved(first: RunView, second: RunView, on: Paper) -> list[str]:
    one, two = first.ledger, second.ledger
    if one is None or two is None or one.unit != two.unit:
        return []
    was, now = ({b.name: b.held_out for b in x.sources.bookings} for x in (one, two))
    gap = {name: now.get(name, 0.0) - was.get(name, 0.0) for name in {*was, *now}}
    moved = sorted((n for n in gap if gap[n]), key=lambda n: (-abs(gap[n]), n))[:10]
    if not moved:
        return ["by source: no difference"]
    head = [on.paint(w, "soft") for w in ("by source, what moved most", "", "", "")]
    return columns(
        [head, *([f"  {cut(n, NAME_ROOM)}", *(_of(one, x[n]) if n in x else "absent" for x in (was, now)),
                  amount(gap[n], one.unit, one.opening, signed=True)] for n in moved)],
        "lrrr",
    )  # fmt: skip


def _balance(side: Side) -> str:
    return f"{'within' if side.balances else 'NOT within'} the promised {side.tolerance:.2g}"


def _se(ledger: Ledger, se: float | None) -> str:
    return "" if se is None else f"± {_of(ledger, se)}"


def _of(ledger: Ledger, value: float) -> str:
    return amount(value, ledger.unit, ledger.opening)
