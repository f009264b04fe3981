"""The ledger as steps from the opening balance to the honest one: what a waterfall shows, with no drawing in it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from assay.core.ledger import Booking, Ledger
from assay.face.view import amount

CUT_SHARE = 0.25
"""A reduction under this share of the opening balance would be unreadable on an axis from 0, which is then cut and says so."""


@dataclass(frozen=True, slots=True)
class Step:
    """One bar of the waterfall, from `start` to `end` on the axis of the loss.

    Attributes:
        kind: "balance", "learned", "leaking", "raises the loss", "told beside" or "honest".
        text: The amount as printed at the bar.
        se: Standard error of the amount, None where there is none.
        low: Where the axis begins.
    """

    label: str
    kind: str
    start: float
    end: float
    text: str
    se: float | None = None
    low: float = 0.0


def steps_of(ledger: Ledger, leaking: Collection[str] = (), most: int = 10) -> tuple[Step, ...]:
    """The bars: opening, the largest sources, the rest in one, what could not be booked, closing, adjustments, honest.

    Args:
        ledger: The books.
        leaking: Columns that a leak finding names; their bars are marked.
        most: How many sources have a bar of their own.
    """
    low = _axis_start(ledger)
    steps = [Step("opening", "balance", low, ledger.opening, amount(ledger.opening, ledger.unit, ledger.opening), low=low)]
    level = ledger.opening
    shown, rest = leading(ledger.sources.bookings, most) if not ledger.sources.in_order else (ledger.sources.bookings, ())
    for one in shown:
        kind = "leaking" if one.name in leaking else "learned" if one.held_out >= 0 else "raises the loss"
        steps.append(_change(one.name, kind, (level, -one.held_out), ledger, one.se, low=low))
        level -= one.held_out
    if rest:
        total = sum(b.held_out for b in rest)
        se = sum((b.se or 0.0) ** 2 for b in rest) ** 0.5 or None
        kind = "learned" if total >= 0 else "raises the loss"
        steps.append(_change(f"{len(rest)} other columns", kind, (level, -total), ledger, se, low=low))
        level -= total
    steps.append(_change("remainder", "told beside", (level, -ledger.sources.remainder), ledger, None, low=low))
    steps.append(
        Step("closing", "balance", low, ledger.closing, amount(ledger.closing, ledger.unit, ledger.opening), ledger.closing_se, low)
    )
    return (*steps, *_adjusted(ledger, low))


def leading(bookings: tuple[Booking, ...], most: int) -> tuple[tuple[Booking, ...], tuple[Booking, ...]]:
    """The bookings of largest amount, in order of the amount, and the rest; a rest of one is shown by name."""
    ordered = tuple(sorted(bookings, key=lambda b: -abs(b.held_out)))
    if len(ordered) <= most + 1:
        return tuple(sorted(ordered, key=lambda b: -b.held_out)), ()
    return tuple(sorted(ordered[:most], key=lambda b: -b.held_out)), ordered[most:]


def _adjusted(ledger: Ledger, low: float) -> list[Step]:
    steps, level = [], ledger.closing
    for one in ledger.adjustments:
        if one.counts and one.amount:
            steps.append(_change(one.kind, "leaking", (level, one.amount), ledger, one.se, low=low))
            level += one.amount
    beside = [a for a in ledger.adjustments if not a.counts and a.amount > 0]
    told = [_change(a.kind, "told beside", (ledger.closing, -a.amount), ledger, a.se, low=low) for a in beside]
    return [*steps, *told, Step("honest", "honest", low, level, amount(level, ledger.unit, ledger.opening), low=low)]


def _change(label: str, kind: str, level_and_amount: tuple[float, float], ledger: Ledger, se: float | None, *, low: float) -> Step:
    level, change = level_and_amount
    return Step(label, kind, level, level + change, amount(change, ledger.unit, ledger.opening, signed=True), se, low)


def _axis_start(ledger: Ledger) -> float:
    honest = ledger.opening - ledger.honest
    lowest = min([ledger.opening, ledger.closing, honest, *(ledger.closing - a.amount for a in ledger.adjustments if not a.counts)])
    falls = max(ledger.opening, honest) - lowest
    return 0.0 if falls > CUT_SHARE * ledger.opening else max(0.0, lowest - 0.6 * falls)
