"""`assay rules`, `assay explain` and `assay samples`: what Assay knows."""

from __future__ import annotations

import argparse
import json
from typing import Any

from assay.face.commands.parser import Parser, command_of, one_of


def add(commands: argparse._SubParsersAction[Parser]) -> None:
    """Add `rules`, `explain` and `samples`."""
    rules = command_of(commands, "rules", "list every rule", "assay rules\nassay rules --format json | jq '.[].code'")
    rules.add_argument("--format", metavar="FORM", type=one_of("text", "json"), default="text", help="text (default) or json")
    rules.set_defaults(run=run_rules)
    explain = command_of(
        commands, "explain", "say what a rule means, how it is seen, what to do", "assay explain DAT101\nassay explain target-leak-feature"
    )
    explain.add_argument("rule", metavar="RULE", help="code or name of a rule; assay rules lists them")
    explain.set_defaults(run=run_explain)
    samples = command_of(commands, "samples", "list the bundled samples", "assay samples\nassay train breast-cancer --target diagnosis")
    samples.add_argument("--format", metavar="FORM", type=one_of("text", "json"), default="text", help="text (default) or json")
    samples.set_defaults(run=run_samples)


def run_rules(arguments: argparse.Namespace) -> int:
    """Print the catalogue."""
    from assay.rules import catalogue

    rules = catalogue()
    if arguments.format == "json":
        print(json.dumps([_as_dict(rule) for rule in rules.values()], indent=1))
        return 0
    from assay.face.terminal import rules_text

    print(rules_text(rules))
    print(f"{len(rules)} rules; assay explain CODE says more of one.")
    return 0


def _as_dict(rule: Any) -> dict[str, Any]:
    return {
        "code": rule.code,
        "name": rule.name,
        "severity": rule.severity.value,
        "reads": rule.evidence.__name__,
        "summary": rule.summary,
        "false_alarm": rule.false_alarm,
        "power": rule.power,
        "since": rule.since,
    }


def run_explain(arguments: argparse.Namespace) -> int:
    """Print a rule's page."""
    from assay.face.explain import page
    from assay.rules import find

    print(page(find(arguments.rule)))
    return 0


def run_samples(arguments: argparse.Namespace) -> int:
    """Print the bundled samples."""
    from assay.table import samples

    found = samples()
    if arguments.format == "json":
        from assay.core.evidence import plain

        print(json.dumps(plain(found), indent=1))
        return 0
    from assay.face.terminal import samples_text

    print(samples_text(found))
    return 0
