"""The ledger: double-entry accounting for loss. Both sides must sum to the reduction, and each prints its remainder."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from assay.core.evidence import Evidence


@dataclass(frozen=True, slots=True)
class Booking:
    """One line of one side of the ledger; positive amounts lower the loss.

    Attributes:
        name: The source (a column) or the learner (a layer, a stage, a coefficient).
        held_out: Loss taken away on held-out rows, in the ledger's unit.
        se: Standard error of `held_out`; None where it is exact but for integration.
        train: Loss taken away on training rows; None on the side of sources.
        by_epoch: `held_out` split by epoch or stage, in order; empty where there is no order.
        by_epoch_train: The same on training rows.
    """

    name: str
    held_out: float
    se: float | None = None
    train: float | None = None
    by_epoch: tuple[float, ...] = ()
    by_epoch_train: tuple[float, ...] = ()

    @property
    def is_memorising(self) -> bool:
        """It lowers the training loss but not the held-out loss."""
        return self.train is not None and self.train > 0 >= self.held_out


@dataclass(frozen=True, slots=True)
class Side:
    """One side of the double entry.

    Attributes:
        name: "source" or "learner".
        bookings: Lines, largest first for sources, in the order of the model for learners.
        remainder: Reduction minus the sum of the lines: what this side could not book, never scaled away.
        method: How it was measured, with its parameters, in one line.
        tolerance: Largest |remainder| that the method promises here.
        in_order: The lines of sources have an order of their own (how far back a token stands), which is kept when they are shown.
    """

    name: str
    bookings: tuple[Booking, ...]
    remainder: float
    method: str
    tolerance: float
    in_order: bool = False

    @property
    def total(self) -> float:
        """Sum of the lines, without the remainder."""
        return sum(b.held_out for b in self.bookings)

    @property
    def balances(self) -> bool:
        """The remainder is within what the method promises."""
        return abs(self.remainder) <= self.tolerance


@dataclass(frozen=True, slots=True)
class Adjustment:
    """A part of the books that is not honest knowledge, or that could be won back.

    Attributes:
        kind: "memorised", "miscalibrated" or "leaked".
        amount: Positive: so much of the reduction is not honest (leaked), was lost to the kind (memorised: train-to-held-out
            gap), or could be won back (miscalibrated), in the ledger's unit.
        se: Standard error over held-out rows; None where it was not estimated.
        counts: The amount is taken off the reduction to give the honest one (leaked); else it is told beside it.
        because: What it was measured from, and the rule codes of its findings.
    """

    kind: str
    amount: float
    se: float | None = None
    counts: bool = False
    because: str = ""


@dataclass(frozen=True, slots=True)
class Ledger(Evidence):
    """The books of one model's loss on held-out rows.

    Attributes:
        opening: Loss of the best constant of the training rows, on the held-out rows.
        closing: Loss of the model on the held-out rows; closing_se its standard error over rows.
        train_closing: Loss of the model on the training rows.
        sources, learners: The two sides of the double entry; each sums, with its remainder, to opening - closing.

    Example:
        >>> side = Side("source", (Booking("age", 0.2),), remainder=0.0, method="exact", tolerance=1e-9)
        >>> book = Ledger("m", "bits/row", 100, 1.0, 0.8, 0.01, 0.75, side, side, (Adjustment("leaked", 0.05, counts=True),))
        >>> round(book.reduction, 3), round(book.honest, 3)
        (0.2, 0.15)
    """

    model: str
    unit: str
    rows: int
    opening: float
    closing: float
    closing_se: float
    train_closing: float
    sources: Side
    learners: Side
    adjustments: tuple[Adjustment, ...] = ()

    absent: ClassVar[str] = "no model was accounted for"

    @property
    def reduction(self) -> float:
        """Opening minus closing: what the model took off the loss."""
        return self.opening - self.closing

    @property
    def honest(self) -> float:
        """The reduction less the adjustments that count against it."""
        return self.reduction - sum(a.amount for a in self.adjustments if a.counts)
