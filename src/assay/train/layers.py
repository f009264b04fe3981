"""Which layers of a network are watched: as the network names them, or one a module that has weights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

from torch import Tensor, nn

from assay.core.errors import InputError, nearest
from assay.model.neural_network import NeuralNetwork
from assay.watch.probe import Layer

KINDS: tuple[tuple[type[nn.Module] | tuple[type[nn.Module], ...], str], ...] = (
    ((nn.Embedding, nn.EmbeddingBag), "embedding"),
    ((nn.Conv1d, nn.Conv2d, nn.Conv3d), "convolution"),
    (nn.RNNBase, "recurrent"),
    (nn.MultiheadAttention, "attention"),
    ((nn.LayerNorm, nn.GroupNorm, nn.modules.batchnorm._NormBase), "norm"),
)
DYING = (nn.ReLU, nn.ReLU6)


def layers_of(network: nn.Module, groups: Mapping[str, Sequence[str]] | None = None) -> list[Layer]:
    """The layers of a network, in the order of its parameters.

    Args:
        network: Any module.
        groups: Layer name for people -> parameter names; as the network says, or one a module with weights, if None.

    Raises:
        InputError: a group names a parameter that there is not.

    Example:
        >>> [layer.name for layer in layers_of(nn.Sequential(nn.Linear(2, 2), nn.ReLU(), nn.Linear(2, 1)))]
        ['0', '2']
    """
    named = dict(network.named_parameters())
    for name, names in (groups or {}).items():
        for one in names:
            if one not in named:
                raise InputError(f"group {name!r} has no parameter {one!r} to hold; {nearest(one, named)}")
    told = groups if groups is not None else _own_groups(network)
    found = []
    for name, names in told.items():
        numeric = [n for n in names if named[n].is_floating_point()]  # counters have no norm
        if numeric:
            found.append(_layer(network, name, [named[n] for n in numeric], numeric))
    return found


def _own_groups(network: nn.Module) -> Mapping[str, Sequence[str]]:
    tell = getattr(network, "groups", None)
    if callable(tell):
        told: Mapping[str, Sequence[str]] = tell()
        return told
    found: dict[str, list[str]] = {}
    for name, _ in network.named_parameters():
        found.setdefault(name.rpartition(".")[0] or type(network).__name__.lower(), []).append(name)
    return found


def _layer(network: nn.Module, name: str, parameters: list[Tensor], names: Sequence[str]) -> Layer:
    if isinstance(network, NeuralNetwork):
        kind, activation = network.layer_kind(name), network.activation_of(name)
    else:
        owner = network.get_submodule(names[0].rpartition(".")[0])
        kind = next((told for types, told in KINDS if isinstance(owner, types)), "linear")
        activation = _next_dying(network, owner)
    # the first parameter's first axis is its outputs, but for tables, whose rows are codes
    units = sum(p.shape[1] for p in parameters if p.ndim > 1) if kind in ("embedding", "text") else int(parameters[0].shape[0])
    return Layer(name, kind, units, tuple(parameters), activation)


def _next_dying(network: nn.Module, owner: nn.Module) -> nn.Module | None:
    """The activation that follows a layer in an nn.Sequential, where its units can die."""
    for parent in network.modules():
        if isinstance(parent, nn.Sequential):
            members = list(parent)
            for one, following in pairwise(members):
                if one is owner and isinstance(following, DYING) and members.count(following) == 1:
                    return following
    return None
