"""Texts as sequences of words: kept as they are, split into words once when a model first asks for them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from assay.model.columns import as_words

if TYPE_CHECKING:
    from numpy.typing import NDArray

# A sign of a script without blanks is a word; else letters and digits with apostrophes between them, or one other sign.
WORD = r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}]|[\w--[\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}]]+(?:['’]\w+)*|[^\w\s]"


@dataclass(frozen=True, eq=False)
class Pool:
    """The texts of a column, of all rows of a table; many selections of rows share one.

    Attributes:
        series: As they were read.
    """

    series: pl.Series

    @cached_property
    def split(self) -> tuple[NDArray[np.int64], NDArray[np.int32], tuple[str, ...]]:
        """Where each text starts, int64 (rows + 1,); its words as places in the last; the distinct words, lower-cased, by first use."""
        lists = as_words(self.series).fill_null("").str.to_lowercase().str.extract_all(WORD)
        starts = np.concatenate([[0], np.cumsum(lists.list.len().to_numpy().astype(np.int64))])
        words = lists.filter(lists.list.len() > 0).explode()
        distinct = words.unique(maintain_order=True)
        table = pl.DataFrame({"word": distinct, "place": np.arange(len(distinct), dtype=np.int32)})
        places = pl.DataFrame({"word": words}).join(table, on="word", how="left", maintain_order="left")["place"]
        return starts, places.to_numpy(), tuple(distinct.to_list())


@dataclass(frozen=True)
class Texts:
    """The texts of one column in some rows.

    Attributes:
        pool: Texts that they are among.
        rows: Place of each in the pool, (rows,).

    Example:
        >>> texts = Texts.of(pl.Series(["To be!", None, "be to"]))
        >>> starts, places, words = texts.take(np.array([2, 0])).words()
        >>> starts.tolist(), [words[place] for place in places]
        ([0, 2, 5], ['be', 'to', 'to', 'be', '!'])
    """

    pool: Pool
    rows: NDArray[np.intp]

    @classmethod
    def of(cls, series: pl.Series) -> Texts:
        """All texts of a column."""
        return cls(Pool(series), np.arange(len(series)))

    def take(self, rows: NDArray[np.intp]) -> Texts:
        """The texts of these rows (positions), in this order."""
        return replace(self, rows=self.rows[rows])

    def followed_by(self, other: Texts) -> Texts:
        """These texts and then the other's."""
        mine, theirs, pool = self._beside(other)
        return Texts(pool, np.concatenate([mine, theirs]))

    def mixed(self, other: Texts, own: NDArray[np.bool_]) -> Texts:
        """These texts where `own` is True, the other's of the same row where it is False."""
        mine, theirs, pool = self._beside(other)
        return Texts(pool, np.where(own, mine, theirs))

    def _beside(self, other: Texts) -> tuple[NDArray[np.intp], NDArray[np.intp], Pool]:
        if other.pool is self.pool:
            return self.rows, other.rows, self.pool
        mine, theirs = as_words(self.pool.series), as_words(other.pool.series)
        return self.rows, other.rows + len(mine), Pool(pl.concat([mine.cast(pl.String), theirs.cast(pl.String)]))

    def words(self) -> tuple[NDArray[np.int64], NDArray[np.int32], tuple[str, ...]]:
        """Where each row's words start, int64 (rows + 1,); the words as places in the last; the distinct words of the pool."""
        starts, places, words = self.pool.split
        lengths = starts[self.rows + 1] - starts[self.rows]
        own = np.concatenate([[0], np.cumsum(lengths)])
        chosen = np.arange(own[-1]) + np.repeat(starts[self.rows] - own[:-1], lengths)
        return own, places[chosen], words
