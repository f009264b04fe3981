"""Initialisers: how the weights of a layer are drawn, always from an explicit generator."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from types import MappingProxyType

import torch
from torch import Tensor, nn

from assay.core.errors import InputError, OptionError, nearest

VARIANCES: Mapping[str, Callable[[int, int], float]] = MappingProxyType(
    {
        "xavier": lambda fan_in, fan_out: 2.0 / (fan_in + fan_out),
        "he": lambda fan_in, fan_out: 2.0 / fan_in,
        "lecun": lambda fan_in, fan_out: 1.0 / fan_in,
    }
)
WAYS = ("zeros", "constant", "normal", "orthogonal", *(name + form for name in VARIANCES for form in ("", "_uniform")))


def fans(shape: tuple[int, ...]) -> tuple[int, int]:
    """How many inputs a unit sums (fan in) and how many units an input feeds (fan out), of a weight (outputs, inputs, *kernel).

    A kernel's places count as inputs, and as outputs; strides and the border of an image make the true fan out smaller.

    Raises:
        InputError: the shape has fewer than two axes, so that it has no fan.

    Example:
        >>> fans((10, 784)), fans((32, 16, 3, 3))
        ((784, 10), (144, 288))
    """
    if len(shape) < 2:
        raise InputError(f"a weight of shape {shape} has no fan in and out; give fan_in and fan_out, or another way than a fan's")
    places = math.prod(shape[2:])
    return shape[1] * places, shape[0] * places


@torch.no_grad()
def initialise(
    parameter: Tensor,
    how: str,
    generator: torch.Generator | None = None,
    *,
    std: float | None = None,
    value: float | None = None,
    gain: float = 1.0,
    fan_in: int | None = None,
    fan_out: int | None = None,
) -> None:
    """Draw a weight (outputs, inputs, *kernel) anew, in place.

    zeros; constant `value`; normal(0, std); and by fans, with mean 0 and this variance times gain squared:
    xavier 2 / (in + out), which keeps the variance forwards and backwards at about-linear activations (Glorot & Bengio 2010);
    he 2 / in, which keeps the second moment under ReLU, as half of its inputs are silenced (He et al. 2015);
    lecun 1 / in, for SELU and linear layers (LeCun et al. 1998; Klambauer et al. 2017).
    With "_uniform" behind it the same variance is drawn from U(-a, a), a = sqrt(3 * variance), instead of a normal.
    orthogonal: rows (or columns, where they are fewer) orthonormal, times gain (Saxe et al. 2014).

    Args:
        parameter: Changed in place.
        how: One of `WAYS`.
        generator: What is drawn from; only zeros and constant need none.
        std: Of "normal".
        value: Of "constant".
        gain: Factor on what is drawn by fans or orthogonally.
        fan_in: In place of the shape's, such as for a table or for stacked gates.
        fan_out: In place of the shape's.

    Raises:
        OptionError: there is no such way, or what it needs is missing.
        InputError: the weight has no fans, or cannot be orthogonal.

    Example:
        >>> weight = torch.empty(2, 3)
        >>> initialise(weight, "orthogonal", torch.Generator().manual_seed(0))
        >>> (weight @ weight.T).round(decimals=5).abs().tolist()
        [[1.0, 0.0], [0.0, 1.0]]
    """
    if how not in WAYS:
        raise OptionError(f"no way to initialise {how!r}; {nearest(how, WAYS)}")
    if how in {"zeros", "constant"}:
        parameter.fill_(0.0 if how == "zeros" else _needed(how, "value", value))
        return
    if generator is None:
        raise OptionError(f"{how!r} draws numbers and got generator=None; give a torch.Generator, so that a seed decides")
    if how == "orthogonal":
        parameter.copy_(gain * _orthogonal(parameter, generator))
        return
    if how == "normal":
        parameter.normal_(0.0, _needed(how, "std", std), generator=generator)
        return
    name, _, form = how.partition("_")
    inputs, outputs = (fan_in, fan_out) if fan_in and fan_out else fans(tuple(parameter.shape))
    spread = gain * math.sqrt(VARIANCES[name](fan_in or inputs, fan_out or outputs))
    if form:
        parameter.uniform_(-math.sqrt(3.0) * spread, math.sqrt(3.0) * spread, generator=generator)
    else:
        parameter.normal_(0.0, spread, generator=generator)


def _needed(how: str, name: str, given: float | None) -> float:
    if given is None or not math.isfinite(given) or (name == "std" and given < 0):
        raise OptionError(f"{how!r} got {name}={given}; give a finite number" + (" of 0 or more" if name == "std" else ""))
    return given


def _orthogonal(like: Tensor, generator: torch.Generator) -> Tensor:
    """A uniformly drawn (semi-)orthogonal matrix of the weight's shape, kernel places and inputs being its columns."""
    if like.dim() < 2:
        raise InputError(f"a weight of shape {tuple(like.shape)} cannot be orthogonal; it takes a matrix")
    rows, columns = like.shape[0], like[0].numel()
    drawn = torch.empty(max(rows, columns), min(rows, columns), dtype=torch.float64, device=generator.device)
    q, r = torch.linalg.qr(drawn.normal_(generator=generator))
    # without the signs of R's diagonal, Q would depend on the algorithm and not be uniform (Mezzadri 2007)
    q = q * torch.where(r.diagonal() < 0, -1.0, 1.0)
    drawn_like: Tensor = (q.T if rows < columns else q).reshape(like.shape).to(like)
    return drawn_like


def residual_gain(branches: int) -> float:
    """1 / sqrt(branches): the gain of what each of so many branches adds to a residual stream.

    A branch that adds as much as there is doubles the second moment, 2^L in all; with this gain it grows to (1 + 1/L)^L < e.

    Source: Radford et al. 2019, section 2.3; Balduzzi et al. 2017 derive the rate.

    Raises:
        OptionError: there are no branches.

    Example:
        >>> residual_gain(16)
        0.25
    """
    if branches < 1:
        raise OptionError(f"a residual stream of {branches} branches; give 1 or more")
    return 1.0 / math.sqrt(branches)


def initialise_layers(network: nn.Module, how: str, generator: torch.Generator, *, std: float | None = None, gain: float = 1.0) -> None:
    """Draw the weights of all linear and convolutional layers in one way, in the order of the modules; their biases become 0.

    Raises:
        OptionError: there is no such way, or what it needs is missing.

    Example:
        >>> from assay.model.unborn import unborn_linear
        >>> layer = unborn_linear(2, 3)
        >>> initialise_layers(layer, "he", torch.Generator().manual_seed(0))
        >>> bool(layer.weight.abs().min() > 0), layer.bias.tolist()
        (True, [0.0, 0.0, 0.0])
    """
    for layer in network.modules():
        if isinstance(layer, nn.Linear | nn.Conv1d | nn.Conv2d | nn.Conv3d):
            initialise(layer.weight, how, generator, std=std, gain=gain)
            if layer.bias is not None:
                initialise(layer.bias, "zeros")
