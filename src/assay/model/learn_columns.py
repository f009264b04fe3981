"""What an encoder learns of each column from the training rows, or why it leaves the column out."""

from __future__ import annotations

import numpy as np
import polars as pl

from assay.model.columns import (
    DATE_PARTS,
    MAX_CODES,
    MAX_TERMS,
    WORD_PATTERN,
    CategoryColumn,
    DateColumn,
    NumberColumn,
    TextColumn,
    as_words,
)

# Below this share of rows that repeat a value, a column of texts names rows rather than sorting them.
SMALLEST_KNOWN_SHARE = 0.02


def learn_number(name: str, kind: str, series: pl.Series) -> NumberColumn | str:
    """A number column, or why it is left out: no value varies and none is missing."""
    column = NumberColumn(name, kind)
    values = column.numbers(series)
    missing = np.isnan(values)
    if missing.all():
        return "every training row is missing"
    present = values[~missing]
    if not missing.any() and present.min() == present.max():
        return f"it is {present[0]:g} in every training row"
    return column


def learn_date(name: str, kind: str, series: pl.Series) -> DateColumn | str:
    """A date column with those of its parts that vary, or why it is left out."""
    if series.null_count() == len(series):
        return "every training row is missing"
    values = DateColumn(name, DATE_PARTS).numbers(series)
    present = values[~np.isnan(values[:, 0])]
    varies = present.min(axis=0) < present.max(axis=0)
    parts = tuple(part for part, keep in zip(DATE_PARTS, varies, strict=True) if keep)
    if not parts and series.null_count() == 0:
        return f"it is {series[0]} in every training row"
    return DateColumn(name, parts or ("days",))


def learn_category(name: str, kind: str, series: pl.Series) -> CategoryColumn | str:
    """A category column with its frequent levels, or why it is left out: one value, or values that only name rows."""
    words = as_words(series)
    rows, missing = len(words), words.null_count()
    if missing == rows:
        return "every training row is missing"
    counts = words.drop_nulls().value_counts(sort=True, name="rows").sort(["rows", words.name], descending=[True, False])
    if counts.height == 1 and missing == 0:
        return f"it is {counts[words.name][0]!r} in every training row"
    # A level seen in very few rows is noise to every model; on small tables two rows are the least that repeat.
    least = min(5, max(2, rows // 2000))
    frequent = counts.filter(pl.col("rows") >= least).head(MAX_CODES - 2)
    known_share = float(frequent["rows"].sum()) / (rows - missing)
    tells_by_missing = 0.01 <= missing / rows <= 0.99
    if known_share < SMALLEST_KNOWN_SHARE and not tells_by_missing and rows >= 10:
        return f"{counts.height} of {rows - missing} values are distinct: it names rows"
    return CategoryColumn(name, tuple(frequent[words.name].to_list()))


def learn_text(name: str, kind: str, series: pl.Series) -> TextColumn | CategoryColumn | str:
    """A text column with its n-grams and their idf; as a category where no n-gram repeats."""
    from sklearn.feature_extraction.text import CountVectorizer

    texts = as_words(series).fill_null("").to_list()
    counter = CountVectorizer(ngram_range=(1, 2), token_pattern=WORD_PATTERN, dtype=np.int32)
    tokenise = counter.build_analyzer()
    if sum(1 for text in texts if tokenise(text)) < 2:
        return learn_category(name, kind, series)
    counts = counter.fit_transform(texts)
    rows_with = np.asarray((counts > 0).sum(axis=0)).ravel()
    terms = np.array(counter.get_feature_names_out(), dtype=object)
    order = np.lexsort((np.arange(len(terms)), -rows_with))[:MAX_TERMS]
    # Present in at least two rows, and not in all: else it tells nothing that could hold for a new row.
    kept = np.sort(order[(rows_with[order] >= 2) & (rows_with[order] < len(texts))])
    if len(kept) == 0:
        return learn_category(name, kind, series)
    idf = np.log((1 + len(texts)) / (1 + rows_with[kept])) + 1
    return TextColumn(name, tuple(str(term) for term in terms[kept]), idf)
