"""The loop that trains a network: batches in, steps, evaluations, the best weights kept, and a reason why it ended."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from assay.core.seeds import seed_for
from assay.model.dropout import set_noise
from assay.train.backward import Backward
from assay.train.crew import Crew, of_rank
from assay.train.evaluation import mean_loss
from assay.train.guard import DeferredGuard, Guard, NonFinite
from assay.train.history import History
from assay.train.interrupt import Interrupts
from assay.train.kept import Kept
from assay.train.optimiser import Optimiser, hidden_matrices
from assay.train.run import Moment
from assay.train.schedule import Schedule
from assay.train.weights import Average, Weights
from assay.watch.probe import PROBE_ROWS, Layer, Probe, nonfinite_place

if TYPE_CHECKING:
    from assay.train.data import Batch, Data
    from assay.train.settings import Settings
    from assay.train.task import Task

STEPS_BETWEEN_CLOCKS = 16


@runtime_checkable
class Observer(Protocol):
    """Who sees every step of a loop, such as `assay.train.watched.WatchCallback`."""

    def begin(self, loop: Loop) -> None:
        """The training begins."""

    def around(self, step: Callable[[], object], loss: Tensor, batch: Batch) -> None:
        """Take the optimiser's step on this batch, whose training loss this is."""

    def __call__(self, moment: Moment) -> object:
        """An evaluation is over."""

    def end(self) -> None:
        """The training is over, or has failed."""


class Loop:
    """One training of one network.

    Args:
        task: The network and its loss.
        data: What it learns from.
        valid: What early stopping looks at; without any the last weights are kept.
        settings: With every knob filled.
        seed: Of the order of examples and of dropout.
        layers: Of the network, once its weights lie where they are trained.
        watched: Record a trace from inside; without it only the losses are kept.
        crew: The processes that share the work.
        weights: Of the network; made anew if None.
    """

    def __init__(
        self,
        task: Task,
        data: Data,
        valid: Data | None,
        *,
        settings: Settings,
        seed: int,
        layers: Sequence[Layer],
        watched: bool = True,
        crew: Crew | None = None,
        weights: Weights | None = None,
    ) -> None:
        self.task, self.data, self.settings, self.seed, self.network = task, data, settings, seed, task.network
        self.valid = valid if valid is not None and valid.rows else None
        self.crew = crew or Crew()
        self.batch_rows = min(settings.batch_rows or 1, data.rows)
        self.steps_per_epoch = data.steps(self.batch_rows)
        planned = self.steps_per_epoch * (settings.epochs or 1)
        self.steps = min(planned, settings.max_steps or planned)
        self.window_steps = settings.evaluate_every or self.steps_per_epoch
        self.weights = weights or _weights(self.network, settings)
        self.optimiser = Optimiser(settings, self.weights)
        self.schedule = Schedule(settings, steps=self.steps, steps_per_epoch=self.steps_per_epoch)
        self.average = Average(self.weights, settings.average) if settings.average is not None else None
        self.backward = Backward(task, self.weights, settings, world=self.crew.world, stand_in=lambda: next(iter(data.in_order(2))))
        self.guard = self._guard()
        self.noise = torch.Generator(self.weights.trained[0].device).manual_seed(seed_for(seed, of_rank("noise", self.crew)))
        self._set_noise(self.noise)
        self.history = History()
        self.window: list[Tensor] = []
        self.layers = list(layers)
        self.probe = Probe(self.layers, self._sample_forward(), self.window_steps) if watched else None
        self.kept = Kept(self.weights)
        self.observer: Observer | None = None

    def _guard(self) -> Guard:
        scaled = self.backward.scaler is not None
        if self.weights.trained[0].is_cuda and self.optimiser.is_direct and not scaled:
            return DeferredGuard(self.weights, self.settings, self.optimiser)
        return Guard(self.weights, self.settings, overflows=scaled)

    def _set_noise(self, noise: torch.Generator | None) -> None:
        set_noise(self.network, noise)
        if hasattr(self.network, "noise"):
            self.network.noise = noise  # type: ignore[assignment]

    def _sample_forward(self) -> Callable[[], object]:
        held: list[Batch] = []
        rows = min(PROBE_ROWS, self.data.rows_at_once(self.batch_rows))

        def forward() -> object:
            if not held:
                held.append(next(iter(self.data.in_order(rows))))
            return self.task.measure(held[0])

        return forward

    # -- running -----------------------------------------------------------------------------------------------------------

    def measure_birth(self) -> None:
        """Evaluate the weights as they are, before the first step."""
        if self.valid is not None:
            self.network.eval()
            self.history.best_loss, self.history.best_se = self._mean(self.valid, "valid rows")

    def run(
        self,
        *,
        budget_seconds: float | None = None,
        callbacks: Sequence[Callable[[Moment], object]] = (),
        save: Callable[[bool], None] = lambda _ends: None,
    ) -> None:
        """Train until something ends it; `history.stopped` says what.

        Args:
            budget_seconds: Stop, with an evaluation, once they are used up; None for no limit.
            callbacks: Called after each evaluation; one that returns "stop" ends the training.
            save: Called after each evaluation, and where a training is interrupted; True where it ends here.
        """
        self.started, self.first_step = time.monotonic(), self.history.step
        self.deadline = self.started + budget_seconds if budget_seconds is not None else math.inf
        self.callbacks, self.save = callbacks, save
        try:
            with Interrupts() as interrupts:
                while not self.history.stopped:
                    self._epoch(interrupts)
        except NonFinite as found:
            self._stop_at_nonfinite(found.steps_ago)
            save(True)
        except KeyboardInterrupt:
            if self.crew.world > 1:  # the others, in the middle of a step, could only wait
                raise
            self._drop_window()
            self.history.stopped = "interrupted"
        finally:
            self.network.eval()

    def _epoch(self, interrupts: Interrupts) -> None:
        """Go on with an epoch to its end, or the training's."""
        history, settings = self.history, self.settings
        self.network.train()
        for batch in self._batches(history.epoch, history.step_of_epoch):
            self._step(batch)
            history.step += 1
            history.step_of_epoch += 1
            if history.step_of_epoch == self.steps_per_epoch:
                history.epoch, history.step_of_epoch = history.epoch + 1, 0
            ends = "epochs" if history.epoch >= (settings.epochs or 1) else "steps" if history.step >= self.steps else ""
            is_over = not ends and self._is_over()
            is_due = history.step % settings.evaluate_every == 0 if settings.evaluate_every else history.step_of_epoch == 0
            if is_due or is_over or ends:
                self._evaluate("budget" if is_over else ends)
            if self.crew.heard("interrupt", interrupts.asked) and not history.stopped:
                self._interrupt()
            if history.stopped:
                return

    def _batches(self, epoch: int, skip: int) -> Iterator[Batch]:
        order, part = seed_for(self.seed, f"order {epoch}"), (self.crew.rank, self.crew.world)
        return self.data.batches(self.batch_rows, order, skip=skip, part=part)

    def _is_over(self) -> bool:
        """Whether the budget is used up; every so many steps the guard's flags are read as well."""
        is_now = self.history.step % STEPS_BETWEEN_CLOCKS == 0
        if is_now:
            self.guard.settle()
        return not math.isinf(self.deadline) and self.crew.heard("over", time.monotonic() > self.deadline)

    def _step(self, batch: Batch) -> None:
        """One batch: gradients, guard, step."""
        rate = self.schedule.rate(self.history.step)
        self.optimiser.set_rate(rate, self.schedule.momentum if self.schedule.cycles_momentum else None)
        loss = self.crew.average(self.weights, self.backward(batch), self.backward.share)
        scaler = self.backward.scaler
        if scaler is not None:
            self.optimiser.unscale(scaler)
        try:
            self.guard.admit(loss)
        except NonFinite:
            self._name_nonfinite(loss, batch)
            raise
        watched = self.probe is not None and self.probe.wants(len(self.history.window) + len(self.window))
        if watched and self.probe is not None:
            self.probe.before_step()
        if self.observer is None:
            self.optimiser.step(scaler)
        else:
            self.observer.around(lambda: self.optimiser.step(scaler), loss, batch)
        if self.average is not None:
            self.average.update()
        if watched and self.probe is not None:
            self.probe.after_update()
        self.window.append(loss)

    # -- evaluating --------------------------------------------------------------------------------------------------------

    def _mean(self, data: Data, part: str) -> tuple[float, float]:
        rows, most = data.rows_at_once(self.batch_rows), self.settings.evaluated_rows
        examples = data.in_order(rows, at_most=most, seed=seed_for(self.seed, part))
        return mean_loss(self.task, examples, self.crew, in_step=self.weights.is_sharded)

    def _evaluate(self, ends: str) -> None:
        """Measure both parts, keep what is best, tell, and decide whether to go on; `ends` is why this is the end, "" if it is not."""
        history = self.history
        self.guard.settle()
        self.guard.check_weights()
        self.crew.level(self.weights.buffers())
        steps = [loss * self.task.loss_scale for loss in self._window_losses()]
        history.note_steps(steps, history.step - len(steps))
        self.network.eval()
        with self.average.in_place() if self.average is not None else nullcontext():
            train_loss, train_se = self._mean(self.data, "shown rows") if self.settings.measure_train else (_mean_of(steps), 0.0)
            valid_loss, valid_se = self._mean(self.valid, "valid rows") if self.valid is not None else (-math.inf, 0.0)
            history.at_step.append(history.step)
            history.at_epoch.append(history.epoch)
            history.learning_rate.append(self.optimiser.rate)
            history.train_loss.append(train_loss)
            if self.valid is not None:
                history.valid_loss.append(valid_loss)
            is_best = valid_loss < history.best_loss or self.valid is None
            if is_best:
                history.best_loss, history.best_se, history.best_train_se = valid_loss, valid_se, train_se
                history.best = history.evaluations
            history.waited = 0 if is_best else history.waited + 1
            self.kept.add(history.evaluations, is_best=is_best)
            if self.probe is not None:
                self.probe.end_epoch()
        self.schedule.observe(valid_loss if self.valid is not None else train_loss)
        self.network.train()
        history.stopped = ends if ends == "budget" else "patience" if history.waited >= (self.settings.patience or math.inf) else ends
        self._tell()
        self.save(bool(history.stopped))

    def _window_losses(self) -> list[float]:
        """The training-unit losses of the steps since the last evaluation, which begins anew."""
        losses: list[float] = [*self.history.window, *(torch.stack(self.window).tolist() if self.window else [])]
        self.window, self.history.window = [], []
        return losses

    def _tell(self) -> None:
        """Tell the callbacks, one of which may end the training."""
        history, now = self.history, time.monotonic()
        done = max(1, history.step - self.first_step)
        left = min((now - self.started) / done * (self.steps - history.step), self.deadline - now)
        moment = Moment(
            epoch=history.epoch + (history.step_of_epoch > 0),
            step=history.step,
            train_loss=history.train_loss[-1],
            valid_loss=history.valid_loss[-1] if history.valid_loss else math.nan,
            learning_rate=history.learning_rate[-1],
            seconds=now - self.started,
            seconds_left=max(0.0, left),
        )
        answers = [callback(moment) for callback in self.callbacks]
        if not history.stopped and self.crew.agree("stop" in answers):
            history.stopped = "callback"

    # -- ending ------------------------------------------------------------------------------------------------------------

    def _interrupt(self) -> None:
        """Keep the state of this very step and end."""
        self.guard.settle()
        self.history.window = self._window_losses()
        self.save(True)
        self.history.stopped = "interrupted"

    def _drop_window(self) -> None:
        self.window = []
        if self.probe is not None:
            self.probe.drop_epoch()

    def _stop_at_nonfinite(self, steps_ago: int) -> None:
        """Say in which step and where a number broke.

        Of a step whose gradient went unread, the weights tell: those of the layers that it reached are broken too, and are put
        back to the best ones. Of a step some steps ago, no weight has moved since, and it is taken again.
        """
        history = self.history
        broken = [layer for layer in self.layers if not all(bool(torch.isfinite(p).all()) for p in layer.parameters)]
        steps_ago = 1 if broken else steps_ago
        history.nonfinite_step, history.stopped = history.step - steps_ago, "nonfinite"
        if steps_ago:
            at = history.epoch * self.steps_per_epoch + history.step_of_epoch - steps_ago
            batch = next(self._batches(*divmod(at, self.steps_per_epoch)))
            if broken:
                self.weights.load(self.kept.best)
            self._name_nonfinite(self.backward(batch), batch)
            if broken and history.nonfinite_where == "gradient":
                history.nonfinite_where = f"gradient of {broken[-1].name}"
        self._drop_window()

    def _name_nonfinite(self, loss: Tensor, batch: Batch) -> None:
        numbers = self.task.numbers(batch)
        told = self.crew.all_told(nonfinite_place(self.layers, loss, numbers, self.task.input_names(numbers.shape[1])))
        self.history.nonfinite_where = next((where for where in told if where.startswith("input")), told[0])

    @property
    def _gives_best_back(self) -> bool:
        """Whether the best weights are put back; those of a training that was interrupted before its first evaluation are not lost."""
        return self.settings.restore and not (self.history.stopped == "interrupted" and not self.history.evaluations)

    def finish(self) -> None:
        """Leave the best weights, or the last ones where so set, in an ordinary network."""
        if self._gives_best_back:
            self.weights.load(self.kept.best)
        self._set_noise(None)
        self.network.eval()

    @property
    def last_kept(self) -> int:
        """The evaluation whose weights `finish` leaves."""
        return self.history.best if self._gives_best_back else max(1, self.history.evaluations)


def _weights(network: nn.Module, settings: Settings) -> Weights:
    apart = hidden_matrices(network) if settings.optimiser == "muon" else ()
    return Weights(network, apart=apart, decays=bool(settings.weight_decay))


def _mean_of(losses: list[float]) -> float:
    return math.fsum(losses) / len(losses) if losses else math.nan
