import pytest
import torch
from torch import nn

from assay.core.errors import OptionError
from assay.model.activation import ACTIVATIONS, activation


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_derivatives_agree_with_finite_differences(name: str) -> None:
    x = torch.linspace(-3, 3, 60, dtype=torch.float64, requires_grad=True)  # 0, where some have a kink, is not among them
    assert torch.autograd.gradcheck(activation(name), (x,), eps=1e-6, rtol=1e-6, atol=1e-8)


def test_relu_has_derivative_zero_at_zero_and_the_sigmoid_at_most_a_quarter() -> None:
    x = torch.tensor([0.0], requires_grad=True)
    assert torch.autograd.grad(activation("relu")(x).sum(), x)[0].item() == 0.0
    x = torch.linspace(-9, 9, 1001, requires_grad=True)
    slope = torch.autograd.grad(activation("sigmoid")(x).sum(), x)[0]
    assert slope.max().item() == pytest.approx(0.25, abs=1e-6)


def test_selu_keeps_mean_zero_and_variance_one() -> None:
    x = torch.randn(1_000_000, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    y = activation("selu")(x)
    assert y.mean().item() == pytest.approx(0.0, abs=5e-3)
    assert y.var().item() == pytest.approx(1.0, abs=1e-2)


def test_a_network_of_linear_activations_is_one_matrix() -> None:
    generator = torch.Generator().manual_seed(0)
    matrices = [torch.randn(6, 6, generator=generator, dtype=torch.float64) for _ in range(4)]
    layers = [nn.Linear(6, 6, bias=False, dtype=torch.float64) for _ in matrices]
    for layer, matrix in zip(layers, matrices, strict=True):
        layer.weight.data.copy_(matrix)
    network = nn.Sequential(*(part for layer in layers for part in (layer, activation("linear"))))
    x = torch.randn(9, 6, generator=generator, dtype=torch.float64)
    collapsed = x @ torch.linalg.multi_dot(matrices[::-1]).T
    assert (network(x) - collapsed).abs().max().item() < 1e-12 * collapsed.abs().max().item() * 10


def test_an_unknown_activation_is_answered_with_the_nearest() -> None:
    with pytest.raises(OptionError, match="no activation 'rleu'; did you mean 'relu'"):
        activation("rleu")
