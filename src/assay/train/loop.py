"""The loop that trains a network: AdamW on preloaded tensors, early stopping, a guard against NaN, snapshots for the ledger."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from assay.core.seeds import seed_for
from assay.core.trace_evidence import TraceEvidence
from assay.model.snapshots import MOST_SNAPSHOTS, Snapshots, thin
from assay.watch.probe import PROBE_ROWS, Layer, Probe, input_traces, nonfinite_place

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from assay.model.contract import Rows
    from assay.model.neural import NeuralModel
    from assay.train.settings import Settings

MOST_EVALUATED_ROWS = 8_192
ROWS_AT_ONCE = 4_096
STEPS_BETWEEN_CLOCKS = 16


class NonFinite(Exception):
    """A loss or gradient is not finite."""

    def __init__(self, where: str) -> None:
        super().__init__(where)
        self.where = where


@dataclass
class History:
    """How far a training is; with weights and optimiser all that resuming needs.

    Attributes:
        epoch: Whole epochs done.
        best_epoch: Epochs done when the validation loss was lowest, 0 for birth.
        stopped: Why it ended, "" while it runs.
    """

    epoch: int = 0
    step: int = 0
    best_epoch: int = 0
    best_loss: float = math.inf
    best_se: float = 0.0
    best_train_se: float = 0.0
    waited: int = 0
    train_loss: list[float] = field(default_factory=list)
    valid_loss: list[float] = field(default_factory=list)
    learning_rate: list[float] = field(default_factory=list)
    nonfinite_step: int = -1
    nonfinite_where: str = ""
    stopped: str = ""


class Loop:
    """One training of one network.

    Args:
        model: Built, untrained.
        settings: With every knob filled.
        watched: Record a trace from inside; without it only the losses are kept.
    """

    def __init__(self, model: NeuralModel, train: Rows, valid: Rows, *, settings: Settings, seed: int, watched: bool = True) -> None:
        self.model, self.settings, self.network = model, settings, model.network
        self.inputs, self.target = model.inputs(train.data), model.targets(train.target)
        self.weight = model.weights(train.weight)
        self.opening = model.loss.mean(train.target, self._constant(train), train.weight)
        self.valid = _evaluation_rows(valid, seed_for(seed, f"{model.name} valid rows"))
        self.shown = _evaluation_rows(train, seed_for(seed, f"{model.name} shown rows"))
        self._fed = [(model.inputs(r.data), model.targets(r.target), model.weights(r.weight)) for r in (self.shown, self.valid)]
        self.stream = torch.Generator().manual_seed(seed_for(seed, f"{model.name} steps"))
        self.network.noise = self.stream
        matrices = [p for p in self.network.parameters() if p.ndim > 1]
        biases = [p for p in self.network.parameters() if p.ndim <= 1]
        self.optimiser = torch.optim.AdamW(
            [{"params": matrices, "weight_decay": settings.weight_decay}, {"params": biases, "weight_decay": 0.0}],
            lr=settings.learning_rate,
            fused=True,
        )
        self.trained = matrices + biases
        self.history = History()
        self.best = model.flat()
        self.kept: dict[int, NDArray[Any]] = {0: self.best.copy()}
        self.layers = _layers(model)
        few = torch.arange(min(self.inputs.rows, PROBE_ROWS))
        sample = self.inputs.take(few)
        self.input_sample = sample.numbers
        self.probe = Probe(self.layers, lambda: self.network(sample), self.steps_per_epoch) if watched else None
        if self.valid.data.rows:
            _, _, self.history.best_loss, self.history.best_se = self._measure()

    def _constant(self, train: Rows) -> NDArray[np.float64]:
        constant = self.model.loss.best_constant(train.target, train.weight, len(self.model.start))
        return np.broadcast_to(constant, (len(train.target), *constant.shape))

    @property
    def steps_per_epoch(self) -> int:
        """Steps of one epoch."""
        return max(1, math.ceil(self.inputs.rows / (self.settings.batch_rows or 1)))

    def run(
        self,
        *,
        budget_seconds: float | None,
        on_epoch: Callable[[int, float, float, float], None] | None,
        save: Callable[[bool], None],
    ) -> None:
        """Train until patience, epochs or budget end it; `history.stopped` says which.

        Args:
            budget_seconds: Stop, with an evaluation, once they are used up; None for no limit.
            on_epoch: Called with epoch (1-based), training loss, validation loss and seconds left.
            save: Called after each epoch; True where the training ends here.
        """
        started, epochs = time.monotonic(), self.settings.epochs or 1
        deadline = started + budget_seconds if budget_seconds is not None else math.inf
        first = self.history.epoch
        try:
            while not self.history.stopped:
                whole = self._epoch(deadline)
                self._end_epoch(whole)
                if on_epoch is not None:
                    spent, done = time.monotonic() - started, self.history.epoch - first
                    left = min(spent / done * (epochs - self.history.epoch), deadline - time.monotonic())
                    on_epoch(self.history.epoch, self.history.train_loss[-1], self._last_valid(), max(0.0, left))
                save(bool(self.history.stopped))
        except NonFinite as found:
            self.history.nonfinite_where, self.history.nonfinite_step = found.where, self.history.step
            self.history.stopped = "nonfinite"
            if self.probe is not None:
                self.probe.drop_epoch()
            save(True)
        except KeyboardInterrupt:
            if self.probe is not None:
                self.probe.drop_epoch()
            self.history.stopped = "interrupted"
        finally:
            self.network.eval()

    def _last_valid(self) -> float:
        return self.history.valid_loss[-1] if self.history.valid_loss else math.nan

    def _epoch(self, deadline: float) -> bool:
        """One pass over the training rows; False if the clock cut it short."""
        self.network.train()
        planned = self.steps_per_epoch * (self.settings.epochs or 1)
        step = 0
        for step, rows in enumerate(self._batches()):
            rate = self.settings.rate(self.history.step, planned)
            for group in self.optimiser.param_groups:
                group["lr"] = rate
            self._step(step, rows)
            self.history.step += 1
            if step % STEPS_BETWEEN_CLOCKS == 0 and time.monotonic() > deadline:
                break
        self.history.learning_rate.append(float(self.optimiser.param_groups[0]["lr"]))
        return step + 1 == self.steps_per_epoch

    def _batches(self) -> Iterator[torch.Tensor]:
        order = torch.randperm(self.inputs.rows, generator=self.stream)
        yield from torch.split(order, self.settings.batch_rows or 1)

    def _step(self, step: int, rows: torch.Tensor) -> None:
        fed = self.inputs.take(rows)
        self.optimiser.zero_grad(set_to_none=True)
        per_row = self.model.training_losses(fed, self.target[rows])
        loss = per_row.mean() if self.weight is None else (per_row * self.weight[rows]).mean()
        torch.autograd.backward(loss)
        gradients = [p.grad for p in self.trained if p.grad is not None]
        total = float(torch.linalg.vector_norm(torch.stack(torch._foreach_norm(gradients))))
        if not math.isfinite(total + float(loss.detach())):
            raise NonFinite(nonfinite_place(self.layers, loss.detach(), fed.numbers, self.model.input_names))
        watched = self.probe is not None and self.probe.wants(step)
        if watched and self.probe is not None:
            self.probe.before_step()
        if total > self.settings.clip_norm:
            torch._foreach_mul_(gradients, self.settings.clip_norm / total)
        self.optimiser.step()
        if self.probe is not None:
            self.probe.after_step(loss * self.model.loss_scale)

    def _end_epoch(self, whole: bool) -> None:
        history, settings = self.history, self.settings
        history.epoch += 1
        train_loss, train_se, valid_loss, valid_se = self._measure()
        history.train_loss.append(train_loss)
        if self.valid.data.rows:
            history.valid_loss.append(valid_loss)
        else:
            valid_loss = -math.inf
        weights = self.model.flat()
        if self.probe is not None:
            self.probe.end_epoch()
        if valid_loss < history.best_loss or not self.valid.data.rows:
            history.best_loss, history.best_se, history.best_train_se = valid_loss, valid_se, train_se
            history.best_epoch, history.waited = history.epoch, 0
            self.best = weights
        else:
            history.waited += 1
        self._keep(weights)
        if not whole:
            history.stopped = "budget"
        elif history.waited >= (settings.patience or 0):
            history.stopped = "patience"
        elif history.epoch >= (settings.epochs or 1):
            history.stopped = "epochs"

    def _keep(self, weights: NDArray[Any]) -> None:
        self.kept[self.history.epoch] = weights
        if len(self.kept) > MOST_SNAPSHOTS + MOST_SNAPSHOTS // 2:
            epochs = sorted(self.kept)
            self.kept = {epochs[i]: self.kept[epochs[i]] for i in thin(epochs)}

    @torch.no_grad()
    def _measure(self) -> tuple[float, float, float, float]:
        """Mean loss and its standard error on the shown training rows and on the validation rows, in the loss's unit."""
        self.network.eval()
        found: list[float] = []
        for inputs, target, weight in self._fed:
            if not inputs.rows:
                found += [math.nan, 0.0]
                continue
            pieces = torch.split(torch.arange(inputs.rows), ROWS_AT_ONCE)
            per_row = torch.cat([self.model.losses(inputs.take(rows), target[rows]) for rows in pieces]).numpy()
            weights = np.ones(len(per_row)) if weight is None else weight.numpy()
            mean = float(np.average(per_row, weights=weights))
            se = float(np.sqrt(np.sum((weights * (per_row - mean)) ** 2)) / weights.sum())
            found += [mean, se]
        return found[0], found[1], found[2], found[3]

    def snapshots(self) -> Snapshots:
        """Weights from birth to the kept epoch."""
        last = self.history.best_epoch if self.settings.restore else self.history.epoch
        path = {e: w for e, w in self.kept.items() if e <= last} | {last: self.best if self.settings.restore else self.model.flat()}
        epochs = sorted(path)
        chosen = [epochs[i] for i in thin(epochs)]
        return Snapshots(tuple(chosen), np.stack([path[e] for e in chosen]).astype(np.float32))

    def finish(self) -> None:
        """Leave the best epoch's weights in the model."""
        if self.settings.restore:
            self.model.load_parameters(self.best)
        self.network.noise = None
        self.network.eval()
        self.model.kept = f"kept epoch {self.history.best_epoch if self.settings.restore else self.history.epoch} of {self.history.epoch}"

    def trace(self) -> TraceEvidence:
        """The training as evidence."""
        history, probe = self.history, self.probe
        return TraceEvidence(
            model=self.model.name,
            unit=self.model.loss.unit,
            opening=self.opening,
            train_loss=tuple(history.train_loss),
            valid_loss=tuple(history.valid_loss),
            valid_loss_se=history.best_se,
            step_loss=tuple(probe.step_loss) if probe else (),
            step_number=tuple(probe.step_number) if probe else (),
            learning_rate=tuple(history.learning_rate),
            layers=probe.traces() if probe else (),
            inputs=input_traces(self.model.input_names, self.input_sample),
            steps_per_epoch=self.steps_per_epoch,
            train_rows=self.inputs.rows,
            valid_rows=self.valid.data.rows,
            nonfinite_step=history.nonfinite_step,
            nonfinite_where=history.nonfinite_where,
            nonfinite_rows=int((~torch.isfinite(self.inputs.numbers)).any(dim=1).sum()),
            best_epoch=history.best_epoch - 1,
            stopped=history.stopped,
            train_loss_se=history.best_train_se,
            restored=self.settings.restore,
        )


def _evaluation_rows(rows: Rows, seed: int) -> Rows:
    from assay.model.contract import Rows as Made

    if rows.data.rows <= MOST_EVALUATED_ROWS:
        return rows
    few = np.sort(np.random.default_rng(seed).choice(rows.data.rows, MOST_EVALUATED_ROWS, replace=False))
    return Made(rows.data.take(few), rows.target[few], None if rows.weight is None else rows.weight[few])


def _layers(model: NeuralModel) -> list[Layer]:
    network, named = model.network, dict(model.network.named_parameters())
    found = []
    for group, names in model.groups().items():
        parameters = tuple(named[n] for n in names)
        kind = network.layer_kind(group)
        units = sum(p.shape[1] for p in parameters) if kind in {"embedding", "text"} else int(parameters[0].shape[0])
        found.append(Layer(group, kind, units, parameters, network.activation_of(group)))
    return found
