"""Lists as text: the rules there are, the families of models, the bundled samples."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any

from assay.face.terminal.layout import Paper, clean, columns, cut, paper_of_stdout


def rules_text(rules: Mapping[str, Any], paper: Paper | None = None) -> str:
    """All rules in a table: code, name, severity, what they read, what they name.

    Args:
        rules: Code -> rule, as `assay.rules.catalogue()` gives it.
        paper: What is written on; standard output when None.
    """
    on = paper or paper_of_stdout()
    rows = [
        [
            r.code,
            r.name,
            on.paint(r.severity.value, r.severity.value),
            r.evidence.__name__.removesuffix("Evidence"),
            r.summary.split("\n")[0],
        ]
        for r in rules.values()
    ]
    head = [on.paint(word, "soft") for word in ("code", "name", "severity", "reads", "what it names")]
    room = max(20, on.width - sum(max((len(r[i]) for r in [head, *rows]), default=0) + 2 for i in range(4)))
    return "\n".join(columns([head, *([*r[:4], cut(r[4], room)] for r in rows)], "lllll"))


def families_text(families: Iterable[Any], paper: Paper | None = None) -> str:
    """Families of models in a table: name (with * on the ladder), tasks, what they read, what they assume.

    Args:
        families: As `assay.model.family.FAMILIES` has them.
        paper: What is written on; standard output when None.
    """
    on = paper or paper_of_stdout()
    rows = [
        [f"{one.name}{' *' * (one.on_ladder or one.on_text_ladder)}", ", ".join(one.tasks), ", ".join(one.reads), one.assumes]
        for one in families
    ]
    head = [on.paint(word, "soft") for word in ("family", "tasks", "reads", "assumes that")]
    room = max(20, on.width - sum(max((len(r[i]) for r in [head, *rows]), default=0) + 2 for i in range(3)))
    return "\n".join(columns([head, *([*r[:3], cut(r[3], room)] for r in rows)], "llll"))


def samples_text(samples: Iterable[Any], paper: Paper | None = None) -> str:
    """The bundled samples in a table, a column for each thing known of a sample.

    Args:
        samples: Dataclasses of one type.
        paper: What is written on; standard output when None.
    """
    on = paper or paper_of_stdout()
    listed = list(samples)
    if not listed:
        return "no samples are bundled"
    names = [f.name for f in dataclasses.fields(listed[0])]
    values = [[getattr(one, name) for name in names] for one in listed]
    rows = [[f"{v:,}" if isinstance(v, int) else clean(v) for v in line] for line in values]
    align = "".join("r" if isinstance(v, int) else "l" for v in values[0])
    head = [on.paint(name, "soft") for name in names]
    taken = sum(max(len(r[i]) for r in [names, *rows]) + 2 for i in range(len(names) - 1))
    room = max(20, on.width - taken)
    return "\n".join(columns([head, *([*r[:-1], cut(r[-1], room)] for r in rows)], align))
