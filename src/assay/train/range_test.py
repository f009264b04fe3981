"""The learning-rate range test: one short training whose rate rises step by step, to see where the loss falls and where it breaks."""

from __future__ import annotations

import statistics
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from assay.core.seeds import seed_for
from assay.train.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import nn

    from assay.train.data import Data
    from assay.train.task import Task

LOWEST, HIGHEST = 1e-6, 10.0
STEPS = 140  # twenty a decade
SMOOTHING = 0.9
BROKEN = 4.0  # times the lowest loss so far
FIRST_STEPS = 20  # at rates below 1e-5, which move nothing yet
# of 0.5 to 0.95, what came nearest to the best rate of a grid on digits (AdamW, Nesterov) and on a small language model
ENOUGH = 0.8
# of the rate at the lowest loss: tables of few rows are learned by heart meanwhile, so that their loss falls on where it no longer should
SAFE_SHARE = 0.1


@dataclass(frozen=True)
class RangeTest:
    """What a range test saw.

    Attributes:
        rates: Learning rate of each step, rising.
        losses: Smoothed training loss after it, in the objective's unit; shorter trainings broke.
        suggestion: The peak learning rate to train with.
        why: How it follows from the losses, for people.
    """

    rates: tuple[float, ...]
    losses: tuple[float, ...]
    suggestion: float
    why: str


def range_test(
    network: nn.Module, objective: Any, data: Data, *, settings: Settings | None = None, seed: int = 0, device: str = "cpu"
) -> RangeTest:
    """Find a learning rate for a network by raising it from 1e-6 until the loss breaks; network and streams stay as they were.

    Raises:
        InputError: there is no example.

    Source: Smith 2017, Cyclical Learning Rates for Training Neural Networks, section 3.3.

    Example:
        >>> import torch
        >>> from assay.train import TensorData
        >>> x = torch.linspace(-1, 1, 64)[:, None]
        >>> line = torch.nn.Linear(1, 1)
        >>> line.load_state_dict({"weight": torch.zeros(1, 1), "bias": torch.zeros(1)})
        <All keys matched successfully>
        >>> found = range_test(line, "squared", TensorData(x, 2 * x[:, 0]))
        >>> 1e-4 < found.suggestion < 1.0
        True
    """
    from assay.objective.training_loss import training_loss
    from assay.train.crew import Crew
    from assay.train.fit import device_of, refuse_nothing
    from assay.train.session import own_streams
    from assay.train.task import NetworkTask

    refuse_nothing(data)
    place = device_of(device)
    network.to(place)
    task = NetworkTask(network, training_loss(objective), "network")
    with own_streams(seed, Crew()):
        return find_rate(task, data.to(place), (settings or Settings()).filled(data.rows), seed)


def find_rate(task: Task, data: Data, settings: Settings, seed: int) -> RangeTest:
    """The range test of a task; see `range_test`."""
    from assay.train.backward import Backward
    from assay.train.guard import Guard, NonFinite
    from assay.train.optimiser import Optimiser, hidden_matrices
    from assay.train.weights import Weights

    network = task.network
    was_training, before = network.training, Weights(network, flat=False).copy()
    weights = Weights(network, apart=hidden_matrices(network) if settings.optimiser == "muon" else ())
    knobs = replace(settings, learning_rate=LOWEST, schedule="constant", accumulate=1, average=None)
    optimiser, backward, guard = Optimiser(knobs, weights), Backward(task, weights, knobs), Guard(weights, knobs)
    rates: list[float] = []
    losses: list[float] = []
    seen: list[float] = []
    average = 0.0
    network.train()
    try:
        for step, batch in zip(range(STEPS), _batches(data, settings, seed), strict=False):
            rate = LOWEST * (HIGHEST / LOWEST) ** (step / (STEPS - 1))
            loss = backward(batch)
            guard.admit(loss)
            optimiser.set_rate(rate)
            optimiser.step()
            seen.append(float(loss) * task.loss_scale)
            average = SMOOTHING * average + (1.0 - SMOOTHING) * seen[-1]
            rates.append(rate)
            losses.append(average / (1.0 - SMOOTHING ** (step + 1)))
            if losses[-1] > BROKEN * min(losses):
                break
    except NonFinite:
        pass  # the end of the range: what was seen before it is the result
    finally:
        weights.release()
        Weights(network, flat=False).load(before)
        network.train(was_training)
    return suggested(rates, losses, settings, statistics.pstdev(seen[:FIRST_STEPS]) if seen else 0.0)


def _batches(data: Data, settings: Settings, seed: int) -> Any:
    """Batches for as long as they are asked for, epoch after epoch."""
    epoch = 0
    while True:
        yield from data.batches(min(settings.batch_rows or 1, data.rows), seed_for(seed, f"range test {epoch}"))
        epoch += 1


def suggested(rates: Sequence[float], losses: Sequence[float], settings: Settings, spread: float = 0.0) -> RangeTest:
    """What the losses of a rising rate suggest: the rate at which four fifths of the fall are done, or a tenth of the lowest loss's.

    On the way down a higher rate learns more in one step; near the bottom it no longer does, and further on it breaks. The lower of the
    two is taken. Where the loss fell by no more than single batches differ, nothing can be told, and the usual rate is kept.

    Args:
        rates: Rising.
        losses: Smoothed loss after each.
        settings: Whose optimiser's usual rate is kept where nothing is seen.
        spread: Standard deviation of the losses of batches before anything is learned.
    """
    usual, told = replace(settings, learning_rate=None).peak, (tuple(rates), tuple(losses))
    if len(rates) < FIRST_STEPS:
        return RangeTest(*told, usual, f"the loss broke within {len(rates)} steps of a rising rate, so the usual rate is kept")
    start, lowest = losses[FIRST_STEPS - 1], min(losses)
    if not start - lowest > spread:
        return RangeTest(*told, usual, f"no rate lowered the loss by more than batches differ ({spread:.2g}), so the usual rate is kept")
    aim = start - ENOUGH * (start - lowest)
    place = next(i for i in range(FIRST_STEPS - 1, len(losses)) if losses[i] <= aim)
    bottom = rates[min(range(len(losses)), key=losses.__getitem__)]
    if SAFE_SHARE * bottom < rates[place]:
        return RangeTest(
            *told, SAFE_SHARE * bottom, f"a tenth of {bottom:.3g}, where the loss under a rising rate was lowest, {lowest:.3g}"
        )
    why = f"under a rising rate the loss had done {ENOUGH:.0%} of its fall from {start:.3g} to {lowest:.3g} there"
    return RangeTest(*told, rates[place], why)
