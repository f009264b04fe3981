"""The plain engine of word2vec, in PyTorch: the windows of the compiled one, some hundred at a time as batched matrix products.

It is there for installations without numba, for short texts, which are done before numba has compiled, and as an oracle of the tests.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

if TYPE_CHECKING:
    import numpy as np
    from jaxtyping import Float
    from numpy.typing import NDArray

    from assay.model.word_sampling import Draws, Windows

MOST_WINDOWS = 256
"""A batch holds at most so many windows, and no more than there are words, for then they meet each other too often."""
MOST_STEPS = 16
"""One row moves by at most so many pairs' worth a batch: all start from the same place and would overshoot together."""


def answer_nats(
    scores: Float[Tensor, "batch context outputs"], labels: Float[Tensor, "batch 1 outputs"], asked: Float[Tensor, "batch context outputs"]
) -> Float[Tensor, ""]:
    """Nats lost in all answers: minus the sum of log s(score) where the answer is yes and of log s(-score) where it is no.

    Args:
        scores: Products of inputs and outputs.
        labels: 1 yes, 0 no.
        asked: 1 where an input meets an output, 0 where one of them is absent.

    Source: Mikolov et al. 2013b, equation 4 for wrong answers, equation 3 for the tree.

    Example:
        >>> one = torch.ones(1, 1, 1)
        >>> round(float(answer_nats(0 * one, one, one)), 4)
        0.6931
    """
    return -(logsigmoid((2 * labels - 1) * scores) * asked).sum()


class TorchEngine:
    """Trains spans of a text on two tables, one batch of windows after the other.

    Args:
        draws: The text and what is drawn from it.
        inputs: Start of the input table, (vocab, dim); copied.
        n_outputs: Rows of the output table, born as zeros.
        averaged: The contexts' mean is one input (CBOW); else each context is one (skip-gram).
        most_windows: Windows a batch; `MOST_WINDOWS`, or the size of the vocabulary, when None.
    """

    name = "torch"
    compile_seconds = 0.0

    def __init__(
        self, draws: Draws, inputs: NDArray[np.float32], n_outputs: int, *, averaged: bool, most_windows: int | None = None
    ) -> None:
        self._draws, self._averaged = draws, averaged
        self._inputs = torch.tensor(inputs)
        self._outputs = torch.zeros(n_outputs, inputs.shape[1], dtype=self._inputs.dtype)
        self._batch = most_windows or min(MOST_WINDOWS, len(inputs))

    def train(self, first: int, last: int, seed: int, rate: float) -> tuple[float, int]:
        """One pass over the words `first` to `last` of the text.

        Returns:
            Nats lost in all answers (before each batch's own step), and the number of predictions.
        """
        windows = self._draws.windows(first, last, seed)
        nats, answers = 0.0, 0
        for start in range(0, len(windows.labels), self._batch):
            lost, given = self.step(windows, slice(start, start + self._batch), rate)
            nats += lost
            answers += given
        return nats, answers

    def step(self, windows: Windows, some: slice, rate: float) -> tuple[float, int]:
        """Move both tables by `rate` times the gradient of `answer_nats` over some windows; its value, and the predictions."""
        contexts, outputs = torch.from_numpy(windows.contexts[some]), torch.from_numpy(windows.outputs[some])
        labels = torch.from_numpy(windows.labels[some]).to(self._inputs.dtype)[:, None, :]
        is_word, is_asked = (contexts >= 0).to(self._inputs.dtype), (outputs >= 0).to(self._inputs.dtype)
        contexts, outputs = contexts.clamp(min=0), outputs.clamp(min=0)
        rows, y = self._inputs[contexts], self._outputs[outputs]
        if self._averaged:
            share = (is_word / is_word.sum(dim=1, keepdim=True))[:, :, None]
            x, asked = (rows * share).sum(dim=1, keepdim=True), is_asked[:, None, :]
        else:
            x, asked = rows, is_word[:, :, None] * is_asked[:, None, :]
        scores = x @ y.transpose(1, 2)
        slopes = (labels - torch.sigmoid(scores)) * asked
        move_x, move_y = slopes @ y, slopes.transpose(1, 2) @ x
        if self._averaged:
            move_x = move_x * share
        self._move(self._inputs, contexts, move_x, is_word, rate)
        self._move(self._outputs, outputs, move_y, is_asked, rate)
        return float(answer_nats(scores, labels, asked)), int(len(contexts) if self._averaged else is_word.sum())

    def _move(self, table: Tensor, rows: Tensor, by: Tensor, is_there: Tensor, rate: float) -> None:
        flat, there = rows.flatten(), is_there.flatten()
        if len(rows) > 1:
            times = torch.bincount(flat, weights=there, minlength=len(table))
            there = there * (MOST_STEPS / times.clamp(min=MOST_STEPS))[flat].to(there.dtype)
        table.index_add_(0, flat, by.flatten(0, 1) * there[:, None], alpha=rate)

    @property
    def inputs(self) -> NDArray[np.float32]:
        """The input table, (vocab, dim)."""
        return self._inputs.numpy().copy()

    @property
    def outputs(self) -> NDArray[np.float32]:
        """The output table, (outputs, dim)."""
        return self._outputs.numpy().copy()
