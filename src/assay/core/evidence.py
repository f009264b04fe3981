"""What every piece of evidence can do: be frozen, be counted, travel as JSON and come back equal."""

from __future__ import annotations

import dataclasses
import math
import types
import typing
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, ClassVar, Self

from assay.core.errors import RunError


@dataclass(frozen=True, slots=True)
class Evidence:
    """Base of all evidence: what rooms measure and rules judge.

    Subclasses are frozen dataclasses of numbers, texts, tuples, dicts and further such dataclasses.

    Attributes:
        absent: Why evidence of this type may be missing from a report, as the tail of "not checked: ...".
    """

    absent: ClassVar[str] = "not measured"

    @property
    def looks(self) -> int:
        """How many places a rule looked at: the number of tests for false discovery control."""
        return 1

    def to_json(self) -> dict[str, Any]:
        """The evidence as strict JSON data; non-finite numbers become the texts "nan", "inf" and "-inf"."""
        return {"evidence": type(self).__name__, **plain(self)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """The evidence that `to_json` described.

        Raises:
            RunError: a field is missing or has another type than declared.
        """
        return typing.cast(Self, build(cls, {k: v for k, v in data.items() if k != "evidence"}))


def plain(value: Any) -> Any:
    """Turn dataclasses, tuples and non-finite numbers into strict JSON data."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, float) and not math.isfinite(value):
        return "nan" if math.isnan(value) else ("inf" if value > 0 else "-inf")
    if isinstance(value, Mapping):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, str) or not isinstance(value, Sequence):
        return value
    return [plain(v) for v in value]


@cache
def _hints(cls: type) -> dict[str, Any]:
    return {k: v for k, v in typing.get_type_hints(cls).items() if typing.get_origin(v) is not ClassVar}


def build(kind: Any, data: Any, where: str = "evidence") -> Any:
    """Build a value of the annotated type `kind` from what `plain` made of it.

    Raises:
        RunError: the data do not fit the type; the text names the field.
    """
    origin, args = typing.get_origin(kind), typing.get_args(kind)
    if kind is Any:
        return data
    if origin in (typing.Union, types.UnionType):
        if data is None:
            return None
        return build(next(a for a in args if a is not type(None)), data, where)
    if dataclasses.is_dataclass(kind) and isinstance(kind, type):
        return _build_dataclass(kind, data, where)
    if origin in (tuple, list, Sequence):
        if args and args[-1] is not Ellipsis and origin is tuple:
            return tuple(build(a, v, where) for a, v in zip(args, data, strict=True))
        return tuple(build(args[0], v, where) for v in data)
    if origin in (dict, Mapping):
        return {build(args[0], k, where): build(args[1], v, where) for k, v in data.items()}
    try:
        return kind(data) if kind in (float, int, str) else data
    except (TypeError, ValueError) as problem:
        raise RunError(f"{where} holds {data!r}, expected {kind.__name__}; the file was changed by hand or cut") from problem


def _build_dataclass(kind: type, data: Any, where: str) -> Any:
    if not isinstance(data, Mapping):
        raise RunError(
            f"{where} holds {data!r}, expected an object with the fields of {kind.__name__}; the file was changed by hand or cut"
        )
    hints = _hints(kind)
    known = {k: v for k, v in data.items() if k in hints}
    try:
        return kind(**{k: build(hints[k], v, f"{kind.__name__}.{k}") for k, v in known.items()})
    except TypeError as problem:
        raise RunError(f"{kind.__name__} cannot be read: {problem}; the file is of another version or cut") from problem
