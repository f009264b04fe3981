"""Coalitions of columns: what a model predicts, and loses, when it may see only some of them."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeVar

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from assay.model.contract import Rows
    from assay.model.encoding import Encoded
    from assay.objective.loss import Loss

Predict = Callable[["Encoded"], "NDArray[np.float64]"]

Number = TypeVar("Number", bound=np.generic)

MOST_PLAYERS = 40
KEPT_ALONE = 30
FEWEST_IN_BLOCK = 20
# A mixed matrix of at most 50 thousand rows and 8 million cells (64 MB) keeps the machine's caches and memory in peace.
BATCH_ROWS = 50_000
BATCH_CELLS = 8_000_000


@dataclass(frozen=True)
class Player:
    """One player of the game: a table column, or several pooled.

    Attributes:
        name: As booked in the ledger.
        sources: The table columns behind it.
    """

    name: str
    sources: tuple[str, ...]


def players_of(
    sources: Iterable[str], order: Iterable[str] = (), *, at_most: int = MOST_PLAYERS, alone: int = KEPT_ALONE
) -> tuple[Player, ...]:
    """The players for these columns: each its own while there are at most `at_most`, else the strongest alone, the rest in blocks.

    A block holds at least 20 neighbours in the table's order, so that pixels of a region or questions of a page stay together.

    Args:
        sources: The columns that the encoding reads.
        order: Columns by strength, the strongest first; columns that it leaves out count as weakest.
        at_most: The largest number of players.
        alone: How many columns play alone where there are more.

    Example:
        >>> [p.name for p in players_of("abcde", order="ec", at_most=4, alone=2)]
        ['e', 'c', '3 other columns, a to d']
    """
    names = tuple(dict.fromkeys(sources))
    if len(names) <= at_most:
        return tuple(Player(name, (name,)) for name in names)
    known = set(names)
    ranked = tuple(dict.fromkeys((*(name for name in order if name in known), *names)))
    strongest = set(ranked[:alone])
    rest = [name for name in names if name not in strongest]
    n_blocks = max(1, min(at_most - alone, len(rest) // FEWEST_IN_BLOCK))
    cuts = [len(rest) * i // n_blocks for i in range(n_blocks + 1)]
    blocks = [tuple(rest[low:high]) for low, high in itertools.pairwise(cuts)]
    pooled = (Player(f"{len(block)} other columns, {block[0]} to {block[-1]}", block) for block in blocks)
    return (*(Player(name, (name,)) for name in ranked[:alone]), *pooled)


class Coalitions:
    """The loss of held-out rows when only a coalition of players is known.

    A player outside the coalition takes its values from background rows; the prediction of a coalition is the mean of the
    predictions over all background rows, and its loss is the loss of that mean (never the mean of losses).

    Attributes:
        empty: Loss of each row with nothing known.
        full: Loss of each row with everything known.

    Source: Covert, Lundberg and Lee 2020, "Understanding Global Feature Contributions With Additive Importance Measures", eq. 2.
    """

    def __init__(
        self,
        predict: Predict,
        loss: Loss,
        rows: Rows,
        background: Encoded,
        players: tuple[Player, ...],
        prediction: NDArray[np.float64] | None = None,
    ) -> None:
        """Set up the game.

        Args:
            predict: The model.
            loss: What is lost.
            rows: Held-out rows.
            background: Rows that stand in for unknown columns.
            players: Who owns which column.
            prediction: For the held-out rows, where it is known already.
        """
        self._predict, self._loss, self._rows, self._background, self._players = predict, loss, rows, background, players
        owner = {source: place for place, player in enumerate(players) for source in player.sources}
        data = rows.data
        self._number_player = np.array([owner[s] for s in data.number_sources], dtype=np.intp)
        self._code_player = np.array([owner[s] for s in data.code_names], dtype=np.intp)
        self._bag_player = [owner[s] for s in data.bag_names]
        self._region_player = [np.array([owner[s] for s in image.region_names], dtype=np.intp) for image in data.images]
        unknowing = predict(background).mean(axis=0)
        self.empty = loss.per_row(rows.target, np.broadcast_to(unknowing, (data.rows, *unknowing.shape)))
        self.full = loss.per_row(rows.target, predict(data) if prediction is None else prediction)

    @property
    def n_background(self) -> int:
        """Number of background rows."""
        return int(self._background.rows)

    def batch_rows(self, n_coalitions: int) -> int:
        """How many held-out rows with so many coalitions each fit into one call of the model."""
        data = self._rows.data
        columns = max(1, data.numbers.shape[1] + data.codes.shape[1] + sum(int(np.prod(i.shape)) for i in data.images))
        matrix_rows = min(BATCH_ROWS, BATCH_CELLS // columns)
        return max(1, int(matrix_rows // max(1, n_coalitions * self._background.rows)))

    def losses(self, rows: NDArray[np.intp], known: NDArray[np.bool_]) -> NDArray[np.float64]:
        """The loss of each row under each coalition.

        Args:
            rows: Positions of held-out rows.
            known: Shape (rows, coalitions, players): which players each coalition of each row knows.

        Returns:
            Shape (rows, coalitions), in the loss's unit.
        """
        n_rows, n_coalitions, _ = known.shape
        prediction = self._predict(self.mixed(rows, known))
        shape = (n_rows * n_coalitions, self._background.rows, *prediction.shape[1:])
        mean = prediction.reshape(shape).mean(axis=1)
        target = np.repeat(self._rows.target[rows], n_coalitions)
        return self._loss.per_row(target, mean).reshape(n_rows, n_coalitions)

    def mixed(self, rows: NDArray[np.intp], known: NDArray[np.bool_]) -> Encoded:
        """The rows with their unknown players replaced: for every row and coalition one row a background row, in that order."""
        n_rows, n_coalitions, _ = known.shape
        own, other = self._rows.data.take(rows), self._background
        n_matrix = n_rows * n_coalitions * other.rows
        bags = []
        for place, own_bag, other_bag in zip(self._bag_player, own.bags, other.bags, strict=True):
            from scipy.sparse import csr_array, vstack

            stacked = csr_array(vstack([own_bag, other_bag], format="csr"))
            chosen = np.where(known[:, :, place, None], np.arange(n_rows)[:, None, None], n_rows + np.arange(other.rows))
            bags.append(stacked[chosen.reshape(n_matrix)])
        return replace(
            own,
            numbers=_mix(own.numbers, other.numbers, known[:, :, self._number_player]),
            codes=_mix(own.codes, other.codes, known[:, :, self._code_player]),
            bags=tuple(bags),
            texts=tuple(
                text.take(np.repeat(np.arange(n_rows), n_coalitions * other.rows)).mixed(
                    behind.take(np.tile(np.arange(other.rows), n_rows * n_coalitions)), known[:, :, place].ravel().repeat(other.rows)
                )
                for place, text, behind in zip(self._bag_player, own.texts, other.texts, strict=False)
            ),
            images=tuple(
                one.crossed(behind, known[:, :, players])
                for one, behind, players in zip(own.images, other.images, self._region_player, strict=True)
            ),
        )


def _mix(own: NDArray[Number], other: NDArray[Number], known: NDArray[np.bool_]) -> NDArray[Number]:
    n_rows, n_coalitions, n_columns = known.shape
    chosen: NDArray[Number] = np.where(known[:, :, None, :], own[:, None, None, :], other[None, None, :, :])
    return chosen.reshape(n_rows * n_coalitions * len(other), n_columns)
