"""What every network behind a `NeuralModel` can do: be born from a generator, read its inputs, and name its layers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, Protocol, Self

from torch import Tensor, nn

from assay.model.dropout import Noisy

if TYPE_CHECKING:
    import torch


class Inputs(Protocol):
    """Encoded rows as the tensors that a network reads."""

    @property
    def rows(self) -> int:
        """Number of rows."""

    @property
    def numbers(self) -> Tensor:
        """The number inputs as the first layer is fed them, (rows, numbers); no column where the network reads none."""

    def take(self, rows: Tensor) -> Self:
        """These rows (positions), in this order."""

    def tensors(self) -> tuple[Tensor, ...]:
        """All that it holds; two inputs are of the same rows if these are equal."""


class NeuralNetwork(Noisy, ABC):
    """A network whose output layer is born at zero, for what it adds to is the best constant of the training rows."""

    @abstractmethod
    def be_born(self, generator: torch.Generator) -> None:
        """Draw all weights anew from the generator alone, the output layer silent."""

    @abstractmethod
    def forward(self, inputs: Any) -> Tensor:
        """What the network adds to the constant for its kind of `Inputs`: (rows, outputs), logits or standardised values."""

    def groups(self) -> dict[str, list[str]]:
        """Layer name for people -> parameter names, in the order of the data's way and of `named_parameters`."""
        found: dict[str, list[str]] = {}
        for name, _ in self.named_parameters():
            found.setdefault(name.partition(".")[0], []).append(name)
        return found

    def layer_kind(self, layer: str) -> str:
        """What sort of layer a group is: "linear", "embedding", "text", "recurrent", "attention", ..."""
        return "linear"

    def activation_of(self, layer: str) -> nn.Module | None:
        """The module behind a group whose outputs are looked at for units that are never above zero, or None."""
        return None
