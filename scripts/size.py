"""Print how long files and functions are, and fail over the budget unless docs/sizes.md gives the reason.

Usage: python scripts/size.py
"""

from __future__ import annotations

import ast
import re
import statistics
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FILE_LINES, FUNCTION_LINES, RULE_LINES = 400, 50, 120
FOLDERS = ("src", "scripts", "benchmarks", "tests")


def code_lines(function: ast.FunctionDef | ast.AsyncFunctionDef, lines: list[str]) -> int:
    """Lines of code of a function: without its docstring, comments and blank lines; those of nested functions count too."""
    body = function.body
    documented = isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant) and isinstance(body[0].value.value, str)
    skipped = set(range(body[0].lineno, (body[0].end_lineno or body[0].lineno) + 1)) if documented else set()
    numbers = range(function.lineno, (function.end_lineno or function.lineno) + 1)
    return sum(1 for n in numbers if n not in skipped and lines[n - 1].strip() and not lines[n - 1].lstrip().startswith("#"))


def exceptions() -> dict[str, str]:
    """Place -> reason, from the list of docs/sizes.md: lines of the form "- `path[::function]`: reason"."""
    file = ROOT / "docs" / "sizes.md"
    return dict(re.findall(r"^- `([^`]+)`: (\S.*)$", file.read_text(encoding="utf-8"), re.MULTILINE)) if file.is_file() else {}


def summary(what: str, sizes: list[int]) -> str:
    """Median, 90th percentile and maximum in one line."""
    ordered = sorted(sizes)
    tenth = ordered[min(len(ordered) - 1, int(len(ordered) * 0.9))]
    return f"{what:<22} {len(ordered):>5}   median {statistics.median(ordered):>5.0f}   p90 {tenth:>4}   longest {ordered[-1]:>4}"


def measure(folder: str) -> tuple[list[int], list[int], dict[str, str]]:
    """File lengths, function lengths, and what is over the budget with its text."""
    files, functions, over = [], [], {}
    for file in sorted((ROOT / folder).rglob("*.py")):
        name = str(file.relative_to(ROOT))
        text = file.read_text(encoding="utf-8")
        lines = text.splitlines()
        files.append(len(lines))
        limit = RULE_LINES if re.search(r"/rules/\w+/[a-z]{3}\d{3}_", name) else FILE_LINES
        if len(lines) > limit:
            over[name] = f"{len(lines)} lines, budget {limit}"
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                size = code_lines(node, lines)
                functions.append(size)
                if size > FUNCTION_LINES:
                    over[f"{name}::{node.name}"] = f"{size} lines of code, budget {FUNCTION_LINES}"
    return files, functions, over


def main() -> int:
    """Print the sizes; 1 when something is over the budget without a reason, or a reason is no longer needed."""
    reasons = exceptions()
    over: dict[str, str] = {}
    for folder in FOLDERS:
        files, functions, long = measure(folder)
        over |= long
        if files:
            print(summary(f"{folder}: lines a file", files))
        if functions:
            print(summary(f"{folder}: a function", functions))
    faults = [f"{place}: {text}; split it, or give the reason in docs/sizes.md" for place, text in over.items() if place not in reasons]
    faults += [f"{place}: its reason in docs/sizes.md is no longer needed; remove the line" for place in reasons if place not in over]
    for fault in faults:
        print(fault, file=sys.stderr)
    return int(bool(faults))


if __name__ == "__main__":
    sys.exit(main())
