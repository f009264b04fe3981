"""What a network is made of, as far as it can be told without running it: layers with weights, their birth, dropouts and norms."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.dropout import _DropoutNd

MOST_UNITS = 4_096
DRAWN_TOLERANCE = 0.04


@dataclass
class LayerBirth:
    """One module that owns parameters, before the first step.

    Attributes:
        name: Dotted, "" for the model itself.
        kind: As in `LayerLooks`.
        weight: Its main tensor, the one with most numbers.
        others: Its further parameters.
    """

    name: str
    kind: str
    weight: Tensor
    bias: Tensor | None
    units: int
    fan_in: int
    rms: float
    scale: float
    twins: float
    is_drawn: bool
    parameters: tuple[Tensor, ...] = field(default_factory=tuple)
    module: nn.Module | None = None


def layers_of(model: nn.Module) -> list[LayerBirth]:
    """The layers with weights of a model, in the order in which they were registered; a tensor used twice counts once."""
    found: list[LayerBirth] = []
    seen: set[int] = set()
    for name, module in model.named_modules():
        own = [(n, p) for n, p in module.named_parameters(recurse=False) if id(p) not in seen and _is_real(p)]
        seen |= {id(p) for _, p in own}
        if not own:
            continue
        if type(module) in (nn.ParameterList, nn.ParameterDict) or (len(own) > 2 and kind_of(module) == "other"):
            found += [_born(f"{name}.{n}" if name else n, "other", [(n, p)], module) for n, p in own]
        else:
            found.append(_born(name, kind_of(module), own, module))
    return found


def _is_real(parameter: Tensor) -> bool:
    return not isinstance(parameter, nn.parameter.UninitializedParameter) and parameter.numel() > 0


def kind_of(module: nn.Module) -> str:
    """The kind of a module as `LayerLooks` names it."""
    if isinstance(module, nn.Linear | nn.Bilinear):
        return "linear"
    if isinstance(module, nn.modules.conv._ConvNd):
        return "conv"
    if isinstance(module, nn.RNNBase | nn.RNNCellBase):
        return "recurrent"
    if isinstance(module, nn.Embedding | nn.EmbeddingBag):
        return "embedding"
    if isinstance(module, nn.MultiheadAttention):
        return "attention"
    if is_norm(module):
        return "norm"
    return "other"


def is_norm(module: nn.Module) -> bool:
    """Whether a module is a norm, PyTorch's or by its name."""
    return isinstance(module, _BatchNorm | nn.LayerNorm | nn.GroupNorm | nn.modules.instancenorm._InstanceNorm) or type(
        module
    ).__name__.lower().endswith("norm")


def _born(name: str, kind: str, own: Sequence[tuple[str, Tensor]], module: nn.Module) -> LayerBirth:
    weight = max((p for _, p in own), key=lambda p: (p.ndim >= 2, p.numel()))
    bias = next((p for n, p in own if "bias" in n and p is not weight), None)
    units = int(weight.shape[0]) if weight.ndim else 1
    fan_in = int(weight[0].numel()) if weight.ndim >= 2 else 1
    numbers = weight.detach().float() if weight.is_floating_point() else weight.detach().abs().float()
    rms = float(numbers.square().mean().sqrt()) if numbers.numel() else 0.0
    twins = twin_share(numbers.flatten(1)) if weight.ndim >= 2 else 0.0
    drawn = kind != "norm" and weight.ndim >= 2 and looks_drawn(numbers, fan_in, units, kind)
    parameters = tuple(p for _, p in own)
    return LayerBirth(name, kind, weight, bias, units, fan_in, rms, rms * math.sqrt(fan_in), twins, drawn, parameters, module)


def twin_share(rows: Tensor) -> float:
    """Share of rows that equal another one.

    Example:
        >>> twin_share(torch.tensor([[1.0, 2.0], [1.0, 2.0], [0.0, 1.0], [3.0, 4.0]]))
        0.5
    """
    if rows.shape[0] < 2:
        return 0.0
    rows = rows[:MOST_UNITS]
    # rows are told apart by two projections, which equal rows share and others do not but by chance of one in millions
    stream = torch.Generator().manual_seed(0)
    to = torch.rand(rows.shape[1], 2, generator=stream, dtype=torch.float64).to(rows.device) + 0.5
    marks = rows.double() @ to
    marks = marks[torch.argsort(marks[:, 0])]
    gaps = (marks[1:] - marks[:-1]).abs().amax(dim=1) <= 1e-9 * marks.abs().amax().clamp(min=1e-30)
    alike = torch.zeros(len(marks), dtype=torch.bool, device=marks.device)
    alike[1:] |= gaps
    alike[:-1] |= gaps
    return float(alike.double().mean())


def looks_drawn(weight: Tensor, fan_in: int, units: int, kind: str) -> bool:
    """Whether a weight looks drawn by a usual scheme, so that it holds nothing learned.

    Drawn uniformly, its largest number is the square root of 3 times its root mean square and its fourth moment 9/5 of the squared second;
    drawn from a normal distribution the latter is 3. Its scale must be one that schemes give.
    """
    n = weight.numel()
    if n < 64:
        return False
    square = float(weight.square().mean())
    if square <= 0.0 or not math.isfinite(square):
        return False
    kurtosis = float((weight.double() ** 4).mean()) / square**2
    middle = abs(float(weight.mean())) <= 5.0 * math.sqrt(square / n)
    flat = abs(kurtosis - 1.8) <= 1.8 * (DRAWN_TOLERANCE + 4.0 / math.sqrt(n))
    normal = abs(kurtosis - 3.0) <= 3.0 * DRAWN_TOLERANCE + 4.0 * math.sqrt(24.0 / n)
    rms = math.sqrt(square)
    usual = [1.0] if kind == "embedding" else []
    usual += [s / math.sqrt(fan_in) for s in (3**-0.5, 1.0, 2**0.5)] + [math.sqrt(2.0 / (fan_in + units)), 0.02]
    near = [u for u in usual if abs(rms / u - 1.0) <= DRAWN_TOLERANCE + 3.0 / math.sqrt(2 * n)]
    # a uniform draw has a sharp edge, which the first steps of any training blur
    edge = float(weight.abs().max())
    uniform = flat and any(edge <= math.sqrt(3.0) * u * (1.0 + 1e-6) for u in near)
    return middle and bool(near) and (uniform or normal)


@dataclass
class Switches:
    """The modules of a model whose work differs between training and evaluation.

    Attributes:
        dropouts: Name and module of each dropout that drops something.
        norms: Name and module of each batch norm.
    """

    dropouts: list[tuple[str, nn.Module]]
    norms: list[tuple[str, _BatchNorm]]

    @classmethod
    def of(cls, model: nn.Module) -> Switches:
        """Those of a model."""
        named = list(model.named_modules())
        dropouts: list[tuple[str, nn.Module]] = [(n, m) for n, m in named if isinstance(m, _DropoutNd) and m.p > 0.0]
        norms = [(n, m) for n, m in named if isinstance(m, _BatchNorm)]
        return cls(dropouts, norms)

    @property
    def probe(self) -> nn.Module | None:
        """One that tells in which mode the model is."""
        if self.dropouts:
            return self.dropouts[0][1]
        return next((m for _, m in self.norms if m.track_running_stats), None)

    def counted(self) -> int:
        """How many batches the first batch norm has averaged over; -1 without any that counts."""
        for _, norm in self.norms:
            if norm.num_batches_tracked is not None:
                return int(norm.num_batches_tracked)
        return -1
