"""Normalisation by name: layer, RMS, batch, group and instance, over tokens (features last) or images (channels second)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional

from assay.core.errors import InputError, OptionError, nearest

if TYPE_CHECKING:
    from jaxtyping import Float

NORMS = ("layer", "rms", "batch", "group", "instance", "none")
EPSILON = 1e-5


class Norm(nn.Module):
    """What all norms have: a gain a feature, perhaps a bias, and the side on which the features stand.

    `images` False: (..., features), each place by itself, the sequence axis being one more place; True: (batch, channels, ...).
    """

    def __init__(self, width: int, *, epsilon: float = EPSILON, bias: bool = True, images: bool = False) -> None:
        super().__init__()
        self.width, self.epsilon, self.images = width, epsilon, images
        self.weight = nn.Parameter(torch.ones(width))
        self.bias = nn.Parameter(torch.zeros(width)) if bias else None

    def be_born(self) -> None:
        """Set gain 1 and bias 0; nothing is drawn."""
        with torch.no_grad():
            self.weight.fill_(1.0)
            if self.bias is not None:
                self.bias.zero_()

    def extra_repr(self) -> str:
        """The width, for printing."""
        return f"{self.width}, bias={self.bias is not None}"


class LayerNorm(Norm):
    """(x - mean) / sqrt(variance + epsilon) * gain + bias over the features of each place, with the biased variance.

    For images the mean is over channels and places of each image (group norm with one group).

    Source: Ba, Kiros & Hinton 2016, eq. 4; its backward is dx = (g - mean g - x^ mean(g x^)) / sigma with g = gain * dy.

    Example:
        >>> LayerNorm(2)(torch.tensor([[1.0, 3.0]])).round(decimals=3).tolist()
        [[-1.0, 1.0]]
    """

    def forward(self, x: Float[Tensor, "*any"]) -> Float[Tensor, "*any"]:
        """Normalised `x`."""
        if self.images:
            return functional.group_norm(x, 1, self.weight, self.bias, self.epsilon)
        return functional.layer_norm(x, (self.width,), self.weight, self.bias, self.epsilon)


class RmsNorm(Norm):
    """x / sqrt(mean of x squared + epsilon) * gain over the features of each place; equals layer norm where x has mean 0.

    Source: Zhang & Sennrich 2019, eq. 4.

    Example:
        >>> RmsNorm(2)(torch.tensor([[1.0, 7.0]])).round(decimals=3).mul(5).tolist()
        [[1.0, 7.0]]
    """

    def __init__(self, width: int, *, epsilon: float = EPSILON, images: bool = False) -> None:
        super().__init__(width, epsilon=epsilon, bias=False, images=images)

    def forward(self, x: Float[Tensor, "*any"]) -> Float[Tensor, "*any"]:
        """Normalised `x`."""
        if self.images:
            return functional.rms_norm(x.movedim(1, -1), (self.width,), self.weight, self.epsilon).movedim(-1, 1)
        return functional.rms_norm(x, (self.width,), self.weight, self.epsilon)


class GroupNorm(Norm):
    """Layer norm within each of `groups` equal groups of channels; 1 group is layer norm over an image, one a channel instance norm.

    Over tokens each place is normalised by itself, so that no token learns of another.

    Source: Wu & He 2018.

    Example:
        >>> GroupNorm(4, groups=2)(torch.tensor([[1.0, 3.0, 10.0, 30.0]])).round(decimals=2).tolist()
        [[-1.0, 1.0, -1.0, 1.0]]
    """

    def __init__(self, width: int, *, groups: int | None = None, epsilon: float = EPSILON, bias: bool = True, images: bool = False) -> None:
        """Normalise in `groups` groups; None takes the most, up to 32, that divide the width and hold 4 channels or more.

        Raises:
            OptionError: the groups do not divide the width, or hold one number of each token, which would always become 0.
        """
        super().__init__(width, epsilon=epsilon, bias=bias, images=images)
        self.groups = groups or max(g for g in range(1, 33) if g == 1 or (width % g == 0 and width // g >= 4))
        if width % self.groups:
            raise OptionError(f"{groups} groups do not divide {width} channels; give a divisor of {width}")
        if self.groups == width and not images:
            raise OptionError(f"{self.groups} groups of {width} features hold 1 number each, which has no spread; give fewer groups")

    def forward(self, x: Float[Tensor, "*any"]) -> Float[Tensor, "*any"]:
        """Normalised `x`."""
        places = x if self.images else x.reshape(-1, self.width)
        return functional.group_norm(places, self.groups, self.weight, self.bias, self.epsilon).reshape(x.shape)


class BatchNorm(Norm):
    """Each feature by its mean and biased variance over the batch (and places) while training, by running ones when predicting.

    Momentum is in PyTorch's convention: running = (1 - momentum) * running + momentum * batch, so 0.1 here is 0.9 in many textbooks; the
    running variance is of the unbiased kind, as PyTorch stores it. While training every row learns of the others, later tokens
    included, and padding counts.

    Source: Ioffe & Szegedy 2015, algorithms 1 and 2.

    Example:
        >>> BatchNorm(1)(torch.tensor([[1.0], [3.0]])).round(decimals=3).tolist()
        [[-1.0], [1.0]]
    """

    running_mean: Tensor
    running_variance: Tensor

    def __init__(self, width: int, *, momentum: float = 0.1, epsilon: float = EPSILON, bias: bool = True, images: bool = False) -> None:
        """Keep running statistics with this momentum.

        Raises:
            OptionError: the momentum is not in (0, 1].
        """
        super().__init__(width, epsilon=epsilon, bias=bias, images=images)
        if not 0.0 < momentum <= 1.0:
            raise OptionError(f"momentum {momentum} of batch norm is not in (0, 1]; it is the share of the new batch, usually 0.1")
        self.momentum = momentum
        self.register_buffer("running_mean", torch.zeros(width))
        self.register_buffer("running_variance", torch.ones(width))

    def be_born(self) -> None:
        """Set gain 1, bias 0 and running statistics 0 and 1; nothing is drawn."""
        super().be_born()
        self.running_mean.zero_()
        self.running_variance.fill_(1.0)

    def forward(self, x: Float[Tensor, "*any"]) -> Float[Tensor, "*any"]:
        """Normalised `x`.

        Raises:
            InputError: training on a single value a feature, which has no spread.
        """
        places = x if self.images else x.reshape(-1, self.width)
        if self.training and places.numel() == self.width:
            raise InputError("batch norm saw 1 value a feature while training, which has no spread; give batches of 2 rows or more")
        if not self.training and self.running_mean.requires_grad:
            return self._by_formula(places).reshape(x.shape)
        normed = functional.batch_norm(
            places, self.running_mean, self.running_variance, self.weight, self.bias, self.training, self.momentum, self.epsilon
        )
        return normed.reshape(x.shape)

    def _by_formula(self, places: Tensor) -> Tensor:
        """The same when predicting, differentiable by the running statistics, which PyTorch's own is not."""
        scale = self.weight * (self.running_variance + self.epsilon).rsqrt()
        shift = -self.running_mean * scale if self.bias is None else self.bias - self.running_mean * scale
        axes = (-1, *([1] * (places.dim() - 2)))
        return places * scale.view(axes) + shift.view(axes)


def keep_statistics_as_parameters(network: nn.Module) -> None:
    """Make the running statistics of all batch norms parameters that no step of an optimiser moves.

    They then travel, are kept and are booked with the weights of their layer: what a network predicts after an epoch is a function
    of its parameters alone, as the path integral of the ledger needs it.

    Example:
        >>> layer = BatchNorm(2)
        >>> keep_statistics_as_parameters(layer)
        >>> [(name, p.requires_grad) for name, p in layer.named_parameters()][2:]
        [('running_mean', False), ('running_variance', False)]
    """
    for module in network.modules():
        if isinstance(module, BatchNorm):
            for name in ("running_mean", "running_variance"):
                if name in module._buffers:
                    held = module._buffers.pop(name)
                    module.register_parameter(name, nn.Parameter(torch.as_tensor(held), requires_grad=False))


class InstanceNorm(Norm):
    """Each channel of each example by its own mean and biased variance over places (or tokens, later ones included).

    Source: Ulyanov, Vedaldi & Lempitsky 2016.

    Example:
        >>> InstanceNorm(1)(torch.tensor([[[1.0], [3.0]]])).round(decimals=3).tolist()
        [[[-1.0], [1.0]]]
    """

    def forward(self, x: Float[Tensor, "*any"]) -> Float[Tensor, "*any"]:
        """Normalised `x`.

        Raises:
            InputError: there is a single place, which has no spread.
        """
        placed = x if self.images else x.transpose(1, -1)
        if placed.dim() < 3 or placed[0, 0].numel() == 1:
            raise InputError(f"instance norm saw 1 place a channel in {tuple(x.shape)}, which has no spread; take layer or group norm")
        normed = functional.instance_norm(placed, weight=self.weight, bias=self.bias, eps=self.epsilon)
        return normed if self.images else normed.transpose(1, -1)


def norm(
    name: str,
    width: int,
    *,
    epsilon: float = EPSILON,
    bias: bool = True,
    images: bool = False,
    groups: int | None = None,
    momentum: float = 0.1,
) -> nn.Module:
    """The norm of that name, born with gain 1 and bias 0.

    Args:
        name: "layer", "rms" (never has a bias), "batch", "group", "instance" or "none".
        width: Features or channels.
        epsilon: Added to the variance inside the root.
        bias: Whether a bias follows the gain.
        images: Whether channels are the second axis instead of the last.
        groups: Of group norm; None takes the most, up to 32, that divide the width and hold 4 channels or more.
        momentum: Of batch norm's running statistics: the share of the new batch.

    Raises:
        OptionError: there is no norm of that name.

    Example:
        >>> norm("rms", 8), norm("none", 8)
        (RmsNorm(8, bias=False), Identity())
    """
    match name:
        case "layer":
            return LayerNorm(width, epsilon=epsilon, bias=bias, images=images)
        case "rms":
            return RmsNorm(width, epsilon=epsilon, images=images)
        case "batch":
            return BatchNorm(width, momentum=momentum, epsilon=epsilon, bias=bias, images=images)
        case "group":
            return GroupNorm(width, groups=groups, epsilon=epsilon, bias=bias, images=images)
        case "instance":
            return InstanceNorm(width, epsilon=epsilon, bias=bias, images=images)
        case "none":
            return nn.Identity()
        case _:
            raise OptionError(f"no norm {name!r}; {nearest(name, NORMS)}")
