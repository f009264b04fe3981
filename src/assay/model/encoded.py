"""Encoded rows: numbers, category codes and bags of n-grams, each tied to the table column that it came from."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from scipy.sparse import csr_array

    from assay.model.picture import Pictures
    from assay.model.text_words import Texts


@dataclass(frozen=True)
class Encoded:
    """Encoded rows.

    Attributes:
        numbers: Float64 (rows, p); NaN where missing. Not scaled: a model that needs scaling scales.
        number_names: Names of its columns, such as "age" or "date: weekday".
        number_sources: The table column, or the region of an image, behind each.
        codes: Int32 (rows, c): 0 = missing, 1 = rare or never seen in training, 2.. = known levels.
        code_names: The table column behind each.
        code_sizes: Number of codes of each column, the two special ones included.
        bags: One sparse float32 matrix (rows, terms) a text column, TF-IDF weighted.
        bag_names: The table column behind each.
        code_levels: What the codes 2.. of each column stand for; for people only.
        bag_terms: What the columns of each bag stand for; for people only.
        texts: The texts behind each bag as they are, for models that read word by word; none where there is no bag.
        images: The images of the rows; `numbers` tells of them too, by their pixels or a thumbnail.
    """

    numbers: NDArray[np.float64]
    number_names: tuple[str, ...]
    number_sources: tuple[str, ...]
    codes: NDArray[np.int32]
    code_names: tuple[str, ...]
    code_sizes: tuple[int, ...]
    bags: tuple[csr_array, ...] = ()
    bag_names: tuple[str, ...] = ()
    code_levels: tuple[tuple[str, ...], ...] = ()
    bag_terms: tuple[tuple[str, ...], ...] = ()
    images: tuple[Pictures, ...] = ()
    texts: tuple[Texts, ...] = ()

    @property
    def rows(self) -> int:
        """Number of rows."""
        return int(self.numbers.shape[0])

    @cached_property
    def sources(self) -> tuple[str, ...]:
        """The table columns that the encoding reads, each once; of an image its regions."""
        regions = (region for image in self.images for region in image.region_names)
        return tuple(dict.fromkeys((*self.number_sources, *self.code_names, *self.bag_names, *regions)))

    def take(self, rows: NDArray[np.intp]) -> Encoded:
        """The encoding of these rows (positions), in this order."""
        return replace(
            self,
            numbers=self.numbers[rows],
            codes=self.codes[rows],
            bags=tuple(bag[rows] for bag in self.bags),
            images=tuple(image.take(rows) for image in self.images),
            texts=tuple(text.take(rows) for text in self.texts),
        )

    def replace_sources(self, background: Encoded, mask: NDArray[np.bool_]) -> Encoded:
        """These rows with some sources taken from the background row beside each.

        Args:
            background: As many rows of the same encoding.
            mask: (rows, sources) in the order of `sources`: True keeps this row's own block, False takes the background's.
        """
        place = {name: number for number, name in enumerate(self.sources)}
        own_numbers = mask[:, [place[s] for s in self.number_sources]]
        own_codes = mask[:, [place[s] for s in self.code_names]]
        return replace(
            self,
            numbers=np.where(own_numbers, self.numbers, background.numbers),
            codes=np.where(own_codes, self.codes, background.codes),
            bags=tuple(
                _choose_rows(own, other, mask[:, place[name]])
                for own, other, name in zip(self.bags, background.bags, self.bag_names, strict=True)
            ),
            images=tuple(
                own.mixed(other, mask[:, [place[region] for region in own.region_names]])
                for own, other in zip(self.images, background.images, strict=True)
            ),
            texts=tuple(
                own.mixed(other, mask[:, place[name]])
                for own, other, name in zip(self.texts, background.texts, self.bag_names, strict=False)
            ),
        )

    def followed_by(self, other: Encoded) -> Encoded:
        """These rows and then the other's, of the same encoding."""
        from scipy.sparse import csr_array, vstack

        return replace(
            self,
            numbers=np.concatenate([self.numbers, other.numbers]),
            codes=np.concatenate([self.codes, other.codes]),
            bags=tuple(csr_array(vstack([a, b], format="csr")) for a, b in zip(self.bags, other.bags, strict=True)),
            images=tuple(a.followed_by(b) for a, b in zip(self.images, other.images, strict=True)),
            texts=tuple(a.followed_by(b) for a, b in zip(self.texts, other.texts, strict=True)),
        )


def replace_sources(own: Encoded, background: Encoded, mask: NDArray[np.bool_]) -> Encoded:
    """`own` with the sources whose mask is False taken from `background`, row by row."""
    return own.replace_sources(background, mask)


def _choose_rows(own: csr_array, other: csr_array, mask: NDArray[np.bool_]) -> csr_array:
    if mask.all():
        return own
    if not mask.any():
        return other
    from scipy.sparse import csr_array, vstack

    rows = np.arange(len(mask))
    both = csr_array(vstack([own, other], format="csr"))
    return both[np.where(mask, rows, rows + len(mask))]
