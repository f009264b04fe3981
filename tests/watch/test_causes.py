from __future__ import annotations

import pytest

from assay.rules import catalogue
from assay.watch.causes import CONSEQUENCES, RANK

NAMES = {rule.name for rule in catalogue().values()}


def test_every_name_is_a_rule() -> None:
    assert {*CONSEQUENCES, *RANK, *(name for names in CONSEQUENCES.values() for name in names)} <= NAMES


@pytest.mark.parametrize("cause", CONSEQUENCES)
def test_nothing_follows_from_itself(cause: str) -> None:
    assert cause not in CONSEQUENCES[cause]


def test_each_rank_is_held_once_and_every_cause_has_one() -> None:
    assert len(RANK) == len(set(RANK))
    mutual = {c for c, names in CONSEQUENCES.items() for n in names if c in CONSEQUENCES.get(n, ())}
    assert mutual <= set(RANK), "two rules that explain each other need a rank"
