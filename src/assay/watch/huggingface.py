"""The watch as a callback of Hugging Face's `Trainer`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from transformers import TrainerCallback

from assay.watch.callback import Session, Watching, held_out_of

if TYPE_CHECKING:
    from assay.core.finding import Finding


class AssayTrainerCallback(Watching, TrainerCallback):  # type: ignore[misc,unused-ignore]
    """Watches what a `Trainer` trains.

    Args:
        overhead: Share of the training's own time that watching may take.
        folder: Where evidence and findings are kept for `assay judge` and `assay report`; None for nowhere.
        on_finding: Called with each finding when it is first named; logged to "assay" when None.
    """

    def __init__(
        self, overhead: float = 0.03, *, folder: Path | str | None = None, on_finding: Callable[[Finding], object] | None = None
    ) -> None:
        self.session = Session(overhead, folder, on_finding)
        self._is_due = False
        self._held_out: tuple[Any, Any] = (None, None)

    def on_train_begin(self, args: Any, state: Any, control: Any, **more: Any) -> None:
        """Begin to watch."""
        optimiser = more.get("optimizer")
        inner = getattr(optimiser, "optimizer", optimiser)  # accelerate wraps it
        if inner is not None:
            self.session.begin(more["model"], [inner], planned_steps=int(state.max_steps or 0))

    def on_optimizer_step(self, args: Any, state: Any, control: Any, **more: Any) -> None:
        """Tell of an epoch that has ended, where its held-out loss came after it, and of a step."""
        self.session.step()

    def on_step_begin(self, args: Any, state: Any, control: Any, **more: Any) -> None:
        """The next epoch has begun."""
        self._flush()

    def on_evaluate(self, args: Any, state: Any, control: Any, **more: Any) -> None:
        """Keep the held-out loss for the epoch."""
        self._held_out = held_out_of(dict(more.get("metrics") or {}))

    def on_epoch_end(self, args: Any, state: Any, control: Any, **more: Any) -> None:
        """An epoch is over; its held-out loss may follow."""
        self._is_due = True

    def on_train_end(self, args: Any, state: Any, control: Any, **more: Any) -> None:
        """End the watch and keep what was seen."""
        self._flush()
        self.session.end()

    def _flush(self) -> None:
        if self._is_due:
            loss, metric = self._held_out
            self._is_due, self._held_out = False, (None, None)
            self.session.end_epoch(loss, metric)
