"""How a network is trained: steps, rates and patience, with defaults by the number of rows."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Settings:
    """The knobs of the loop.

    Attributes:
        learning_rate: Peak of the schedule (warm-up, then a cosine to a hundredth).
        weight_decay: Decoupled decay of weight matrices and embeddings (AdamW); biases are spared.
        batch_rows: Rows a step; None for a size by the number of training rows.
        epochs: At most so many; None for a number by the number of training rows.
        patience: Epochs without a better validation loss after which training ends; None for a quarter of the epochs.
        warm_share: Share of all steps in which the rate rises.
        clip_norm: Largest 2-norm of a gradient; far above a healthy one, it only breaks falls.
        restore: Put the best epoch's weights back at the end.
    """

    learning_rate: float = 2e-3
    weight_decay: float = 0.05
    batch_rows: int | None = None
    epochs: int | None = None
    patience: int | None = None
    warm_share: float = 0.1
    clip_norm: float = 10.0
    restore: bool = True

    def filled(self, rows: int) -> Settings:
        """The same with every open knob set for so many training rows.

        Example:
            >>> Settings().filled(120).batch_rows, Settings().filled(39_000).batch_rows
            (32, 512)
        """
        batch = self.batch_rows or min(512, max(32, 2 ** round(math.log2(max(rows, 1) / 64))))
        epochs = self.epochs or min(100, max(12, 800_000 // max(rows, 1)))
        patience = self.patience if self.patience is not None else max(6, epochs // 4)
        return replace(self, batch_rows=batch, epochs=epochs, patience=patience)

    def rate(self, step: int, steps: int) -> float:
        """The learning rate of a step (0-based) out of all steps planned."""
        warm = max(1, round(self.warm_share * steps))
        if step < warm:
            return self.learning_rate * (step + 1) / warm
        along = (step - warm) / max(1, steps - warm)
        return self.learning_rate * (0.01 + 0.99 * 0.5 * (1.0 + math.cos(math.pi * min(1.0, along))))
