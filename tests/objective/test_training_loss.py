"""Training losses are those of torch and of the ladder, in their units, and refuse what would broadcast."""

import math

import numpy as np
import pytest
import torch
from torch.nn import functional

from assay.core.errors import InputError, OptionError
from assay.objective.loss import LOSSES
from assay.objective.training_loss import TRAINING_LOSSES, training_loss


@pytest.fixture
def stream() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def test_log_loss_is_the_ladders_in_bits(stream: torch.Generator) -> None:
    logits, targets = torch.randn(20, 4, generator=stream), torch.randint(4, (20,), generator=stream)
    loss = training_loss("log")
    ours = (loss.losses(logits, targets) * loss.loss_scale).numpy()
    assert np.allclose(ours, LOSSES["log"].per_row(targets.numpy(), logits.double().softmax(1).numpy()), rtol=1e-5)
    assert float(loss.mean(logits, targets)) == pytest.approx(ours.mean() * math.log(2), rel=1e-5)


def test_one_logit_is_two_classes(stream: torch.Generator) -> None:
    logit, targets = 3 * torch.randn(20, 1, generator=stream), torch.randint(2, (20,), generator=stream)
    two = torch.cat([torch.zeros_like(logit), logit], dim=1)
    assert torch.allclose(training_loss("binary").losses(logit, targets), training_loss("log").losses(two, targets), atol=1e-6)


@pytest.mark.parametrize("name", ["squared", "absolute"])
def test_errors_are_the_ladders_and_mean_over_outputs(name: str, stream: torch.Generator) -> None:
    outputs, targets = torch.randn(20, 1, generator=stream), torch.randn(20, generator=stream)
    expected = LOSSES[name].per_row(targets.double().numpy(), outputs[:, 0].double().numpy())
    assert np.allclose(training_loss(name).losses(outputs, targets).numpy(), expected, rtol=1e-5)
    many, wanted = torch.randn(20, 3, generator=stream), torch.randn(20, 3, generator=stream)
    apart = torch.stack([training_loss(name).losses(many[:, i], wanted[:, i]) for i in range(3)]).mean(dim=0)
    assert torch.allclose(training_loss(name).losses(many, wanted), apart)


def test_masked_tokens_cost_nothing_and_do_not_count(stream: torch.Generator) -> None:
    logits, targets = torch.randn(6, 5, 7, generator=stream), torch.randint(7, (6, 5), generator=stream)
    targets[0, 1:], targets[3, 0] = -1, -1
    loss = training_loss("next-token")
    kept = targets >= 0
    assert float(loss.mean(logits, targets)) == pytest.approx(float(functional.cross_entropy(logits[kept], targets[kept])))
    means, counts = loss.per_example(logits, targets)
    assert counts is not None
    assert counts.tolist() == kept.sum(1).tolist()
    assert float((means * counts).sum() / counts.sum()) == pytest.approx(float(loss.mean(logits, targets)))
    assert float(loss.mean(logits, targets, torch.ones(6))) == pytest.approx(float(loss.mean(logits, targets)))
    assert loss.counted(targets) == int(kept.sum())


def test_gradients_of_every_loss_agree_with_finite_differences(stream: torch.Generator) -> None:
    targets = {
        "log": torch.randint(3, (4,), generator=stream),
        "binary": torch.randint(2, (4,), generator=stream),
        "squared": torch.randn(4, 2, generator=stream, dtype=torch.float64),
        "absolute": torch.randn(4, 2, generator=stream, dtype=torch.float64),
        "next-token": torch.tensor([[0, -1], [2, 1]]),
    }
    shapes = {"log": (4, 3), "binary": (4, 1), "squared": (4, 2), "absolute": (4, 2), "next-token": (2, 2, 3)}
    assert set(shapes) == set(TRAINING_LOSSES)
    for name, shape in shapes.items():
        outputs = torch.randn(shape, generator=stream, dtype=torch.float64, requires_grad=True)
        assert torch.autograd.gradcheck(lambda o, name=name: training_loss(name).mean(o, targets[name]), (outputs,))


def test_extreme_logits_stay_finite() -> None:
    for name, outputs, targets in (("log", [[1e4, -1e4]], [1]), ("binary", [[-1e4]], [1])):
        assert math.isfinite(float(training_loss(name).mean(torch.tensor(outputs), torch.tensor(targets))))


def test_own_objectives_may_be_objects_or_functions() -> None:
    class Own:
        unit = "euros/row"

        def losses(self, outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
            return (outputs - targets).abs() * 3

    outputs, targets = torch.tensor([1.0, 2.0]), torch.tensor([2.0, 2.0])
    own = training_loss(Own())
    assert (own.unit, float(own.mean(outputs, targets))) == ("euros/row", 1.5)
    plain = training_loss(lambda o, t: (o - t).square())
    assert (plain.unit, plain.losses(outputs, targets).tolist()) == ("loss/row", [1.0, 0.0])
    scalar = training_loss(torch.nn.L1Loss())
    assert float(scalar.mean(outputs, targets)) == 0.5


def test_what_cannot_be_a_loss_is_refused_with_what_can() -> None:
    with pytest.raises(OptionError, match="did you mean 'squared'"):
        training_loss("sqared")
    with pytest.raises(InputError, match="next-token"):
        training_loss(3)


@pytest.mark.parametrize(
    ("name", "outputs", "targets", "told"),
    [
        ("log", torch.zeros(4), torch.zeros(4, dtype=torch.int64), "logits of shape"),
        ("log", torch.zeros(4, 3), torch.zeros(4), "torch.float32"),
        ("log", torch.zeros(4, 3), torch.tensor([0, 1, 2, 3]), "0 to 3"),
        ("log", torch.zeros(4, 3), torch.tensor([0, -1, 2, 1]), "-1 to 2"),
        ("binary", torch.zeros(4, 1), torch.tensor([0, 1, 2, 1]), "from 0 to 1, got 0 to 2"),
        ("squared", torch.zeros(4, 2), torch.zeros(4), "would broadcast"),
        ("next-token", torch.zeros(4, 3), torch.zeros(4, dtype=torch.int64), "tokens, vocab"),
        ("next-token", torch.zeros(2, 2, 3), torch.tensor([[0, -2], [1, 1]]), "-2 to 1"),
    ],
)
def test_targets_that_do_not_fit_are_refused(name: str, outputs: torch.Tensor, targets: torch.Tensor, told: str) -> None:
    with pytest.raises(InputError, match=told):
        training_loss(name).check(outputs, targets)
