"""Optimisers by name: PyTorch's fused kernels where there are any, its classes for the rest."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from assay.core.errors import OptionError, RunError
from assay.train.fused_optimiser import KERNELS, FusedAdam, FusedOptimiser, FusedSgd
from assay.train.sharded import is_sharded, part_like

if TYPE_CHECKING:
    from assay.train.settings import Settings
    from assay.train.weights import Group, Weights

USUAL_MOMENTUM = {"momentum": 0.9, "nesterov": 0.9, "muon": 0.95}
RMSPROP_DECAY = 0.9  # Hinton 2012, lecture 6e
DESCENTS = ("sgd", "momentum", "nesterov")
FUSED = (*DESCENTS, "adam", "adamw", "amsgrad")


class Optimiser:
    """The step from gradients to weights.

    Note what the names mean: momentum's v = m v + g is a sum, which under a constant gradient grows to g / (1 - m), no average;
    Adam corrects the bias of its averages; RMSProp adds epsilon to the root.

    Args:
        settings: Filled in.
        weights: What is stepped.

    Raises:
        OptionError: this PyTorch lacks the optimiser.
    """

    def __init__(self, settings: Settings, weights: Weights) -> None:
        self.settings = settings
        self.is_direct = settings.optimiser in FUSED and settings.precision != "fp16" and weights.is_flat
        self.is_direct = self.is_direct and all(hasattr(torch, name) for name in KERNELS)
        self.members = _members(settings, weights.groups, direct=self.is_direct)
        self._shrunk = [t for g in weights.groups if g.decays for t in g.stepped] if _own_decay(settings) else []
        self._rate = -1.0

    @property
    def rate(self) -> float:
        """The learning rate of now."""
        return float(self.members[0].param_groups[0]["lr"])

    def set_rate(self, rate: float, momentum: float | None = None) -> None:
        """Take this learning rate, and momentum where one is given, from the next step on."""
        if rate == self._rate and momentum is None:
            return
        self._rate = rate
        for member in self.members:
            for group in member.param_groups:
                group["lr"] = rate
                if momentum is not None and "betas" in group:
                    group["betas"] = (momentum, group["betas"][1])
                elif momentum is not None and group.get("momentum"):
                    group["momentum"] = momentum

    def heed(self, found_inf: Tensor) -> None:
        """Let no later step move anything while this is not 0; only where `is_direct`."""
        for member in self.members:
            if isinstance(member, FusedOptimiser):
                member.found_inf = found_inf

    def step(self, scaler: torch.amp.GradScaler | None = None) -> None:
        """Move the weights by their gradients; under a scaled loss only where none of these overflowed."""
        if self._shrunk:
            with torch.no_grad():
                torch._foreach_mul_(self._shrunk, 1.0 - self.rate * (self.settings.weight_decay or 0.0))
        for member in self.members:
            if scaler is not None and isinstance(member, torch.optim.Optimizer):
                scaler.step(member)
            else:
                member.step()
        if scaler is not None:
            scaler.update()

    def unscale(self, scaler: torch.amp.GradScaler) -> None:
        """Bring gradients of a scaled loss to their own size."""
        for member in self.members:
            if isinstance(member, torch.optim.Optimizer):
                scaler.unscale_(member)

    def state(self) -> dict[str, Tensor]:
        """Its averages and counts, by name."""
        found: dict[str, Tensor] = {}
        for m, member in enumerate(self.members):
            held = member.by_place() if isinstance(member, FusedOptimiser) else member.state_dict()["state"]
            for i, state in held.items():
                found |= {f"{m}.{i}.{name}": value for name, value in state.items() if isinstance(value, Tensor)}
        return found

    def resume(self, state: Mapping[str, Tensor]) -> None:
        """Go on from what `state` gave.

        Raises:
            RunError: it is of another optimiser.
        """
        held: list[dict[int, dict[str, Tensor]]] = [{} for _ in self.members]
        for name, value in state.items():
            member, place, what = name.split(".")
            if int(member) >= len(held):
                raise RunError(f"the checkpoint holds {int(member) + 1} optimisers, this training {len(held)}; remove it to start anew")
            held[int(member)].setdefault(int(place), {})[what] = value
        for member_, its in zip(self.members, held, strict=True):
            if isinstance(member_, FusedOptimiser):
                member_.load_by_place(its)
            else:
                member_.load_state_dict({**member_.state_dict(), "state": _divided(its, member_)})
        self._rate = -1.0


def _divided(state: Mapping[int, dict[str, Tensor]], member: torch.optim.Optimizer) -> dict[int, dict[str, Tensor]]:
    """Whole averages, of which those of a sharded network's weights are cut down to this process's part."""
    stepped: list[Tensor] = [p for group in member.param_groups for p in group["params"]]
    if not any(is_sharded(p) for p in stepped):
        return dict(state)
    return {i: {name: part_like(v, stepped[i]) if v.ndim else v for name, v in its.items()} for i, its in state.items()}


def _own_decay(settings: Settings) -> bool:
    """Whether decay is decoupled but neither kernel nor class knows how."""
    ignorant = settings.optimiser in (*DESCENTS, "rmsprop")
    return ignorant and settings.decay_kind == "decoupled" and bool(settings.weight_decay)


def _members(settings: Settings, groups: tuple[Group, ...], *, direct: bool) -> list[torch.optim.Optimizer | FusedOptimiser]:
    if settings.optimiser != "muon":
        return [_made(settings, settings.optimiser, groups, direct=direct)]
    if not hasattr(torch.optim, "Muon"):
        raise OptionError(f"optimiser 'muon' is not in PyTorch {torch.__version__}; take 'adamw', or PyTorch 2.9 or newer")
    matrices = tuple(g for g in groups if g.stepped[0] is g.parameters[0])
    rest = tuple(g for g in groups if g not in matrices)
    if not matrices:
        raise OptionError("optimiser 'muon' steps hidden matrices, of which this network has 0; take 'adamw'")
    # its step is scaled to the size of AdamW's, so that both take one rate (Liu et al. 2025, Muon is scalable)
    muon = torch.optim.Muon(
        [p for g in matrices for p in g.stepped],
        lr=settings.peak,
        weight_decay=settings.weight_decay or 0.0,
        momentum=settings.momentum if settings.momentum is not None else USUAL_MOMENTUM["muon"],
        adjust_lr_fn="match_rms_adamw",
    )
    return [muon, _made(settings, "adamw", rest, direct=False)] if rest else [muon]


def _made(settings: Settings, name: str, groups: tuple[Group, ...], *, direct: bool) -> torch.optim.Optimizer | FusedOptimiser:
    decay = 0.0 if _own_decay(settings) else settings.weight_decay or 0.0
    given: list[dict[str, Any]] = [{"params": list(g.stepped), "weight_decay": decay if g.decays else 0.0} for g in groups]
    rate, epsilon = settings.peak, settings.epsilon
    betas = settings.betas or (0.9, RMSPROP_DECAY if name == "rmsprop" else 0.999)
    decoupled = settings.decay_kind == "decoupled"
    if name in DESCENTS:
        usual = USUAL_MOMENTUM.get(name, 0.0)
        momentum = settings.momentum if settings.momentum is not None and name != "sgd" else usual
        if direct:
            return FusedSgd(given, lr=rate, momentum=momentum, nesterov=name == "nesterov")
        # the fused kernel does not know weights of which each process holds a part
        own = {"foreach": True} if is_sharded(groups[0].stepped[0]) else {"fused": True}
        return torch.optim.SGD(given, lr=rate, momentum=momentum, nesterov=name == "nesterov", **own)
    if name == "rmsprop":
        return torch.optim.RMSprop(given, lr=rate, alpha=betas[1], eps=epsilon, momentum=settings.momentum or 0.0, foreach=True)
    if name == "nadam":
        return torch.optim.NAdam(given, lr=rate, betas=betas, eps=epsilon, decoupled_weight_decay=decoupled, foreach=True)
    if direct:
        return FusedAdam(given, lr=rate, betas=betas, eps=epsilon, amsgrad=name == "amsgrad", decoupled=decoupled)
    kind: type[torch.optim.Adam] = torch.optim.AdamW if decoupled else torch.optim.Adam
    return kind(given, lr=rate, betas=betas, eps=epsilon, amsgrad=name == "amsgrad", fused=True)


def hidden_matrices(network: nn.Module) -> tuple[nn.Parameter, ...]:
    """The matrices that Muon steps: of two axes, in no embedding and not in the last layer.

    Source: Jordan et al. 2024, Muon: embeddings and the output layer are left to AdamW.
    """
    owners = [(module, list(module.parameters(recurse=False))) for module in network.modules()]
    owners = [(module, its) for module, its in owners if its]
    last = {id(p) for p in owners[-1][1]} if owners else set()
    tables = {id(p) for module, its in owners if isinstance(module, nn.Embedding | nn.EmbeddingBag) for p in its}
    return tuple(p for p in network.parameters() if p.ndim == 2 and p.requires_grad and id(p) not in last | tables)
