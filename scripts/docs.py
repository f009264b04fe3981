"""Write the generated pages of docs/, or check that they are what the code says.

Usage: python scripts/docs.py [--write | --check]
"""

from __future__ import annotations

import argparse
import ast
import re
import sys
from pathlib import Path
from typing import Any

from assay.face.commands import parser
from assay.face.explain import page
from assay.rules import catalogue

ROOT = Path(__file__).resolve().parents[1]
ROOMS = (
    "core",
    "rules",
    "table",
    "audit",
    "objective",
    "model",
    "watch",
    "train",
    "evaluate",
    "artifact",
    "serve",
    "monitor",
    "ground",
    "face",
)
MARK = re.compile(r"(<!-- generated: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)
KEPT_BY_HAND = ("docs/architecture.md", "docs/commands.md", "README.md")


def pages() -> dict[Path, str]:
    """Every generated page with its text, and the hand-written ones with their generated parts made anew."""
    rules = list(catalogue().values())
    made = {ROOT / "docs" / "rules" / f"{r.code}_{r.name}.md": page(r) for r in rules}
    made[ROOT / "docs" / "rules" / "README.md"] = index(rules)
    parts = {"rooms": rooms(), "commands": commands(), "rules": f"{len(rules)} rules\n"}
    for name in KEPT_BY_HAND:
        file = ROOT / name
        made[file] = MARK.sub(lambda m: f"{m[1]}{parts[m[2]]}{m[3]}", file.read_text(encoding="utf-8"))
    return made


def index(rules: list[Any]) -> str:
    """The table of all rules."""
    rows = [
        f"| [{r.code}]({r.code}_{r.name}.md) | {r.name} | {r.severity.value} | {r.evidence.__name__} | {_cell(r.summary)} |" for r in rules
    ]
    head = ["# The rules", "", f"{len(rules)} rules; each page is also printed by `assay explain CODE`.", ""]
    columns = ["| code | name | severity | reads | what it says |", "|---|---|---|---|---|"]
    return "\n".join([*head, *columns, *rows]) + "\n"


def rooms() -> str:
    """The rooms that exist, with the first line of their docstrings, and the files of each."""
    lines = ["| room | what it does |\n|---|---|\n"]
    for room in ROOMS:
        init = ROOT / "src" / "assay" / room / "__init__.py"
        if init.is_file():
            lines.append(f"| `{room}/` | {_cell(_first_line(init))} |\n")
    return "".join(lines)


def commands() -> str:
    """The commands with their summaries, as `assay --help` lists them."""
    subparsers = next(a for a in parser()._actions if isinstance(a, argparse._SubParsersAction))
    return "| command | what it does |\n|---|---|\n" + "".join(
        f"| `assay {a.dest}` | {_cell(a.help or '')} |\n" for a in subparsers._choices_actions
    )


def _first_line(file: Path) -> str:
    return (ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) or "").partition("\n")[0]


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def main() -> int:
    """Write or compare; 1 when a page is not up to date."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--write", action="store_true", help="write the pages (default: compare)")
    options.add_argument("--check", action="store_true", help="compare only")
    write = options.parse_args().write
    made = pages()
    gone = [f for f in (ROOT / "docs" / "rules").glob("*.md") if f not in made]
    stale = [f for f, text in made.items() if not f.is_file() or f.read_text(encoding="utf-8") != text]
    for file in stale:
        if write:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(made[file], encoding="utf-8")
        print(f"{'wrote' if write else 'not up to date:'} {file.relative_to(ROOT)}")
    for file in gone:
        if write:
            file.unlink()
        print(f"{'removed' if write else 'of no rule:'} {file.relative_to(ROOT)}")
    if not write and (stale or gone):
        print("write them anew with: make docs", file=sys.stderr)
        return 1
    print(f"{len(made)} pages are up to date")
    return 0


if __name__ == "__main__":
    sys.exit(main())
