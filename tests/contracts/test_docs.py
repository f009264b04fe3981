"""Pages equal code: one page a rule, generated parts up to date, every link and every command in prose real."""

import importlib.util
import re
import shlex
from pathlib import Path

import pytest

from assay.face.commands import parse
from assay.rules import catalogue

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])


def script(name: str):
    spec = importlib.util.spec_from_file_location(f"assay_scripts_{name}", ROOT / "scripts" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_one_page_a_rule_and_no_other():
    pages = {f.stem for f in (ROOT / "docs" / "rules").glob("*.md")} - {"README"}
    assert pages == {f"{r.code}_{r.name}" for r in catalogue().values()}


def test_generated_pages_are_up_to_date():
    stale = [str(f.relative_to(ROOT)) for f, text in script("docs").pages().items() if f.read_text(encoding="utf-8") != text]
    assert stale == [], "write them anew with: make docs"


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#]+)\)", page.read_text(encoding="utf-8")):
        if "://" not in target:
            assert (page.parent / target).exists(), target


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_commands_in_prose_parse(page):
    prose = page.read_text(encoding="utf-8")
    blocks = re.findall(r"^(?:\.venv/bin/)?assay [^\n]*", prose, re.MULTILINE)
    for line in blocks:
        words = shlex.split(line.split(" | ")[0], comments=True)[1:]
        if words:
            assert parse(words).command == words[0]


def test_sizes_are_within_the_budget(capsys):
    assert script("size").main() == 0, capsys.readouterr().err
