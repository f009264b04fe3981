"""Words in a column's name that tell of something known only at the outcome or after it."""

from __future__ import annotations

import re

HINDSIGHT = frozenset({
    "duration", "elapsed", "outcome", "result", "results", "resolved", "resolution", "closed", "closing", "completed", "refund",
    "refunded", "refunds", "chargeback", "chargebacks", "cancel", "canceled", "cancelled", "cancellation", "reversed", "reversal",
    "settled", "settlement", "discharge", "discharged", "death", "died", "deceased", "mortality", "appeal", "appealed", "recovered",
    "recovery", "recoveries", "collections", "writeoff", "chargeoff", "until", "confirmed", "verified", "verdict", "decision",
    "approved", "rejected", "denied", "paid", "payout", "churned", "terminated", "termination", "returned", "disposition",
    "converted", "conversion", "final", "finished", "actual", "post", "after", "label", "labels", "target", "groundtruth",
    "prediction", "predicted",
})  # fmt: skip


def hindsight_word(column: str) -> str:
    """The first word of a column's name that tells of the outcome or of later, "" if there is none.

    Names are cut at every character that is no letter and at camel humps; a word counts only whole.

    Example:
        >>> [hindsight_word(name) for name in ("daysUntilConversion", "is_refunded", "poutcome", "tenure")]
        ['until', 'refunded', '', '']
    """
    words = re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", column)
    return next((w.lower() for w in words if w.lower() in HINDSIGHT), "")
