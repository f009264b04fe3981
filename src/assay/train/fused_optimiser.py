"""SGD and Adam's family as bare calls of PyTorch's fused kernels.

PyTorch's classes around these kernels take longer for a small network than the kernels, and making the first one of a process imports
the whole compiler, which takes seconds. The numbers are those of the classes with fused=True, bit for bit; the tests hold that.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import torch
from torch import Tensor

KERNELS = ("_fused_sgd_", "_fused_adam_", "_fused_adamw_")


class FusedOptimiser(ABC):
    """Parameter groups and their state, as `torch.optim.Optimizer` has them, stepped by one kernel a group.

    Attributes:
        param_groups: Dicts of "params" and the numbers that the kernel takes.
        state: By parameter, what it has gathered.
        found_inf: Where it is not 0 the step moves nothing; None: every step does.
    """

    def __init__(self, groups: list[dict[str, Any]], **numbers: Any) -> None:
        self.param_groups = [{**numbers, **group} for group in groups]
        self.state: dict[Tensor, dict[str, Tensor]] = {}
        self.found_inf: Tensor | None = None

    def step(self) -> None:
        """Move the weights, buffers outside of any graph, by their gradients."""
        for group in self.param_groups:
            parameters: list[Tensor] = group["params"]
            gradients = [p.grad for p in parameters if p.grad is not None]
            self._step(group, parameters, gradients)

    @abstractmethod
    def _step(self, group: dict[str, Any], parameters: list[Tensor], gradients: list[Tensor]) -> None:
        """Step one group."""

    def by_place(self) -> dict[int, dict[str, Tensor]]:
        """The state by the place of the parameter among all."""
        return {i: self.state[p] for i, p in enumerate(self._parameters()) if p in self.state}

    def load_by_place(self, state: dict[int, dict[str, Tensor]]) -> None:
        """Go on from what `by_place` gave."""
        placed = dict(enumerate(self._parameters()))
        self.state = {placed[i]: {n: v.to(placed[i].device).clone() for n, v in its.items()} for i, its in state.items()}

    def _parameters(self) -> list[Tensor]:
        return [p for group in self.param_groups for p in group["params"]]


class FusedAdam(FusedOptimiser):
    """Adam, AdamW (`decoupled`) and AMSGrad (`amsgrad`), with bias correction."""

    def _born(self, parameter: Tensor, *, amsgrad: bool) -> dict[str, Tensor]:
        names = ["exp_avg", "exp_avg_sq", *(["max_exp_avg_sq"] if amsgrad else [])]
        return {"step": torch.zeros((), device=parameter.device)} | {name: torch.zeros_like(parameter) for name in names}

    def _step(self, group: dict[str, Any], parameters: list[Tensor], gradients: list[Tensor]) -> None:
        for p in parameters:
            if p not in self.state:
                self.state[p] = self._born(p, amsgrad=group["amsgrad"])
        held = [self.state[p] for p in parameters]
        counts = [s["step"] for s in held]
        for count in counts:
            count.add_(1)
        kernel = torch._fused_adamw_ if group["decoupled"] else torch._fused_adam_
        kernel(
            parameters,
            gradients,
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
            found_inf=self.found_inf,
        )


class FusedSgd(FusedOptimiser):
    """Gradient descent, with momentum v = m v + g where it is not 0, and Nesterov's look ahead."""

    def _step(self, group: dict[str, Any], parameters: list[Tensor], gradients: list[Tensor]) -> None:
        is_first = bool(group["momentum"]) and parameters[0] not in self.state
        if is_first:
            self.state |= {p: {"momentum_buffer": torch.empty_like(p)} for p in parameters}
        torch._fused_sgd_(
            parameters,
            gradients,
            [self.state[p]["momentum_buffer"] for p in parameters] if group["momentum"] else [],
            weight_decay=group["weight_decay"],
            momentum=group["momentum"],
            lr=group["lr"],
            dampening=0.0,
            nesterov=group["nesterov"],
            maximize=False,
            is_first_step=is_first,
            found_inf=self.found_inf,
        )
