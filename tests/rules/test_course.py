from __future__ import annotations

import math

import pytest

from assay.core.loop_parts import BatchFacts
from assay.rules.course import course, level_at, levels
from assay.rules.example_training import falling, flat, training


def test_a_training_that_learns_is_neither_stuck_nor_risen() -> None:
    way = course(training(falling(1.0, 0.2)))
    assert way is not None
    assert not way.is_stuck
    assert not way.has_risen
    assert way.learned_share == pytest.approx(0.8, abs=0.03)


def test_batch_noise_is_neither_a_fall_nor_a_rise() -> None:
    way = course(training(flat(1.0, noise=0.3)))
    assert way is not None
    assert way.is_stuck
    assert not way.has_risen
    assert not way.is_falling
    assert way.noise == pytest.approx(0.3, rel=0.4)


def test_a_loss_above_its_start_has_risen() -> None:
    way = course(training(flat(1.0)[:50] + flat(2.0)[:50]))
    assert way is not None
    assert way.has_risen


def test_a_handful_of_losses_says_nothing() -> None:
    assert course(training([1.0] * 7, n_looks=1)) is None


def test_few_steps_are_never_called_stuck() -> None:
    way = course(training(flat(1.0, steps=20)))
    assert way is not None
    assert not way.is_stuck


def test_an_opening_from_a_few_targets_is_not_believed() -> None:
    few = course(training(falling(3.0, 2.0), opening=1.0, batch=BatchFacts(rows=1, batches_seen=2)))
    assert few is not None
    assert math.isnan(few.opening)
    assert few.reference == few.birth


def test_levels_follow_the_loss_and_a_step_finds_its_own() -> None:
    trace = training(falling(1.0, 0.0, steps=400, noise=0.0))
    found = levels(trace)
    assert found == sorted(found, reverse=True)
    assert level_at(trace, 0) > level_at(trace, 200) > level_at(trace, 399)
