"""What held-out rows say of a watched training: what it learned that does not carry over."""

from __future__ import annotations

import math
from collections.abc import Iterator

from assay.core.finding import Finding
from assay.core.loop_evidence import LoopEvidence
from assay.rules.curve import rise

FEWEST_EPOCHS = 4
FEWEST_EPOCHS_AFTER = 3
RISE_SHARE = 0.07
SMALL_RISE_SHARE = 0.02
BY_HEART_SHARE = 0.03
GAP_SHARE = 0.5
NOISES = 4.0
TREND_Z = 3.0


def overfitted(loop: LoopEvidence) -> Iterator[Finding]:
    """The finding "overfitting" of a watched training, from its losses an epoch.

    Named once the validation loss has left its best epoch for good while the training loss fell on: three epochs and more later it lies
    higher by more than four times the noise of one epoch and by 7 % of what had been learned, or of itself where the training loss is
    under 3 % of it. Or the two have parted by half of what was learned on training rows, and the validation loss no longer falls.
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
    best, gap = valid[seen.best], valid[-1] - train[-1]
    sure = seen.size > NOISES * seen.noise or (seen.size > 2 * seen.noise and seen.trend_z > TREND_Z)
    rises = sure and seen.size > max(RISE_SHARE * learned, SMALL_RISE_SHARE * abs(start))
    by_heart = sure and train[-1] < BY_HEART_SHARE * valid[-1] and seen.size > max(RISE_SHARE * best, SMALL_RISE_SHARE * abs(start))
    opened = gap > GAP_SHARE * (start - train[-1]) > 0 and seen.size > seen.noise and gap > NOISES * seen.noise
    if not (rises or by_heart or opened):
        return
    at = {"model": loop.model, "epoch": seen.best + 1}
    step = loop.epoch_step[seen.best] if seen.best < len(loop.epoch_step) else -1
    if step >= 0:
        at["step"] = step
    yield Finding(
        at,
        saw=f"validation loss {valid[seen.best]:.4g} {loop.unit} at epoch {seen.best + 1} and {valid[-1]:.4g} at epoch {n}, "
        f"while the training loss fell from {train[seen.best]:.4g} to {train[-1]:.4g}",
        expected=f"a rise under {max(RISE_SHARE * min(learned, best), NOISES * seen.noise):.2g} after the best epoch",
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
