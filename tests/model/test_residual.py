import math
from dataclasses import replace
from itertools import product

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from assay.core.errors import OptionError
from assay.model.dense_block import DenseLayer, Transition
from assay.model.initialise import initialise
from assay.model.residual import BLOCK_TYPES, BasicBlock, Block, BlockForm, BottleneckBlock, PreActivationBlock, Shortcut, block
from assay.model.residual_network import ResidualNetwork
from assay.model.residual_shape import BLOCKS, NAMED, ResidualShape, parameter_count, residual_shape

SMALL = ResidualShape(classes=3, channels=2, widths=(4, 8), depths=(1, 2), growth=3, stem="small")
FORMS = [replace(SMALL, block=kind, norm=norm) for kind, norm in product(BLOCKS, ("batch", "none", "group"))]
OTHERS = [replace(SMALL, shortcut="zeros"), replace(SMALL, stem="strided", widen=2, block="wide"), replace(SMALL, stem="large", channels=1)]


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def images(rows: int = 4, channels: int = 2, side: int = 8, dtype: torch.dtype = torch.float32) -> Tensor:
    return torch.empty(rows, channels, side, side, dtype=dtype).normal_(generator=generator(11))


def born(shape: ResidualShape, seed: int = 0) -> ResidualNetwork:
    network = ResidualNetwork(shape)
    network.be_born(generator(seed))
    return network


def drawn(module: nn.Module, seed: int = 0) -> nn.Module:
    """The module with every weight drawn, none silent."""
    source = generator(seed)
    for parameter in module.parameters():
        initialise(parameter, "normal", source, std=0.4)
    return module


def named(shape: ResidualShape) -> str:
    return f"{shape.block}-{shape.norm}-{shape.shortcut}-{shape.stem}"


@pytest.mark.parametrize("shape", FORMS + OTHERS, ids=named)
def test_the_loss_at_birth_is_log2_of_the_classes(shape: ResidualShape) -> None:
    logits = born(shape)(images(channels=shape.channels))
    loss = functional.cross_entropy(logits, torch.tensor([0, 1, 2, 0])) / math.log(2)
    assert loss.item() == pytest.approx(math.log2(3), rel=1e-6)


@pytest.mark.parametrize("shape", FORMS + OTHERS, ids=named)
def test_the_parameters_are_as_many_as_the_formula_says(shape: ResidualShape) -> None:
    assert sum(p.numel() for p in ResidualNetwork(shape).parameters()) == parameter_count(shape)


@pytest.mark.parametrize(
    ("name", "count"),
    [
        ("resnet-18", 11_689_512),
        ("resnet-34", 21_797_672),
        ("resnet-50", 25_557_032),
        ("resnet-101", 44_549_160),
        ("resnet-152", 60_192_808),
        ("densenet-121", 7_978_856),
        ("wide-28-10", 36_479_194),
    ],
)
def test_published_networks_have_their_published_numbers_of_weights(name: str, count: int) -> None:
    assert parameter_count(NAMED[name]) == count


@pytest.mark.parametrize("name", ["resnet-18", "resnet-50", "densenet-121", "wide-28-10"])
def test_published_networks_as_built_have_as_many_weights(name: str) -> None:
    shape = residual_shape(name)
    counted = replace(shape, depths=tuple(min(2, depth) for depth in shape.depths), widths=tuple(min(32, w) for w in shape.widths), widen=2)
    assert sum(p.numel() for p in ResidualNetwork(counted).parameters()) == parameter_count(counted)


@pytest.mark.parametrize("shape", FORMS, ids=named)
def test_one_batch_is_learned_by_heart(shape: ResidualShape) -> None:
    network, x, y = born(shape), images(), torch.tensor([0, 1, 2, 0])
    optimiser = torch.optim.Adam(network.parameters(), lr=0.02, fused=True)
    for _ in range(200):
        loss = functional.cross_entropy(network(x), y)
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
    assert loss.item() < 0.1


@pytest.mark.parametrize("shape", FORMS + OTHERS, ids=named)
def test_layers_are_named_in_the_order_of_the_datas_way_and_hold_every_weight(shape: ResidualShape) -> None:
    network = ResidualNetwork(shape)
    assert list(network.groups()) == ["stem", "stage 1", "stage 2", "output"]
    assert [name for names in network.groups().values() for name in names] == [name for name, _ in network.named_parameters()]


@pytest.mark.parametrize("kind", BLOCKS)
def test_the_seed_decides_and_the_global_stream_is_left_alone(kind: str) -> None:
    before = torch.random.get_rng_state()
    shape = replace(SMALL, block=kind, dropout=0.3, shift=2)
    outputs = []
    for seed in (1, 1, 2):
        network = born(shape, seed)
        network.output.weight.data.fill_(1.0)
        network.noise = generator(seed)
        outputs.append(network(images()))
    assert torch.equal(outputs[0], outputs[1])
    assert not torch.equal(outputs[0], outputs[2])
    assert torch.equal(before, torch.random.get_rng_state())


def test_shifts_act_while_training_only() -> None:
    network = born(replace(SMALL, shift=3))
    network.output.weight.data.fill_(1.0)
    assert not torch.equal(network(images()), network(images()))
    network.eval()
    assert torch.equal(network(images()), network(images()))


def silenced(made: Block) -> Block:
    drawn(made)
    made.soften(0.0)
    if isinstance(made, BasicBlock | BottleneckBlock) and made.last_norm.bias is not None:  # type: ignore[union-attr]
        made.last_norm.bias.data.zero_()  # type: ignore[union-attr, operator]
    return made


@pytest.mark.parametrize(("kind", "norm"), list(product(("basic", "bottleneck"), ("batch", "group"))))
def test_a_post_activation_block_without_its_branch_is_relu_of_x_and_not_x(kind: str, norm: str) -> None:
    x = images(channels=8)
    assert torch.equal(silenced(block(kind, 8, 8, 1, BlockForm(norm)))(x), x.relu())


@pytest.mark.parametrize("norm", ["batch", "group"])
def test_a_pre_activation_block_without_its_branch_is_exactly_x(norm: str) -> None:
    x = images(channels=8)
    assert torch.equal(silenced(PreActivationBlock(8, 8, 1, BlockForm(norm)))(x), x)


@pytest.mark.parametrize("kind", BLOCK_TYPES)
def test_blocks_are_born_as_their_shortcuts(kind: str) -> None:
    network = born(replace(SMALL, block=kind, widen=2))
    x = images(channels=network.shape.stage_outputs[-1], side=4)
    inner = network.stages[1][1]  # type: ignore[index]
    assert torch.equal(inner(x), x if kind in {"pre-activation", "wide"} else x.relu())


def test_blocks_that_are_not_silent_are_born_with_the_gain_of_residual_depth() -> None:
    network = born(replace(SMALL, silent=False, depths=(1, 3)))
    assert [made.last_norm.weight.unique().tolist() for made in network.modules() if isinstance(made, BasicBlock)] == [[0.5]] * 4


@pytest.mark.parametrize("inputs", [4, 8])
@pytest.mark.parametrize("kind", BLOCK_TYPES)
def test_gradients_of_blocks_agree_with_finite_differences(kind: str, inputs: int) -> None:
    made = drawn(block(kind, inputs, 8, 2 if inputs == 4 else 1, BlockForm(activation="tanh"))).double()
    names = [name for name, _ in made.named_parameters()]
    weights = [p.detach().clone().requires_grad_() for p in made.parameters()]

    def outcome(x: Tensor, *values: Tensor) -> Tensor:
        return torch.func.functional_call(made, dict(zip(names, values, strict=True)), (x,))  # type: ignore[no-any-return]

    x = images(2, inputs, 3, torch.float64).requires_grad_()
    assert torch.autograd.gradcheck(outcome, (x, *weights), rtol=1e-6, atol=1e-8, fast_mode=True)


def test_gradients_of_dense_layers_agree_with_finite_differences() -> None:
    form = BlockForm(activation="tanh")
    made = drawn(nn.Sequential(DenseLayer(4, 2, form), Transition(6, form))).double()
    x = images(2, 4, 3, torch.float64).requires_grad_()
    assert torch.autograd.gradcheck(made, (x,), rtol=1e-6, atol=1e-8)


def test_a_shortcut_of_zeros_keeps_every_other_place_and_adds_silent_channels() -> None:
    x = images(channels=3, side=5)
    found = Shortcut(3, 5, 2, how="zeros")(x)
    assert torch.equal(found[:, :3], x[:, :, ::2, ::2])
    assert found[:, 3:].abs().sum() == 0
    assert found.shape == (4, 5, 3, 3)


def test_a_bottleneck_on_256_channels_has_an_eighth_of_the_weights() -> None:
    convolutions = [p.numel() for p in BottleneckBlock(256, 256).parameters() if p.dim() == 4]
    assert sum(convolutions) == 69_632
    assert 3 * 3 * 256 * 256 / sum(convolutions) == pytest.approx(8.5, abs=0.05)


def test_dense_channels_grow_by_growth_a_layer_and_are_halved_between_stages() -> None:
    network = ResidualNetwork(replace(SMALL, block="dense", widths=(8, 1, 1), depths=(2, 3, 1), growth=4))
    x = network.stem(images())
    seen = []
    for part in (part for stage in network.stages for part in stage):  # type: ignore[attr-defined, union-attr]
        x = part(x)
        seen.append((x.shape[1], x.shape[2]))
    assert seen == [(12, 8), (16, 8), (8, 4), (12, 4), (16, 4), (20, 4), (10, 2), (14, 2)]
    assert network.shape.stage_outputs == (16, 20, 14)


def test_a_dense_layer_hands_on_what_it_was_given() -> None:
    x = images(channels=4)
    assert torch.equal(drawn(DenseLayer(4, 3))(x)[:, :4], x)


def test_residual_depth_without_norm_grows_and_softened_branches_do_not() -> None:
    """Residual connections alone are no isometry: He's weights double the second moment a block."""
    x = images(2, 16, 8)
    form = BlockForm(norm="none")
    second_moments = []
    for gain in (1.0, 1 / math.sqrt(8)):
        source, h = generator(1), x
        for _ in range(8):
            made = PreActivationBlock(16, 16, 1, form)
            for parameter in made.parameters():
                initialise(parameter, "he" if parameter.dim() > 1 else "zeros", source)
            made.soften(gain)
            h = made(h)
        second_moments.append(h.square().mean().item() / x.square().mean().item())
    assert second_moments[0] > 20
    assert second_moments[1] < math.e


def test_the_usual_resnet_20_of_small_images_has_its_size() -> None:
    assert parameter_count(NAMED["resnet-20-small"]) == 269_722


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"block": "botleneck"}, "did you mean 'bottleneck'"),
        ({"shortcut": "zero"}, "did you mean 'zeros'"),
        ({"norm": "bacth"}, "did you mean 'batch'"),
        ({"depths": (1, 0)}, "of 0; give 1 or more"),
        ({"depths": (1, 1, 1)}, "2 widths and 3 depths"),
        ({"dropout": 1.0}, "dropout of 1.0"),
        ({"shift": -1}, "shift of -1"),
    ],
)
def test_what_no_network_could_be_is_refused(given: dict[str, object], told: str) -> None:
    with pytest.raises(OptionError, match=told):
        replace(SMALL, **given)  # type: ignore[arg-type]
    with pytest.raises(OptionError, match="did you mean 'resnet-50'"):
        residual_shape("resnet50")
