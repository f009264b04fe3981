"""Rates begin, peak and end where their formulas say, and are the same asked for in any order."""

import pytest

from assay.train.schedule import Schedule
from assay.train.settings import SCHEDULES, Settings


def rates(kind: str, steps: int = 40, **knobs: object) -> list[float]:
    schedule = Schedule(Settings(learning_rate=1.0, schedule=kind, **knobs), steps=steps, steps_per_epoch=10)  # type: ignore[arg-type]
    return [schedule.rate(step) for step in range(steps)]


def test_end_points() -> None:
    assert rates("constant") == [1.0] * 40
    assert rates("step", period_epochs=2)[::10] == pytest.approx([1.0, 1.0, 0.1, 0.1])
    assert rates("step", steps=60)[::10] == pytest.approx([1.0, 1.0, 0.1, 0.1, 0.01, 0.01])
    assert rates("exponential", gamma=0.5)[9:12] + rates("exponential", gamma=0.5)[-1:] == pytest.approx([1.0, 0.5, 0.5, 0.125])
    cosine = rates("cosine", steps=100, floor_share=0.1)
    assert (cosine[0], cosine[50]) == pytest.approx((1.0, 0.55))
    assert 0.1 < cosine[-1] < 0.101
    assert Schedule(Settings(learning_rate=1.0, schedule="cosine", floor_share=0.1), steps=100, steps_per_epoch=10).rate(
        100
    ) == pytest.approx(0.1)


@pytest.mark.parametrize("kind", ["warmup-cosine", "warmup-linear"])
def test_warm_up_rises_to_the_peak_and_never_stands_at_zero(kind: str) -> None:
    seen = rates(kind, steps=100, floor_share=0.0)
    assert seen[:10] == pytest.approx([(i + 1) / 10 for i in range(10)])
    assert max(seen) == 1.0
    assert seen[10:] == sorted(seen[10:], reverse=True)
    assert 0.0 < seen[-1] < 0.02


def test_one_cycle_moves_momentum_against_the_rate() -> None:
    schedule = Schedule(Settings(learning_rate=1.0, schedule="one-cycle", warm_share=0.3), steps=40, steps_per_epoch=10)
    seen = [(schedule.rate(step), schedule.momentum) for step in range(40)]
    assert seen.index(max(seen)) == pytest.approx(11, abs=1)
    assert max(seen)[1] == min(m for _, m in seen) == pytest.approx(0.85)
    assert schedule.cycles_momentum


def test_plateau_waits_and_goes_on_from_its_state() -> None:
    first = Schedule(Settings(learning_rate=1.0, schedule="plateau", period_epochs=1), steps=40, steps_per_epoch=10)
    for loss in (1.0, 0.9, 0.95):
        first.observe(loss)
    assert first.rate(0) == 1.0
    second = Schedule(Settings(learning_rate=1.0, schedule="plateau", period_epochs=1), steps=40, steps_per_epoch=10)
    second.resume(first.state())
    for one in (first, second):
        one.observe(0.97)
        assert one.rate(1) == pytest.approx(0.1)


@pytest.mark.parametrize("kind", SCHEDULES)
def test_any_step_may_be_asked_for_first(kind: str) -> None:
    seen = rates(kind)
    schedule = Schedule(Settings(learning_rate=1.0, schedule=kind), steps=40, steps_per_epoch=10)
    assert [schedule.rate(step) for step in (33, 2, 39, 0)] == pytest.approx([seen[33], seen[2], seen[39], seen[0]])


@pytest.mark.parametrize("kind", SCHEDULES)
def test_one_step_is_enough(kind: str) -> None:
    assert 0.0 < Schedule(Settings(learning_rate=1.0, schedule=kind), steps=1, steps_per_epoch=1).rate(0) <= 1.0
