"""Losses as networks are trained by: computed stably from logits in torch, in nats inside, told in bits outside."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar, Protocol, runtime_checkable

from assay.core.errors import InputError, OptionError, nearest
from assay.core.units import BITS_PER_NAT

if TYPE_CHECKING:
    from torch import Tensor

MASKED = -1


@runtime_checkable
class LossLike(Protocol):
    """What an own objective needs: a unit, and one loss a target, differentiable; `loss_scale` turns it into the unit (1 if absent)."""

    unit: str

    def losses(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """The loss of each target."""
        ...


class TrainingLoss(ABC):
    """What a training minimises.

    Gradients are of the loss in its training unit, which for code lengths is nats, as published learning rates are meant for;
    everything told to people is multiplied by `loss_scale` once.

    Attributes:
        name: As typed.
        unit: Of the losses that are told, "bits/row" or "bits/token" for code lengths.
        loss_scale: Training loss times this is the loss in `unit`.
    """

    name: ClassVar[str]
    unit: str
    loss_scale: float = 1.0

    @abstractmethod
    def losses(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """The training loss of each target, (batch,) or (batch, tokens), differentiable."""

    def per_example(self, outputs: Tensor, targets: Tensor) -> tuple[Tensor, Tensor | None]:
        """The mean training loss of each example (batch,), and how many targets it stands for (None: one each)."""
        return self.losses(outputs, targets), None

    def mean(self, outputs: Tensor, targets: Tensor, weights: Tensor | None = None) -> Tensor:
        """The training loss of a batch as a scalar; `weights` (batch,) have mean 1 over the whole training data."""
        losses = self.losses(outputs, targets)
        return losses.mean() if weights is None else (losses * weights).mean()

    def counted(self, targets: Tensor) -> int:
        """How many targets of a batch count."""
        return len(targets)

    def check(self, outputs: Tensor, targets: Tensor) -> None:
        """Refuse targets that do not fit the outputs.

        Args:
            outputs: Of a few examples.
            targets: Of any examples.

        Raises:
            InputError: shape, type or range do not fit.
        """
        if outputs.ndim > targets.ndim and outputs.shape[-1] == 1:
            outputs = outputs.squeeze(-1)
        if outputs.shape[1:] != targets.shape[1:]:
            raise InputError(
                f"outputs of shape {_shape(outputs)} and targets of shape {_shape(targets)} would broadcast under loss {self.name!r}; "
                "give both one shape, such as (batch,)"
            )


class ClassLogLoss(TrainingLoss):
    """Minus the logarithm of the softmax probability of the true class; outputs are logits (batch, classes), targets class numbers.

    Example:
        >>> import torch
        >>> loss = ClassLogLoss()
        >>> round(float(loss.mean(torch.zeros(1, 4), torch.tensor([2])) * loss.loss_scale), 6)
        2.0
    """

    name = "log"
    unit = "bits/row"
    loss_scale = BITS_PER_NAT

    def losses(self, outputs: Tensor, targets: Tensor) -> Tensor:
        from torch.nn.functional import cross_entropy

        return cross_entropy(outputs, targets, reduction="none")

    def mean(self, outputs: Tensor, targets: Tensor, weights: Tensor | None = None) -> Tensor:
        from torch.nn.functional import cross_entropy

        return cross_entropy(outputs, targets) if weights is None else super().mean(outputs, targets, weights)

    def check(self, outputs: Tensor, targets: Tensor) -> None:
        if outputs.ndim != 2 or targets.ndim != 1:
            raise InputError(
                f"loss {self.name!r} takes logits of shape (batch, classes) and targets of shape (batch,), got {_shape(outputs)} and "
                f"{_shape(targets)}; for one logit take 'binary', for tokens 'next-token', for values 'squared'"
            )
        _check_classes(self.name, targets, outputs.shape[1], 0)


class BinaryLogLoss(TrainingLoss):
    """Minus the logarithm of the probability of what happened; outputs are one logit a row, targets 0 or 1.

    Example:
        >>> import torch
        >>> loss = BinaryLogLoss()
        >>> float(loss.mean(torch.zeros(3, 1), torch.tensor([0, 1, 1])) * loss.loss_scale)
        1.0
    """

    name = "binary"
    unit = "bits/row"
    loss_scale = BITS_PER_NAT

    def losses(self, outputs: Tensor, targets: Tensor) -> Tensor:
        from torch.nn.functional import binary_cross_entropy_with_logits

        logits = _level(outputs, targets)
        return _a_row(binary_cross_entropy_with_logits(logits, targets.to(logits.dtype), reduction="none"))

    def check(self, outputs: Tensor, targets: Tensor) -> None:
        super().check(outputs, targets)
        if targets.numel() and (float(targets.min()) < 0 or float(targets.max()) > 1):
            seen = f"{float(targets.min()):g} to {float(targets.max()):g}"
            raise InputError(f"loss 'binary' takes targets from 0 to 1, got {seen}; for more classes take 'log'")


class SquaredLoss(TrainingLoss):
    """(output - target) squared, averaged over the outputs of a row.

    Example:
        >>> import torch
        >>> SquaredLoss().losses(torch.tensor([[1.0], [2.0]]), torch.tensor([1.0, 4.0])).tolist()
        [0.0, 4.0]
    """

    name = "squared"
    unit = "squared error/row"

    def losses(self, outputs: Tensor, targets: Tensor) -> Tensor:
        return _a_row((_level(outputs, targets) - targets).square())


class AbsoluteLoss(TrainingLoss):
    """|output - target|, averaged over the outputs of a row.

    Example:
        >>> import torch
        >>> AbsoluteLoss().losses(torch.tensor([[1.0], [2.0]]), torch.tensor([1.0, 4.0])).tolist()
        [0.0, 2.0]
    """

    name = "absolute"
    unit = "absolute error/row"

    def losses(self, outputs: Tensor, targets: Tensor) -> Tensor:
        return _a_row((_level(outputs, targets) - targets).abs())


class NextTokenLoss(TrainingLoss):
    """Code length of each token given those before it; outputs are logits (batch, tokens, vocab), targets (batch, tokens).

    Targets of -1 are masked: they cost nothing and do not count. The mean is over the tokens that count.

    Example:
        >>> import torch
        >>> loss = NextTokenLoss()
        >>> float(loss.mean(torch.zeros(1, 3, 8), torch.tensor([[5, 0, -1]])) * loss.loss_scale)
        3.0
    """

    name = "next-token"
    unit = "bits/token"
    loss_scale = BITS_PER_NAT

    def losses(self, outputs: Tensor, targets: Tensor) -> Tensor:
        from torch.nn.functional import cross_entropy

        flat = cross_entropy(outputs.reshape(-1, outputs.shape[-1]), targets.reshape(-1), ignore_index=MASKED, reduction="none")
        return flat.view(targets.shape)

    def per_example(self, outputs: Tensor, targets: Tensor) -> tuple[Tensor, Tensor | None]:
        counts = (targets != MASKED).sum(dim=1)
        return self.losses(outputs, targets).sum(dim=1) / counts.clamp(min=1), counts

    def mean(self, outputs: Tensor, targets: Tensor, weights: Tensor | None = None) -> Tensor:
        from torch.nn.functional import cross_entropy

        if weights is None:
            return cross_entropy(outputs.reshape(-1, outputs.shape[-1]), targets.reshape(-1), ignore_index=MASKED)
        return (self.losses(outputs, targets) * weights[:, None]).sum() / (targets != MASKED).sum().clamp(min=1)

    def counted(self, targets: Tensor) -> int:
        return int((targets != MASKED).sum())

    def check(self, outputs: Tensor, targets: Tensor) -> None:
        if outputs.ndim != 3 or targets.ndim != 2 or outputs.shape[1] != targets.shape[1]:
            raise InputError(
                f"loss 'next-token' takes logits of shape (batch, tokens, vocab) and targets of shape (batch, tokens), got "
                f"{_shape(outputs)} and {_shape(targets)}; take 'log' for one class a row"
            )
        _check_classes(self.name, targets, outputs.shape[2], MASKED)


class OwnLoss(TrainingLoss):
    """An objective of the caller's: an object with `unit` and `losses`, or a function of outputs and targets.

    A function may give one loss a row, or their mean as a scalar; of a scalar no spread over rows is known.
    """

    name = "own"

    def __init__(self, losses: Callable[[Tensor, Tensor], Tensor], unit: str, loss_scale: float = 1.0) -> None:
        self.unit, self.loss_scale, self._losses = unit, loss_scale, losses

    def losses(self, outputs: Tensor, targets: Tensor) -> Tensor:
        found = self._losses(outputs, targets)
        return found.expand(len(targets)) if found.ndim == 0 else _a_row(found)

    def check(self, outputs: Tensor, targets: Tensor) -> None:
        """Accept whatever the caller's own function accepts."""


TRAINING_LOSSES: dict[str, type[TrainingLoss]] = {
    kind.name: kind for kind in (ClassLogLoss, BinaryLogLoss, SquaredLoss, AbsoluteLoss, NextTokenLoss)
}


def training_loss(objective: object) -> TrainingLoss:
    """The training loss that was meant: by its name, an own object, or an own function.

    Raises:
        OptionError: no loss of that name.
        InputError: it is neither a name nor can it compute losses.

    Example:
        >>> training_loss("next-token").unit
        'bits/token'
    """
    if isinstance(objective, TrainingLoss):
        return objective
    if isinstance(objective, str):
        if objective not in TRAINING_LOSSES:
            raise OptionError(f"no training loss {objective!r}; {nearest(objective, TRAINING_LOSSES)}")
        return TRAINING_LOSSES[objective]()
    if isinstance(objective, LossLike):
        return OwnLoss(objective.losses, objective.unit, float(getattr(objective, "loss_scale", 1.0)))
    if callable(objective):
        return OwnLoss(objective, str(getattr(objective, "unit", "loss/row")), float(getattr(objective, "loss_scale", 1.0)))
    known = ", ".join(TRAINING_LOSSES)
    raise InputError(f"objective is {objective!r}; give a name ({known}), an object with unit and losses(outputs, targets), or a function")


def _level(outputs: Tensor, targets: Tensor) -> Tensor:
    """Outputs without their last axis of one, where targets lack it: else (batch, 1) against (batch,) would make (batch, batch)."""
    return outputs.squeeze(-1) if outputs.ndim == targets.ndim + 1 and outputs.shape[-1] == 1 else outputs


def _a_row(losses: Tensor) -> Tensor:
    return losses if losses.ndim == 1 else losses.flatten(1).mean(dim=1)


def _check_classes(name: str, targets: Tensor, classes: int, lowest: int) -> None:
    import torch

    if targets.dtype != torch.int64:
        raise InputError(f"loss {name!r} takes class numbers of type int64, got {targets.dtype}; convert with targets.long()")
    if targets.numel() and (int(targets.min()) < lowest or int(targets.max()) >= classes):
        seen = f"{int(targets.min())} to {int(targets.max())}"
        raise InputError(f"targets run from {seen}, the network has {classes} outputs; accepted are {lowest} to {classes - 1}")


def _shape(tensor: Tensor) -> str:
    return "(" + ", ".join(["batch", *(str(n) for n in tensor.shape[1:])]) + ")"
