"""Names that tell of the outcome, and innocent ones like them."""

from __future__ import annotations

import pytest

from assay.audit.hindsight import hindsight_word


@pytest.mark.parametrize(
    ("name", "word"),
    [
        ("duration", "duration"),
        ("daysUntilClose", "until"),
        ("transaction_reversed", "reversed"),
        ("discharge.date", "discharge"),
        ("isRefunded", "refunded"),
        ("DEATH_EVENT", "death"),
    ],
)
def test_telling_names(name: str, word: str) -> None:
    assert hindsight_word(name) == word


@pytest.mark.parametrize(
    "name", ["poutcome", "tenure", "age", "TotalCharges", "disclosed_income", "paidup", "body", "previous", "education"]
)
def test_innocent_names(name: str) -> None:
    assert hindsight_word(name) == ""
