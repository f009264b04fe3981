"""The watch as a callback of Keras 3 on its torch backend."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import keras
import torch

from assay.watch.callback import LOG, Session, Watching, held_out_of

if TYPE_CHECKING:
    from assay.core.finding import Finding

ATTRIBUTES = ("momentum", "weight_decay")


class KerasOptimiser(torch.optim.Optimizer):
    """A Keras optimiser as one of torch, so that what is known of those holds for it: its step is Keras' own.

    Args:
        optimiser: Keras' optimiser.
        parameters: What it trains.
    """

    def __init__(self, optimiser: Any, parameters: list[torch.Tensor]) -> None:
        betas = (float(optimiser.beta_1), float(optimiser.beta_2)) if hasattr(optimiser, "beta_2") else None
        known = {name: float(getattr(optimiser, name, None) or 0.0) for name in ATTRIBUTES}
        super().__init__(parameters, {"lr": float(optimiser.learning_rate), **known, **({"betas": betas} if betas else {})})
        self.optimiser = optimiser
        self._apply = optimiser.apply
        optimiser.apply = self.apply

    def apply(self, *arguments: Any, **more: Any) -> Any:
        """What Keras calls to step."""
        for group in self.param_groups:
            group["lr"] = float(self.optimiser.learning_rate)
        return self.step(lambda: self._apply(*arguments, **more))

    def step(self, closure: Any = None) -> Any:
        """Keras' step."""
        return closure()

    def release(self) -> None:
        """Give the optimiser back as it was."""
        del self.optimiser.apply


class AssayCallback(Watching, keras.callbacks.Callback):  # type: ignore[misc]
    """Watches what `model.fit` trains.

    Args:
        overhead: Share of the training's own time that watching may take.
        folder: Where evidence and findings are kept for `assay judge` and `assay report`; None for nowhere.
        on_finding: Called with each finding when it is first named; logged to "assay" when None.
    """

    def __init__(
        self, overhead: float = 0.03, *, folder: Path | str | None = None, on_finding: Callable[[Finding], object] | None = None
    ) -> None:
        super().__init__()
        self.session = Session(overhead, folder, on_finding)
        self._optimiser: KerasOptimiser | None = None

    def on_train_begin(self, logs: Any = None) -> None:
        """Begin to watch."""
        if keras.backend.backend() != "torch":
            LOG.warning("assay watches Keras on its torch backend, this is %s; set KERAS_BACKEND=torch", keras.backend.backend())
            return
        if not self.model.optimizer.built:
            self.model.optimizer.build(self.model.trainable_variables)
        kind = type(type(self.model.optimizer).__name__, (KerasOptimiser,), {})  # optimisers are told apart by their names
        self._optimiser = kind(self.model.optimizer, [v.value for v in self.model.trainable_variables])
        steps = int((self.params.get("epochs") or 0) * (self.params.get("steps") or 0))
        self.session.begin(self.model, [self._optimiser], name=self.model.name, planned_steps=steps)

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Tell of a step."""
        self.session.step()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Tell of an epoch with its held-out loss."""
        self.session.end_epoch(*held_out_of(dict(logs or {})))

    def on_train_end(self, logs: Any = None) -> None:
        """End the watch and keep what was seen."""
        self.session.end()
        if self._optimiser is not None:
            self._optimiser.release()
            self._optimiser = None
