"""A script's text and its syntax tree side by side, so that a small edit changes nothing else."""

from __future__ import annotations

import ast
import difflib
from collections.abc import Iterator
from dataclasses import dataclass

LOOPS = (ast.For, ast.AsyncFor, ast.While)


@dataclass(frozen=True, slots=True, order=True)
class Edit:
    """Bytes from `start` up to `end` become `text`."""

    start: int
    end: int
    text: str


class Source:
    r"""One script.

    Args:
        text: Its text.
        name: Its path, for the diff.

    Raises:
        SyntaxError: it is no Python.

    Example:
        >>> source = Source("import torch\nopt = torch.optim.SGD(p, lr=10)\n", "a.py")
        >>> [dotted(call.func) for call in source.calls()]
        ['torch.optim.SGD']
    """

    def __init__(self, text: str, name: str) -> None:
        self.text, self.name, self.raw = text, name, text.encode("utf-8")
        self.tree = ast.parse(text)
        self._parents = {child: parent for parent in ast.walk(self.tree) for child in ast.iter_child_nodes(parent)}
        self._starts = [0]
        for line in self.raw.splitlines(keepends=True):
            self._starts.append(self._starts[-1] + len(line))

    # -- finding -----------------------------------------------------------------------------------------------------------

    def calls(self, *names: str, within: ast.AST | None = None) -> list[ast.Call]:
        """Calls in the order of the text; with names, only those whose function's last name is among them."""
        found = [n for n in ast.walk(within or self.tree) if isinstance(n, ast.Call) and (not names or last_name(n.func) in names)]
        return sorted(found, key=lambda n: (n.lineno, n.col_offset))

    def calls_at(self, line: int, *names: str) -> list[ast.Call]:
        """Such calls that stand on this line, or around it."""
        return [c for c in self.calls(*names) if c.lineno <= line <= (c.end_lineno or c.lineno)]

    def parents(self, node: ast.AST) -> Iterator[ast.AST]:
        """The nodes around one, the innermost first."""
        while (parent := self._parents.get(node)) is not None:
            yield parent
            node = parent

    def statement(self, node: ast.AST) -> ast.stmt:
        """The statement that a node is in."""
        return next(n for n in (node, *self.parents(node)) if isinstance(n, ast.stmt))

    def loop(self, node: ast.AST) -> ast.For | ast.AsyncFor | ast.While | None:
        """The innermost loop around a node, None where there is none in its function."""
        for parent in self.parents(node):
            if isinstance(parent, LOOPS):
                return parent
            if isinstance(parent, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
                return None
        return None

    def of(self, node: ast.AST) -> str:
        """A node as it is written."""
        return self.raw[self._at(node) : self._end(node)].decode("utf-8")

    # -- editing -----------------------------------------------------------------------------------------------------------

    def replace(self, node: ast.AST, text: str) -> Edit:
        """A node becomes this text."""
        return Edit(self._at(node), self._end(node), text)

    def before(self, statement: ast.stmt, text: str) -> Edit:
        """A line before a statement, indented like it."""
        start = self._starts[statement.lineno - 1]
        return Edit(start, start, " " * statement.col_offset + text + "\n")

    def first_in(self, block: ast.AST, text: str) -> Edit | None:
        """A line at the beginning of a block, after its docstring; None where the block stands on its head's line."""
        body: list[ast.stmt] = getattr(block, "body", [])
        after_doc = body[1:] if len(body) > 1 and isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant) else body
        if not after_doc or after_doc[0].lineno == getattr(block, "lineno", 0):
            return None
        return self.before(after_doc[0], text)

    def without(self, node: ast.AST, among: list[ast.expr]) -> Edit:
        """A list's entry goes, with the comma and the line that were its own."""
        i = next(n for n, other in enumerate(among) if other is node)
        if i:
            return Edit(self._end(among[i - 1]), self._end(node), "")
        return Edit(self._at(node), self._at(among[1]) if len(among) > 1 else self._end(node), "")

    def with_keyword(self, call: ast.Call, name: str, value: str) -> Edit:
        """A call with this keyword, changed where it is there and added where not."""
        given = next((k for k in call.keywords if k.arg == name), None)
        if given is not None:
            return self.replace(given.value, value)
        end = self._end(call) - 1  # before its closing bracket
        inside = [*call.args, *(k.value for k in call.keywords)]
        last = max((self._end(n) for n in inside), default=end)
        return Edit(last, last, f"{', ' if inside else ''}{name}={value}")

    def edited(self, edits: list[Edit]) -> str:
        """The text with these edits, of which none may overlap."""
        made = self.raw
        for edit in sorted(set(edits), reverse=True):
            made = made[: edit.start] + edit.text.encode("utf-8") + made[edit.end :]
        return made.decode("utf-8")

    def diff(self, edits: list[Edit]) -> str:
        """The edits as a unified diff that `patch -p0` takes; "" where they change nothing, or break the syntax."""
        try:
            after = self.edited(edits)
            ast.parse(after)
        except (SyntaxError, ValueError):
            return ""
        lines = difflib.unified_diff(self.text.splitlines(keepends=True), after.splitlines(keepends=True), self.name, self.name)
        return "".join(line if line.endswith("\n") else line + "\n\\ No newline at end of file\n" for line in lines)

    def _at(self, node: ast.AST) -> int:
        return self._starts[node.lineno - 1] + node.col_offset  # type: ignore[attr-defined,no-any-return]

    def _end(self, node: ast.AST) -> int:
        return self._starts[node.end_lineno - 1] + node.end_col_offset  # type: ignore[attr-defined,no-any-return]


def dotted(node: ast.AST) -> str:
    """A name or attribute as it is written, "" for anything else.

    Example:
        >>> dotted(ast.parse("a.b.c", mode="eval").body)
        'a.b.c'
    """
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        inner = dotted(node.value)
        return f"{inner}.{node.attr}" if inner else ""
    return ""


def last_name(node: ast.AST) -> str:
    """The last name of what is called: "backward" of `scaler.scale(loss).backward`."""
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def number_of(node: ast.AST | None) -> float | None:
    """A literal number, None for anything else."""
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        inner = number_of(node.operand)
        return None if inner is None else -inner
    value = node.value if isinstance(node, ast.Constant) else None
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
