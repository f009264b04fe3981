"""Activations by name: what a layer does to each number after its linear map."""

from __future__ import annotations

from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING

from torch import nn

from assay.core.errors import OptionError, nearest

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

ACTIVATIONS: Mapping[str, Callable[[], nn.Module]] = MappingProxyType(
    {
        "relu": nn.ReLU,
        "leaky": partial(nn.LeakyReLU, 0.01),
        "gelu": nn.GELU,
        "gelu_tanh": partial(nn.GELU, approximate="tanh"),
        "silu": nn.SiLU,
        "tanh": nn.Tanh,
        "sigmoid": nn.Sigmoid,
        "selu": nn.SELU,
        "linear": nn.Identity,
    }
)


def activation(name: str) -> nn.Module:
    """The activation of that name, as a module without weights.

    relu max(0, x) with derivative 0 at 0 (Nair & Hinton 2010); leaky x or 0.01 x (Maas 2013); gelu x * Phi(x), exact, and gelu_tanh,
    its approximation in GPT-2 (Hendrycks & Gimpel 2016); silu x * sigmoid(x) (Elfwing 2017); selu with its two constants
    (Klambauer 2017); tanh; sigmoid, whose derivative is at most 1/4; linear is x itself.

    Raises:
        OptionError: there is no activation of that name.

    Example:
        >>> import torch
        >>> activation("leaky")(torch.tensor([-1.0, 2.0])).tolist()
        [-0.009999999776482582, 2.0]
    """
    if name not in ACTIVATIONS:
        raise OptionError(f"no activation {name!r}; {nearest(name, ACTIVATIONS)}")
    return ACTIVATIONS[name]()
