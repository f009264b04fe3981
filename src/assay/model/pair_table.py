"""A table of pairs whose items are sentences, read as texts even where the same sentence stands in many pairs."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import polars as pl

from assay.model.pair_columns import pair_columns

if TYPE_CHECKING:
    from assay.table.table import Table

SEVERAL_WORDS_SHARE = 0.5


def with_items_as_texts(table: Table, asked: Sequence[str] = (), fixed: Collection[str] = ()) -> Table:
    """The table with both columns of a pair as texts where one of them holds texts of several words.

    In a table of pairs items recur, so that they look like categories; a pair is compared by its words all the same.

    Args:
        table: With roles.
        asked: As of `pair_columns`.
        fixed: Columns whose kind a person has said.

    Raises:
        OptionError: no columns stand for the items of a pair.

    Example:
        >>> from assay.table.table import Table
        >>> frame = pl.DataFrame({"a": ["so it is", "so it is"], "b": ["it is not", "yes"]})
        >>> dict(with_items_as_texts(Table(frame, {"a": "category", "b": "category"})).kinds)
        {'a': 'text', 'b': 'text'}
    """
    names = [name for name in table.features if table.kind(name) != "image"]
    texts = [name for name in names if _is_wordy(table, name)]
    pair = pair_columns(names, texts=texts, asked=asked)
    turned = [
        name
        for both in zip(pair.left, pair.right, strict=True)
        if set(both).intersection(texts)
        for name in both
        if table.kind(name) == "category" and name not in fixed
    ]
    if not turned:
        return table
    told = f"{' and '.join(map(repr, turned))} {'is' if len(turned) == 1 else 'are'} read as text, for siamese compares a pair by its words"
    return replace(table, kinds={**table.kinds, **dict.fromkeys(turned, "text")}, notes=(*table.notes, told))


def _is_wordy(table: Table, name: str) -> bool:
    """Whether a column is of texts, or of categories most of which are of several words."""
    if table.kind(name) != "category":
        return table.kind(name) == "text"
    values = table.frame[name].cast(pl.String).drop_nulls().unique()
    blanks = values.str.strip_chars().str.contains(r"\s").sum()
    return len(values) > 0 and blanks >= SEVERAL_WORDS_SHARE * len(values)
