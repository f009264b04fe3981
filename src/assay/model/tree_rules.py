"""A tree as sentences: what must hold of a row for it to end in a leaf."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from assay.model.tree_growth import parents_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from assay.model.encoded import Encoded
    from assay.model.tree_input import TreeInput
    from assay.model.trees import Trees

SHOWN_LEVELS = 3


@dataclass(frozen=True)
class ReadColumn:
    """A column of the trees' matrix, as a person reads it.

    Attributes:
        name: Of the table's column, or the word in quotes.
        levels: Of a category, in the order in which the tree cuts them; empty for a number.
        has_missing: Whether it was missing in a row that the tree learned from.
    """

    name: str
    levels: tuple[str, ...] = ()
    has_missing: bool = False

    def told(self, above: float, at_most: float, with_missing: bool) -> str:
        """The condition that a value lies in (above, at_most].

        Example:
            >>> ReadColumn("age").told(-np.inf, 17.5, False), ReadColumn("town", ("lima", "oslo", "rome")).told(0.5, np.inf, False)
            ('age <= 17.5', 'town is oslo or rome')
        """
        tail = " or missing" if with_missing and self.has_missing else ""
        if self.levels:
            inside = [level for rank, level in enumerate(self.levels) if above < rank <= at_most]
            shown = inside[:SHOWN_LEVELS]
            rest = [f"{len(inside) - len(shown)} more"] if len(inside) > len(shown) else []
            return f"{self.name} is {' or '.join([*shown, *rest])}{tail}"
        if np.isinf(above):
            return f"{self.name} <= {at_most:.4g}{tail}"
        return f"{self.name} > {above:.4g}{tail}" if np.isinf(at_most) else f"{above:.4g} < {self.name} <= {at_most:.4g}{tail}"


def read_columns(columns: TreeInput, data: Encoded) -> tuple[ReadColumn, ...]:
    """The columns of the matrix that these rows make, in its order."""
    found = []
    for i, (name, ranks) in enumerate(zip(data.code_names, columns.code_maps, strict=True)):
        seen = np.flatnonzero(~np.isnan(ranks))
        told = ("missing", "rare", *(data.code_levels[i] if data.code_levels else map(str, range(2, len(ranks)))))
        found.append(ReadColumn(name, tuple(told[code] for code in seen[np.argsort(ranks[seen])])))
    for name, values in zip(data.number_names, data.numbers.T, strict=True):
        found.append(ReadColumn(name, has_missing=bool(np.isnan(values).any())))
    for i, kept in enumerate(columns.terms):
        found += [ReadColumn(repr(data.bag_terms[i][term]) if data.bag_terms else f"{data.bag_names[i]} term {term}") for term in kept]
    return tuple(found)


def conditions_of(trees: Trees, columns: Sequence[ReadColumn]) -> dict[int, str]:
    """Leaf -> what holds of its rows, of a single tree; conditions on one column are told as one."""
    nodes, parents = trees.nodes, parents_of(trees)
    return {int(leaf): _condition(int(leaf), nodes, parents, columns) for leaf in np.flatnonzero(nodes["is_leaf"])}


def _condition(leaf: int, nodes: NDArray[np.void], parents: NDArray[np.intp], columns: Sequence[ReadColumn]) -> str:
    held: dict[int, tuple[float, float, bool]] = {}
    node = leaf
    while parents[node] >= 0:
        parent = int(parents[node])
        column, cut, went_left = int(nodes["feature_idx"][parent]), float(nodes["num_threshold"][parent]), nodes["left"][parent] == node
        above, at_most, with_missing = held.pop(column, (-np.inf, np.inf, True))
        takes_missing = with_missing and bool(nodes["missing_go_to_left"][parent]) == went_left
        # Nearer to the root is told first, so that a condition that is met again moves to the front.
        held = {column: (above, min(at_most, cut), takes_missing) if went_left else (max(above, cut), at_most, takes_missing), **held}
        node = parent
    return " and ".join(columns[column].told(*bounds) for column, bounds in held.items()) or "always"
