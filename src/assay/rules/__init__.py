"""The catalogue: one file a rule. Listing this folder is reading it."""

from __future__ import annotations

import importlib
import pkgutil
from importlib.metadata import entry_points
from typing import Any

from assay.core.errors import RuleError, nearest
from assay.core.rule import REGISTRY, Rule

__all__ = ["catalogue", "find"]


def catalogue() -> dict[str, Rule[Any]]:
    """All rules by code: every file of this folder (importing is registering) and the entry points `assay.rules`.

    Example:
        >>> catalogue()["DAT101"].name
        'constant-column'
    """
    for info in pkgutil.walk_packages(__path__, __name__ + "."):
        importlib.import_module(info.name)
    for stranger in entry_points(group="assay.rules"):
        stranger.load()
    return dict(sorted(REGISTRY.items()))


def find(code_or_name: str) -> Rule[Any]:
    """The rule of that code or name.

    Raises:
        RuleError: there is none; the nearest names are offered.

    Example:
        >>> find("constant-column").code
        'DAT101'
    """
    rules = catalogue()
    wanted = code_or_name.strip()
    for rule in rules.values():
        if wanted.upper() == rule.code or wanted.lower() == rule.name:
            return rule
    names = [*rules, *(r.name for r in rules.values())]
    raise RuleError(f"no rule {code_or_name!r}; {nearest(wanted, names)}")
