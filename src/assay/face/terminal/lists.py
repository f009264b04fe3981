"""Lists as text: the rules there are, the families of models, the bundled samples."""

from __future__ import annotations

import ast
import dataclasses
import importlib.util
import re
import textwrap
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from assay.face.terminal.layout import Paper, clean, columns, cut, paper_of_stdout, wrapped

_OPTION = re.compile(r"--[a-z-]+")


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
    """Families of models in a table: name, tasks, the options of size that they take, the extra they need, what they assume.

    Args:
        families: As `assay.model.family.FAMILIES` has them.
        paper: What is written on; standard output when None.
    """
    on = paper or paper_of_stdout()
    rows = [
        [
            one.name + (" *" if one.on_ladder else " (*)" if one.on_text_ladder else ""),
            ", ".join({"classification": "classes", "regression": "values"}.get(task, task) for task in one.tasks),
            " ".join(_OPTION.findall(one.sizes)),
            "torch" if one.needs_torch else "",
            one.assumes,
        ]
        for one in families
    ]
    titles = ["family", "predicts", "sizes", "needs", "assumes that"]
    room = max(20, on.width - sum(max(len(r[i]) for r in [titles, *rows]) + 2 for i in range(4)))
    lines = [[on.paint(title, "soft") for title in titles]]
    for *known, assumed in rows:
        first, *more = textwrap.wrap(assumed, room)
        lines += [[*known, first], *(["", "", "", "", rest] for rest in more)]
    return "\n".join(columns(lines, "lllll"))


def family_text(one: Any, paper: Paper | None = None) -> str:
    """One family whole: what it does, reads, assumes, chooses and needs, and what its code says of itself.

    Args:
        one: A `assay.model.family.Family`.
        paper: What is written on; standard output when None.
    """
    on = paper or paper_of_stdout()
    ladder = "always" if one.on_ladder else "where the table has a text column" if one.on_text_ladder else "no; name it with --model"
    told = {
        "predicts": ", ".join(one.tasks),
        "reads": ", ".join(one.reads) or "nothing",
        "assumes that": one.assumes,
        "chooses": one.chooses or "nothing",
        "sizes": one.sizes or "none to give",
        "on the ladder": ladder,
        "needs": "the extra 'torch'" if one.needs_torch else "nothing more",
    }
    width = max(map(len, told)) + 2
    lines = [wrapped(text, on, first=name.ljust(width), later=" " * width) for name, text in told.items()]
    paragraphs = [wrapped(" ".join(part.split()), on) for part in _prose(one)]
    return "\n".join([on.paint(one.name, "bold"), *lines, "", "\n\n".join(paragraphs)]).rstrip()


def _prose(one: Any) -> list[str]:
    """The paragraphs of the class's docstring up to its sections, and its sources; read without importing what the class imports."""
    spec = importlib.util.find_spec(one.module)
    if spec is None or spec.origin is None:
        return []
    tree = ast.parse(Path(spec.origin).read_text(encoding="utf-8"))
    classes = [node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == one.class_name]
    text = (ast.get_docstring(classes[0]) if classes else None) or ""
    return [part for part in text.split("\n\n") if not part.startswith(("Args:", "Attributes:", "Example:"))]


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
