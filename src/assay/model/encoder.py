"""The encoder: what it learned from the training rows of a table, and the encoding of any table with those columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from assay.core.errors import ColumnError, RunError, nearest
from assay.model.columns import CategoryColumn, Column, DateColumn, NumberColumn, TextColumn
from assay.model.encoded import Encoded
from assay.model.learn_columns import learn_category, learn_date, learn_number, learn_text
from assay.model.picture import ImageColumn, Pictures, learn_image
from assay.model.text_words import Texts
from assay.table.date import is_day_first

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from assay.table.table import Table

FEWEST_TOLD_TOGETHER = 5


@dataclass(frozen=True)
class Encoder:
    """How a table's features become numbers, codes and bags; everything in it was learned from the training rows.

    Attributes:
        columns: One a feature that is read, in the table's order.
        kinds: Feature -> its kind at training.
        left_out: Feature -> why no model reads it.
        infinite: Feature -> infinite numbers that were treated as missing in training.
        images: One an image; the pixel columns of small images are among `columns` too, of large ones a thumbnail is read.

    Example:
        >>> import polars as pl
        >>> from assay.table.table import Table
        >>> table = Table(pl.DataFrame({"age": [1.0, None, 3.0]}), {"age": "number"})
        >>> Encoder.fit(table).transform(table).numbers.ravel().tolist()
        [1.0, nan, 3.0]
    """

    columns: tuple[Column, ...]
    kinds: Mapping[str, str]
    left_out: Mapping[str, str] = field(default_factory=dict)
    infinite: Mapping[str, int] = field(default_factory=dict)
    images: tuple[ImageColumn, ...] = ()

    @classmethod
    def fit(cls, table: Table, features: Sequence[str] | None = None) -> Encoder:
        """Learn levels, vocabularies and which columns vary from these rows: give it training rows only.

        `features` names the columns to read; None reads all that have the role of a feature.

        Raises:
            ColumnError: no feature is left that a model could read.
        """
        columns: list[Column] = []
        left_out: dict[str, str] = dict.fromkeys(table.roles.ids, "it only names a row (role id)") if features is None else {}
        infinite: dict[str, int] = {}
        kinds: dict[str, str] = {}
        asked = table.features if features is None else tuple(features)
        for name in asked:
            kind = table.kind(name)
            if kind == "image":
                continue
            column = _LEARN[kind](name, kind, table.frame[name])
            if isinstance(column, str):
                left_out[name] = column
                continue
            if isinstance(column, DateColumn):
                column = replace(column, day_first=is_day_first(name, table.notes))
            columns.append(column)
            kinds[name] = kind
            if kind == "number" and table.frame[name].dtype.is_float():
                n_infinite = int(table.frame[name].is_infinite().sum())
                infinite |= {name: n_infinite} if n_infinite else {}
        images = _learn_images(table, asked, columns, kinds, left_out)
        if not columns and not images:
            why = "; ".join(f"{c!r}: {reason}" for c, reason in list(left_out.items())[:4]) or "there is none besides the target"
            raise ColumnError(f"no column is left that a model could read ({why}); give a table with features that vary")
        return cls(tuple(columns), kinds, left_out, infinite, images)

    @property
    def unread(self) -> tuple[str, ...]:
        """Which features no model reads and why, one sentence each; many for the same reason, as pixels at the rim, in one.

        Example:
            >>> Encoder((), {}, {"x": "it is 0 in every training row"}).unread
            ("column 'x' is not read: it is 0 in every training row",)
        """
        by_reason: dict[str, list[str]] = {}
        for name, why in self.left_out.items():
            by_reason.setdefault(why, []).append(name)
        told = []
        for why, names in by_reason.items():
            if len(names) > FEWEST_TOLD_TOGETHER:
                told.append(f"{len(names):,} columns are not read, such as {names[0]!r}: {why}")
            else:
                told += [f"column {name!r} is not read: {why}" for name in names]
        return tuple(told)

    def transform(self, table: Table) -> Encoded:
        """The encoding of any table that has the columns read.

        Raises:
            ColumnError: a column is absent, or holds a value of another kind; the nearest names, or row and value, are told.
        """
        numbers: list[NDArray[np.float64]] = [np.empty((table.rows, 0))]
        number_names: list[tuple[str, str]] = []
        codes: list[NDArray[np.int32]] = []
        categories: list[CategoryColumn] = []
        bags: list[Any] = []
        texts: list[TextColumn] = []
        read: list[Texts] = []
        regions = {c: region for image in self.images for c, region in image.pixel_sources.items()}
        for column in self.columns:
            series = self._series(table, column.name)
            if isinstance(column, NumberColumn):
                numbers.append(column.numbers(series)[:, None])
                number_names.append((column.name, regions.get(column.name, column.name)))
            elif isinstance(column, DateColumn):
                numbers.append(column.numbers(series))
                number_names += [(f"{column.name}: {part}", column.name) for part in column.parts]
            elif isinstance(column, CategoryColumn):
                codes.append(column.codes(series))
                categories.append(column)
            else:
                bags.append(column.bag(series))
                texts.append(column)
                read.append(Texts.of(series))
        images = self._pictures(table, numbers, number_names)
        return Encoded(
            numbers=np.concatenate(numbers, axis=1),
            number_names=tuple(name for name, _ in number_names),
            number_sources=tuple(source for _, source in number_names),
            codes=np.column_stack(codes) if codes else np.empty((table.rows, 0), dtype=np.int32),
            code_names=tuple(c.name for c in categories),
            code_sizes=tuple(len(c.levels) + 2 for c in categories),
            bags=tuple(bags),
            bag_names=tuple(t.name for t in texts),
            code_levels=tuple(c.levels for c in categories),
            bag_terms=tuple(t.terms for t in texts),
            images=images,
            texts=tuple(read),
        )

    def _pictures(self, table: Table, numbers: list[NDArray[np.float64]], number_names: list[tuple[str, str]]) -> tuple[Pictures, ...]:
        """The images, each with the numbers that tell of it; thumbnails of large ones are added to the numbers."""
        found = []
        for image in self.images:
            for name in filter(None, image.columns):
                self._series(table, name)
            pictures, own = image.pictures(table), set(image.columns)
            if image.grid.is_packed:
                means, named = image.thumbnail(pictures)
                numbers.append(means)
                number_names += named
                own = {name for name, _ in named}
            places = tuple(i for i, (name, _) in enumerate(number_names) if name in own)
            found.append(replace(pictures, number_places=places))
        return tuple(found)

    def _series(self, table: Table, name: str) -> pl.Series:
        if name not in table.frame.columns:
            raise ColumnError(
                f"the model reads column {name!r}, which {table.source or 'the table'} has not; {nearest(name, table.columns)}"
            )
        return table.frame[name]

    def to_json(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        """The encoder as JSON-able data and plain arrays; `from_json` makes an equal one."""
        columns, arrays = [], {}
        for number, column in enumerate(self.columns):
            entry: dict[str, Any] = {"type": type(column).__name__, "name": column.name}
            if isinstance(column, NumberColumn):
                entry["kind"] = column.kind
            elif isinstance(column, DateColumn):
                entry |= {"parts": list(column.parts), "day_first": column.day_first}
            elif isinstance(column, CategoryColumn):
                entry["levels"] = list(column.levels)
            else:
                entry["terms"] = list(column.terms)
                arrays[f"idf_{number}"] = column.idf
            columns.append(entry)
        images = [asdict(image) for image in self.images]
        data = {"columns": columns, "kinds": dict(self.kinds), "left_out": dict(self.left_out), "infinite": dict(self.infinite)}
        return data | {"images": images}, arrays

    @classmethod
    def from_json(cls, data: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> Encoder:
        """The encoder that `to_json` described.

        Raises:
            RunError: the data do not describe an encoder.
        """
        try:
            columns = tuple(_column(number, entry, arrays) for number, entry in enumerate(data["columns"]))
            images = tuple(ImageColumn(**{**entry, "columns": tuple(entry["columns"])}) for entry in data.get("images", ()))
            return cls(columns, dict(data["kinds"]), dict(data["left_out"]), dict(data["infinite"]), images)
        except (KeyError, TypeError) as problem:
            raise RunError(f"the stored encoder lacks {problem}; the file was changed by hand or is of another version") from problem


def _learn_images(
    table: Table, features: tuple[str, ...], columns: Sequence[Column], kinds: dict[str, str], left_out: dict[str, str]
) -> tuple[ImageColumn, ...]:
    """The images that can be read; their columns are added to `kinds`, or to `left_out` with the reason."""
    found, varying = [], {column.name for column in columns}
    for name, grid in table.grids.items():
        image = learn_image(name, grid, table, features)
        if isinstance(image, ImageColumn) and (grid.is_packed or varying.intersection(grid.columns)):
            found.append(image)
            kinds |= {c: table.kind(c) for c in image.columns if c}
        elif isinstance(image, str) and grid.is_packed:
            left_out[name] = image
    return tuple(found)


def _column(number: int, entry: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> Column:
    kind, name = entry["type"], entry["name"]
    if kind == "NumberColumn":
        return NumberColumn(name, entry["kind"])
    if kind == "DateColumn":
        return DateColumn(name, tuple(entry["parts"]), entry["day_first"])
    if kind == "CategoryColumn":
        return CategoryColumn(name, tuple(entry["levels"]))
    if kind == "TextColumn":
        return TextColumn(name, tuple(entry["terms"]), np.asarray(arrays[f"idf_{number}"], dtype=np.float64))
    raise RunError(f"the stored encoder has a column of type {kind!r}, known are number, date, category, text; train again")


_LEARN = {"number": learn_number, "boolean": learn_number, "date": learn_date, "category": learn_category, "text": learn_text}
