"""A table: typed rows with named columns, what each column is, and the role that it plays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from assay.core.errors import ColumnError, SourceError, nearest
from assay.table.grid import Grid, refuse_other_grids

if TYPE_CHECKING:
    from numpy.typing import NDArray

KINDS = ("number", "category", "text", "date", "boolean", "image")


@dataclass(frozen=True, slots=True)
class Roles:
    """Which column is what; all others are features.

    Attributes:
        target: To be predicted.
        time: When a row happened; not a feature unless the caller leaves it one.
        entity: Who a row is about; never a feature.
        group: Rows that must stay on one side of a split; never a feature.
        weight: Weight of a row in the loss; never a feature.
        ids: Columns that only name a row; never features.
        drop: Columns that the user took out.
        task: What the user asks of the target, "classification" or "regression"; None to infer it.
    """

    target: str | None = None
    time: str | None = None
    entity: str | None = None
    group: str | None = None
    weight: str | None = None
    ids: tuple[str, ...] = ()
    drop: tuple[str, ...] = ()
    task: str | None = None

    def of(self, column: str) -> str:
        """The role of a column: "target", "time", "entity", "group", "weight", "id", "dropped" or "feature"."""
        for role in ("target", "time", "entity", "group", "weight"):
            if column == getattr(self, role):
                return role
        if column in self.drop:
            return "dropped"
        return "id" if column in self.ids else "feature"


@dataclass(frozen=True)
class Table:
    """Typed rows with roles.

    Attributes:
        frame: The rows: numbers as Int64 or Float64 (missing = null, never NaN), truth values as Boolean, times as Date or
            Datetime without zone, images as Binary, everything else as String.
        kinds: Column -> one of `KINDS`.
        roles: Which column is what.
        source: Where the rows came from, for people.
        notes: What was inferred on reading (encoding, separator, missing markers, types), one sentence each.
        markers: Column -> what was taken as missing there as written ("" for an empty field) -> rows.
        grids: Name of an image -> the columns that it is: many columns of pixels, or one of the kind "image".
    """

    frame: pl.DataFrame
    kinds: Mapping[str, str]
    roles: Roles = field(default_factory=Roles)
    source: str = ""
    notes: tuple[str, ...] = ()
    markers: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    grids: Mapping[str, Grid] = field(default_factory=dict)

    @property
    def rows(self) -> int:
        """Number of rows."""
        return self.frame.height

    @property
    def columns(self) -> tuple[str, ...]:
        """All column names, in order."""
        return tuple(self.frame.columns)

    @property
    def features(self) -> tuple[str, ...]:
        """Names of the columns that a model may read, in order."""
        return tuple(c for c in self.frame.columns if self.roles.of(c) == "feature")

    def kind(self, column: str) -> str:
        """What a column is: one of `KINDS`."""
        return self.kinds[self.require(column)]

    def require(self, column: str) -> str:
        """The column's name, if there is such a column.

        Raises:
            ColumnError: there is none; the nearest names are offered.
        """
        if column not in self.kinds:
            raise ColumnError(f"no column {column!r} in {self.source or 'the table'}; {nearest(column, self.columns)}")
        return column

    def take(self, rows: NDArray[np.intp] | Sequence[int]) -> Table:
        """The table of these rows (0-based positions), in this order."""
        return replace(self, frame=self.frame[np.asarray(rows, dtype=np.int64)])

    def with_roles(self, roles: Roles) -> Table:
        """The same rows with other roles; every named column must exist.

        Raises:
            ColumnError: a role names a column that there is not, or one column has two roles.
        """
        named = [c for c in (roles.target, roles.time, roles.entity, roles.group, roles.weight) if c is not None]
        for column in (*named, *roles.ids, *roles.drop):
            self.require(column)
        if roles.target is not None and named.count(roles.target) > 1:
            raise ColumnError(f"column {roles.target!r} is the target and has another role too; give each role its own column")
        return replace(self, roles=roles)

    @cached_property
    def fingerprint(self) -> str:
        """Content hash of names, types and values in order: changing one cell changes it."""
        from assay.table.fingerprint import fingerprint

        return fingerprint(self.frame)


def concat(first: Table, second: Table) -> Table:
    """The rows of two tables, one below the other, with the kinds and roles of the first.

    Columns that only the second has are left out with a note; whole numbers and fractions become fractions.

    Raises:
        SourceError: the second lacks a column of the first, or holds another type or images of another size there; the columns
            are named.
    """
    refuse_other_grids(first.grids, second.grids, (first.source, second.source))
    lacking = [c for c in first.columns if c not in second.kinds]
    if lacking:
        raise SourceError(
            f"{second.source or 'the second table'} lacks {len(lacking)} of the {len(first.columns)} columns of "
            f"{first.source or 'the first'}: {', '.join(map(repr, lacking[:5]))}; give parts with the same columns"
        )
    below = second.frame.select(first.columns)
    for name in first.columns:
        one, other = first.frame[name].dtype, below[name].dtype
        if one != other and not (one.is_numeric() and other.is_numeric()) and pl.Null not in (one, other):
            raise SourceError(
                f"column {name!r} holds {first.kinds[name]} in {first.source or 'the first table'} and {second.kinds[name]} in "
                f"{second.source or 'the second'}; set its kind for both with --type {name}=category"
            )
    extra = [c for c in second.columns if c not in first.kinds]
    notes = (*first.notes, *(f"{second.source or 'second table'}: {note}" for note in second.notes if note not in first.notes))
    if extra:
        notes += (f"left out {len(extra)} columns that only {second.source or 'the second table'} has, such as {extra[0]!r}",)
    return replace(first, frame=pl.concat([first.frame, below], how="vertical_relaxed"), notes=notes)
