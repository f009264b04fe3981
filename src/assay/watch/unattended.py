"""Watching without being asked: whatever a program trains is found, watched step by step, and ended with the program."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from types import CodeType
from typing import TYPE_CHECKING, Any

import torch

from assay.watch.graph import read_graph
from assay.watch.guessed_epochs import GuessedEpochs
from assay.watch.places import Places, Site, site_of, stranger_frame
from assay.watch.roots import parameters_of, root_of
from assay.watch.rounds import Round
from assay.watch.taps import Taps

if TYPE_CHECKING:
    from torch import Tensor, nn
    from torch.optim.optimizer import Optimizer
    from torch.utils.data import DataLoader

    from assay.core.finding import Finding
    from assay.watch.attach import Watch

BACKWARD_DEPTH = 4
"""Frames from here to who called `backward` of a tensor."""
MOST_ALIVE = 8
"""Trainings that are watched at a time; of a program that trains more, such as a search, the one that rested longest is ended."""


@dataclass(eq=False)
class Training:
    """One model with its optimisers.

    Attributes:
        name: Class of the model, with a number where there are several.
        watch: Records it.
        closers: Optimisers after whose step a round of several ends, as far as seen.
        waiting: Optimisers that stepped since the last round.
        idle_since: Count of all steps of the program at its last one.
    """

    name: str
    model: nn.Module
    optimisers: list[Optimizer]
    watch: Watch
    round: Round = field(default_factory=Round)
    epochs: GuessedEpochs = field(default_factory=GuessedEpochs)
    closers: set[int] = field(default_factory=set)
    waiting: list[int] = field(default_factory=list)
    targets: Tensor | None = None
    idle_since: int = 0
    is_closed: bool = False

    def close(self) -> None:
        """End it; what was seen stays."""
        if self.is_closed:
            return
        self.is_closed = True
        self.end_step()
        if self.epochs.steps and (self.epochs.is_due or self.epochs.by_loader):
            self.watch.end_epoch(valid_loss=self.epochs.finish())
        self.watch.close()

    def end_step(self) -> None:
        """Tell the watch of a step, if one waits."""
        if not self.waiting:
            return
        self.waiting = []
        loss, targets = self.round.loss(), self.targets
        self.round.stepped()
        if loss is not None:
            self.watch.step(loss, targets=targets)

    def end_epoch(self) -> None:
        """Tell the watch of an epoch, if one is due."""
        if self.epochs.is_due:
            self.watch.end_epoch(valid_loss=self.epochs.finish())


class Unattended:
    """Watches whatever is trained while the taps are laid.

    Args:
        start: Makes a watch of a model, its optimisers and a name.
        on_finding: Called when a finding is first named, with the model's name.
        on_step: Called after each step that was watched.
        on_trouble: Called once with what went wrong in the watching.

    Attributes:
        trainings: All that were found, in the order of their optimisers.
        places: Where in the program things happen.
    """

    def __init__(
        self,
        start: Callable[[nn.Module, list[Optimizer], str], Watch],
        *,
        on_finding: Callable[[str, Finding], object] = lambda _name, _finding: None,
        on_step: Callable[[Training], object] = lambda _training: None,
        on_trouble: Callable[[Exception], None] = lambda _problem: None,
    ) -> None:
        self.start, self.on_finding, self.on_step = start, on_finding, on_step
        self.trainings: list[Training] = []
        self.places = Places()
        self.steps = 0
        self.orphans = 0
        self._of: dict[int, Training] = {}
        self._reached: dict[Site, list[Training]] = {}
        self._loaders: dict[int, Site] = {}
        self._sites: dict[tuple[CodeType, int], Site] = {}
        self._taps = Taps(self, on_trouble)

    def laid(self) -> AbstractContextManager[None]:
        """Tap PyTorch while the block runs."""
        return self._taps.laid()

    def finish(self) -> list[Training]:
        """End every watch; the trainings with steps, the largest model first."""
        self._taps.is_open = False
        for training in self.trainings:
            training.close()
            if (site := self._loaders.get(id(training.epochs.trained_on))) is not None:
                self.places.note("loader", site)
        stepped = [t for t in self.trainings if t.watch.steps]
        return sorted(stepped, key=lambda t: -sum(p.numel() for p in t.model.parameters()))

    # -- what the taps tell --------------------------------------------------------------------------------------------------

    def optimiser_made(self, optimiser: Optimizer) -> None:
        """Find its model and watch it."""
        model = root_of(parameters_of([optimiser]))
        if model is None:
            self.orphans += 1
            return
        frame = stranger_frame()
        self.places.note("optimiser", site_of(frame))
        self.places.name("model", model, frame)
        optimisers, name = [optimiser], self._free(type(model).__name__)
        for earlier in [t for t in self.trainings if not t.is_closed and t.model is model]:
            if not earlier.watch.steps:  # several optimisers of one model are made one after another
                earlier.watch.close()
                self.trainings.remove(earlier)
                optimisers, name = [*earlier.optimisers, *optimisers], earlier.name
            else:
                earlier.close()
        alive = [t for t in self.trainings if not t.is_closed]
        if len(alive) >= MOST_ALIVE:
            min(alive, key=lambda t: t.idle_since).close()
        self._watch(name, model, optimisers)

    def _watch(self, name: str, model: nn.Module, optimisers: list[Optimizer]) -> None:
        training = Training(name, model, optimisers, self.start(model, optimisers, name))
        training.idle_since = self.steps
        training.watch.on_finding = lambda finding: self.on_finding(name, finding)
        self.trainings.append(training)
        self._reached = {}
        for optimiser in optimisers:
            self._of[id(optimiser)] = training

    def _free(self, stem: str) -> str:
        taken, number, name = {t.name for t in self.trainings}, 1, stem
        while name in taken:
            number += 1
            name = f"{stem}-{number}"
        return name

    def before_backward(self, loss: Tensor) -> None:
        """Give the loss to the models that it reaches."""
        caller = sys._getframe(BACKWARD_DEPTH)
        key = (caller.f_code, caller.f_lasti)
        site = self._sites.get(key)
        if site is None:
            site = self._sites[key] = site_of(stranger_frame())
            self.places.note("backward", site)
        reached = self._reaches(site, loss)
        for training in reached:
            if len(reached) > 1:  # what the loss compared is not this model's own output
                training.targets = None
            if training.waiting:  # that round has ended with the optimiser before
                training.closers.add(training.waiting[-1])
                training.end_step()
            training.end_epoch()
            training.round.add(site, loss)

    def _reaches(self, site: Site, loss: Tensor) -> list[Training]:
        if len(self.trainings) < 2:
            return [t for t in self.trainings if not t.is_closed]
        alive = [t for t in self.trainings if not t.is_closed]
        if len(alive) < 2:
            return alive
        if site not in self._reached:
            graph = read_graph(loss)
            leaves = {id(leaf) for leaf in graph.leaves} if graph is not None else set()
            reached = [t for t in alive if any(id(p) in leaves for p in parameters_of(t.optimisers))]
            self._reached[site] = reached
        return [t for t in self._reached[site] if not t.is_closed]

    def cleared(self, optimiser: Optimizer) -> None:
        """What was carried back before does not count for its next step."""
        training = self._of.get(id(optimiser))
        if training is not None and not training.waiting:
            training.round.clear()

    def scaled(self, loss: Tensor, larger: Tensor) -> None:
        """Keep in mind which loss is meant."""
        for training in self.trainings:
            training.round.scaled(loss, larger)

    def stepped(self, optimiser: Optimizer) -> None:
        """Tell the watch, once all optimisers of a round have stepped."""
        training = self._of.get(id(optimiser))
        if training is None or training.is_closed:
            return
        self.steps += 1
        if "optimiser" not in self.places.names:
            frame = stranger_frame()
            self.places.note("step", site_of(frame))
            self.places.name("optimiser", optimiser, frame)
        if training.waiting and id(optimiser) in training.waiting:
            training.end_step()
        training.waiting.append(id(optimiser))
        is_last = len(training.optimisers) == 1 or id(optimiser) in training.closers
        if is_last or len(training.waiting) == len(training.optimisers):
            training.epochs.stepped()
            training.end_step()
            training.idle_since = self.steps
            self.on_step(training)

    def loss_computed(self, outputs: Tensor, targets: Tensor, loss: Tensor, arguments: Mapping[str, Any]) -> None:
        """Targets of a step, or a held-out loss."""
        if torch.is_grad_enabled() and outputs.requires_grad:
            for training in self.trainings:
                training.targets = targets
            if "loss" not in self.places.sites:
                self.places.note("loss", site_of(stranger_frame()))
            return
        rows = len(targets) if targets.ndim else 1
        mean = loss / max(1, targets.numel()) if arguments.get("reduction") == "sum" else loss.mean()
        for training in self.trainings:
            if not training.is_closed and training.watch.steps and not _is_same(targets, training.targets):
                training.epochs.held_out(mean, rows)
        if "held-out loss" not in self.places.sites and self.trainings:
            frame = stranger_frame()
            self.places.note("held-out loss", site_of(frame))
            self.places.name("held-out model", self.trainings[-1].model, frame)

    def loader_made(self, loader: DataLoader[Any]) -> None:
        """Keep in mind where it was made."""
        self._loaders[id(loader.dataset)] = site_of(stranger_frame())

    def drawn(self, dataset: object, *, is_end: bool) -> None:
        """Pass on."""
        for training in self.trainings:
            training.epochs.drawn(dataset, is_end=is_end)


def _is_same(targets: Tensor, trained: Tensor | None) -> bool:
    """Whether these are the very rows that were trained on last."""
    return trained is not None and targets.data_ptr() == trained.data_ptr() and targets.shape == trained.shape
