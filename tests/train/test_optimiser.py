"""Optimisers do what their authors say, by PyTorch's own numbers."""

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from tests.train.nets import stack
from torch import nn

from assay.core.errors import OptionError
from assay.train.optimiser import Optimiser, hidden_matrices
from assay.train.settings import Settings
from assay.train.weights import Weights


class Point(nn.Module):
    """A few numbers to move."""

    def __init__(self, *values: float) -> None:
        super().__init__()
        self.x = nn.Parameter(torch.tensor([list(values)], dtype=torch.float64))


def path(point: Point, slope: Callable[[torch.Tensor], torch.Tensor], steps: int, **knobs: object) -> list[torch.Tensor]:
    """Where a point goes under this gradient."""
    settings = Settings(**{"weight_decay": 0.0, **knobs}).filled(100)  # type: ignore[arg-type]
    weights = Weights(point)
    optimiser, seen = Optimiser(settings, weights), [point.x.detach().clone()[0]]
    for _ in range(steps):
        assert point.x.grad is not None
        point.x.grad.copy_(slope(point.x.detach()))
        optimiser.step()
        seen.append(point.x.detach().clone()[0])
    return seen


TORCHS = {
    "sgd": lambda p: torch.optim.SGD(p, lr=0.1),
    "momentum": lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9),
    "nesterov": lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9, nesterov=True),
    "adam": lambda p: torch.optim.Adam(p, lr=1e-3),
    "amsgrad": lambda p: torch.optim.Adam(p, lr=1e-3, amsgrad=True),
    "rmsprop": lambda p: torch.optim.RMSprop(p, lr=1e-3, alpha=0.9),
    "nadam": lambda p: torch.optim.NAdam(p, lr=2e-3),
}


def train(network: nn.Module, step: Callable[[], object], zero: Callable[[], object], steps: int = 12) -> np.ndarray:
    stream = torch.Generator().manual_seed(0)
    for _ in range(steps):
        zero()
        x, y = torch.randn(16, 5, generator=stream), torch.randint(3, (16,), generator=stream)
        torch.autograd.backward(nn.functional.cross_entropy(network(x), y))
        step()
    return np.concatenate([p.detach().numpy().ravel() for p in network.parameters()])


@pytest.mark.parametrize("name", TORCHS)
def test_steps_are_those_of_torchs_classes(name: str) -> None:
    network, theirs = stack(), stack()
    weights = Weights(network)
    ours = Optimiser(Settings(optimiser=name, weight_decay=0.0).filled(100), weights)
    optimiser = TORCHS[name](theirs.parameters())
    expected = train(theirs, optimiser.step, optimiser.zero_grad)
    assert np.allclose(train(network, ours.step, weights.zero_gradients), expected, atol=2e-6)


@pytest.mark.parametrize("name", ["sgd", "momentum", "nesterov", "adam", "adamw", "amsgrad"])
@pytest.mark.parametrize("decay", [0.0, 0.1])
def test_bare_kernels_equal_torchs_fused_classes_bit_for_bit(name: str, decay: float) -> None:
    from assay.train.optimiser import _members

    found = []
    for direct in (True, False):
        network = stack()
        weights = Weights(network)
        settings = Settings(optimiser=name, weight_decay=decay).filled(100)
        optimiser = Optimiser(settings, weights)
        optimiser.members = _members(settings, weights.groups, direct=direct)
        found.append(train(network, optimiser.step, weights.zero_gradients))
    assert np.array_equal(found[0], found[1])


def test_momentum_is_a_sum_that_grows_to_ten_gradients() -> None:
    seen = path(Point(0.0), torch.ones_like, 200, optimiser="momentum", learning_rate=1.0)
    assert float(seen[-2] - seen[-1]) == pytest.approx(10.0, rel=1e-6)


def test_adams_first_step_is_the_rate_whatever_the_gradients_size() -> None:
    for size in (1e-3, 1.0, 1e3):
        seen = path(Point(0.0), lambda x, size=size: torch.full_like(x, -size), 1, optimiser="adam", learning_rate=0.01)
        assert float(seen[1]) == pytest.approx(0.01, rel=1e-4)


def test_rmsprops_step_does_not_hang_on_the_gradients_size() -> None:
    small, large = (
        path(Point(0.0), lambda x, size=size: torch.full_like(x, size), 30, optimiser="rmsprop", learning_rate=0.01) for size in (1.0, 1e3)
    )
    assert float(small[-1]) == pytest.approx(float(large[-1]), rel=1e-5)


def test_nesterov_needs_fewer_steps_in_a_ravine_than_momentum_and_that_fewer_than_descent() -> None:
    slopes = torch.tensor([1.0, 100.0], dtype=torch.float64)

    def steps(name: str, momentum: float | None) -> int:
        """Until it stays near the bottom, at the best of some rates."""
        found = []
        for rate in (0.005, 0.01, 0.015, 0.019):
            seen = torch.stack(path(Point(1.0, 1.0), lambda x: x * slopes, 300, optimiser=name, learning_rate=rate, momentum=momentum))
            far = (0.5 * (slopes * seen.square()).sum(dim=1) > 1e-2).nonzero()
            found.append(int(far[-1, 0]) + 1)
        return min(found)

    assert steps("nesterov", 0.8) < steps("momentum", 0.8) < steps("sgd", None)


def reddi(name: str, **knobs: object) -> float:
    """Where an optimiser ends on the online problem of Reddi, Kale and Kumar 2018: slopes 3, -1, -1, ... on [-1, 1]; -1 is best."""
    point = Point(0.0)
    settings = Settings(optimiser=name, learning_rate=0.01, weight_decay=0.0, **knobs).filled(100)  # type: ignore[arg-type]
    weights = Weights(point)
    optimiser = Optimiser(settings, weights)
    for count in range(2000):
        assert point.x.grad is not None
        point.x.grad.fill_(3.0 if count % 3 == 0 else -1.0)
        optimiser.set_rate(0.5 / math.sqrt(count + 1))
        optimiser.step()
        with torch.no_grad():
            point.x.clamp_(-1.0, 1.0)
    return float(point.x.detach()[0, 0])


def test_amsgrad_mends_where_adam_with_a_short_memory_fails() -> None:
    assert reddi("adam", betas=(0.0, 0.1)) > 0.9
    assert reddi("amsgrad", betas=(0.0, 0.1)) < -0.9


def test_decay_in_the_gradient_hangs_on_its_size_under_adam_and_decoupled_decay_does_not() -> None:
    def end(decay: str, size: float) -> float:
        stream = torch.Generator().manual_seed(0)

        def slope(x: torch.Tensor) -> torch.Tensor:
            return size * (x - 1.0 + torch.randn(x.shape, generator=stream, dtype=x.dtype))

        knobs = {"optimiser": "adam", "learning_rate": 0.01, "weight_decay": 0.5, "decay": decay}
        return float(torch.stack(path(Point(0.0), slope, 900, **knobs)[-400:]).mean())

    assert abs(end("gradient", 100.0) - end("gradient", 0.01)) > 0.5
    assert abs(end("decoupled", 100.0) - end("decoupled", 0.01)) < 0.05


@pytest.mark.parametrize("name", ["sgd", "momentum", "nesterov", "rmsprop"])
def test_decoupled_decay_shrinks_by_rate_times_decay_alone(name: str) -> None:
    seen = path(Point(2.0), torch.zeros_like, 3, optimiser=name, learning_rate=0.1, weight_decay=0.5, decay="decoupled")
    assert float(seen[-1]) == pytest.approx(2.0 * 0.95**3, rel=1e-9)


def test_vectors_do_not_decay() -> None:
    network = stack()
    with torch.no_grad():
        for p in network.parameters():
            p.fill_(1.0)
    weights = Weights(network)
    Optimiser(Settings(weight_decay=0.5, learning_rate=0.1).filled(10), weights).step()
    assert float(network[0].weight.detach()[0, 0]) == pytest.approx(0.95)
    assert float(network[0].bias.detach()[0]) == 1.0


def test_muon_steps_hidden_matrices_and_leaves_tables_and_the_last_layer_to_adamw() -> None:
    network = nn.Sequential(nn.Embedding(7, 4), nn.Linear(4, 4), nn.Linear(4, 7))
    assert [p.shape for p in hidden_matrices(network)] == [torch.Size([4, 4])]
    weights = Weights(network, apart=hidden_matrices(network))
    assert [len(m.param_groups) for m in Optimiser(Settings(optimiser="muon").filled(10), weights).members] == [1, 2]
    with pytest.raises(OptionError, match="of which this network has 0"):
        Optimiser(Settings(optimiser="muon").filled(10), Weights(nn.Linear(2, 2)))


def test_settings_refuse_what_no_training_could_mean() -> None:
    for knobs, told in (
        ({"optimiser": "adamww"}, "did you mean 'adamw'"),
        ({"schedule": "cosin"}, "did you mean 'cosine'"),
        ({"decay": "gradient"}, "take optimiser 'adam'"),
        ({"learning_rate": -1.0}, "learning_rate is -1"),
        ({"learning_rate": "high"}, "numbers and 'auto'"),
        ({"epochs": 0}, "whole numbers from 1"),
        ({"average": 1.0}, "average is 1"),
        ({"betas": (0.9, 1.5)}, "betas is 1.5"),
        ({"gamma": 0.0}, "gamma is 0"),
        ({"weight_decay": -0.1}, "weight_decay is -0.1"),
    ):
        with pytest.raises(OptionError, match=told):
            Settings(**knobs)  # type: ignore[arg-type]
    assert replace(Settings(), optimiser="adam").filled(10).weight_decay == 0.0
