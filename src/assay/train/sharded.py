"""Networks that do not fit one device: each process holds a part of every weight, of its gradient and of the optimiser's averages.

PyTorch's `fully_shard` (FSDP2) gathers the weights of a block just before it is needed and lets them go after; gradients are averaged
and split as they arise. What one device must hold at once is a block and its activations.

Source: Rajbhandari et al. 2020, ZeRO, stage 3; Zhao et al. 2023, PyTorch FSDP.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from assay.core.errors import OptionError
from assay.train.weights import Weights

if TYPE_CHECKING:
    from assay.train.crew import Crew
    from assay.train.settings import Settings

BYTES_A_WEIGHT = 16  # in float32: the weight, its gradient and two averages of Adam
MOST_OF_DEVICE = 0.5  # the other half is for activations


def is_to_be_sharded(settings: Settings, network: nn.Module, crew: Crew, device: torch.device) -> bool:
    """Whether each process is to hold only a part of the network.

    Under "auto" only on CUDA, where weights, gradients and averages would take more than half of the device.

    Raises:
        OptionError: it was demanded but cannot be.
    """
    if settings.shard == "auto":
        needed = BYTES_A_WEIGHT * sum(p.numel() for p in network.parameters())
        is_cuda = device.type == "cuda" and crew.world > 1
        return is_cuda and needed > MOST_OF_DEVICE * torch.cuda.get_device_properties(device).total_memory
    if settings.shard == "never":
        return False
    if crew.world == 1:
        raise OptionError("shard 'always' in 1 process; start several: torchrun --nproc-per-node 2 SCRIPT")
    for name, refused, instead in (
        ("optimiser", "muon", "take 'adamw'"),
        ("precision", "fp16", "take 'bf16'"),
        ("learning_rate", "auto", "find it with range_test on a smaller network"),
        ("compile", "always", "take 'never'"),
    ):
        if getattr(settings, name) == refused:
            raise OptionError(f"{name} {refused!r} needs whole weights, and shard is {settings.shard!r}; {instead}")
    return True


def sharded(network: nn.Module, crew: Crew, device: torch.device) -> nn.Module:
    """A copy of a network of which this process holds a part on its device; equal to process 0's in all of them.

    Each member of the network's lists of modules is a block whose weights come and go together.
    """
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import fully_shard

    made = copy.deepcopy(network).to("cpu")
    crew.start_equal([*made.parameters(), *made.buffers()])
    mesh = init_device_mesh(device.type, (crew.world,))
    for block in blocks(made):
        fully_shard(block, mesh=mesh)
    fully_shard(made, mesh=mesh)
    for buffer in made.buffers():
        buffer.data = buffer.data.to(device)
    return made


def blocks(network: nn.Module) -> list[nn.Module]:
    """The outermost members with weights of a network's lists of modules, but for members that share weights with the rest.

    Example:
        >>> len(blocks(nn.Sequential(nn.Linear(2, 2), nn.ReLU(), nn.Linear(2, 2))))
        2
    """
    held: dict[int, int] = {}
    for module in network.modules():
        for p in module.parameters(recurse=False):
            held[id(p)] = held.get(id(p), 0) + 1
    found: list[nn.Module] = []

    def look(module: nn.Module) -> None:
        for child in module.children():
            its = [id(p) for p in child.parameters()]
            is_member = isinstance(module, nn.ModuleList | nn.Sequential) and not isinstance(child, nn.ModuleList | nn.ModuleDict)
            if is_member and its and all(held[p] == 1 for p in its):
                found.append(child)
            else:
                look(child)

    look(network)
    return found


def is_sharded(tensor: Tensor) -> bool:
    """Whether each process holds a part of it."""
    return hasattr(tensor, "full_tensor")


def whole(tensor: Tensor) -> Tensor:
    """A tensor gathered from its parts, in every process; of an undivided one itself."""
    parts: Any = tensor
    gathered: Tensor = parts.full_tensor() if is_sharded(tensor) else tensor
    return gathered


def part_like(value: Tensor, like: Tensor) -> Tensor:
    """This process's part of a whole tensor, divided as another one is."""
    if not is_sharded(like) or is_sharded(value):
        return value.to(like.device, like.dtype)
    from torch.distributed.tensor import distribute_tensor

    model: Any = like
    # every process has the whole value, so nothing is sent
    there: Tensor = distribute_tensor(value.to(like.device, like.dtype), model.device_mesh, model.placements, src_data_rank=None)
    return there


class ShardedWeights(Weights):
    """The weights of a sharded network, each process's part of every one.

    Args:
        network: As `sharded` gives it.
        crew: The processes.
        decays: Whether anything decays.
    """

    is_sharded = True

    def __init__(self, network: nn.Module, crew: Crew, *, decays: bool = True) -> None:
        super().__init__(network, flat=False, decays=decays)
        self.crew = crew

    def gradients(self) -> list[Tensor]:
        return [_here(t.grad) for t in self.stepped if t.grad is not None]

    def gradient_norm(self) -> Tensor:
        squares = [g.square().sum(dtype=torch.promote_types(g.dtype, torch.float32)) for g in self.gradients()]
        return self.crew.sum(torch.stack(squares).sum() if squares else torch.zeros((), device=self.device)).sqrt()

    def are_finite(self) -> bool:
        broken = sum(int(not bool(torch.isfinite(_here(t)).all())) for t in self.stepped)
        return not float(self.crew.sum(torch.tensor(float(broken), device=self.device)))

    def whole(self, values: list[Tensor]) -> list[Tensor]:
        return [whole(value) for value in values]

    @torch.no_grad()
    def load(self, values: list[Tensor]) -> None:
        for place, value in zip((*self.all, *self.buffers()), values, strict=True):
            place.copy_(part_like(value, place))

    @torch.no_grad()
    def give(self, network: nn.Module) -> None:
        """Put the whole weights into an ordinary network of the same kind."""
        for place, value in zip((*network.parameters(), *network.buffers()), (*self.all, *self.network.buffers()), strict=True):
            place.copy_(whole(value.detach()))


def _here(tensor: Tensor) -> Tensor:
    parts: Any = tensor.detach()
    local: Tensor = parts.to_local() if is_sharded(tensor) else parts
    return local
