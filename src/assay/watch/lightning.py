"""The watch as a callback of Lightning, under either of its package names."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assay.core.errors import InputError
from assay.watch.callback import Session, Watching, held_out_of

if TYPE_CHECKING:
    from assay.core.finding import Finding

PACKAGES = {"lightning.pytorch": "lightning", "pytorch_lightning": "pytorch_lightning"}


def _bases() -> tuple[type, ...]:
    """The callback class of each Lightning package that the program imported, else of the one that is installed."""
    loaded = [name for name, package in PACKAGES.items() if package in sys.modules]
    for name in loaded or PACKAGES:
        try:
            importlib.import_module(name)
        except ModuleNotFoundError:
            continue
        if not loaded:
            loaded = [name]
            break
    found = [sys.modules[name].Callback for name in loaded if name in sys.modules]
    if not found:
        raise InputError("lightning is not installed, which AssayCallback needs; run: pip install lightning")
    return tuple(dict.fromkeys(found))


class LightningHooks(Watching):
    """Lightning's hooks, told to one watch.

    Args:
        overhead: Share of the training's own time that watching may take.
        folder: Where evidence and findings are kept for `assay judge` and `assay report`; None for nowhere.
        on_finding: Called with each finding when it is first named; logged to "assay" when None.
        valid_loss: Name of the held-out loss among the logged numbers; the first of "val..." with "loss" in it when "".
    """

    def __init__(
        self,
        overhead: float = 0.03,
        *,
        folder: Path | str | None = None,
        on_finding: Callable[[Finding], object] | None = None,
        valid_loss: str = "",
    ) -> None:
        super().__init__()
        self.session = Session(overhead, folder, on_finding)
        self.valid_loss = valid_loss
        self._steps = 0

    def on_train_start(self, trainer: Any, pl_module: Any) -> None:
        """Begin to watch."""
        planned = trainer.estimated_stepping_batches
        steps = int(planned) if planned != float("inf") else 0
        self._steps = trainer.global_step
        self.session.begin(pl_module, trainer.optimizers, name=type(pl_module).__name__, planned_steps=steps)

    def on_train_batch_end(self, trainer: Any, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        """Tell of a step, where the optimiser stepped after this batch."""
        if trainer.global_step == self._steps:
            return
        self._steps = trainer.global_step
        pair = batch if isinstance(batch, tuple | list) and len(batch) == 2 else (None, None)
        self.session.step(inputs=pair[0], targets=pair[1])

    def on_train_epoch_end(self, trainer: Any, pl_module: Any) -> None:
        """Tell of an epoch with its held-out loss."""
        metrics = dict(trainer.callback_metrics)
        loss, metric = held_out_of(metrics)
        self.session.end_epoch(metrics.get(self.valid_loss, loss), metric)

    def on_exception(self, trainer: Any, pl_module: Any, exception: BaseException) -> None:
        """Keep what was seen."""
        self.session.end()

    def on_train_end(self, trainer: Any, pl_module: Any) -> None:
        """End the watch and keep what was seen."""
        self.session.end()


def __getattr__(name: str) -> Any:
    """`AssayCallback`, made of the Lightning package in use when it is first asked for."""
    if name != "AssayCallback":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}; it has 'AssayCallback'")
    made = type(name, (LightningHooks, *_bases()), {"__doc__": LightningHooks.__doc__, "__module__": __name__})
    globals()[name] = made
    return made
