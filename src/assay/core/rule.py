"""The rule contract and its registry: one decorator, one dictionary, no inheritance."""

from __future__ import annotations

import inspect
import re
import textwrap
import typing
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Any, Generic, TypeVar, cast

from assay.core.errors import RuleError
from assay.core.evidence import Evidence
from assay.core.finding import Finding, Severity

SECTIONS = ("Why it matters", "How it is detected", "Remedy", "Limits", "References")
ROOMS_OF_FAULTS = {
    "DAT": "the data itself",
    "SPL": "leaks and splits",
    "OBJ": "the objective",
    "MOD": "the model",
    "TRN": "training",
    "EVL": "evaluation",
    "ART": "the artifact",
    "SRV": "serving",
    "DRF": "drift",
    "RAG": "retrieval",
    "AGT": "agents",
    "COR": "the configuration",
}

E = TypeVar("E", bound=Evidence)


@dataclass(slots=True, eq=False)
class Rule(Generic[E]):
    """One silent failure: its metadata, a pure function from evidence to findings, and its examples.

    Attributes:
        code: Three capitals for the room of the fault, three digits; never reused.
        name: Kebab case, names the fault.
        false_alarm: Promised share of clean evidence on which it speaks; 0 for an exact rule.
        power: Promised share of its `bad` draws that it names; 1 for an exact rule.
        evidence: The type it reads.
        sections: Its page, by heading.
        cannot_say: Says why a piece of evidence cannot answer this rule, "" if it can; None when every piece can.
    """

    code: str
    name: str
    severity: Severity
    since: str
    false_alarm: float
    power: float
    check: Callable[[E], Iterable[Finding]]
    evidence: type[E]
    summary: str
    sections: dict[str, str]
    file: str
    bads: list[Callable[..., E]] = field(default_factory=list)
    goods: list[Callable[..., E]] = field(default_factory=list)
    cannot_say: Callable[[E], str] | None = None

    def bad(self, make: Callable[..., E]) -> Callable[..., E]:
        """Register the faintest fault that this rule must still name."""
        self.bads.append(make)
        return make

    def good(self, make: Callable[..., E]) -> Callable[..., E]:
        """Register the nearest innocent case, on which this rule must be silent."""
        self.goods.append(make)
        return make

    def blind(self, reason: Callable[[E], str]) -> Callable[[E], str]:
        """Register what says why a piece of evidence cannot answer this rule ("" if it can); it then counts as not checked."""
        self.cannot_say = reason
        return reason

    def __call__(self, evidence: E) -> list[Finding]:
        """The findings of this rule in one piece of evidence, stamped, before false discovery control."""
        return [replace(f, code=self.code, name=self.name, severity=self.severity) for f in self.check(evidence)]


REGISTRY: dict[str, Rule[Any]] = {}


def rule(
    code: str, name: str, *, severity: Severity, since: str, false_alarm: float = 0.0, power: float = 1.0
) -> Callable[[Callable[[E], Iterable[Finding]]], Rule[E]]:
    """Register the decorated generator as rule `code`.

    Args:
        code: Three capitals of `ROOMS_OF_FAULTS` and three digits.
        name: Kebab case; fits after "accept ...".
        severity: How bad the fault is.
        since: Version that first had the rule.
        false_alarm: Promised share of clean evidence on which it speaks, measured by the contract test over seeds.
        power: Promised share of `bad` draws that it names, measured likewise.

    Raises:
        RuleError: code or name taken or malformed, evidence not annotated, or a docstring section missing.
    """

    def register(check: Callable[[E], Iterable[Finding]]) -> Rule[E]:
        file = inspect.getsourcefile(check) or "?"
        if not re.fullmatch(r"[A-Z]{3}\d{3}", code) or code[:3] not in ROOMS_OF_FAULTS:
            raise RuleError(f"{file}: code {code!r} is not one of {', '.join(ROOMS_OF_FAULTS)} and three digits, e.g. 'DAT101'")
        if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", name):
            raise RuleError(f"{file}: name {name!r} is not kebab case, e.g. 'constant-column'")
        for other in REGISTRY.values():
            if other.code == code or other.name == name:
                raise RuleError(f"{file}: {code} ({name}) is already taken by {other.file}; take the next free number")
        hints = [t for n, t in typing.get_type_hints(check).items() if n != "return"]
        if len(hints) != 1 or not (isinstance(hints[0], type) and issubclass(hints[0], Evidence)):
            raise RuleError(f"{file}: a rule takes one argument annotated with its Evidence type, got {hints}")
        summary, sections = _page(inspect.getdoc(check) or "", file)
        made: Rule[E] = Rule(code, name, severity, since, false_alarm, power, check, cast("type[E]", hints[0]), summary, sections, file)
        REGISTRY[code] = made
        return made

    return register


def _page(doc: str, file: str) -> tuple[str, dict[str, str]]:
    parts = re.split(rf"^({'|'.join(SECTIONS)}):[ \n]", doc, flags=re.MULTILINE)
    sections = {k: textwrap.dedent(v).strip() for k, v in zip(parts[1::2], parts[2::2], strict=True)}
    missing = [s for s in SECTIONS if not sections.get(s)]
    if missing:
        raise RuleError(f"{file}: docstring lacks {missing}; every rule has {list(SECTIONS)}")
    return parts[0].strip(), sections
