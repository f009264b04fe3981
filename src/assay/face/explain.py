"""A rule's page, rendered from the rule itself: prose, examples with the findings they really produce, measured error rates."""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Callable
from typing import Any

from assay.core.finding import Finding
from assay.core.report import controlled
from assay.core.rule import ROOMS_OF_FAULTS, Rule

DRAWS = 200


def page(rule: Rule[Any]) -> str:
    """The page of one rule as Markdown; `assay explain` and docs/rules show the same.

    Example:
        >>> from assay.rules import find
        >>> page(find("constant-column")).splitlines()[0]
        '# DAT101 constant-column'
    """
    head = [
        f"# {rule.code} {rule.name}",
        f"**{rule.summary.strip()}**",
        f"A fault of {ROOMS_OF_FAULTS[rule.code[:3]]}. "
        f"Severity: {rule.severity.value}. Reads: {rule.evidence.__name__}. Since {rule.since}.",
    ]
    prose = [f"## {title}\n\n{inspect.cleandoc(text)}" for title, text in rule.sections.items()]
    named = [_example(rule, make, "Named") for make in rule.bads]
    silent = [_example(rule, make, "Silent") for make in rule.goods]
    return "\n\n".join([*head, *prose, "## Examples", *named, *silent, "## How often it errs", errors(rule)]) + "\n"


def errors(rule: Rule[Any]) -> str:
    """What the rule promises of false alarms and misses, and what was measured over seeds just now."""
    goods, bads = [m for m in rule.goods if _takes_seed(m)], [m for m in rule.bads if _takes_seed(m)]
    if not goods and not bads:
        return (
            "It compares counts and measures with fixed limits, so there is no error rate to promise: "
            "on equal evidence it always says the same. "
            "Where the limits come from stands under How it is detected, where they fail under Limits."
        )
    said = []
    if goods:
        said.append(f"False alarms: {_rate(rule, goods)} of clean draws were named (promised: at most {rule.false_alarm:.1%}).")
    if bads:
        said.append(f"Power: {_rate(rule, bads)} of faulty draws were named (promised: at least {rule.power:.0%}).")
    return " ".join(said) + f" Each example was drawn {DRAWS} times."


def finding_lines(finding: Finding) -> str:
    """One finding as its page shows it."""
    lines = [
        f"{finding.code} {finding.name}  {finding.severity.value}  {finding.where}",
        f"  saw {finding.saw}; expected {finding.expected}",
    ]
    if finding.price is not None:
        lines.append(f"  costs {finding.price:.3g} {finding.unit}")
    if finding.p is not None:
        lines.append(f"  p = {finding.p:.2g}")
    if finding.remedy:
        lines.append(f"  next: {finding.remedy}")
    return "\n".join(lines)


def _example(rule: Rule[Any], make: Callable[..., Any], heading: str) -> str:
    evidence = make()
    found = controlled(rule(evidence), evidence.looks)
    source = textwrap.dedent("".join(_without_decorators(make)))
    told = "\n".join(finding_lines(f) for f in found) or "no finding"
    return f"### {heading}: {make.__name__.replace('_', ' ')}\n\n```python\n{source.strip()}\n```\n\n```text\n{told}\n```"


def _without_decorators(make: Callable[..., Any]) -> list[str]:
    lines = inspect.getsourcelines(make)[0]
    start = next(i for i, line in enumerate(lines) if line.lstrip().startswith("def "))
    return lines[start:]


def _takes_seed(make: Callable[..., Any]) -> bool:
    return "seed" in inspect.signature(make).parameters


def _rate(rule: Rule[Any], makers: list[Callable[..., Any]]) -> str:
    named = 0
    for make in makers:
        for seed in range(DRAWS):
            evidence = make(seed=seed)
            named += bool(controlled(rule(evidence), evidence.looks))
    return f"{named / (DRAWS * len(makers)):.1%}"
