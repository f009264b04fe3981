"""Which model an optimiser trains: the smallest root module that holds its parameters."""

from __future__ import annotations

import gc
from collections.abc import Iterable, Sequence

from torch import Tensor, nn


class Together(nn.Module):
    """Several models that one optimiser trains, as one; its parameters that no model holds are left out.

    Args:
        models: By name.
    """

    def __init__(self, models: dict[str, nn.Module]) -> None:
        super().__init__()
        for name, model in models.items():
            self.add_module(name, model)


def parameters_of(optimisers: Iterable[object]) -> list[Tensor]:
    """Every tensor that some optimisers step, each once."""
    found: dict[int, Tensor] = {}
    for optimiser in optimisers:
        for group in getattr(optimiser, "param_groups", ()):
            found |= {id(p): p for p in group["params"]}
    return list(found.values())


def root_of(parameters: Sequence[Tensor]) -> nn.Module | None:
    """The smallest module without a parent that holds all of these tensors.

    Where none does, those that together hold the most of them; None where no module holds any.

    Example:
        >>> net = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 1))
        >>> root_of(list(net[1].parameters())) is net
        True
    """
    wanted = {id(p) for p in parameters}
    sized: list[tuple[int, nn.Module, set[int]]] = []
    for root in _roots():
        held = list(root.parameters())
        its = {id(p) for p in held} & wanted
        if its:
            sized.append((sum(p.numel() for p in held), root, its))
    whole = [entry for entry in sized if len(entry[2]) == len(wanted)]
    if whole:
        return min(whole, key=lambda entry: entry[0])[1]
    chosen: dict[str, nn.Module] = {}
    left = set(wanted)
    for _, root, its in sorted(sized, key=lambda entry: (-len(entry[2]), entry[0])):
        if its & left:
            chosen[_free(type(root).__name__.lower(), chosen)] = root
            left -= its
    if len(chosen) == 1:
        return next(iter(chosen.values()))
    return Together(chosen) if chosen else None


def _roots() -> list[nn.Module]:
    """All living modules that no other one holds."""
    modules = [thing for thing in gc.get_objects() if issubclass(type(thing), nn.Module) and "_modules" in thing.__dict__]
    modules = [module for module in modules if not isinstance(module, Together)]
    inner = {id(child) for module in modules for child in module._modules.values() if child is not None}
    return [module for module in modules if id(module) not in inner]


def _free(stem: str, taken: dict[str, nn.Module]) -> str:
    number, name = 1, stem
    while name in taken:
        number += 1
        name = f"{stem}{number}"
    return name
