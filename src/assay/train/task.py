"""What is trained, seen by the loop: a network, the loss of a batch to learn from, and the losses of examples to tell."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from assay.core.errors import InputError

if TYPE_CHECKING:
    from assay.objective.training_loss import TrainingLoss
    from assay.train.data import Batch


class Task(ABC):
    """A network and what it learns.

    Attributes:
        network: The module.
        name: Of the model, for people.
        unit: Of the losses that are told.
        loss_scale: Training loss times this is the loss in `unit`.
    """

    network: nn.Module
    name: str
    unit: str
    loss_scale: float

    @abstractmethod
    def loss(self, batch: Batch) -> Tensor:
        """The training loss of a batch as a differentiable scalar."""

    @abstractmethod
    def measure(self, batch: Batch) -> tuple[Tensor, Tensor | None]:
        """The loss of each example in `unit`, float64 (batch,), and its weight (None: equal)."""

    def counted(self, batch: Batch) -> float:
        """How much of a whole batch a piece of it is, up to one factor."""
        return len(batch.targets)

    def numbers(self, batch: Batch) -> Tensor:
        """The number inputs of a batch as the first layer is fed them, (batch, columns); no column where inputs are of another form."""
        first = batch.inputs[0] if isinstance(batch.inputs, tuple) else batch.inputs
        is_plain = isinstance(first, Tensor) and first.ndim == 2 and first.is_floating_point()
        return first if is_plain else torch.zeros(len(batch.targets), 0)

    def input_names(self, columns: int) -> tuple[str, ...]:
        """Names of these number inputs."""
        return tuple(f"x{i}" for i in range(columns))

    def identity(self) -> str:
        """What two trainings of this task must share beside rows and settings for one to go on from the other's checkpoint."""
        shapes = [(name, tuple(p.shape)) for name, p in self.network.named_parameters()]
        return f"{type(self.network).__qualname__} {shapes} {self.unit}"


class NetworkTask(Task):
    """Any module with a training loss.

    The module is called with the batch's inputs; where it gives a tuple, as recurrent networks do, the first is its output.
    """

    def __init__(self, network: nn.Module, objective: TrainingLoss, name: str) -> None:
        self.network, self.objective, self.name = network, objective, name
        self.unit, self.loss_scale = objective.unit, objective.loss_scale
        self.called: Any = network

    def outputs(self, batch: Batch) -> Tensor:
        """What the network gives for a batch."""
        found = self.called(*batch.inputs) if isinstance(batch.inputs, tuple) else self.called(batch.inputs)
        first: Tensor = found[0] if isinstance(found, tuple) else found
        return first

    def loss(self, batch: Batch) -> Tensor:
        return self.objective.mean(self.outputs(batch), batch.targets, batch.weights)

    def measure(self, batch: Batch) -> tuple[Tensor, Tensor | None]:
        outputs = self.outputs(batch)
        whole = outputs.float() if outputs.dtype in (torch.bfloat16, torch.float16) else outputs
        losses, counts = self.objective.per_example(whole, batch.targets)
        weights = batch.weights if counts is None else counts if batch.weights is None else counts * batch.weights
        return losses.double() * self.loss_scale, weights

    def counted(self, batch: Batch) -> float:
        return self.objective.counted(batch.targets)

    def check(self, batch: Batch, targets: Tensor | None) -> None:
        """Refuse data that do not fit network and objective.

        Raises:
            InputError: the network fails on the first batch, or targets do not fit its outputs.
        """
        was_training = self.network.training
        self.network.eval()
        few = _first(batch, 2)
        try:
            with torch.no_grad():
                outputs = self.outputs(few)
        except (RuntimeError, TypeError, IndexError, ValueError) as problem:
            told = " and ".join(f"{tuple(t.shape)} {t.dtype}" for t in _inputs(batch))
            raise InputError(f"the network does not take inputs of {told}: {problem}; give it the data that it was made for") from problem
        finally:
            self.network.train(was_training)
        if not isinstance(outputs, Tensor):
            raise InputError(f"the network gives {type(outputs).__name__}; accepted are a tensor, or a tuple that begins with one")
        self.objective.check(outputs, batch.targets)
        if targets is None or targets.ndim != batch.targets.ndim:
            return
        if targets.shape[1:] == batch.targets.shape[1:]:
            self.objective.check(outputs, targets)
        else:  # a whole text, as examples of one token each
            self.objective.check(outputs[:, :1], targets.reshape(-1, 1))


def _first(batch: Batch, n: int) -> Batch:
    inputs = tuple(t[:n] for t in batch.inputs) if isinstance(batch.inputs, tuple) else batch.inputs[:n]
    return batch._replace(inputs=inputs, targets=batch.targets[:n], weights=None)


def _inputs(batch: Batch) -> tuple[Tensor, ...]:
    return batch.inputs if isinstance(batch.inputs, tuple) else (batch.inputs,)
