"""A siamese network: one encoder for both items of a pair, a distance between what it makes of them, and a threshold."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from assay.core.errors import InputError, OptionError
from assay.model.initialise import initialise
from assay.model.unborn import unborn_linear

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jaxtyping import Float
    from numpy.typing import NDArray

USUAL_MARGIN = 4.0
"""So far apart that the usual threshold of 2 lies half way."""


def distances(a: Float[Tensor, "batch width"], b: Float[Tensor, "batch width"]) -> Float[Tensor, " batch"]:
    """The Euclidean distance of each pair; where both are equal its gradient is 0.

    Example:
        >>> distances(torch.tensor([[0.0, 3.0]]), torch.tensor([[4.0, 0.0]])).tolist()
        [5.0]
    """
    apart: Tensor = torch.linalg.vector_norm(a - b, dim=1)
    return apart


class ContrastiveLoss:
    """Loss of a pair at distance d: d ** 2 if it is of the same class, else max(0, margin - d) ** 2.

    Args:
        margin: Different items at least so far apart cost nothing.

    Source: Hadsell, Chopra and LeCun 2006, equation 4, without its factors of 1/2.

    Example:
        >>> ContrastiveLoss(2.0).losses(torch.tensor([0.5, 0.5, 3.0]), torch.tensor([1.0, 0.0, 0.0])).tolist()
        [0.25, 2.25, 0.0]
    """

    name: ClassVar[str] = "contrastive"
    unit: ClassVar[str] = "squared distance/pair"

    def __init__(self, margin: float = USUAL_MARGIN) -> None:
        if not margin > 0:
            raise OptionError(f"a margin of {margin} pushes nothing apart; give one above 0")
        self.margin = margin

    def losses(self, outputs: Float[Tensor, " batch"], targets: Float[Tensor, " batch"]) -> Float[Tensor, " batch"]:
        """The loss of each pair, from distances and from 1 for the same class, 0 for different ones."""
        return targets * outputs**2 + (1.0 - targets) * torch.clamp(self.margin - outputs, min=0.0) ** 2


class TripletLoss:
    """Loss of an anchor, an item of its class at distance p and one of another at distance n: max(0, p - n + margin).

    Args:
        margin: Others that are farther than one's own by this cost nothing.

    Source: Schroff, Kalenichenko and Philbin 2015, equation 2, with distances in place of their squares.

    Example:
        >>> TripletLoss(1.0).losses(torch.tensor([[1.0, 1.5], [1.0, 3.0]]), torch.zeros(2)).tolist()
        [0.5, 0.0]
    """

    name: ClassVar[str] = "triplet"
    unit: ClassVar[str] = "distance/triplet"

    def __init__(self, margin: float = 1.0) -> None:
        if not margin > 0:
            raise OptionError(f"a margin of {margin} pushes nothing apart; give one above 0")
        self.margin = margin

    def losses(self, outputs: Float[Tensor, "batch 2"], targets: Tensor) -> Float[Tensor, " batch"]:
        """The loss of each triplet, from its two distances; the targets are not read."""
        return torch.clamp(outputs[:, 0] - outputs[:, 1] + self.margin, min=0.0)


class FeatureEncoder(nn.Module):
    """Layers with ReLU between them that turn features into a point.

    Args:
        inputs: Features.
        hidden: Units of each hidden layer.
        width: Numbers a point.
    """

    def __init__(self, inputs: int, hidden: Sequence[int] = (64,), width: int = 16) -> None:
        super().__init__()
        self.steps = [unborn_linear(a, b) for a, b in pairwise([inputs, *hidden, width])]
        self.layers = nn.ModuleList(self.steps)

    def be_born(self, generator: torch.Generator) -> None:
        """Draw the weights anew: He's normal before a ReLU, LeCun's at the end; biases 0."""
        for i, layer in enumerate(self.steps):
            initialise(layer.weight, "he" if i < len(self.steps) - 1 else "lecun", generator)
            initialise(layer.bias, "zeros")

    def forward(self, x: Float[Tensor, "batch features"]) -> Float[Tensor, "batch width"]:
        """One point an item."""
        for layer in self.steps[:-1]:
            x = torch.relu(layer(x))
        point: Tensor = self.steps[-1](x)
        return point


class Siamese(nn.Module):
    """Distances between pairs of items, from one encoder with one set of weights; train it with `ContrastiveLoss`.

    Args:
        encoder: Turns a batch of items into points (batch, width); has `be_born(generator)`.

    Attributes:
        threshold: Pairs farther apart are called different.
    """

    def __init__(self, encoder: nn.Module) -> None:
        super().__init__()
        self.encoder = encoder
        self.threshold = USUAL_MARGIN / 2

    def be_born(self, generator: torch.Generator) -> None:
        """Draw the encoder's weights anew."""
        self.encoder.be_born(generator)  # type: ignore[operator]

    def forward(self, left: Float[Tensor, "*any"], right: Float[Tensor, "*any"]) -> Float[Tensor, " batch"]:
        """The distance of each pair."""
        return distances(self.encoder(left), self.encoder(right))

    @torch.inference_mode()
    def are_different(self, left: Tensor, right: Tensor) -> Tensor:
        """Whether each pair is farther apart than the threshold, (batch,) bool."""
        apart: Tensor = self(left, right)
        return apart > self.threshold


class Triplet(nn.Module):
    """Distances of an anchor to an item of its class and to one of another, from one encoder; train it with `TripletLoss`.

    Args:
        encoder: As for `Siamese`, which can take it over.
    """

    def __init__(self, encoder: nn.Module) -> None:
        super().__init__()
        self.encoder = encoder

    def be_born(self, generator: torch.Generator) -> None:
        """Draw the encoder's weights anew."""
        self.encoder.be_born(generator)  # type: ignore[operator]

    def forward(self, anchor: Float[Tensor, "*any"], own: Float[Tensor, "*any"], other: Float[Tensor, "*any"]) -> Float[Tensor, "batch 2"]:
        """Both distances of each triplet."""
        at = self.encoder(anchor)
        return torch.stack([distances(at, self.encoder(own)), distances(at, self.encoder(other))], dim=1)


def best_threshold(found: NDArray[np.floating], same: NDArray[np.bool_]) -> tuple[float, float]:
    """The threshold on distances that tells most pairs rightly, half way between two of them, and the share told rightly.

    Raises:
        InputError: there is no pair.

    Example:
        >>> best_threshold(np.array([0.1, 0.2, 3.0, 5.0]), np.array([True, True, False, False]))
        (1.6, 1.0)
    """
    if len(found) == 0:
        raise InputError("0 pairs tell no threshold; give pairs of both kinds")
    order = np.argsort(found, kind="stable")
    ordered, is_same = found[order].astype(np.float64), same[order]
    right = np.concatenate([[0], np.cumsum(is_same)]) + np.concatenate([np.cumsum(~is_same[::-1])[::-1], [0]])
    cuts = np.concatenate([[ordered[0] - 1.0], (ordered[:-1] + ordered[1:]) / 2, [ordered[-1] + 1.0]])
    tied = np.concatenate([[False], ordered[1:] == ordered[:-1], [False]])  # no threshold lies between equal distances
    best = int(np.argmax(np.where(tied, -1, right)))
    return float(cuts[best]), float(right[best] / len(found))
