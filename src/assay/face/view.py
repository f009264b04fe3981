"""What a finished (or interrupted) run has to show, in one value; and its verdict in three sentences."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from assay.core.eval_evidence import EvalEvidence
from assay.core.finding import Finding, Severity
from assay.core.language_evidence import CorpusEvidence, LanguageEvidence
from assay.core.ledger import Booking, Ledger
from assay.core.report import Report
from assay.core.split_evidence import SplitEvidence
from assay.core.table_evidence import AssociationEvidence, TableEvidence
from assay.core.trace_evidence import TraceEvidence

LEAK_RULES = ("SPL101", "SPL102")
"""The rules that name a column as giving the target away."""

LEAST_PLAIN, MOST_PLAIN = 1e-3, 1e6
"""Books between these are written with plain decimals, others in one power of ten."""

NOISE_SE = 2.0
"""A difference within this many standard errors is called noise in words."""


@dataclass(frozen=True, slots=True)
class RunView:
    """One run as faces show it: terminal, notebook and report read nothing else.

    Attributes:
        name: The run's name, its folder's last part.
        folder: Where it lies on disk, "" if nowhere.
        command: The command that reproduces it.
        config: What it was asked to do, by option.
        versions: Name of a library -> its version.
        fingerprint: Content hash of the table.
        seconds: Stage -> how long it took.
        traces: One a watched training.
        report: Findings, and what was not checked.
        recommended: Name of the model that the ladder recommends, "" if none was trained.
        notes: What a person should know, one sentence each.
        untrained: Which models were not trained and why, one sentence each.
        corpus: The text of a language run, whose `table` is a stand-in without columns; None for a table.
        language: What is known of a language model beyond its loss.
    """

    name: str
    table: TableEvidence
    report: Report
    folder: str = ""
    command: str = ""
    config: Mapping[str, Any] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    fingerprint: str = ""
    seconds: Mapping[str, float] = field(default_factory=dict)
    association: AssociationEvidence | None = None
    split: SplitEvidence | None = None
    traces: tuple[TraceEvidence, ...] = ()
    evaluation: EvalEvidence | None = None
    recommended: str = ""
    notes: tuple[str, ...] = ()
    untrained: tuple[str, ...] = ()
    corpus: CorpusEvidence | None = None
    language: LanguageEvidence | None = None

    @property
    def target(self) -> str:
        """Name of the target column, "the target" if none was named."""
        return self.table.target.column if self.table.target else "the target"

    @property
    def trace(self) -> TraceEvidence | None:
        """The training to show: of the network whose layers are booked, else the first that was watched."""
        watched = self.evaluation.watched if self.evaluation else ""
        return next((t for t in self.traces if t.model == watched), self.traces[0] if self.traces else None)

    @property
    def ledger(self) -> Ledger | None:
        """The books of the recommended model, if they were made."""
        return self.evaluation.ledger if self.evaluation else None

    @property
    def model(self) -> str:
        """The model that this view is about: the recommended one, else the only one."""
        return self.recommended or (self.evaluation.model if self.evaluation else "")


def quantity(value: float, unit: str = "", *, signed: bool = False) -> str:
    """Write a loss or an amount for people: three decimals for bits and bare numbers, four digits for other units.

    Example:
        >>> quantity(0.31446, "bits/row"), quantity(-0.2, signed=True), quantity(12345.6789, "squared error/row")
        ('0.314 bits/row', '-0.200', '12,346 squared error/row')
    """
    if not math.isfinite(value):
        text = "not finite"
    elif unit and not unit.startswith("bits"):
        text = significant(value, signed=signed)
    else:
        text = f"{value if abs(value) >= 0.0005 else 0.0:{'+' if signed and abs(value) >= 0.0005 else ''},.3f}"
    return f"{text} {unit}" if unit else text


def significant(value: float, *, signed: bool = False) -> str:
    """Write a number of unknown size with four significant digits.

    Example:
        >>> significant(12345.6789), significant(0.000123456), significant(0.0)
        ('12,346', '0.0001235', '0')
    """
    if not math.isfinite(value):
        return "not finite"
    if value == 0:
        return "0"
    digits = min(12, max(0, 3 - math.floor(math.log10(abs(value)))))
    return f"{value:{'+' if signed else ''},.{digits}f}"


def amount(value: float, unit: str, scale: float, *, signed: bool = False) -> str:
    """Write a loss as a bare number with the decimals that suit the books: three for bits, else four digits of `scale`.

    Books of millions and more, or of less than a thousandth, are written in one power of ten, such as 13.237e9.

    Args:
        value: The loss or the amount.
        unit: Of the books.
        scale: A loss of the books' size, usually the opening balance; one scale aligns all figures of a ledger.
        signed: Write a plus before positive ones.

    Example:
        >>> amount(0.2088, "squared error/row", 5774.0), amount(800.71, "squared error/row", 5774.0), amount(-0.1, "bits/row", 1.0)
        ('0', '801', '-0.100')
        >>> amount(1.7e9, "squared error/row", 1.3e10)
        '1.700e9'
    """
    if unit.startswith("bits") or not math.isfinite(value):
        return quantity(value, signed=signed)
    size = abs(scale) if math.isfinite(scale) and scale else 1.0
    power = power_of_ten(size)
    decimals = 3 if power else min(12, max(0, 3 - math.floor(math.log10(size))))
    text = f"{value / 10.0**power:{'+' if signed else ''},.{decimals}f}"
    text = text if any(c in "123456789" for c in text) else text.lstrip("+-")
    return f"{text}e{power}" if power else text


def power_of_ten(size: float) -> int:
    """The power of ten, a multiple of three, in which numbers of that size are written; 0 where they are short as they are.

    Example:
        >>> power_of_ten(1.3e10), power_of_ten(5774.0), power_of_ten(2e-5)
        (9, 0, -6)
    """
    return 0 if LEAST_PLAIN <= size < MOST_PLAIN else 3 * math.floor(math.log10(size) / 3)


def noun_of(unit: str) -> str:
    """What a loss in that unit is counted by.

    Example:
        >>> noun_of("bits/row"), noun_of("bits/character")
        ('row', 'character')
    """
    return unit.rpartition("/")[2] or "row"


def percent(share: float) -> str:
    """Write a share for people, in per cent; small ones keep a decimal.

    Example:
        >>> percent(0.423), percent(0.0042), percent(0.99996)
        ('42 %', '0.4 %', '99.9 %')
    """
    if not math.isfinite(share):
        return "an unknown part"
    if 0.995 <= share < 1.0:
        return f"{min(math.floor(share * 1000) / 10, 99.9):.1f} %"
    return f"{share * 100:.1f} %" if abs(share) < 0.0995 else f"{share * 100:.0f} %"


def is_told_memorising(booking: Booking, unit: str, scale: float) -> bool:
    """The booking is memorising, by more than is printed as zero."""
    return booking.is_memorising and any(c in "123456789" for c in amount(booking.train or 0.0, unit, scale))


def price_text(finding: Finding) -> str:
    """A finding's price in words, or that it has none.

    Example:
        >>> price_text(Finding({}, "a", "b", price=0.31, unit="bits/row"))
        'costs 0.310 bits/row'
    """
    if finding.price is None:
        return "no price: it cannot be estimated"
    return f"costs {quantity(finding.price, finding.unit)}"


def p_text(finding: Finding) -> str:
    """The p-value in words, "" for an exact rule."""
    if finding.p is None:
        return ""
    return "p < 1e-300" if finding.p == 0 else f"p = {finding.p:.2g}"


def verdict(view: RunView) -> tuple[str, str, str]:
    """Three sentences that a manager understands: what was learned, how much of it is honest, what to do next.

    Returns:
        The sentences, in this order; no figure in them says more than its standard error allows.
    """
    if view.corpus is not None:
        from assay.face.language_view import language_verdict

        return language_verdict(view)
    books = _books(view)
    if books is None:
        first = f"No model has been evaluated yet, so nothing is known about how well {view.target} can be predicted."
        return first, _suspicion(view) or "What stands below is about the data alone.", _next(view, None)
    return books.learned(), _honesty(view, books), _next(view, books)


@dataclass(frozen=True, slots=True)
class _Books:
    """The figures that the verdict speaks of, from the ledger or, without one, from the ladder."""

    model: str
    target: str
    unit: str
    rows: int
    opening: float
    closing: float
    se: float
    leaked: float
    leaked_se: float = 0.0

    @property
    def reduction(self) -> float:
        return self.opening - self.closing

    @property
    def share(self) -> float:
        return self.reduction / self.opening if self.opening else math.nan

    @property
    def told_share(self) -> str:
        """The share with its standard error: a figure from few rows must not look like one from many."""
        if not self.opening:
            return percent(self.share)
        give = self.se / self.opening
        return f"{percent(self.share)} (± {percent(give) if give < 0.01 else f'{give * 100:.0f} %'})"

    @property
    def honest_share(self) -> float:
        return (self.reduction - self.leaked) / self.opening if self.opening else math.nan

    @property
    def is_noise(self) -> bool:
        return not self.reduction > NOISE_SE * self.se

    def typical_error(self, loss: float) -> str:
        """The loss in the target's own units: the root of a squared error, an absolute error as it is."""
        return significant(math.sqrt(max(loss, 0.0)) if self.unit.startswith("squared") else loss)

    @property
    def what(self) -> str:
        """What the model removes a part of."""
        return "uncertainty" if self.unit.startswith("bits") else "variance" if self.unit.startswith("squared") else "error"

    def learned(self) -> str:
        """What the model knows that the best constant does not."""
        seen = f"on {self.rows:,} rows it had never seen"
        if self.is_noise and self.model == "constant":
            return f"Nothing reliable was learned about {self.target}: {seen}, no model does better than always giving the same answer."
        if self.is_noise:
            gain = f"{quantity(self.reduction, self.unit, signed=True)}, standard error {quantity(self.se, self.unit)}"
            return (
                f"The {self.model} model has learned nothing reliable about {self.target}: {seen}"
                f" it does no better, beyond noise, than always giving the same answer ({gain})."
            )
        if self.unit.startswith("bits"):
            return (
                f"The {self.model} model removes {self.told_share} of the uncertainty about {self.target}: {seen},"
                f" {quantity(self.reduction)} of {quantity(self.opening)} bits a row go and {quantity(self.closing)} stay."
            )
        kind = "root mean squared error" if self.unit.startswith("squared") else "mean absolute error"
        return (
            f"The {self.model} model removes {self.told_share} of the {self.what} of {self.target}: {seen}, its typical error"
            f" ({kind}) is {self.typical_error(self.closing)}, where the best constant is off by {self.typical_error(self.opening)}."
        )


def _books(view: RunView) -> _Books | None:
    found = view.evaluation
    rung = found.rung(view.model) if found is not None else None
    ledger = view.ledger
    if ledger is not None:
        taken = [a for a in ledger.adjustments if a.counts]
        se = rung.reduction_se if rung is not None and rung.reduction_se else ledger.closing_se
        leaked, leaked_se = sum(a.amount for a in taken), sum((a.se or 0.0) ** 2 for a in taken) ** 0.5
        return _Books(view.model, view.target, ledger.unit, ledger.rows, ledger.opening, ledger.closing, se, leaked, leaked_se)
    if found is None or rung is None:
        return None
    se = rung.reduction_se or rung.se
    return _Books(view.model, view.target, found.unit, found.rows, found.opening, rung.held_out_loss, se, 0.0)


def leaking_columns(view: RunView) -> tuple[str, ...]:
    """The columns that a rule about leaks names, the dearest first."""
    named = [c for f in view.report.findings if f.code in LEAK_RULES for c in (f.at.get("column"), *f.at.get("columns", ())) if c]
    return tuple(dict.fromkeys(str(c) for c in named))


def _listed(names: tuple[str, ...]) -> str:
    return ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")


def _suspicion(view: RunView) -> str:
    signs = [f for f in view.report.findings if f.code.startswith("SPL") and f.severity is not Severity.NOTE]
    if not signs:
        return ""
    where = f" ({_listed(leaking_columns(view))})" if leaking_columns(view) else f" ({signs[0].name})"
    return f"{len(signs)} sign{'s' if len(signs) > 1 else ''} of a leak{where} must be cleared up before any figure is trusted."


def _honesty(view: RunView, books: _Books) -> str:
    names = f" ({_listed(leaking_columns(view))})" if leaking_columns(view) else ""
    if books.leaked > NOISE_SE * books.leaked_se and books.leaked > 0 and not books.is_noise:
        part = percent(min(1.0, books.leaked / books.reduction))
        kept = f"{percent(max(0.0, books.honest_share))} of the {books.what}"
        return (
            f"{part} of that is not knowledge: it comes from columns that give the answer away{names};"
            f" without them the model removes {kept}."
        )
    if books.leaked_se > 0 and not books.is_noise:
        return f"Without the columns under suspicion of a leak{names} the model does as well, within noise: drop them and lose nothing."
    if suspicion := _suspicion(view):
        return f"That figure is not to be trusted yet: {suspicion[0].lower()}{suspicion[1:]}"
    told = [a for a in (view.ledger.adjustments if view.ledger else ()) if a.kind == "memorised" and a.amount > NOISE_SE * (a.se or 0.0)]
    gap = f"; on its training rows it does {quantity(told[0].amount, books.unit)} better, which is memory and not knowledge" if told else ""
    looked = sum(code.startswith("SPL") for code in view.report.checked)
    if not looked:
        return f"Whether a leak helped was not checked, so take the figure as an upper bound{gap}."
    return f"No leak was found by the {looked} rule{'s' if looked > 1 else ''} about leaks that could look{gap}."


def _next(view: RunView, books: _Books | None) -> str:
    # What went wrong in training a model that nobody is asked to use is told among the findings, not as the next step.
    idle = [f for f in view.report.findings if f.code.startswith("TRN") and f.at.get("model") != view.model]
    serious = [f for f in view.report.findings if f.severity is not Severity.NOTE and f not in idle]
    if serious:
        first = serious[0]
        told = f" ({price_text(first)})" if first.price else ""
        return f"Next, the dearest finding, {first.name} at {first.where}{told}: {first.remedy or f'see assay explain {first.code}'}."
    if books is None:
        return "Next: let the run go on to training and evaluation."
    if books.is_noise:
        return f"Next: do not use this model; look for columns that tell more about {books.target}, or for more rows."
    unchecked = len(view.report.not_checked)
    rest = f" ({unchecked} rule{'s' if unchecked > 1 else ''} could not be checked)" if unchecked else ""
    return f"Next: nothing that was checked stands against trying it on fresh rows like these{rest}; after that, more rows or columns."
