"""What every network's input can do: learn from the training rows how encoded rows become tensors, and travel as numbers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    import torch
    from numpy.typing import NDArray

    from assay.model.contract import Rows
    from assay.model.encoded import Encoded
    from assay.model.neural_network import Inputs


class NetworkInput(ABC):
    """How encoded rows become the tensors that a network reads; all in it was learned from training rows.

    Attributes:
        number_names: Names of the columns of `Inputs.numbers`.
    """

    number_names: tuple[str, ...]

    @classmethod
    @abstractmethod
    def fit(cls, train: Rows, shape: Any) -> Self:
        """Learn from the training rows.

        Raises:
            OptionError: the table holds nothing that this family reads.
        """

    @abstractmethod
    def read(self, data: Encoded, dtype: torch.dtype) -> Inputs:
        """The rows as tensors, numbers of this dtype."""

    def order(self, inputs: Any) -> torch.Tensor:
        """Its rows (positions) in an order that is cheap to read in pieces: rows of like length together."""
        import torch

        return torch.arange(inputs.rows)

    @abstractmethod
    def state(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        """What was learned as JSON-able data and plain arrays."""

    @classmethod
    @abstractmethod
    def from_state(cls, data: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> Self:
        """What `state` described, among the keys of its model's state."""
