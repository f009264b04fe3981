"""`[tool.assay]` of the nearest pyproject.toml: which rules, when to fail, what was accepted and why."""

from __future__ import annotations

import datetime
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from assay.core.acceptance import Acceptance
from assay.core.errors import OptionError, nearest
from assay.core.rule import ROOMS_OF_FAULTS, Rule

SEVERITIES = ("error", "warning", "note", "never")
FORMS = ("text", "json", "github")
KEYS = ("select", "ignore", "fail-on", "format", "accept", "defaults")
ACCEPT_KEYS = ("code", "at", "why", "until")
DEFAULT_KEYS = ("target", "entity", "time", "group", "encoding", "separator", "missing", "types")


@dataclass(frozen=True, slots=True)
class Config:
    """What a project decided about its findings.

    Attributes:
        select: Codes, prefixes or names of the rules to run; empty for all.
        ignore: The same of rules not to run; stronger than `select`.
        fail_on: Lowest severity that makes the exit status 1, or "never".
        form: "text", "json" or "github".
        accept: Accepted findings with their reasons.
        defaults: Columns and reading options for where the command line says nothing.
        file: Where it was read from; None when there was no such table.
    """

    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    fail_on: str = "warning"
    form: str = "text"
    accept: tuple[Acceptance, ...] = ()
    defaults: Mapping[str, Any] = field(default_factory=dict)
    file: Path | None = None

    def overridden(
        self,
        *,
        select: Sequence[str] | None = None,
        ignore: Sequence[str] | None = None,
        fail_on: str | None = None,
        form: str | None = None,
    ) -> Config:
        """This configuration with what the command line said; None keeps what the file said."""
        return replace(
            self,
            select=self.select if select is None else tuple(select),
            ignore=self.ignore if ignore is None else tuple(ignore),
            fail_on=fail_on or self.fail_on,
            form=form or self.form,
        )

    def choose(self, rules: Iterable[Rule[Any]]) -> tuple[list[Rule[Any]], dict[str, str]]:
        """Split the catalogue into the rules to run and, by code, why the others are not.

        Raises:
            OptionError: a selector fits no rule.
        """
        catalogue = list(rules)
        for option, selectors in (("select", self.select), ("ignore", self.ignore)):
            for selector in selectors:
                _require_known(selector, catalogue, option)
        chosen: list[Rule[Any]] = []
        skipped: dict[str, str] = {}
        for rule in catalogue:
            if any(fits(rule, s) for s in self.ignore):
                skipped[rule.code] = "ignored (--ignore)"
            elif self.select and not any(fits(rule, s) for s in self.select):
                skipped[rule.code] = "not selected (--select)"
            else:
                chosen.append(rule)
        return chosen, skipped


def fits(rule: Rule[Any], selector: str) -> bool:
    """Whether a selector (code, prefix of a code, or name, in any case) means this rule."""
    return rule.name == selector.lower() or rule.code.startswith(selector.upper())


def read_config(start: Path | None = None) -> Config:
    """The configuration of the nearest pyproject.toml with a [tool.assay] table, from `start` upwards.

    Args:
        start: Folder to begin in; the working folder when None.

    Raises:
        OptionError: the file is no TOML, a key is unknown (the nearest is offered), or a value is not accepted.
    """
    folder = (start or Path.cwd()).resolve()
    for place in (folder, *folder.parents):
        file = place / "pyproject.toml"
        if file.is_file():
            table = _table_of(file)
            if table is not None:
                return _config_of(table, file)
    return Config()


def _table_of(file: Path) -> dict[str, Any] | None:
    try:
        data = tomllib.loads(file.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as problem:
        raise OptionError(f"{file} is no valid TOML: {problem}; correct it, or run in another folder") from problem
    table = data.get("tool", {}).get("assay")
    if table is not None and not isinstance(table, dict):
        raise OptionError(f"{file}: [tool.assay] is {table!r}, expected a table")
    return table


def _config_of(table: Mapping[str, Any], file: Path) -> Config:
    _only(table, KEYS, f"{file}: [tool.assay]")
    return Config(
        select=_words(table, "select", file),
        ignore=_words(table, "ignore", file),
        fail_on=_word(table, "fail-on", SEVERITIES, "warning", file),
        form=_word(table, "format", FORMS, "text", file),
        accept=tuple(_acceptance(entry, file) for entry in _list(table, "accept", file)),
        defaults=_defaults(table.get("defaults", {}), file),
        file=file,
    )


def _only(table: Mapping[str, Any], accepted: Sequence[str], where: str) -> None:
    for key in table:
        if key not in accepted:
            raise OptionError(f"{where} has no key {key!r}; {nearest(key, accepted)}")


def _list(table: Mapping[str, Any], key: str, file: Path) -> list[Any]:
    value = table.get(key, [])
    if not isinstance(value, list):
        raise OptionError(f"{file}: {key} in [tool.assay] is {value!r}, expected a list")
    return value


def _words(table: Mapping[str, Any], key: str, file: Path) -> tuple[str, ...]:
    words = _list(table, key, file)
    for word in words:
        if not isinstance(word, str) or not word:
            raise OptionError(f"{file}: {key} in [tool.assay] holds {word!r}, expected rule codes, prefixes or names as text")
    return tuple(words)


def _word(table: Mapping[str, Any], key: str, accepted: Sequence[str], default: str, file: Path) -> str:
    word = table.get(key, default)
    if word not in accepted:
        raise OptionError(f"{file}: {key} in [tool.assay] is {word!r}; {nearest(str(word), accepted)}")
    return str(word)


def _acceptance(entry: Any, file: Path) -> Acceptance:
    where = f"{file}: [[tool.assay.accept]]"
    if not isinstance(entry, dict):
        raise OptionError(f"{where} holds {entry!r}, expected a table with code and why")
    _only(entry, ACCEPT_KEYS, where)
    for key in ("code", "why"):
        if not isinstance(entry.get(key), str):
            raise OptionError(f"{where} {entry!r} lacks {key!r}; an accepted finding needs its code and the reason why")
    until = entry.get("until")
    if isinstance(until, str):
        try:
            until = datetime.date.fromisoformat(until)
        except ValueError as problem:
            raise OptionError(f"{where} until is {until!r}, expected a date such as 2027-01-31") from problem
    if isinstance(until, datetime.datetime):
        until = until.date()
    if until is not None and not isinstance(until, datetime.date):
        raise OptionError(f"{where} until is {until!r}, expected a date such as 2027-01-31")
    try:
        return Acceptance(code=entry["code"], why=entry["why"], at=str(entry.get("at", "")), until=until)
    except OptionError as problem:
        raise OptionError(f"{where} {problem}") from problem


def _defaults(table: Any, file: Path) -> dict[str, Any]:
    where = f"{file}: [tool.assay.defaults]"
    if not isinstance(table, dict):
        raise OptionError(f"{where} is {table!r}, expected a table")
    _only(table, DEFAULT_KEYS, where)
    wanted = {"missing": list, "types": dict}
    for key, value in table.items():
        kind = wanted.get(key, str)
        if not isinstance(value, kind):
            raise OptionError(f"{where} {key} is {value!r}, expected a {kind.__name__}")
    return dict(table)


def _require_known(selector: str, catalogue: list[Rule[Any]], option: str) -> None:
    if any(fits(rule, selector) for rule in catalogue) or selector.upper() in ROOMS_OF_FAULTS:
        return
    names = [n for rule in catalogue for n in (rule.code, rule.name)] + list(ROOMS_OF_FAULTS)
    raise OptionError(f"--{option} {selector!r} fits no rule; {nearest(selector, names)}")
