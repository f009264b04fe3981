"""Where a training happens: its network and data on the device, whole in each process or divided among all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import nn

from assay.core.errors import InputError
from assay.model.norm import BatchNorm
from assay.train.sharded import ShardedWeights, is_to_be_sharded, sharded
from assay.train.task import NetworkTask

if TYPE_CHECKING:
    from assay.objective.training_loss import TrainingLoss
    from assay.train.crew import Crew
    from assay.train.data import Data
    from assay.train.settings import Settings
    from assay.train.weights import Weights

NORMS = (nn.modules.batchnorm._BatchNorm, BatchNorm)


@dataclass(frozen=True)
class Placed:
    """A network and its data, ready to be trained on.

    Attributes:
        network: As it was given, into which what is learned goes.
        task: With the network that is trained: the given one, or a divided copy.
        notes: What a person should know.
    """

    network: nn.Module
    task: NetworkTask
    data: Data
    valid: Data | None
    crew: Crew
    decays: bool
    notes: tuple[str, ...]

    @property
    def is_sharded(self) -> bool:
        """Whether each process trains a part of the weights."""
        return self.task.network is not self.network

    def weights(self) -> Weights | None:
        """Those of a divided network; None where the loop is to make its own."""
        return ShardedWeights(self.task.network, self.crew, decays=self.decays) if self.is_sharded else None

    def give_back(self, weights: Weights) -> None:
        """Put what was learned into the network that was given."""
        if isinstance(weights, ShardedWeights):
            weights.give(self.network)
            self.network.eval()


def placed(
    network: nn.Module,
    loss: TrainingLoss,
    data: Data,
    valid: Data | None,
    *,
    settings: Settings,
    device: torch.device,
    crew: Crew,
    name: str,
) -> Placed:
    """Bring network and data to the device, once they fit each other.

    Raises:
        InputError: they do not, or there are fewer examples in a batch than processes.
        OptionError: the network was to be divided, but cannot be.
    """
    if (smallest := min(settings.batch_rows or 1, data.rows)) < crew.world:
        raise InputError(f"a batch of {smallest:,} examples for {crew.world} processes; take a larger batch, or fewer processes")
    is_divided = is_to_be_sharded(settings, network, crew, device)
    if not is_divided:
        network.to(device)
    here, there = data.to(device), valid.to(device) if valid is not None else None
    whole = NetworkTask(network, loss, name)
    seen = data if is_divided else here
    whole.check(next(iter(seen.in_order(2))), seen.all_targets())
    notes = _notes(network, crew, is_divided=is_divided)
    task = NetworkTask(sharded(network, crew, device), loss, name) if is_divided else whole
    return Placed(network, task, here, there, crew, bool(settings.weight_decay), notes)


def _notes(network: nn.Module, crew: Crew, *, is_divided: bool) -> tuple[str, ...]:
    if crew.world == 1:
        return ()
    notes = [f"{crew.world} processes share each batch"]
    if any(isinstance(m, NORMS) for m in network.modules()):
        notes.append("batch normalisation takes mean and spread of each process's part of a batch, not of the whole")
    if is_divided:
        notes.append("each process holds a part of every weight; layers are not watched, and no snapshots are kept")
    return tuple(notes)
