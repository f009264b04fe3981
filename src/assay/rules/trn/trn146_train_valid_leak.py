"""TRN146 train-valid-leak."""

from __future__ import annotations

import math
from collections.abc import Iterator

from assay.core.finding import Finding, Severity
from assay.core.loop_evidence import LoopEvidence, Window
from assay.core.loop_parts import ModeFacts
from assay.core.rule import rule
from assay.rules.curve import Level, level, rise

FEWEST_EPOCHS = 5
STANDARD_ERRORS = 4.0
BETTER_SHARE = 0.1


@rule("TRN146", "train-valid-leak", severity=Severity.NOTE, since="0.2")
def train_valid_leak(loop: LoopEvidence) -> Iterator[Finding]:
    """Validation rows are predicted better than the training rows of the same hour.

    Why it matters: A model cannot know new rows better than those it learns from. Where it does, the validation rows are easier, or
        they are training rows that were met already, and the validation loss promises too much.
    How it is detected: In each of 5 epochs in a row the validation loss lies under the mean loss of the epoch's last tenth of batches;
        the mean difference is over 4 standard errors and over a tenth of what was learned or of the loss itself. Not judged with
        dropout or batch norm in the model, whose training loss is worse by design.
    Remedy: Look for rows in both parts (`assay check` names them), and for a validation set that was filtered.
    Limits: Augmented, mixed or relabelled training rows make the training loss worse than the model is, unseen here; hence a note.
    References: Kapoor and Narayanan 2023, Leakage and the Reproducibility Crisis; Goodfellow, Bengio and Courville 2016, section 7.
    """
    epochs = min(len(loop.valid_loss), len(loop.epoch_step))
    if epochs < FEWEST_EPOCHS or loop.modes.dropout > 0 or loop.modes.batch_norms or not math.isfinite(loop.opening):
        return
    noise = rise(loop.valid_loss).noise
    ends = [_end_of(loop, i) for i in range(epochs)]
    found = [seen for first in range(epochs - FEWEST_EPOCHS + 1) if (seen := _better(loop, ends, first, noise)) is not None]
    if not found:
        return
    _, gap, error, last = max(found)
    yield Finding(
        {"model": loop.model, "epoch": last + 1},
        saw=f"validation loss {loop.valid_loss[last]:.4g} {loop.unit} at epoch {last + 1}; over 5 epochs {gap:.3g} under that of the "
        "training batches just before",
        expected=f"a validation loss at or above them (within {STANDARD_ERRORS * error:.2g})",
        remedy="look for validation rows among the training rows: len(set(map(tuple, valid)) & set(map(tuple, train)))",
    )


def _better(loop: LoopEvidence, ends: list[Level], first: int, noise: float) -> tuple[float, float, float, int] | None:
    """Over five epochs: how sure the gap is, the gap, its error, and the last epoch; None where there is none."""
    epochs = range(first, first + FEWEST_EPOCHS)
    gaps = [ends[i].mean - loop.valid_loss[i] for i in epochs]
    gap = math.fsum(gaps) / FEWEST_EPOCHS
    error = math.hypot(*(ends[i].error for i in epochs), noise * math.sqrt(FEWEST_EPOCHS)) / FEWEST_EPOCHS
    learned = loop.opening - loop.valid_loss[epochs[-1]]
    is_found = (
        all(one > 0 for one in gaps)
        and gap > STANDARD_ERRORS * error
        and gap > BETTER_SHARE * min(learned, abs(loop.valid_loss[epochs[-1]])) > 0
    )
    return (gap / error if error > 0 else math.inf, gap, error, epochs[-1]) if is_found else None


def _end_of(loop: LoopEvidence, epoch: int) -> Level:
    """Level of the batch losses in the last tenth of an epoch, one window at least."""
    end = loop.epoch_step[epoch]
    start = end - max(1, (end - (loop.epoch_step[epoch - 1] if epoch else 0)) // 10)
    inside = [w for w in loop.windows if w.step + w.steps > start and w.step <= end]
    return level(inside)


@train_valid_leak.blind
def too_few_epochs(loop: LoopEvidence) -> str:
    return f"fewer than {FEWEST_EPOCHS} epochs with a validation loss" if len(loop.valid_loss) < FEWEST_EPOCHS else ""


def _loop(gap: float, modes: ModeFacts | None = None) -> LoopEvidence:
    train = [0.9 - 0.1 * i for i in range(5)]
    windows = tuple(Window(20 * i, 20, loss, 0.02, loss, loss) for i, loss in enumerate(train))
    valid = tuple(loss - gap for loss in train)
    ends = tuple(20 * i + 19 for i in range(5))
    return LoopEvidence("net", "bits", 1.0, tuple(train), valid, steps=100, windows=windows, epoch_step=ends, modes=modes or ModeFacts())


@train_valid_leak.bad
def better_by_a_tenth_and_a_little() -> LoopEvidence:
    return _loop(0.05)


@train_valid_leak.good
def better_by_less() -> LoopEvidence:
    return _loop(0.04)


@train_valid_leak.good
def dropout_explains_it() -> LoopEvidence:
    return _loop(0.2, ModeFacts(dropout=0.5))
