import pytest
import torch
from torch import nn

from assay.core.errors import OptionError
from assay.model.dropout import Dropout, set_noise


def test_the_expectation_is_kept_and_so_is_the_share() -> None:
    x = torch.full((200_000,), 3.0)
    y = Dropout(0.2)(x)
    assert y.mean().item() == pytest.approx(3.0, abs=5 * 3.0 * (0.2 / 0.8 / 200_000) ** 0.5)
    assert (y == 0).float().mean().item() == pytest.approx(0.2, abs=5e-3)
    assert y.max().item() == pytest.approx(3.0 / 0.8)


def test_predicting_drops_nothing_and_a_share_of_zero_neither() -> None:
    x = torch.randn(50, generator=torch.Generator().manual_seed(0))
    assert Dropout(0.5).eval()(x) is x
    assert Dropout(0.0)(x) is x


def test_masks_come_from_the_own_generator_alone() -> None:
    layer, x, before = Dropout(0.5), torch.ones(100), torch.random.get_rng_state()
    network = nn.Sequential(nn.Identity(), layer)
    set_noise(network, torch.Generator().manual_seed(5))
    first, second = layer(x), layer(x)
    set_noise(network, torch.Generator().manual_seed(5))
    assert torch.equal(layer(x), first)
    assert not torch.equal(first, second)
    assert torch.equal(before, torch.random.get_rng_state())


def test_whole_channels_are_dropped_as_wholes() -> None:
    y = Dropout(0.5, whole_channels=True)(torch.ones(8, 16, 3, 3))
    sums = y.sum(dim=(2, 3))
    assert set(sums.unique().tolist()) == {0.0, 18.0}


def test_the_gradient_flows_through_what_was_kept() -> None:
    layer, x = Dropout(0.5), torch.ones(64, requires_grad=True)
    y = layer(x)
    assert torch.equal(torch.autograd.grad(y.sum(), x)[0], y.detach())


@pytest.mark.parametrize("share", [-0.1, 1.0, 1.5])
def test_what_is_no_share_is_refused(share: float) -> None:
    with pytest.raises(OptionError, match=f"dropout of {share} is not a share"):
        Dropout(share)
