import math

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from assay.core.errors import OptionError
from assay.model.conv import ConvNetwork, ConvShape, unborn_conv
from assay.model.image_shift import shifted
from assay.model.initialise import initialise

SMALL = ConvShape(classes=3, channels=2, widths=(4, 8))


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def images(rows: int = 4, channels: int = 2, side: int = 9, dtype: torch.dtype = torch.float32) -> Tensor:
    return torch.empty(rows, channels, side, side, dtype=dtype).normal_(generator=generator(11))


def born(shape: ConvShape = SMALL, seed: int = 0) -> ConvNetwork:
    network = ConvNetwork(shape)
    network.be_born(generator(seed))
    return network


def test_a_convolution_of_a_moved_image_is_the_moved_convolution() -> None:
    layer = unborn_conv(2, 3, 3, bias=True)
    initialise(layer.weight, "he", generator())
    image = functional.pad(images(1, 2, 4), (4, 4, 4, 4))
    moved = image.roll((2, -1), dims=(2, 3))
    assert torch.allclose(layer(moved), layer(image).roll((2, -1), dims=(2, 3)), atol=1e-6)


def test_a_convolution_is_its_formula() -> None:
    layer = unborn_conv(2, 3, 3, stride=2, bias=True).double()
    initialise(layer.weight, "normal", generator(), std=1.0)
    initialise(layer.bias, "normal", generator(1), std=1.0)
    x = images(dtype=torch.float64)
    padded = functional.pad(x, (1, 1, 1, 1))
    wanted = torch.stack(
        [
            (padded[:, None, :, r : r + 3, c : c + 3] * layer.weight).sum(dim=(2, 3, 4)) + layer.bias
            for r in range(0, 9, 2)
            for c in range(0, 9, 2)
        ],
        dim=2,
    ).view(4, 3, 5, 5)
    assert torch.allclose(layer(x), wanted, atol=1e-12)


def test_an_image_may_be_stored_either_way_for_the_same_numbers() -> None:
    network = born().eval()
    network.output.weight.data.normal_(generator=generator(1))
    x = images()
    assert torch.equal(network(x), network(x.contiguous(memory_format=torch.channels_last)))


def test_the_loss_at_birth_is_log2_of_the_classes() -> None:
    loss = functional.cross_entropy(born()(images()), torch.tensor([0, 1, 2, 0])) / math.log(2)
    assert loss.item() == pytest.approx(math.log2(3), rel=1e-6)


@pytest.mark.parametrize("norm", ["batch", "none"])
def test_one_batch_is_learned_by_heart(norm: str) -> None:
    network, x, y = born(ConvShape(classes=3, channels=2, widths=(16, 16), norm=norm)), images(), torch.tensor([0, 1, 2, 0])
    optimiser = torch.optim.Adam(network.parameters(), lr=0.02, fused=True)
    for _ in range(200):
        loss = functional.cross_entropy(network(x), y)
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
    assert loss.item() < 0.1


def test_gradients_agree_with_finite_differences() -> None:
    network = born(ConvShape(classes=3, channels=2, widths=(2, 3), activation="tanh")).double()
    initialise(network.output.weight, "normal", generator(1), std=1.0)
    names = [name for name, _ in network.named_parameters()]
    weights = [p.detach().clone().requires_grad_() for p in network.parameters()]

    def outcome(x: Tensor, *values: Tensor) -> Tensor:
        return torch.func.functional_call(network, dict(zip(names, values, strict=True)), (x,))  # type: ignore[no-any-return]

    x = images(2, 2, 4, torch.float64).requires_grad_()
    assert torch.autograd.gradcheck(outcome, (x, *weights), rtol=1e-6, atol=1e-8)


def test_layers_are_named_in_the_order_of_the_datas_way_and_hold_every_weight() -> None:
    network = ConvNetwork(SMALL)
    assert list(network.groups()) == ["convolution 1", "convolution 2", "output"]
    assert sorted(name for names in network.groups().values() for name in names) == sorted(name for name, _ in network.named_parameters())


def test_the_seed_decides_and_the_global_stream_is_left_alone() -> None:
    before = torch.random.get_rng_state()
    first, second, other = (born(seed=seed).convolutions[0].weight for seed in (1, 1, 2))
    assert torch.equal(first, second)  # type: ignore[arg-type]
    assert not torch.equal(first, other)  # type: ignore[arg-type]
    assert torch.equal(before, torch.random.get_rng_state())


def test_what_no_network_could_be_is_refused() -> None:
    with pytest.raises(OptionError, match="of 0; give 1 or more"):
        ConvShape(classes=3, widths=(4, 0))
    with pytest.raises(OptionError, match="did you mean 'relu'"):
        ConvShape(classes=3, activation="relo")


def test_images_are_shifted_whole_each_by_its_own_and_never_too_far() -> None:
    rows = 200
    image = torch.zeros(rows, 2, 7, 7)
    image[:, :, 3, 3] = torch.tensor([1.0, 2.0])
    found = shifted(image, 2, generator())
    assert torch.equal(found.sum(dim=(2, 3)), image.sum(dim=(2, 3)))
    places = found[:, 0].flatten(1).argmax(dim=1)
    assert torch.equal(places, found[:, 1].flatten(1).argmax(dim=1))
    assert set(zip((places // 7 - 3).tolist(), (places % 7 - 3).tolist(), strict=True)) == {
        (r, c) for r in range(-2, 3) for c in range(-2, 3)
    }


def test_a_shift_repeats_the_edge_and_keeps_whole_numbers() -> None:
    image = torch.arange(9, dtype=torch.uint8).view(1, 1, 3, 3).expand(50, 1, 3, 3)
    found = shifted(image, 1, generator())
    assert found.dtype == torch.uint8
    moved = {tuple(one.flatten().tolist()) for one in found}
    assert (0, 0, 1, 0, 0, 1, 3, 3, 4) in moved
    assert len(moved) == 9


def test_a_strided_point_convolution_is_the_plain_one() -> None:
    # float64, which oneDNN leaves alone: its strided backward pass is what is gone around
    layer, x = unborn_conv(4, 8, 1, stride=2, bias=True).double(), images(channels=4, dtype=torch.float64).requires_grad_()
    layer.weight.data.normal_(generator=generator(3))
    wanted = functional.conv2d(x, layer.weight, layer.bias, stride=2)
    assert torch.allclose(layer(x), wanted, atol=1e-12)
    gradients = (torch.autograd.grad(y.square().sum(), [x, layer.weight]) for y in (layer(x), wanted))
    for one, other in zip(*gradients, strict=True):
        assert torch.allclose(one, other, atol=1e-12)
