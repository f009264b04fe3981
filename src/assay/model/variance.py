"""How large signals are, forwards and backwards, layer by layer: the check of an initialisation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from assay.core.errors import InputError


class LayerVariance(NamedTuple):
    """The size of what a layer hands on, over all units and rows, and of the gradient that comes back to it.

    Attributes:
        layer: Its name: its number in a list of layers, else its dotted name.
        mean_square: E[h^2].
        variance: E[h^2] - E[h]^2.
        gradient_mean_square: E[(dL/dh)^2], where L is such that it is 1 at the network's output.
    """

    layer: str
    mean_square: float
    variance: float
    gradient_mean_square: float


def variance_profile(
    network: nn.Module | Sequence[nn.Module], inputs: Any, generator: torch.Generator | None = None
) -> list[LayerVariance]:
    """E[h^2], variance and gradient second moment of every layer's output for these inputs, in the order of the data's way.

    The gradient is that of a random direction, sum of output * normal(0, 1), so that it needs no targets. A healthy birth keeps
    all three within a factor or so over the whole depth; under ReLU it is E[h^2], not the variance, that He's weights keep.

    Args:
        network: Layers that follow each other, or any network, of which all innermost parts are looked at.
        inputs: What the network is called with.
        generator: What the direction is drawn from; None stands for seed 0.

    Raises:
        InputError: the network has no layers.

    Example:
        >>> [round(layer.mean_square, 2) for layer in variance_profile([nn.Identity(), nn.ReLU()], torch.tensor([[-1.0, 2.0]]))]
        [2.5, 2.0]
    """
    called = network if isinstance(network, nn.Module) else nn.Sequential(*network)
    named = called.named_modules() if isinstance(network, nn.Module) else called.named_children()
    watched = {name: part for name, part in named if part is not called and (called is not network or not list(part.children()))}
    seen: list[tuple[str, Tensor]] = []
    handles = [part.register_forward_hook(_keeper(name, seen)) for name, part in watched.items()]
    try:
        output = called(_tracked(inputs))
    finally:
        for handle in handles:
            handle.remove()
    if not seen:
        raise InputError(f"none of {len(watched)} layers handed on a tensor that a gradient comes back to; give layers with weights")
    direction = torch.empty_like(output).normal_(generator=generator or torch.Generator(output.device).manual_seed(0))
    slopes = torch.autograd.grad(output, [h for _, h in seen], direction, allow_unused=True)
    return [_measured(name, h.detach(), slope) for (name, h), slope in zip(seen, slopes, strict=True)]


def _tracked(inputs: Any) -> Any:
    """The inputs such that gradients reach layers without weights too."""
    if isinstance(inputs, Tensor) and inputs.is_floating_point():
        return inputs.detach().requires_grad_()
    return inputs


def _keeper(name: str, seen: list[tuple[str, Tensor]]) -> Callable[[nn.Module, Any, Any], None]:
    def keep(part: nn.Module, given: Any, handed_on: Any) -> None:
        if isinstance(handed_on, Tensor) and handed_on.requires_grad:
            seen.append((name, handed_on))

    return keep


def _measured(name: str, h: Tensor, slope: Tensor | None) -> LayerVariance:
    values = h.double()
    mean_square = float(values.square().mean())
    back = 0.0 if slope is None else float(slope.double().square().mean())
    return LayerVariance(name, mean_square, float(values.var(correction=0)), back)
