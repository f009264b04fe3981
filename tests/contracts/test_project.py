"""Project habits that a newcomer relies on: make's targets, pinned versions, one version number."""

import re
import tomllib
from pathlib import Path

import pytest

import assay

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
PINS = [line for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")]


def plain_name(requirement: str) -> str:
    """The name of a requirement as indexes compare it."""
    return re.sub(r"[-_.]+", "-", re.split(r"[<>=\[; ]", requirement)[0]).lower()


def requirements() -> list[str]:
    extras = [r for group in PROJECT["optional-dependencies"].values() for r in group]
    return sorted({plain_name(r) for r in [*PROJECT["dependencies"], *extras]} - {"assay"})


@pytest.mark.parametrize("name", requirements())
def test_every_requirement_is_pinned(name):
    assert name in {plain_name(pin) for pin in PINS}


@pytest.mark.parametrize("pin", PINS)
def test_pins_are_exact_and_public(pin):
    assert re.fullmatch(r"[A-Za-z0-9._-]+==[0-9][A-Za-z0-9.]*", pin)


def test_make_lists_its_targets():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    described = set(re.findall(r"^([a-z]+):.*## ", makefile, re.MULTILINE))
    assert {"help", "demo", "test", "lint", "types", "docs", "size", "bench", "clean"} <= described
    assert described == set(re.findall(r"^\.PHONY: ([a-z]+)$", makefile, re.MULTILINE))


def test_quick_start_opens_with_make_demo_and_make_test():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    block = readme.partition("## Quick start")[2].split("```")[1]
    assert [line.split("#")[0].strip() for line in block.strip().splitlines()] == ["make demo", "make test"]


def test_changelog_opens_with_this_version():
    headings = re.findall(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert headings[0] == assay.__version__


def test_extras_keep_torch_out_of_the_base():
    assert "torch" not in {plain_name(r) for r in PROJECT["dependencies"]}
    assert plain_name(PROJECT["optional-dependencies"]["torch"][0]) == "torch"
