"""PyTorch's optimisers by name, stepped through their fused kernel directly where there is one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from assay.core.errors import OptionError, RunError

if TYPE_CHECKING:
    from assay.train.settings import Settings
    from assay.train.weights import Group, Weights

USUAL_MOMENTUM = {"momentum": 0.9, "nesterov": 0.9, "muon": 0.95}
RMSPROP_DECAY = 0.9  # Hinton 2012, lecture 6e
FUSED = ("sgd", "momentum", "nesterov", "adam", "adamw", "amsgrad")


class Optimiser:
    """The step from gradients to weights.

    PyTorch's classes hold the state and take the first step; from then on the same fused kernel is called without the class's
    bookkeeping, which on small networks costs more than the kernel. The numbers are the same bit for bit.

    Note what the names mean: momentum's v = m v + g is a sum, which under a constant gradient grows to g / (1 - m), no average;
    Adam corrects the bias of its averages; RMSProp adds epsilon to the root.

    Args:
        settings: Filled in.
        weights: What is stepped.

    Attributes:
        found_inf: Where it is not 0 the step moves nothing; None: every step does.

    Raises:
        OptionError: this PyTorch lacks the optimiser.
    """

    def __init__(self, settings: Settings, weights: Weights) -> None:
        self.settings = settings
        self.members = _members(settings, weights.groups)
        direct = settings.optimiser in FUSED and weights.is_flat
        self._kernels = _kernels(self.members, settings) if direct else []
        self._shrunk = [t for g in weights.groups if g.decays for t in g.stepped] if _own_decay(settings) else []
        self._begun = False
        self.found_inf: Tensor | None = None

    @property
    def rate(self) -> float:
        """The learning rate of now."""
        return float(self.members[0].param_groups[0]["lr"])

    def set_rate(self, rate: float, momentum: float | None = None) -> None:
        """Take this learning rate, and momentum where one is given, from the next step on."""
        for member in self.members:
            for group in member.param_groups:
                group["lr"] = rate
                if momentum is not None and "betas" in group:
                    group["betas"] = (momentum, group["betas"][1])
                elif momentum is not None and group.get("momentum"):
                    group["momentum"] = momentum

    @property
    def is_direct(self) -> bool:
        """Whether steps are single fused kernels, which heed `found_inf`."""
        return bool(self._kernels)

    def step(self) -> None:
        """Move the weights by their gradients."""
        if self._shrunk:
            with torch.no_grad():
                torch._foreach_mul_(self._shrunk, 1.0 - self.rate * (self.settings.weight_decay or 0.0))
        if self._begun and self._kernels:
            for kernel in self._kernels:
                kernel(self.found_inf)
            return
        for member in self.members:
            # the attribute by which a GradScaler tells PyTorch's own fused steps
            if self.found_inf is not None:
                member.found_inf = self.found_inf  # type: ignore[attr-defined]
            member.step()
        self._begun = True

    def state(self) -> dict[str, Tensor]:
        """Its averages and counts, by name."""
        found: dict[str, Tensor] = {}
        for m, member in enumerate(self.members):
            for i, state in member.state_dict()["state"].items():
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
            member_.load_state_dict({**member_.state_dict(), "state": its})
        self._begun = bool(state)


def _own_decay(settings: Settings) -> bool:
    """Whether decay is decoupled but the torch class does not know how."""
    ignorant = settings.optimiser in ("sgd", "momentum", "nesterov", "rmsprop")
    return ignorant and settings.decay_kind == "decoupled" and bool(settings.weight_decay)


def _members(settings: Settings, groups: tuple[Group, ...]) -> list[torch.optim.Optimizer]:
    if settings.optimiser != "muon":
        return [_made(settings, settings.optimiser, groups)]
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
    return [muon, _made(settings, "adamw", rest)] if rest else [muon]


def _made(settings: Settings, name: str, groups: tuple[Group, ...]) -> torch.optim.Optimizer:
    decay = 0.0 if _own_decay(settings) else settings.weight_decay or 0.0
    given = [{"params": list(g.stepped), "weight_decay": decay if g.decays else 0.0} for g in groups]
    rate, epsilon = settings.peak, settings.epsilon
    betas = settings.betas or (0.9, RMSPROP_DECAY if name == "rmsprop" else 0.999)
    decoupled = settings.decay_kind == "decoupled"
    if name in ("sgd", "momentum", "nesterov"):
        usual = USUAL_MOMENTUM.get(name, 0.0)
        momentum = settings.momentum if settings.momentum is not None and name != "sgd" else usual
        return torch.optim.SGD(given, lr=rate, momentum=momentum, nesterov=name == "nesterov", fused=True)
    if name == "rmsprop":
        return torch.optim.RMSprop(given, lr=rate, alpha=betas[1], eps=epsilon, momentum=settings.momentum or 0.0, foreach=True)
    if name == "nadam":
        return torch.optim.NAdam(given, lr=rate, betas=betas, eps=epsilon, decoupled_weight_decay=decoupled, foreach=True)
    kind: type[torch.optim.Adam] = torch.optim.AdamW if decoupled else torch.optim.Adam
    return kind(given, lr=rate, betas=betas, eps=epsilon, amsgrad=name == "amsgrad", fused=True)


def _kernels(members: list[torch.optim.Optimizer], settings: Settings) -> list[Callable[[Tensor | None], None]]:
    """For each parameter group its step as one call; none where this PyTorch has no such kernels."""
    names = ("_fused_sgd_", "_fused_adam_", "_fused_adamw_")
    if not all(hasattr(torch, name) for name in names):
        return []
    made = _sgd_kernel if settings.optimiser in ("sgd", "momentum", "nesterov") else _adam_kernel
    return [made(member, place, settings) for member in members for place in range(len(member.param_groups))]


def _adam_kernel(member: torch.optim.Optimizer, place: int, settings: Settings) -> Callable[[Tensor | None], None]:
    parameters: list[Tensor] = member.param_groups[place]["params"]
    fused = torch._fused_adamw_ if settings.decay_kind == "decoupled" else torch._fused_adam_

    @torch.no_grad()
    def step(found_inf: Tensor | None) -> None:
        group = member.param_groups[place]  # a loaded state brings new ones
        held = [member.state[p] for p in parameters]
        counts = [s["step"] for s in held]
        torch._foreach_add_(counts, 1)
        fused(
            parameters,
            [p.grad for p in parameters if p.grad is not None],
            [s["exp_avg"] for s in held],
            [s["exp_avg_sq"] for s in held],
            [s["max_exp_avg_sq"] for s in held] if group["amsgrad"] else [],
            counts,
            lr=group["lr"],
            beta1=group["betas"][0],
            beta2=group["betas"][1],
            weight_decay=group["weight_decay"],
            eps=group["eps"],
            amsgrad=group["amsgrad"],
            maximize=False,
            found_inf=found_inf,
        )

    return step


def _sgd_kernel(member: torch.optim.Optimizer, place: int, settings: Settings) -> Callable[[Tensor | None], None]:
    parameters: list[Tensor] = member.param_groups[place]["params"]

    @torch.no_grad()
    def step(found_inf: Tensor | None) -> None:
        group = member.param_groups[place]
        torch._fused_sgd_(
            parameters,
            [p.grad for p in parameters if p.grad is not None],
            [member.state[p]["momentum_buffer"] for p in parameters] if group["momentum"] else [],
            weight_decay=group["weight_decay"],
            momentum=group["momentum"],
            lr=group["lr"],
            dampening=0.0,
            nesterov=group["nesterov"],
            maximize=False,
            is_first_step=False,
            found_inf=found_inf,
        )

    return step


def hidden_matrices(network: nn.Module) -> tuple[nn.Parameter, ...]:
    """The matrices that Muon steps: of two axes, in no embedding and not in the last layer.

    Source: Jordan et al. 2024, Muon: embeddings and the output layer are left to AdamW.
    """
    owners = [(module, list(module.parameters(recurse=False))) for module in network.modules()]
    owners = [(module, its) for module, its in owners if its]
    last = {id(p) for p in owners[-1][1]} if owners else set()
    tables = {id(p) for module, its in owners if isinstance(module, nn.Embedding | nn.EmbeddingBag) for p in its}
    return tuple(p for p in network.parameters() if p.ndim == 2 and p.requires_grad and id(p) not in last | tables)
