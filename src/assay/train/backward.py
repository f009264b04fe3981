"""From a batch to its loss and gradients: by autograd, in one piece or several, in full or mixed precision."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from assay.core.errors import OptionError

if TYPE_CHECKING:
    from assay.train.data import Batch
    from assay.train.fused_step import FusedStack
    from assay.train.settings import Settings
    from assay.train.task import Task
    from assay.train.weights import Weights


class Backward:
    """Puts the gradients of a batch in place and gives its training loss.

    Args:
        task: Whose loss.
        weights: Of its network.
        settings: Filled in.
        world: Over how many processes a batch is spread; gradients are then to be averaged, so each one's loss is scaled to that.
        stand_in: Examples for a process whose part is empty, where a sharded network must be called as often as elsewhere.

    Attributes:
        share: What the last batch's loss was multiplied by: how much of the whole batch it was, about 1; 0 of an empty part.
        fused: A hand-written step that is taken instead where there is one, for batches without weights.

    Raises:
        OptionError: a precision that this device cannot compute in.
    """

    def __init__(
        self, task: Task, weights: Weights, settings: Settings, *, world: int = 1, stand_in: Callable[[], Batch] | None = None
    ) -> None:
        self.task, self.weights, self.pieces, self.world, self.stand_in = task, weights, settings.accumulate, world, stand_in
        self.share = 1.0
        device = weights.trained[0].device
        self.precision = precision(settings.precision, device)
        self.fused: FusedStack | None = None
        self.scaler = torch.amp.GradScaler(device.type) if settings.precision == "fp16" else None

    def __call__(self, batch: Batch) -> Tensor:
        """The batch's training loss, detached; its gradients are where the optimiser finds them."""
        if self.fused is not None and batch.weights is None:
            return self.fused(batch)
        self.weights.zero_gradients()
        self.share = self._share(batch)
        if self.pieces == 1 and self.share:
            return self._piece(batch, self.share)
        each = self.share / max(self.task.counted(batch), 1e-12)
        pieces = [(piece, each * self.task.counted(piece)) for piece in cut(batch, self.pieces)] if self.share else []
        losses = [self._piece(piece, share) for piece, share in pieces if share]
        if self.weights.is_sharded and self.stand_in is not None:
            wanted = min(self.pieces, -(-batch.n_whole // self.world))
            losses += [self._piece(self.stand_in(), 0.0) for _ in range(wanted - len(losses))]
        return torch.stack(losses).sum() if losses else self.weights.trained[0].new_zeros(())

    def _share(self, batch: Batch) -> float:
        """How many of the examples that count in the whole batch are in this process's part, as a multiple of an even part."""
        if self.world == 1:
            return 1.0
        numbers = max(1, batch.targets.numel())
        return self.task.counted(batch) * len(batch.targets) / numbers * self.world / max(batch.n_whole, 1)

    def _piece(self, batch: Batch, share: float) -> Tensor:
        with self.precision:
            loss = self.task.loss(batch)
        if share != 1.0:
            loss = loss * share
        torch.autograd.backward(loss if self.scaler is None else self.scaler.scale(loss))
        return loss.detach()


def precision(name: str, device: torch.device) -> AbstractContextManager[Any]:
    """The context in which a network computes at this precision.

    Raises:
        OptionError: the device cannot.
    """
    if name == "float32":
        return nullcontext()
    if name == "fp16" and device.type != "cuda":
        raise OptionError(f"precision 'fp16' on {device.type}; it needs a CUDA device: take 'bf16' or 'float32'")
    if name == "bf16" and device.type == "cuda" and not torch.cuda.is_bf16_supported():
        raise OptionError("precision 'bf16' on a CUDA device without bfloat16; take 'fp16' or 'float32'")
    return torch.autocast(device.type, dtype=torch.bfloat16 if name == "bf16" else torch.float16)


def cut(batch: Batch, pieces: int) -> list[Batch]:
    """The batch in at most so many pieces of about equal size."""
    n = len(batch.targets)
    if n <= 1:
        return [batch]
    edges = [round(i * n / pieces) for i in range(pieces + 1)]
    spans = [slice(a, b) for a, b in pairwise(edges) if b > a]
    return [_cut(batch, span) for span in spans]


def _cut(batch: Batch, span: slice) -> Batch:
    if type(batch.inputs) is tuple:
        inputs: Any = tuple(t[span] for t in batch.inputs)
    elif isinstance(batch.inputs, Tensor):
        inputs = batch.inputs[span]
    else:  # inputs of a table model know how to take rows
        inputs = batch.inputs.take(torch.arange(len(batch.targets))[span])
    return batch._replace(inputs=inputs, targets=batch.targets[span], weights=None if batch.weights is None else batch.weights[span])
