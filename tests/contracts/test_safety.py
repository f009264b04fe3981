"""Assay opens no connection and runs nothing that it reads: no module of it imports what could."""

import ast
from pathlib import Path

import pytest

import assay

SOURCES = sorted(Path(assay.__file__).parent.rglob("*.py"))
FORBIDDEN = {
    "pickle",
    "cloudpickle",
    "dill",
    "joblib",
    "marshal",
    "shelve",
    "socket",
    "http",
    "urllib",
    "requests",
    "ftplib",
    "smtplib",
    "ssl",
}
# the one file that reaches out, to the cluster that --on ray was told of
REACHES_OUT = {"face/job/cluster.py": {"socket"}}
RUNS_TEXT = {"eval", "exec", "compile", "__import__"}


def imports(tree: ast.AST) -> set[str]:
    """Top packages imported anywhere in a file."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.partition(".")[0])
    return found


def called(tree: ast.AST) -> set[str]:
    """Names called directly."""
    return {node.func.id for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)}


@pytest.mark.parametrize("file", SOURCES, ids=lambda f: str(f.relative_to(Path(assay.__file__).parent)))
def test_no_connection_and_no_code_from_data(file):
    tree = ast.parse(file.read_text(encoding="utf-8"))
    allowed = REACHES_OUT.get(file.relative_to(Path(assay.__file__).parent).as_posix(), set())
    assert imports(tree).isdisjoint(FORBIDDEN - allowed)
    assert called(tree).isdisjoint(RUNS_TEXT)


@pytest.mark.parametrize("file", SOURCES, ids=lambda f: str(f.relative_to(Path(assay.__file__).parent)))
def test_every_file_says_its_purpose(file):
    assert ast.get_docstring(ast.parse(file.read_text(encoding="utf-8")))


def test_the_scan_sees_what_it_looks_for():
    tree = ast.parse("def f(x):\n    import urllib.request\n    from pickle import loads\n    return eval(x)")
    assert imports(tree) == {"urllib", "pickle"}
    assert called(tree) == {"eval"}
