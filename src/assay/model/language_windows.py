"""Overlapping windows over a text, so that a model of a fixed block sees at least half a block before each token."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Windows:
    """Windows of `block` tokens that begin half a block apart; of all but the first only the second half counts.

    Each token but the first of the text is counted in one window, with between half a block and a whole one before it (the
    first block's tokens have what there is).

    Args:
        n_tokens: Of the text.
        block: Of the model.

    Example:
        >>> windows = Windows(n_tokens=8, block=4)
        >>> windows.inputs(np.arange(8), np.arange(len(windows))).tolist()
        [[0, 1, 2, 3], [2, 3, 4, 5], [4, 5, 6, 0]]
        >>> [windows.counted(np.array([i]))[0].tolist() for i in range(3)]
        [[1, 2, 3, 4], [5, 6], [7]]
    """

    def __init__(self, n_tokens: int, block: int) -> None:
        self.n_tokens, self.block, self.step = n_tokens, block, max(1, block // 2)

    def __len__(self) -> int:
        return 1 + max(0, -(-(self.n_tokens - 1 - self.block) // self.step))

    def of(self, places: NDArray[np.intp]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """The window in which each place (from 1 on) is counted, and the position in it that predicts the place."""
        window = np.maximum(0, -(-(places - self.block) // self.step))
        return window, places - 1 - window * self.step

    def counted(self, rows: NDArray[np.intp]) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.intp]]:
        """The places that are counted in these windows, which row of `rows` each is in, and the position that predicts it."""
        first = np.where(rows == 0, 0, self.block - self.step)
        position = np.arange(self.block)
        place = rows[:, None] * self.step + position + 1
        row, column = np.nonzero((position >= first[:, None]) & (place < self.n_tokens))
        return place[row, column], row, column

    def inputs(self, tokens: NDArray[np.int32], rows: NDArray[np.intp]) -> NDArray[np.int32]:
        """What the model reads in these windows, (windows, tokens); zeros beyond the end, which predict nothing that counts."""
        return self._cut(tokens[:-1], rows * self.step)

    def follow(self, tokens: NDArray[np.int32], rows: NDArray[np.intp]) -> NDArray[np.int32]:
        """What comes next at each position, (windows, tokens)."""
        return self._cut(tokens, rows * self.step + 1)

    def _cut(self, tokens: NDArray[np.int32], starts: NDArray[np.intp]) -> NDArray[np.int32]:
        length = min(self.block, self.n_tokens - 1)
        place = starts[:, None] + np.arange(self.block if len(self) > 1 else length)
        return np.where(place < len(tokens), tokens[np.minimum(place, len(tokens) - 1)], 0)
