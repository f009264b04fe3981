"""Read JSON lines, or a JSON array of objects, into plain columns."""

from __future__ import annotations

import json
from typing import Any

import polars as pl

from assay.core.errors import SourceError
from assay.table.columnar import plain_columns
from assay.table.decode import Data, declared_encoding, decoded
from assay.table.dialect import refuse_wide
from assay.table.raw import Raw


def read_json(data: Data, where: str, encoding: str | None) -> Raw:
    """The objects of a JSON array, or of JSON lines, as rows.

    Raises:
        SourceError: no JSON, or no objects; says the line.
    """
    text, note = decoded(data, declared_encoding(data, encoding, where), where)
    notes = (note,) if note else ()
    lined = text.lstrip()[:1] != b"["
    try:
        frame = pl.read_ndjson(text, infer_schema_length=None) if lined else pl.read_json(text, infer_schema_length=None)
    except (pl.exceptions.PolarsError, ValueError) as problem:
        frame = _by_object(text, where, lined=lined, problem=problem)
    if frame.is_empty() or not frame.width:
        raise SourceError(f'{where} holds no objects with fields; give JSON lines such as {{"age": 31}}')
    refuse_wide(frame.width, where)
    raw = plain_columns(frame)
    return Raw(raw.frame, (*notes, *raw.notes))


def _by_object(text: bytes, where: str, *, lined: bool, problem: Exception) -> pl.DataFrame:
    """Read objects whose fields change their type, or say which line is no JSON object."""
    objects: list[dict[str, Any]] = []
    if lined:
        for number, line in enumerate(text.decode().split("\n"), 1):
            if not line.strip():
                continue
            try:
                objects.append(json.loads(line))
            except ValueError as wrong:
                raise SourceError(f'{where}, line {number}: no JSON ({wrong}); each line is one object, such as {{"age": 31}}') from wrong
            if not isinstance(objects[-1], dict):
                raise SourceError(f'{where}, line {number}: {line[:40]!r} is no JSON object; each line is one, such as {{"age": 31}}')
    else:
        try:
            objects = json.loads(text)
        except ValueError as wrong:
            raise SourceError(f"{where} is no JSON ({wrong}); give an array of objects, or JSON lines") from wrong
        if not all(isinstance(one, dict) for one in objects):
            raise SourceError(f'{where} is a JSON array of other things than objects; give objects such as {{"age": 31}}') from problem
    names = list(dict.fromkeys(name for one in objects for name in one))
    refuse_wide(len(names), where)
    return pl.DataFrame([_mixed(name, [one.get(name) for one in objects]) for name in names])


def _mixed(name: str, values: list[Any]) -> pl.Series:
    kinds = {type(v) for v in values if v is not None}
    if len(kinds) <= 1 or kinds == {int, float}:
        return pl.Series(name, values, strict=False)
    return pl.Series(name, [v if v is None or isinstance(v, str) else json.dumps(v) for v in values], dtype=pl.String)
