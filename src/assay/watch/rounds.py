"""What loss an optimiser's step belonged to: one that was carried back once, in several pieces, or as several terms."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import NamedTuple

from torch import Tensor


class Piece(NamedTuple):
    """One loss that was carried back; of all but the last of a round the value alone is kept."""

    site: Hashable
    value: Tensor
    is_share: bool


@dataclass
class Round:
    """The losses that were carried back since the gradients were last cleared.

    Example:
        >>> import torch
        >>> of = Round()
        >>> for value in (1.0, 3.0):
        ...     of.add("line 7", torch.tensor(value, requires_grad=True) / 2)
        >>> of.loss().item()
        2.0
    """

    pieces: list[Piece] = field(default_factory=list)
    is_open: bool = False
    _scaled: tuple[Tensor, Tensor] | None = None

    def scaled(self, loss: Tensor, larger: Tensor) -> None:
        """A loss was scaled up; what is meant is the loss before."""
        self._scaled = (larger, loss)

    def add(self, site: Hashable, loss: Tensor) -> None:
        """A loss is carried back from this line."""
        if not self.is_open:
            self.clear()
        if self._scaled is not None and self._scaled[0] is loss:
            loss = self._scaled[1]
        self._scaled, self.is_open = None, True
        if self.pieces:
            last = self.pieces.pop()
            self.pieces.append(last._replace(value=last.value.detach()))
        is_share = loss.grad_fn is not None and type(loss.grad_fn).__name__.startswith(("Div", "Mul"))
        self.pieces.append(Piece(site, loss, is_share))

    def clear(self) -> None:
        """The gradients are cleared."""
        self.pieces = []

    def stepped(self) -> None:
        """The optimiser has stepped: the next loss begins a new round."""
        self.is_open = False

    def loss(self) -> Tensor | None:
        """Of the whole round, with the last piece's graph; None where none was carried back.

        Pieces of one line are summed where each was divided, else averaged (gradient accumulation); different lines are terms of a sum.
        """
        if not self.pieces:
            return None
        last = self.pieces[-1]
        if len(self.pieces) == 1:
            return last.value
        by_site: dict[Hashable, list[Piece]] = {}
        for piece in self.pieces[:-1]:
            by_site.setdefault(piece.site, []).append(piece)
        same = by_site.pop(last.site, [])
        share = 1.0 if last.is_share else 1.0 / (len(same) + 1)
        like = last.value.detach()
        total = last.value if share == 1.0 else last.value * share
        for piece in same:
            total = total + piece.value.to(like) * share
        for pieces in by_site.values():
            of_all = 1.0 if pieces[0].is_share else 1.0 / len(pieces)
            for piece in pieces:
                total = total + piece.value.to(like) * of_all
        return total
