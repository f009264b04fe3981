import math

import pytest
import torch
from torch import Tensor, nn

from assay.core.errors import InputError, OptionError
from assay.model.activation import activation
from assay.model.initialise import WAYS, fans, initialise, initialise_layers, residual_gain
from assay.model.unborn import unborn_linear
from assay.model.variance import variance_profile

VARIANCES = {"xavier": 2 / (300 + 700), "he": 2 / 700, "lecun": 1 / 700}


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def drawn(how: str, *shape: int, seed: int = 0, **given: float) -> Tensor:
    weight = torch.full(shape, math.nan)
    initialise(weight, how, generator(seed), **given)  # type: ignore[arg-type]
    return weight


@pytest.mark.parametrize("form", ["", "_uniform"])
@pytest.mark.parametrize("name", VARIANCES)
def test_the_variance_is_that_of_the_formula_within_two_per_cent(name: str, form: str) -> None:
    weight = drawn(name + form, 300, 700)
    assert weight.var().item() == pytest.approx(VARIANCES[name], rel=0.02)
    assert abs(weight.mean().item()) < 4 * math.sqrt(VARIANCES[name] / weight.numel())
    if form:
        assert weight.abs().max().item() == pytest.approx(math.sqrt(3 * VARIANCES[name]), rel=1e-3)


def test_the_places_of_a_kernel_count_into_the_fans() -> None:
    assert fans((32, 16, 3, 5)) == (16 * 15, 32 * 15)
    assert drawn("he", 200, 50, 3, 3).var().item() == pytest.approx(2 / 450, rel=0.02)


def test_given_fans_and_gain_replace_those_of_the_shape() -> None:
    assert drawn("xavier", 400, 300, fan_out=100, fan_in=300, gain=3.0).var().item() == pytest.approx(9 * 2 / 400, rel=0.02)
    assert drawn("lecun", 90_000, fan_in=9, fan_out=1).var().item() == pytest.approx(1 / 9, rel=0.02)
    assert drawn("lecun", 300, 300, fan_in=9).var().item() == pytest.approx(1 / 9, rel=0.02)


def test_zeros_constant_and_normal_are_what_they_say() -> None:
    assert drawn("zeros", 3).tolist() == [0.0, 0.0, 0.0]
    assert drawn("constant", 2, value=0.5).tolist() == [0.5, 0.5]
    assert drawn("normal", 300, 300, std=0.02).std().item() == pytest.approx(0.02, rel=0.02)


@pytest.mark.parametrize("shape", [(5, 3), (3, 5), (4, 4), (6, 2, 3, 3)])
def test_an_orthogonal_weight_has_orthonormal_rows_or_columns(shape: tuple[int, ...]) -> None:
    weight = torch.empty(shape, dtype=torch.float64)
    initialise(weight, "orthogonal", generator(), gain=2.0)
    flat = weight.flatten(1)
    product = flat @ flat.T if flat.shape[0] <= flat.shape[1] else flat.T @ flat
    assert torch.allclose(product, 4 * torch.eye(len(product), dtype=torch.float64), atol=1e-12)


def test_orthogonal_draws_are_uniform_so_that_their_trace_has_mean_zero() -> None:
    source = generator()
    traces = []
    for _ in range(400):
        weight = torch.empty(3, 3)
        initialise(weight, "orthogonal", source)
        traces.append(weight.trace())
    assert abs(torch.stack(traces).mean().item()) < 4 / math.sqrt(400)  # the trace of a uniform rotation has variance 1


@pytest.mark.parametrize("how", WAYS)
def test_the_seed_decides_and_the_global_stream_is_left_alone(how: str) -> None:
    before = torch.random.get_rng_state()
    first, second = (drawn(how, 6, 4, std=0.1, value=0.1) for _ in range(2))
    assert torch.equal(first, second)
    assert torch.equal(before, torch.random.get_rng_state())


@pytest.mark.parametrize(
    ("how", "given", "told"),
    [
        ("hee", {}, "did you mean 'he'"),
        ("normal", {}, "std=None"),
        ("normal", {"std": -1.0}, "std=-1.0"),
        ("constant", {"value": math.nan}, "value=nan"),
    ],
)
def test_what_is_missing_is_said(how: str, given: dict[str, float], told: str) -> None:
    with pytest.raises(OptionError, match=told):
        drawn(how, 2, 2, **given)


def test_no_generator_and_no_fans_are_refused() -> None:
    with pytest.raises(OptionError, match="generator=None"):
        initialise(torch.empty(2, 2), "he")
    with pytest.raises(InputError, match=r"shape \(4,\)"):
        drawn("he", 4)
    with pytest.raises(InputError, match="cannot be orthogonal"):
        drawn("orthogonal", 4)
    with pytest.raises(OptionError, match="0 branches"):
        residual_gain(0)


def deep(how: str, activation_name: str, depth: int = 16, width: int = 512, seed: int = 0) -> list[nn.Module]:
    """Layers of a plain network; each linear layer with its activation is one."""
    layers = [nn.Sequential(unborn_linear(width, width, bias=False), activation(activation_name)) for _ in range(depth)]
    initialise_layers(nn.Sequential(*layers), how, generator(seed))
    return list(layers)


def growth(values: list[float]) -> float:
    """The geometric mean of the factor from layer to layer."""
    return (values[-1] / values[0]) ** (1 / (len(values) - 1))


@pytest.mark.parametrize(
    ("how", "activation_name", "factor"),
    [("he", "relu", 1.0), ("he_uniform", "relu", 1.0), ("xavier", "relu", 0.5), ("lecun", "selu", 1.0), ("orthogonal", "linear", 1.0)],
)
def test_the_second_moment_grows_a_layer_by_the_factor_of_the_theory(how: str, activation_name: str, factor: float) -> None:
    found = []
    for seed in range(1 if how == "orthogonal" else 3):  # orthogonal weights keep lengths exactly
        inputs = torch.empty(16, 512).normal_(generator=generator(100 + seed))
        profile = variance_profile(deep(how, activation_name, depth=4 if how == "orthogonal" else 16, seed=seed), inputs)
        found.append(growth([layer.mean_square for layer in profile]))
    assert sum(found) / len(found) == pytest.approx(factor, rel=0.03)


def test_he_keeps_gradients_and_xavier_halves_them_under_relu() -> None:
    inputs = torch.empty(64, 512).normal_(generator=generator(1))
    for how, factor in (("he", 1.0), ("xavier", 0.5)):
        backwards = [layer.gradient_mean_square for layer in variance_profile(deep(how, "relu"), inputs)]
        assert growth(backwards[::-1]) == pytest.approx(factor, rel=0.05)
        assert backwards[-1] == pytest.approx(1.0, rel=0.05)


def test_xavier_keeps_forwards_by_fan_in_and_backwards_by_fan_out() -> None:
    layer = unborn_linear(700, 300, bias=False)
    initialise(layer.weight, "xavier", generator())
    inputs = torch.empty(512, 700).normal_(generator=generator(2))
    first, last = variance_profile([nn.Identity(), layer], inputs)
    assert last.mean_square / first.mean_square == pytest.approx(1.4, rel=0.05)
    assert first.gradient_mean_square / last.gradient_mean_square == pytest.approx(0.6, rel=0.05)


class Residual(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.branch = unborn_linear(width, width, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.branch(x)


@pytest.mark.parametrize(("gain", "end"), [(1.0, 2.0**16), (residual_gain(16), (1 + 1 / 16) ** 16)])
def test_the_gain_of_residual_depth_keeps_the_stream_below_e(gain: float, end: float) -> None:
    blocks = [Residual(512) for _ in range(16)]
    initialise_layers(nn.Sequential(*blocks), "lecun", generator(), gain=gain)
    profile = variance_profile(blocks, torch.empty(64, 512).normal_(generator=generator(3)))
    assert profile[-1].mean_square == pytest.approx(end, rel=0.1)


def test_the_innermost_parts_of_any_network_are_looked_at_by_name() -> None:
    network = nn.Sequential(nn.Sequential(unborn_linear(4, 4), nn.ReLU()), nn.Identity())
    initialise_layers(network, "he", generator())
    assert [layer.layer for layer in variance_profile(network, torch.ones(2, 4))] == ["0.0", "0.1", "1"]


def test_gradients_come_back_to_layers_that_are_fed_whole_numbers() -> None:
    table = nn.Embedding(3, 4, _weight=torch.ones(3, 4))
    (only,) = variance_profile([table], torch.tensor([[0, 2]]))
    assert (only.mean_square, only.variance) == (1.0, 0.0)


def test_a_network_without_layers_is_refused() -> None:
    with pytest.raises(InputError, match="none of 0 layers"):
        variance_profile([], torch.ones(2, 2))
