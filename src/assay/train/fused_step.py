"""A plain stack of linear layers and activations, forward and backward by hand into reused memory.

The derivatives are the textbook's: with z = W x + b, h = f(z) and d = dL/dz, the gradients are dL/dW = d^T x, dL/db = the column sums of d,
and what is handed back is dL/dx = d W. Autograd's bookkeeping, which costs as much as the arithmetic on small layers, is left out.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from assay.objective.training_loss import BinaryLogLoss, ClassLogLoss, SquaredLoss

if TYPE_CHECKING:
    from assay.objective.training_loss import TrainingLoss
    from assay.train.data import Batch

aten: Any = torch.ops.aten


@dataclass(frozen=True)
class Bend:
    """An activation: its value of z, and dL/dz from dL/dh, z and h, both into given memory."""

    value: Callable[[Tensor, Tensor], object]
    slope: Callable[[Tensor, Tensor, Tensor, Tensor], object]


def _gelu(how: str) -> Bend:
    return Bend(
        lambda z, h: aten.gelu.out(z, approximate=how, out=h),
        lambda d, z, h, out: aten.gelu_backward.grad_input(d, z, approximate=how, grad_input=out),
    )


def _leaky(share: float) -> Bend:
    return Bend(
        lambda z, h: aten.leaky_relu.out(z, share, out=h),
        lambda d, z, h, out: aten.leaky_relu_backward.grad_input(d, z, share, False, grad_input=out),
    )


RELU = Bend(lambda z, h: torch.clamp(z, min=0.0, out=h), lambda d, z, h, out: aten.threshold_backward.grad_input(d, h, 0, grad_input=out))
TANH = Bend(lambda z, h: torch.tanh(z, out=h), lambda d, z, h, out: aten.tanh_backward.grad_input(d, h, grad_input=out))
SIGMOID = Bend(lambda z, h: torch.sigmoid(z, out=h), lambda d, z, h, out: aten.sigmoid_backward.grad_input(d, h, grad_input=out))
SILU = Bend(lambda z, h: aten.silu.out(z, out=h), lambda d, z, h, out: aten.silu_backward.grad_input(d, z, grad_input=out))
SELU_ALPHA, SELU_SCALE = 1.6732632423543772, 1.0507009873554805
SELU = Bend(
    lambda z, h: aten.elu.out(z, SELU_ALPHA, SELU_SCALE, 1.0, out=h),
    lambda d, z, h, out: aten.elu_backward.grad_input(d, SELU_ALPHA, SELU_SCALE, 1.0, False, z, grad_input=out),
)


def bend_of(module: nn.Module) -> Bend | None:
    """The activation that a module is, None if it is no known one."""
    plain: dict[type[nn.Module], Bend] = {nn.ReLU: RELU, nn.Tanh: TANH, nn.Sigmoid: SIGMOID, nn.SiLU: SILU, nn.SELU: SELU}
    if type(module) is nn.GELU:
        return _gelu(module.approximate)
    if type(module) is nn.LeakyReLU:
        return _leaky(module.negative_slope)
    return plain.get(type(module))


@dataclass(frozen=True)
class Stage:
    """A linear layer and what bends its output; None for the last, or where two linear layers follow each other."""

    layer: nn.Linear
    bend: Bend | None


class FusedStack:
    """The step of a plain stack; `fused_stack` makes one where it can.

    Args:
        stages: Layers in the order of the data's way.
        objective: Of which the loss is.

    Example:
        >>> from assay.objective.training_loss import training_loss
        >>> from assay.train.data import Batch
        >>> network = nn.Sequential(nn.Linear(2, 2), nn.ReLU(), nn.Linear(2, 2))
        >>> step = fused_stack(network, training_loss("log"))
        >>> loss = step(Batch(torch.ones(4, 2), torch.tensor([0, 1, 1, 0])))
        >>> network[0].weight.grad.shape
        torch.Size([2, 2])
    """

    def __init__(self, stages: list[Stage], objective: TrainingLoss) -> None:
        self._loss: Callable[[Tensor, Tensor], tuple[Tensor, Tensor]] = {
            ClassLogLoss: _class_loss,
            BinaryLogLoss: _binary_loss,
            SquaredLoss: _squared_loss,
        }[type(objective)]
        for stage in stages:
            for p in stage.layer.parameters():
                p.grad = torch.zeros_like(p) if p.grad is None else p.grad
        # asking a module for its weight takes longer than some of the kernels
        self._parts = [_Part.of(stage) for stage in stages]
        self._held: dict[int, list[tuple[Tensor, Tensor, Tensor]]] = {}

    def __call__(self, batch: Batch) -> Tensor:
        """The batch's training loss; the gradients are in place, whatever was there before.

        Only data of tensors are touched, so that no graph is made.
        """
        x: Tensor = batch.inputs[0] if isinstance(batch.inputs, tuple) else batch.inputs
        if x.ndim != 2:
            x = x.flatten(1)
        held = self._held.get(x.shape[0]) or self._memory(x.shape[0])
        fed = [x]
        for part, (z, h, _) in zip(self._parts, held, strict=True):
            if part.bias is None:
                torch.mm(x, part.across, out=z)
            else:
                torch.addmm(part.bias, x, part.across, out=z)
            if part.bend is not None:
                part.bend.value(z, h)
            fed.append(h)
            x = h
        loss, slope = self._loss(x, batch.targets)
        for place in range(len(held) - 1, -1, -1):
            part, (z, h, d) = self._parts[place], held[place]
            if part.bend is not None:
                part.bend.slope(slope, z, h, d)
                slope = d
            torch.mm(slope.t(), fed[place], out=part.weight_slope)
            if part.bias is not None:
                torch.sum(slope, 0, out=part.bias_slope)
            if place:
                # dL/dh goes where the layer before keeps its d, on which its bend then works in place
                slope = torch.mm(slope, part.weight, out=held[place - 1][2])
        return loss

    def _memory(self, rows: int) -> list[tuple[Tensor, Tensor, Tensor]]:
        """For each layer z, h = f(z) (the same memory where f is none or needs only h) and d = dL/dz."""
        if len(self._held) > 2:
            self._held.clear()
        made = []
        for part in self._parts:
            z = part.weight.new_empty(rows, part.weight.shape[0])
            shared = part.bend is None or part.bend in (RELU, TANH, SIGMOID)
            made.append((z, z if shared else torch.empty_like(z), torch.empty_like(z)))
        self._held[rows] = made
        return made


@dataclass(frozen=True)
class _Part:
    """What a stage computes with, at hand: weights, their transpose, and where their gradients go."""

    weight: Tensor
    across: Tensor
    bias: Tensor | None
    weight_slope: Tensor | None
    bias_slope: Tensor | None
    bend: Bend | None

    @classmethod
    def of(cls, stage: Stage) -> _Part:
        weight, bias = stage.layer.weight, stage.layer._parameters["bias"]
        return cls(
            weight.data,
            weight.data.t(),
            bias.data if bias is not None else None,
            weight.grad,
            bias.grad if bias is not None else None,
            stage.bend,
        )


def _class_loss(logits: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    logs = aten._log_softmax.default(logits, 1, False)
    loss, total = aten.nll_loss_forward.default(logs, targets, None, 1, -100)
    slope = aten.nll_loss_backward.default(torch.ones_like(loss), logs, targets, None, 1, -100, total)
    return loss, aten._log_softmax_backward_data.default(slope, logs, 1, logits.dtype)


def _binary_loss(logits: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    wanted = targets.to(logits.dtype).reshape(logits.shape)
    loss = nn.functional.binary_cross_entropy_with_logits(logits, wanted)
    return loss, (logits.sigmoid() - wanted).div_(logits.numel())


def _squared_loss(outputs: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    off = outputs - targets.reshape(outputs.shape)
    return off.square().mean(), off.mul_(2.0 / off.numel())


def fused_stack(network: nn.Module, objective: TrainingLoss) -> FusedStack | None:
    """The hand-written step of a network, None where it is no plain stack or is hooked into.

    A plain stack is an nn.Sequential of linear layers with activations of this file between them, after at most one nn.Flatten, trained
    as a whole in one floating type, under log loss, binary log loss or squared error.
    """
    if type(network) is not nn.Sequential or type(objective) not in (ClassLogLoss, BinaryLogLoss, SquaredLoss):
        return None
    modules = [m for m in network if type(m) is not nn.Identity and not (type(m) is nn.Dropout and m.p == 0.0)]
    if modules and type(modules[0]) is nn.Flatten and (modules[0].start_dim, modules[0].end_dim) == (1, -1):
        modules = modules[1:]
    stages: list[Stage] = []
    for module in modules:
        bend = bend_of(module)
        if type(module) is nn.Linear:
            stages.append(Stage(module, None))
        elif bend is not None and stages and stages[-1].bend is None:
            stages[-1] = Stage(stages[-1].layer, bend)
        else:
            return None
    if not stages or stages[-1].bend is not None or _hooked(network) or not _one_kind(stages):
        return None
    return FusedStack(stages, objective)


def _hooked(network: nn.Module) -> bool:
    names = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
    modules = any(getattr(module, name) for module in network.modules() for name in names)
    return modules or any(p._backward_hooks or getattr(p, "_post_accumulate_grad_hooks", None) for p in network.parameters())


def _one_kind(stages: list[Stage]) -> bool:
    parameters = [p for stage in stages for p in stage.layer.parameters()]
    layers = {id(stage.layer) for stage in stages}
    alike = len({(p.dtype, p.device) for p in parameters}) == 1 and parameters[0].dtype in (torch.float32, torch.float64)
    apart = len(layers) == len(stages) and len({id(p) for p in parameters}) == len(parameters)
    return alike and apart and all(p.requires_grad for p in parameters)
