"""TRN147 stale-scheduler."""

from __future__ import annotations

from collections.abc import Iterator

from assay.core.finding import Finding, Severity
from assay.core.loop_evidence import LoopEvidence, Window
from assay.core.loop_parts import GroupFacts
from assay.core.rule import rule

FADED = 1e-2
FADED_STEPS_SHARE = 0.5
FEWEST_STEPS = 60
FEWEST_STEPS_OF_WARMUP = 40
WARMUP_SHARE = 0.1


@rule("TRN147", "stale-scheduler", severity=Severity.WARNING, since="0.2")
def stale_scheduler(loop: LoopEvidence) -> Iterator[Finding]:
    """The schedule of the learning rate does not fit the loop: it is never stepped, or it is at its end while the training has just begun.

    Why it matters: Stepped at each batch instead of each epoch, a schedule spends a hundred epochs in a hundred batches and the rest
        trains at a rate of almost nothing; never stepped, a rate that should have been lowered stays.
    How it is detected: A scheduler is attached and the rate is under a hundredth of its highest at more than half of at least 60 steps,
        having fallen there within the first tenth of the planned steps, or within 3 epochs, or in under a third of the steps seen. Or
        the rate has been one and the same through two epochs and 40 steps, at a tenth or less of what the optimiser was given: a
        warm-up that never rises.
    Remedy: scheduler.step() once for what its lengths count: epochs after each epoch, batches after each batch.
    Limits: A schedule that waits, such as one that lowers the rate on a plateau, looks like one that is never stepped, so a constant
        rate is named only where it is that of an unfinished warm-up.
    References: PyTorch, torch.optim, "How to adjust learning rate"; Loshchilov and Hutter 2017, SGDR.
    """
    for group in loop.groups:
        found = (_faded(loop, group) or _never_risen(loop, group)) if group.scheduled else None
        if found is not None:
            yield found
            return


def _faded(loop: LoopEvidence, group: GroupFacts) -> Finding | None:
    rates = group.learning_rate
    highest = max(rates, default=0.0)
    if len(rates) != len(loop.windows) or highest <= 0 or loop.steps < FEWEST_STEPS:
        return None
    first = next((i for i in range(len(rates)) if max(rates[i:]) < FADED * highest), None)
    if first is None:
        return None
    step = loop.windows[first].step
    if loop.steps - step <= FADED_STEPS_SHARE * loop.steps or not _is_early(loop, step):
        return None
    epochs = sum(end < step for end in loop.epoch_step)
    when = f"step {step:,}" + (f" (epoch {epochs + 1})" if loop.epoch_step else "")
    return Finding(
        {"model": loop.model, "step": step},
        saw=f"a rate that fell from {highest:.3g} to {rates[first]:.2g} by {when} and is {rates[-1]:.2g} now, at step {loop.steps:,}",
        expected="a rate above a hundredth of its highest over most of the training",
        remedy="scheduler.step() once an epoch, after the loop over batches; or give the schedule its lengths in batches",
    )


def _never_risen(loop: LoopEvidence, group: GroupFacts) -> Finding | None:
    rates, enough = group.learning_rate, len(loop.epoch_step) >= 2 and loop.steps >= FEWEST_STEPS_OF_WARMUP
    if not enough or not rates or min(rates) != max(rates) or not 0 < rates[0] <= WARMUP_SHARE * group.base_rate:
        return None
    return Finding(
        {"model": loop.model, "step": 0},
        saw=f"a rate of {rates[0]:.2g} at all {loop.steps:,} steps of {len(loop.epoch_step)} epochs, where the optimiser was given "
        f"{group.base_rate:.2g}: the scheduler was never stepped",
        expected="a warm-up that rises",
        remedy="scheduler.step() after each optimizer.step()",
    )


def _is_early(loop: LoopEvidence, step: int) -> bool:
    if loop.planned_steps:
        return step <= 0.1 * loop.planned_steps or step * 3 <= loop.steps
    in_epochs = len(loop.epoch_step) > 3 and step <= loop.epoch_step[2]
    return in_epochs or step * 3 <= loop.steps


def _loop(fades_at: int) -> LoopEvidence:
    windows = tuple(Window(s, 1, 0.5, 0.1, 0.4, 0.6) for s in range(90))
    rates = tuple(0.1 if s < fades_at else 1e-4 for s in range(90))
    group = GroupFacts("SGD", 1000, learning_rate=rates, scheduled=True, base_rate=0.1)
    return LoopEvidence("net", "bits", 1.0, (), steps=90, windows=windows, groups=(group,))


@stale_scheduler.bad
def stepped_at_each_batch() -> LoopEvidence:
    return _loop(30)


@stale_scheduler.bad
def a_warmup_that_never_rises() -> LoopEvidence:
    group = GroupFacts("Adam", 1000, learning_rate=(1e-4,) * 4, scheduled=True, base_rate=1e-3)
    return LoopEvidence("net", "bits", 1.0, (), steps=40, groups=(group,), epoch_step=(20, 40))


@stale_scheduler.good
def a_schedule_that_ends_near_the_end() -> LoopEvidence:
    return _loop(80)


@stale_scheduler.good
def lowered_by_a_third_of_the_way() -> LoopEvidence:
    return _loop(31)
