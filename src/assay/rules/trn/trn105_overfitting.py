"""TRN105 overfitting."""

from __future__ import annotations

import math
from collections.abc import Iterator

from assay.core.finding import Finding, Severity
from assay.core.loop_evidence import LoopEvidence
from assay.core.rule import rule
from assay.core.trace_evidence import TraceEvidence
from assay.rules.held_out import overfitted

GAP_SHARE = 0.5
RISE_SHARE = 0.1
STANDARD_ERRORS = 4.0


@rule("TRN105", "overfitting", severity=Severity.WARNING, since="0.1")
def overfitting(trace: TraceEvidence) -> Iterator[Finding]:
    """Much of what the kept weights know holds for the training rows alone.

    Why it matters: The training loss promises what new rows will not keep; the gap is paid in production.
    How it is detected: Of the epoch whose weights are kept. Either the loss on validation rows lies above that on training rows by
        more than half of what was learned on the training rows (opening balance minus training loss) and by more than 4
        standard errors; or the best epoch's weights were not put back, and since then the validation loss rose by more than a
        tenth of what had been learned on validation rows and by more than 4 standard errors. Measured gaps: at most 31 % of what
        was learned in 24 healthy trainings on 12 tables (that one at 1.7 standard errors); 53 % and more in 60 epochs on 60 rows
        of German credit and diabetes, where wine and breast cancer, which 60 rows can teach, stayed under 16 %. In a watched loop: three
        epochs after its best the validation loss is surely higher, by over 7 % of what had been learned; in healthy ones up to 4.4 %.
    Remedy: More rows first; else stop at the best epoch, fewer or smaller layers, more weight decay or dropout.
    Limits: Early stopping chose the epoch on the same validation rows, so their loss is a little too low, and the gap with it.
        A gap within noise is not named, so on few validation rows only a large one is.
    References: Prechelt 1998, Early Stopping - But When?; the price is the gap itself.
    """
    if isinstance(trace, LoopEvidence):
        yield from overfitted(trace)
        return
    kept = trace.best_epoch if trace.restored else len(trace.train_loss) - 1
    if kept < 0:
        return
    train, valid = trace.train_loss[kept], trace.valid_loss[kept]
    noise = STANDARD_ERRORS * math.hypot(trace.valid_loss_se, trace.train_loss_se)
    gap, learned = valid - train, trace.opening - train
    best = min(trace.valid_loss)
    rise = valid - best
    if rise > noise and rise > RISE_SHARE * abs(trace.opening - best):
        yield Finding(
            {"model": trace.model, "epoch": kept + 1},
            saw=f"validation loss {valid:.4g} {trace.unit} at the kept epoch {kept + 1}, {best:.4g} at epoch {trace.best_epoch + 1}",
            expected=f"the weights of the best epoch, or a rise under {noise:.2g} ({STANDARD_ERRORS:.0f} standard errors)",
            remedy=f"put the weights of epoch {trace.best_epoch + 1} back (early stopping)",
            price=rise,
            unit=trace.unit,
        )
    elif gap > noise and gap > GAP_SHARE * learned > 0:
        yield Finding(
            {"model": trace.model, "epoch": kept + 1},
            saw=f"loss {train:.4g} {trace.unit} on training rows and {valid:.4g} on validation rows at the kept epoch {kept + 1}: "
            f"{gap / learned:.0%} of what it learned did not carry over",
            expected=f"under {GAP_SHARE:.0%}, or a gap under {noise:.2g} ({STANDARD_ERRORS:.0f} standard errors)",
            remedy="collect more rows; else fewer units, more weight decay or dropout",
            price=gap,
            unit=trace.unit,
        )


@overfitting.blind
def no_validation_rows(trace: TraceEvidence) -> str:
    watched = isinstance(trace, LoopEvidence) and trace.valid_loss
    return "" if watched or len(trace.valid_loss) == len(trace.train_loss) > 0 else "no validation loss was recorded"


def _trace(train: float, valid: float, best: float = 1.0, se: float = 0.01, *, restored: bool = True) -> TraceEvidence:
    losses = ((0.9, train), (best, valid))
    return TraceEvidence(
        "mlp", "bits/row", 1.0, *losses, valid_loss_se=se, best_epoch=1 if restored or valid <= best else 0, restored=restored
    )


@overfitting.bad
def just_over_half_does_not_carry_over() -> TraceEvidence:
    return _trace(0.5, 0.76)


@overfitting.bad
def the_last_epoch_kept_where_the_second_was_best() -> TraceEvidence:
    return _trace(0.55, 0.75, best=0.7, restored=False)


def _watched(*valid: float) -> LoopEvidence:
    return LoopEvidence("net", "bits", 1.0, tuple(0.9 - 0.1 * i for i in range(len(valid))), valid)


@overfitting.bad
def three_epochs_up() -> LoopEvidence:
    return _watched(0.8, 0.7, 0.72, 0.735, 0.75)


@overfitting.good
def up_and_down_again() -> LoopEvidence:
    return _watched(0.8, 0.7, 0.74, 0.7, 0.74, 0.71, 0.73)


@overfitting.good
def the_same_gap_within_noise() -> TraceEvidence:
    return _trace(0.5, 0.76, se=0.07)


@overfitting.good
def just_under_half_does_not_carry_over() -> TraceEvidence:
    return _trace(0.5, 0.74)


@overfitting.good
def a_rise_after_the_best_epoch_that_was_put_back() -> TraceEvidence:
    return TraceEvidence("mlp", "bits/row", 1.0, (0.7, 0.2), (0.75, 1.4), valid_loss_se=0.01, best_epoch=0)
