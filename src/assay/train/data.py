"""What a training reads: tensors, tokens, or any source of batches whose order is a function of one seed an epoch."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from assay.core.errors import InputError, OptionError

if TYPE_CHECKING:
    import torch
    from torch import Tensor

WHOLE = (0, 1)
MOST_ROWS_AT_ONCE = 4_096
MOST_NUMBERS_AT_ONCE = 2**20


class Batch(NamedTuple):
    """Examples that go through the network together.

    Attributes:
        inputs: What the network is called with: one tensor, or a plain tuple of them.
        targets: One an example, or (batch, tokens).
        weights: Of the examples in the loss, mean 1 over the whole data; None for equal ones.
        n_whole: Examples of the whole batch where this is one process's part of it; 0 for its own.
    """

    inputs: Any
    targets: Tensor
    weights: Tensor | None = None
    n_whole: int = 0


class Data(ABC):
    """Examples with their targets.

    The order of an epoch is a function of its seed alone, so that a training goes on in the middle of one. Tensors of a batch may
    be reused for the next one.
    """

    @property
    @abstractmethod
    def rows(self) -> int:
        """Examples an epoch."""

    @abstractmethod
    def batches(self, batch_rows: int, seed: int, *, skip: int = 0, part: tuple[int, int] = WHOLE) -> Iterator[Batch]:
        """One epoch in random order.

        Args:
            batch_rows: Examples a batch; the last one may be smaller.
            seed: Of the order.
            skip: Leave out the first so many batches.
            part: (i, n): only the i-th of n parts of each batch, for process i of n.
        """

    @abstractmethod
    def in_order(self, batch_rows: int, *, at_most: int | None = None, seed: int = 0) -> Iterator[Batch]:
        """All examples once, or `at_most` drawn by `seed`, in a fixed order, for evaluation."""

    @abstractmethod
    def to(self, device: torch.device) -> Self:
        """The same on a device; what does not fit there stays and is sent batch by batch."""

    def all_targets(self) -> Tensor | None:
        """All targets, where they are in memory."""
        return None

    def fingerprint_parts(self) -> list[Tensor]:
        """Tensors that two data sets share only if they are the same, for the checkpoint."""
        return []

    def steps(self, batch_rows: int) -> int:
        """Batches an epoch."""
        return -(-self.rows // batch_rows)

    def rows_at_once(self, batch_rows: int) -> int:
        """Examples that go through the network together where nothing is learned."""
        return batch_rows


@dataclass(frozen=True, eq=False)
class TensorData(Data):
    """Examples in memory, one a row of each tensor.

    Attributes:
        inputs: One tensor, or a tuple of tensors that the network takes as its arguments.
        targets: Class numbers (int64) or values.
        weights: Weight of each example in the loss, or None.

    Raises:
        InputError: tensors of unequal length, or weights that are negative or all zero.

    Example:
        >>> import torch
        >>> data = TensorData(torch.arange(5.0)[:, None], torch.arange(5))
        >>> [len(batch.targets) for batch in data.batches(2, seed=0)]
        [2, 2, 1]
    """

    inputs: Tensor | tuple[Tensor, ...]
    targets: Tensor
    weights: Tensor | None = None

    def __post_init__(self) -> None:
        lengths = {len(t) for t in self._tensors()}
        if len(lengths) > 1:
            told = ", ".join(f"{len(t):,}" for t in self._tensors())
            raise InputError(f"inputs, targets and weights have {told} rows; give each one row an example")
        if self.weights is not None and self.rows:
            if float(self.weights.min()) < 0 or not float(self.weights.sum()) > 0:
                raise InputError(f"weights run from {float(self.weights.min()):g}; accepted are numbers from 0 with a positive sum")
            object.__setattr__(self, "weights", self.weights / self.weights.mean())

    def _tensors(self) -> list[Tensor]:
        inputs = self.inputs if isinstance(self.inputs, tuple) else (self.inputs,)
        return [*inputs, self.targets, *([] if self.weights is None else [self.weights])]

    @property
    def rows(self) -> int:
        return len(self.targets)

    def batches(self, batch_rows: int, seed: int, *, skip: int = 0, part: tuple[int, int] = WHOLE) -> Iterator[Batch]:
        import torch

        tensors = self._tensors()
        # gathered into the same memory each time; only the last batch, which is smaller, gets its own
        held = [torch.empty((-(-batch_rows // part[1]), *t.shape[1:]), dtype=t.dtype, device=t.device) for t in tensors]
        for whole in torch.split(order_of(self.rows, seed), batch_rows)[skip:]:
            rows = of_part(whole, part).to(self.targets.device)
            if rows.shape[0] == held[0].shape[0]:
                taken = [torch.index_select(t, 0, rows, out=h) for t, h in zip(tensors, held, strict=True)]
            else:
                taken = [t.index_select(0, rows) for t in tensors]
            yield self._batch(taken, whole.shape[0])

    def _batch(self, tensors: list[Tensor], n_whole: int = 0) -> Batch:
        weights = None if self.weights is None else tensors.pop()
        targets = tensors.pop()
        return Batch(tuple(tensors) if isinstance(self.inputs, tuple) else tensors[0], targets, weights, n_whole)

    def in_order(self, batch_rows: int, *, at_most: int | None = None, seed: int = 0) -> Iterator[Batch]:
        import torch

        tensors = self._tensors()
        if at_most is not None and at_most < self.rows:
            chosen = order_of(self.rows, seed)[:at_most].sort().values.to(self.targets.device)
            for rows in torch.split(chosen, batch_rows):
                yield self._batch([t.index_select(0, rows) for t in tensors])
            return
        for start in range(0, self.rows, batch_rows):
            yield self._batch([t[start : start + batch_rows] for t in tensors])

    def to(self, device: torch.device) -> TensorData:
        inputs = tuple(t.to(device) for t in self.inputs) if isinstance(self.inputs, tuple) else self.inputs.to(device)
        weights = None if self.weights is None else self.weights.to(device)
        return replace(self, inputs=inputs, targets=self.targets.to(device), weights=weights)

    def all_targets(self) -> Tensor:
        return self.targets

    def rows_at_once(self, batch_rows: int) -> int:
        first = self.inputs[0] if isinstance(self.inputs, tuple) else self.inputs
        # rows of plain numbers are small in every layer; of tokens and pictures that cannot be known
        if first.ndim > 2 or not first.is_floating_point():
            return batch_rows
        return max(batch_rows, min(MOST_ROWS_AT_ONCE, MOST_NUMBERS_AT_ONCE // max(1, first.shape[-1])))

    def fingerprint_parts(self) -> list[Tensor]:
        return self._tensors()


@dataclass(frozen=True, eq=False)
class TokenData(Data):
    """One long sequence of tokens, read in blocks, each predicting the token after every one of its own.

    Attributes:
        tokens: Token numbers, 1-D, any integer type.
        block: Tokens a block.
        consecutive: Blocks begin at multiples of `block`; False: anywhere, drawn anew each epoch (an epoch is as many blocks).

    Raises:
        InputError: not one-dimensional.
        OptionError: a block without a token.

    Example:
        >>> import torch
        >>> data = TokenData(torch.arange(9), block=4, consecutive=True)
        >>> [(b.inputs.tolist(), b.targets.tolist()) for b in data.in_order(1)]
        [([[0, 1, 2, 3]], [[1, 2, 3, 4]]), ([[4, 5, 6, 7]], [[5, 6, 7, 8]])]
    """

    tokens: Tensor
    block: int
    consecutive: bool = False

    def __post_init__(self) -> None:
        if self.tokens.ndim != 1:
            raise InputError(f"tokens have shape {tuple(self.tokens.shape)}; give one sequence of shape (tokens,)")
        if self.block < 1:
            raise OptionError(f"block is {self.block}; accepted are whole numbers from 1")
        # a text shorter than a block is one shorter block
        object.__setattr__(self, "block", max(1, min(self.block, len(self.tokens) - 1)))

    @property
    def rows(self) -> int:
        return max(0, len(self.tokens) - 1) // self.block

    def _blocks(self, starts: Tensor, length: int) -> Batch:
        taken = self.tokens.unfold(0, length + 1, 1).index_select(0, starts.to(self.tokens.device)).long()
        return Batch(taken[:, :-1], taken[:, 1:])

    def batches(self, batch_rows: int, seed: int, *, skip: int = 0, part: tuple[int, int] = WHOLE) -> Iterator[Batch]:
        import torch

        if self.consecutive:
            starts = order_of(self.rows, seed) * self.block
        else:
            starts = torch.randint(len(self.tokens) - self.block, (self.rows,), generator=torch.Generator().manual_seed(seed))
        for whole in torch.split(starts, batch_rows)[skip:]:
            yield self._blocks(of_part(whole, part), self.block)._replace(n_whole=len(whole))

    def in_order(self, batch_rows: int, *, at_most: int | None = None, seed: int = 0) -> Iterator[Batch]:
        import torch

        starts = torch.arange(self.rows) * self.block
        is_sample = at_most is not None and at_most < self.rows
        if is_sample:
            starts = order_of(self.rows, seed)[:at_most].sort().values * self.block
        for some in torch.split(starts, batch_rows) if self.rows else ():
            yield self._blocks(some, self.block)
        left = (len(self.tokens) - 1) % self.block
        if left and self.rows and not is_sample:
            yield self._blocks(torch.tensor([self.rows * self.block]), left)

    def to(self, device: torch.device) -> TokenData:
        return replace(self, tokens=self.tokens.to(device))

    def all_targets(self) -> Tensor:
        return self.tokens[1:].long()[None]

    def fingerprint_parts(self) -> list[Tensor]:
        import torch

        return [self.tokens, torch.tensor([self.block, self.consecutive])]


def order_of(rows: int, seed: int) -> Tensor:
    """A random order of so many rows, by the seed alone."""
    import torch

    return torch.randperm(rows, generator=torch.Generator().manual_seed(seed))


def of_part(rows: Tensor, part: tuple[int, int]) -> Tensor:
    """The i-th of n parts of these rows, as even as can be."""
    return rows if part == WHOLE else rows.tensor_split(part[1])[part[0]]
