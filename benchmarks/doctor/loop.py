"""A training loop as people write it, with the places where they slip as settings."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from benchmarks.doctor.data import Rows

Change = Callable[[Tensor], Tensor]


def same(values: Tensor) -> Tensor:
    """What it was given."""
    return values


@dataclass
class Loop:
    """Epochs of batches, a validation after each.

    Attributes:
        order: "shuffled", or "given": in the order of the rows.
        zero: When gradients are cleared: "before" the backward pass, "after" the step, "epoch": once an epoch, or "never".
        every: Batches whose gradients are added up for one step.
        clip, clip_value: Largest norm, largest single number of the gradient; 0 for none.
        schedule, schedule_epoch: Stepped after each step, each epoch.
        validation: "eval", "train": the mode is not switched, "stay": never back to training, or "none".
        gives: What the watcher is told: "all" or "loss".
        prepare, target: What the loop makes of a batch's inputs and targets.
        watched: Further options of the watch.
        score: How good the trained network is; None for the usual of the task.
        reported: The last validation score as the loop saw it.
    """

    watch: Any
    model: nn.Module
    rows: Rows
    optimizer: Any
    loss_fn: Callable[..., Tensor]
    epochs: int
    batch: int
    order: str = "shuffled"
    zero: str = "before"
    every: int = 1
    clip: float = 0.0
    clip_value: float = 0.0
    schedule: Any = None
    schedule_epoch: Any = None
    validation: str = "eval"
    gives: str = "all"
    gives_loss_fn: bool = True
    prepare: Change = same
    target: Change = same
    penalty: Callable[[nn.Module], Tensor] | None = None
    max_steps: int = 100_000
    watched: dict[str, Any] = field(default_factory=dict)
    score: Callable[[Loop], float] | None = None
    reported: float = float("nan")
    taken: int = 0

    def run(self) -> float:
        """Train, and return the score."""
        an_epoch = -(-len(self.rows.x) // self.batch) // self.every
        steps = min(self.epochs * an_epoch, self.max_steps)
        with self.watch(self.model, self.optimizer, self.loss_fn if self.gives_loss_fn else None, steps=steps, **self.watched) as w:
            self.model.train()
            for _ in range(self.epochs):
                self._epoch(w)
                if self.taken >= self.max_steps:
                    break
        return self.score(self) if self.score else usual_score(self)

    def batches(self) -> Iterator[tuple[Tensor, Tensor]]:
        """One pass over the training rows."""
        n = len(self.rows.x)
        order = torch.randperm(n) if self.order == "shuffled" else torch.arange(n)
        for start in range(0, n, self.batch):
            chosen = order[start : start + self.batch]
            yield self.prepare(self.rows.x[chosen]), self.target(self.rows.y[chosen])

    def _epoch(self, w: Any) -> None:
        if self.zero == "epoch":
            self.optimizer.zero_grad()
        for n, (x, y) in enumerate(self.batches()):
            if self.zero == "before" and n % self.every == 0:
                self.optimizer.zero_grad()
            out = self.model(x)
            loss = self.loss_fn(out, y) + (self.penalty(self.model) if self.penalty else 0.0)
            (loss / self.every if self.every > 1 else loss).backward()
            if (n + 1) % self.every:
                continue
            self._step()
            w.step(loss, inputs=x, outputs=out, targets=y) if self.gives == "all" else w.step(loss)
            self.taken += 1
            if self.taken >= self.max_steps:
                return
        if self.schedule_epoch:
            self.schedule_epoch.step()
        self._validate(w)

    def _step(self) -> None:
        if self.clip:
            torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.clip)
        if self.clip_value:
            torch.nn.utils.clip_grad_value_(self.model.parameters(), self.clip_value)
        self.optimizer.step()
        if self.schedule:
            self.schedule.step()
        if self.zero == "after":
            self.optimizer.zero_grad()

    def _validate(self, w: Any) -> None:
        if self.validation == "none":
            w.end_epoch()
            return
        if self.validation in ("eval", "stay"):
            self.model.eval()
        with torch.no_grad():
            out, y = self.model(self.prepare(self.rows.x_valid)), self.target(self.rows.y_valid)
            loss, self.reported = float(self.loss_fn(out, y)), graded(out, self.rows)
        w.end_epoch(valid_loss=loss, valid_metric=self.reported)
        if self.validation == "eval":
            self.model.train()


def reported(loop: Loop) -> float:
    """The validation score as the loop itself saw it last."""
    return loop.reported


def usual_score(loop: Loop) -> float:
    """The score of the trained network on validation rows, in evaluation mode."""
    loop.model.eval()
    with torch.no_grad():
        return graded(loop.model(loop.prepare(loop.rows.x_valid)), loop.rows)


def graded(out: Tensor, rows: Rows) -> float:
    """Accuracy or explained variance (not under -1); nan where outputs are not finite."""
    if not torch.isfinite(out).all():
        return float("nan")
    y = rows.y_valid
    if rows.kind in ("classes", "tokens"):
        guess = out.argmax(-1) if out.shape[-1] > 1 and out.dim() > 1 else out.reshape(y.shape).round()
        return float((guess == y).float().mean())
    if rows.kind == "binary":
        scores = (out[:, -1] if out.dim() > 1 else out).reshape(-1)
        cut = 0.5 if scores.min() >= 0 and scores.max() <= 1 else 0.0  # probabilities, or logits
        return float(((scores > cut) == (y.reshape(-1) > 0.5)).float().mean())
    error = (out.reshape(-1) - y.reshape(-1)).square().mean() / y.reshape(-1).var()
    return max(-1.0, float(1 - error))
