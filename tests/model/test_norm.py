import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from assay.core.errors import InputError, OptionError
from assay.model.norm import NORMS, BatchNorm, norm


def numbers(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) * 2 + 0.7


def shaken(layer: nn.Module) -> nn.Module:
    """The layer in float64 with gains and biases that are no longer those of its birth."""
    layer.double()
    for i, parameter in enumerate(layer.parameters()):
        parameter.data.add_(numbers(*parameter.shape, seed=i + 1))
    return layer


@pytest.mark.parametrize("images", [False, True], ids=["tokens", "images"])
@pytest.mark.parametrize("name", NORMS)
def test_gradients_agree_with_finite_differences(name: str, images: bool) -> None:
    layer = shaken(norm(name, 4, groups=2, images=images))
    x = numbers(3, 4, 2, 2) if images else numbers(3, 5, 4)
    names = [n for n, _ in layer.named_parameters()]
    values = [p.detach().clone().requires_grad_() for p in layer.parameters()]

    def of(x: Tensor, *parameters: Tensor) -> Tensor:
        return torch.func.functional_call(layer, dict(zip(names, parameters, strict=True)), (x,))

    assert torch.autograd.gradcheck(of, (x.requires_grad_(), *values), eps=1e-6, rtol=1e-6, atol=1e-7)


def test_batch_norm_backward_by_hand_is_that_of_autograd() -> None:
    """dx = gain / (B sqrt(v + e)) [B dy - sum dy - x^ sum(dy x^)]; dgain = sum dy x^; dbias = sum dy."""
    layer, x, dy = shaken(norm("batch", 5)), numbers(12, 5, seed=7).requires_grad_(), numbers(12, 5, seed=8)
    y = layer(x)
    slopes = torch.autograd.grad(y, (x, layer.weight, layer.bias), dy)
    with torch.no_grad():
        root = (x.var(dim=0, unbiased=False) + layer.epsilon).sqrt()
        hat = (x - x.mean(dim=0)) / root
        dx = layer.weight / (12 * root) * (12 * dy - dy.sum(dim=0) - hat * (dy * hat).sum(dim=0))
        wanted = (dx, (dy * hat).sum(dim=0), dy.sum(dim=0))
    for found, hand in zip(slopes, wanted, strict=True):
        assert (found - hand).abs().max().item() < 1e-10


def test_layer_norm_backward_by_hand_is_that_of_autograd_with_the_gain_inside_the_sums() -> None:
    layer, x, dy = shaken(norm("layer", 6)), numbers(9, 6, seed=7).requires_grad_(), numbers(9, 6, seed=8)
    found = torch.autograd.grad(layer(x), x, dy)[0]
    with torch.no_grad():
        sigma = (x.var(dim=1, unbiased=False, keepdim=True) + layer.epsilon).sqrt()
        hat, g = (x - x.mean(dim=1, keepdim=True)) / sigma, layer.weight * dy
        hand = (g - g.mean(dim=1, keepdim=True) - hat * (g * hat).mean(dim=1, keepdim=True)) / sigma
        outside = layer.weight * (dy - dy.mean(dim=1, keepdim=True) - hat * (dy * hat).mean(dim=1, keepdim=True)) / sigma
    assert (found - hand).abs().max().item() < 1e-12
    assert (found - outside).abs().max().item() > 0.05


def test_batch_norm_while_training_has_mean_zero_and_variance_just_under_one() -> None:
    x = numbers(64, 3)
    y = norm("batch", 3).double()(x)
    variance = x.var(dim=0, unbiased=False)
    assert y.mean(dim=0).abs().max().item() < 1e-12
    assert torch.allclose(y.var(dim=0, unbiased=False), variance / (variance + 1e-5), rtol=1e-12)


def test_batch_norm_keeps_running_statistics_in_pytorchs_convention() -> None:
    layer, theirs = BatchNorm(3, momentum=0.3).double(), nn.BatchNorm1d(3, momentum=0.3, dtype=torch.float64)
    for seed in range(4):
        assert torch.allclose(layer(numbers(8, 3, seed=seed)), theirs(numbers(8, 3, seed=seed)), rtol=1e-12)
    assert torch.allclose(layer.running_mean, theirs.running_mean, rtol=1e-12)
    assert torch.allclose(layer.running_variance, theirs.running_var, rtol=1e-12)
    first = BatchNorm(3, momentum=0.3).double()
    first(numbers(8, 3))
    assert torch.allclose(first.running_variance, 0.7 + 0.3 * numbers(8, 3).var(dim=0), rtol=1e-12)


def test_batch_norm_when_predicting_gives_a_row_the_same_in_any_batch() -> None:
    layer, x = norm("batch", 3).double(), numbers(20, 3)
    layer(x)
    layer.eval()
    assert torch.allclose(layer(x[:1]), layer(x)[:1], rtol=1e-14)
    assert not torch.allclose(layer.train()(x[:2]), layer.eval()(x[:2]))


def test_a_bias_before_batch_norm_changes_nothing() -> None:
    x = numbers(20, 3)
    assert (norm("batch", 3).double()(x + 5.0) - norm("batch", 3).double()(x)).abs().max().item() < 1e-12


def test_kernels_are_the_formulas() -> None:
    x = numbers(4, 7, 6)
    centred = x - x.mean(dim=2, keepdim=True)
    layer, rms = shaken(norm("layer", 6)), shaken(norm("rms", 6))
    by_hand = centred / (x.var(dim=2, unbiased=False, keepdim=True) + 1e-5).sqrt() * layer.weight + layer.bias
    assert torch.allclose(layer(x), by_hand, rtol=1e-12)
    assert torch.allclose(layer(x), functional.layer_norm(x, (6,), layer.weight, layer.bias), rtol=1e-14)
    assert torch.allclose(rms(x), x / (x.square().mean(dim=2, keepdim=True) + 1e-5).sqrt() * rms.weight, rtol=1e-12)
    plain = norm("layer", 6).double(), norm("rms", 6).double()
    assert torch.allclose(plain[0](centred), plain[1](centred), rtol=1e-12)
    assert (plain[0](x) - plain[1](x)).abs().max().item() > 0.1


def test_group_norm_lies_between_layer_norm_and_instance_norm_of_images() -> None:
    x = numbers(2, 6, 4, 4)
    one, each = norm("group", 6, groups=1, images=True).double(), norm("group", 6, groups=6, images=True).double()
    assert torch.allclose(one(x), norm("layer", 6, images=True).double()(x), atol=1e-12)
    assert torch.allclose(each(x), norm("instance", 6, images=True).double()(x), atol=1e-6)
    assert torch.allclose(norm("layer", 6, images=True).double()(x), functional.layer_norm(x, (6, 4, 4)), atol=1e-12)


@pytest.mark.parametrize(("width", "groups"), [(1024, 32), (64, 16), (16, 4), (6, 1), (7, 1)])
def test_groups_that_are_not_told_hold_four_channels_or_more(width: int, groups: int) -> None:
    assert norm("group", width).groups == groups


def test_over_tokens_group_norm_looks_at_one_token_and_batch_norm_at_all() -> None:
    x = numbers(2, 5, 6)
    other = x.clone()
    other[:, 3] += 9.0
    group, batch = norm("group", 6, groups=2).double(), norm("batch", 6).double()
    assert torch.equal(group(x)[:, :3], group(other)[:, :3])
    assert torch.allclose(batch(x), nn.BatchNorm1d(6, dtype=torch.float64)(x.view(10, 6)).view(2, 5, 6), rtol=1e-12)


def test_rms_norm_of_images_is_over_channels_at_each_place() -> None:
    x = numbers(2, 6, 3, 3)
    y = norm("rms", 6, images=True).double()(x)
    assert torch.allclose(y[:, :, 1, 2], norm("rms", 6).double()(x[:, :, 1, 2]), rtol=1e-12)


def test_a_single_value_has_no_spread() -> None:
    with pytest.raises(InputError, match="batch norm saw 1 value a feature"):
        norm("batch", 3)(torch.ones(1, 3))
    with pytest.raises(InputError, match="instance norm saw 1 place"):
        norm("instance", 3)(torch.ones(2, 1, 3))


def test_options_that_cannot_be_are_refused() -> None:
    with pytest.raises(OptionError, match="no norm 'layr'; did you mean 'layer'"):
        norm("layr", 4)
    with pytest.raises(OptionError, match="3 groups do not divide 4 channels"):
        norm("group", 4, groups=3)
    with pytest.raises(OptionError, match="4 groups of 4 features hold 1 number each"):
        norm("group", 4, groups=4)
    with pytest.raises(OptionError, match=r"momentum 1.5 .* share of the new batch"):
        norm("batch", 4, momentum=1.5)


def test_without_bias_there_is_none() -> None:
    assert [n for n, _ in norm("layer", 4, bias=False).named_parameters()] == ["weight"]
    assert torch.equal(norm("batch", 4, bias=False)(torch.eye(4)), norm("batch", 4)(torch.eye(4)))
