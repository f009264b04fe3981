"""What held-out rows say of a watched training: what it learned that does not carry over."""

from __future__ import annotations

import math
from collections.abc import Iterator

from assay.core.finding import Finding
from assay.core.loop_evidence import LoopEvidence
from assay.rules.curve import rise

FEWEST_EPOCHS = 4
FEWEST_EPOCHS_AFTER = 3
RISE_SHARE = 0.1
GAP_SHARE = 0.5
NOISES = 4.0


def overfitted(loop: LoopEvidence) -> Iterator[Finding]:
    """The finding "overfitting" of a watched training, from its losses an epoch.

    Named once the validation loss has left its best epoch for good while the training loss fell on: three epochs and more later it lies
    higher by more than a tenth of what had been learned and more than four times the noise of one epoch.
    """
    valid, train = loop.valid_loss, loop.train_loss
    n = min(len(valid), len(train))
    if n < FEWEST_EPOCHS or not all(math.isfinite(v) for v in (*valid[:n], *train[:n])):
        return
    valid, train = valid[:n], train[:n]
    seen = rise(valid)
    start = loop.opening if math.isfinite(loop.opening) else max(valid[0], train[0])
    learned = start - valid[seen.best]
    if seen.epochs < FEWEST_EPOCHS_AFTER or train[-1] >= train[seen.best]:
        return
    rises = seen.size > max(RISE_SHARE * learned, RISE_SHARE * RISE_SHARE * abs(start)) and seen.size > NOISES * seen.noise
    gap = valid[-1] - train[-1]
    opened = gap > GAP_SHARE * (start - train[-1]) > 0 and seen.size > seen.noise and gap > NOISES * seen.noise
    if not (rises or opened):
        return
    at = {"model": loop.model, "epoch": seen.best + 1}
    step = loop.epoch_step[seen.best] if seen.best < len(loop.epoch_step) else -1
    if step >= 0:
        at["step"] = step
    yield Finding(
        at,
        saw=f"validation loss {valid[seen.best]:.4g} {loop.unit} at epoch {seen.best + 1} and {valid[-1]:.4g} at epoch {n}, "
        f"while the training loss fell from {train[seen.best]:.4g} to {train[-1]:.4g}",
        expected=f"a rise under {max(RISE_SHARE * learned, NOISES * seen.noise):.2g} after the best epoch",
        remedy=f"keep the weights of epoch {seen.best + 1} (early stopping); to go lower: more rows, {_cure(loop)}",
        price=max(0.0, seen.size),
        unit=loop.unit,
    )


def _cure(loop: LoopEvidence) -> str:
    """What is not in use yet against learning by heart."""
    if loop.modes.dropout == 0:
        return "nn.Dropout(0.3) after the widest layer, weight_decay=1e-2 with AdamW, or fewer units"
    if all(group.weight_decay == 0 for group in loop.groups):
        return "weight_decay=1e-2 with AdamW, or fewer units"
    return "fewer units or layers"
