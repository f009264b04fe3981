"""The parts of a step: data in order, flat weights, hand-written gradients, guards, threads, evidence."""

import math
from dataclasses import replace
from itertools import chain

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.train.nets import BRIEF, born, classes, line, reader, stack, text
from torch import nn

from assay.core.errors import InputError, OptionError
from assay.objective.training_loss import training_loss
from assay.train import Batch, TensorData, TokenData, fit
from assay.train.backward import cut
from assay.train.data import order_of
from assay.train.evidence import opening_loss
from assay.train.fused_step import fused_stack
from assay.train.guard import DeferredGuard, Guard, NonFinite
from assay.train.layers import layers_of
from assay.train.loop import Loop
from assay.train.optimiser import Optimiser
from assay.train.pace import choose_step, choose_threads, rehearse
from assay.train.settings import Settings
from assay.train.task import NetworkTask
from assay.train.weights import Average, Weights

# -- data ---------------------------------------------------------------------------------------------------------------------


@given(rows=st.integers(1, 40), batch=st.integers(1, 50), skip=st.integers(0, 6), world=st.integers(1, 3))
@settings(max_examples=40, deadline=None)
def test_an_epoch_is_each_row_once_from_any_batch_on_in_any_number_of_parts(rows: int, batch: int, skip: int, world: int) -> None:
    data = TensorData(torch.arange(float(rows))[:, None], torch.arange(rows), torch.ones(rows))
    order = [b.targets.tolist() for b in data.batches(batch, seed=3)]
    assert sorted(chain.from_iterable(order)) == list(range(rows))
    assert len(order) == data.steps(batch)
    assert [b.targets.tolist() for b in data.batches(batch, seed=3, skip=skip)] == order[skip:]
    parts = [[b.targets.tolist() for b in data.batches(batch, seed=3, part=(i, world))] for i in range(world)]
    assert [list(chain.from_iterable(of_one)) for of_one in zip(*parts, strict=True)] == order


def test_inputs_targets_and_weights_of_a_row_stay_together() -> None:
    data = TensorData((torch.arange(10.0)[:, None], torch.arange(10) * 2), torch.arange(10), torch.arange(1.0, 11.0))
    for batches in (data.batches(4, seed=0), data.in_order(4), data.in_order(4, at_most=6, seed=1)):
        for batch in batches:
            x, double = batch.inputs
            assert batch.weights is not None
            assert x[:, 0].tolist() == batch.targets.tolist()
            assert double.tolist() == (2 * batch.targets).tolist()
            assert torch.allclose(batch.weights * 5.5, batch.targets + 1.0)
    assert sum(len(b.targets) for b in data.in_order(4, at_most=6, seed=1)) == 6


def test_mini_batches_are_unbiased_and_their_spread_falls_with_their_size() -> None:
    data, network = line(256), stack(outputs=1)

    def slopes(rows: int) -> torch.Tensor:
        found = []
        for seed in range(8):
            for batch in data.batches(rows, seed):
                (slope,) = torch.autograd.grad(training_loss("squared").mean(network(batch.inputs), batch.targets), [network[2].bias])
                found.append(slope)
        return torch.cat(found)

    whole = slopes(256)
    assert torch.allclose(slopes(16).mean(), whole.mean(), rtol=1e-4)
    assert float(slopes(4).var() / slopes(16).var()) == pytest.approx(4.0, rel=0.25)


def test_blocks_of_tokens_predict_the_next_ones() -> None:
    data = text(403)
    seen = set()
    for batch in data.batches(4, seed=0):
        for x, y in zip(batch.inputs, batch.targets, strict=True):
            at = [i for i in range(395) if torch.equal(data.tokens[i : i + 8], x)]
            assert any(torch.equal(data.tokens[i + 1 : i + 9], y) for i in at)
            seen.update(at)
    assert data.rows == 50
    assert len({i % 8 for i in seen}) > 4
    whole = torch.cat([b.targets.reshape(-1) for b in data.in_order(7)])
    assert torch.equal(whole, data.tokens[1:])
    held = TokenData(data.tokens, 8, consecutive=True)
    starts = torch.cat([b.inputs[:, 0] for b in held.batches(4, seed=0)])
    assert sorted(starts.tolist()) == sorted(data.tokens[:400:8].tolist())
    assert TokenData(torch.arange(5), 64).block == 4


def test_data_of_unequal_lengths_or_shapes_are_refused() -> None:
    with pytest.raises(InputError, match="3, 4 rows"):
        TensorData(torch.zeros(3, 1), torch.zeros(4))
    with pytest.raises(InputError, match="run from -1"):
        TensorData(torch.zeros(2, 1), torch.zeros(2), torch.tensor([-1.0, 2.0]))
    with pytest.raises(InputError, match=r"shape \(2, 3\)"):
        TokenData(torch.zeros(2, 3, dtype=torch.int64), 4)
    with pytest.raises(OptionError, match="block is 0"):
        TokenData(torch.zeros(9, dtype=torch.int64), 0)


# -- weights ------------------------------------------------------------------------------------------------------------------


def test_flat_weights_are_the_networks_own_and_come_back() -> None:
    network = reader()
    before = {name: p.detach().clone() for name, p in network.state_dict().items()}
    weights = Weights(network)
    assert network.out.weight is network.table.weight
    assert {len(group.stepped) for group in weights.groups} == {1}
    assert sum(t.numel() for t in weights.stepped) == sum(p.numel() for p in weights.trained)
    torch.autograd.backward(network(text().tokens[None, :8])[0].square().sum())
    flat = torch.cat([p.grad.reshape(-1) for p in weights.trained if p.grad is not None])
    assert float(weights.gradient_norm()) == pytest.approx(float(flat.norm()), rel=1e-5)
    weights.zero_gradients()
    assert all(float(p.grad.abs().sum()) == 0.0 for p in weights.trained if p.grad is not None)
    kept = weights.copy()
    for t in weights.stepped:
        t.add_(1.0)
    assert not torch.equal(network.mix.weight, before["mix.weight"])
    weights.load(kept)
    weights.release()
    assert all(torch.equal(p, before[name]) for name, p in network.state_dict().items() if "running" not in name and "num_" not in name)


def test_images_keep_their_order_in_memory() -> None:
    network = nn.Sequential(nn.Conv2d(3, 4, 3)).to(memory_format=torch.channels_last)
    weights = Weights(network)
    assert network[0].weight.is_contiguous(memory_format=torch.channels_last)
    weights.release()
    assert network[0].weight.is_contiguous(memory_format=torch.channels_last)


def test_an_average_follows_its_formula() -> None:
    network = born(nn.Linear(1, 1, bias=False))
    weights = Weights(network)
    average, expected = Average(weights, 0.5), float(network[0].weight.detach())
    for step in range(5):
        weights.stepped[0].fill_(float(step))
        average.update()
        decay = min(0.5, (1 + step) / (10 + step))
        expected = decay * expected + (1 - decay) * step
    assert float(average.values[0]) == pytest.approx(expected, rel=1e-6)
    with average.in_place():
        assert float(network[0].weight.detach()) == pytest.approx(expected, rel=1e-6)
    assert float(network[0].weight.detach()) == 4.0


# -- the hand-written step ----------------------------------------------------------------------------------------------------

ACTIVATIONS = [nn.ReLU(), nn.Tanh(), nn.Sigmoid(), nn.GELU(), nn.GELU("tanh"), nn.SiLU(), nn.SELU(), nn.LeakyReLU(0.1), nn.Identity()]


@pytest.mark.parametrize("bend", ACTIVATIONS, ids=str)
@pytest.mark.parametrize(("name", "outputs"), [("log", 4), ("binary", 1), ("squared", 1), ("squared", 2)])
def test_gradients_by_hand_equal_autograd(bend: nn.Module, name: str, outputs: int) -> None:
    stream = torch.Generator().manual_seed(0)
    network = born(nn.Flatten(), nn.Linear(6, 5), bend, nn.Linear(5, 7, bias=False), bend, nn.Linear(7, outputs), std=0.6).double()
    x, loss = torch.randn(9, 2, 3, generator=stream, dtype=torch.float64), training_loss(name)
    y = torch.randint(0, max(outputs, 2), (9,), generator=stream)
    targets = torch.randn(9, outputs, generator=stream, dtype=torch.float64) if name == "squared" else y
    expected = loss.mean(network(x), targets)
    slopes = torch.autograd.grad(expected, list(network.parameters()))
    step = fused_stack(network, loss)
    assert step is not None
    for _ in range(2):
        assert float(step(Batch(x, targets))) == pytest.approx(float(expected.detach()), rel=1e-12)
        for p, slope in zip(network.parameters(), slopes, strict=True):
            assert p.grad is not None
            assert torch.allclose(p.grad, slope, rtol=1e-9, atol=1e-12)


def test_what_is_no_plain_stack_is_left_to_autograd() -> None:
    loss = training_loss("log")
    assert fused_stack(stack(), loss) is not None
    tied = nn.Linear(3, 3)
    for network in (
        nn.Sequential(nn.Linear(3, 3), nn.Dropout(0.5), nn.Linear(3, 3)),
        nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3), nn.Linear(3, 3)),
        nn.Sequential(tied, nn.ReLU(), tied),
        nn.Sequential(nn.ReLU(), nn.Linear(3, 3)),
        nn.Sequential(nn.Linear(3, 3), nn.ReLU()),
        nn.Linear(3, 3),
    ):
        assert fused_stack(network, loss) is None
    frozen, hooked = stack(), stack()
    frozen[0].weight.requires_grad_(False)
    hooked[0].register_forward_hook(lambda *_: None)
    assert fused_stack(frozen, loss) is None
    assert fused_stack(hooked, loss) is None
    assert fused_stack(stack(), training_loss("absolute")) is None


def test_pieces_of_a_batch_are_all_of_it() -> None:
    batch = Batch((torch.arange(7.0)[:, None],), torch.arange(7), torch.ones(7))
    assert list(chain.from_iterable(piece.targets.tolist() for piece in cut(batch, 3))) == list(range(7))
    assert len(cut(batch, 20)) == 7


# -- guards -------------------------------------------------------------------------------------------------------------------


def stepped(guard_of: type[Guard], slopes: list[float], **knobs: object) -> tuple[float, int]:
    """Where a weight ends under these gradients, and the step that was not finite."""
    network = born(nn.Linear(1, 1, bias=False))
    weights = Weights(network)
    weights.stepped[0].zero_()
    chosen = Settings(optimiser="sgd", learning_rate=1.0, weight_decay=0.0, **knobs).filled(10)  # type: ignore[arg-type]
    optimiser = Optimiser(chosen, weights)
    guard = DeferredGuard(weights, chosen, optimiser) if guard_of is DeferredGuard else Guard(weights, chosen)
    for step, slope in enumerate(slopes):
        weights.gradients()[0].fill_(slope)
        try:
            guard.admit(torch.tensor(1.0))
            optimiser.step()
            if step % 4 == 3 or step == len(slopes) - 1:
                guard.settle()
        except NonFinite as found:
            return float(weights.stepped[0]), step + (1 - found.steps_ago if found.steps_ago else 0)
    return float(weights.stepped[0]), -1


@pytest.mark.parametrize("guard", [Guard, DeferredGuard])
def test_guards_clip_and_stop_at_the_exact_step(guard: type[Guard]) -> None:
    assert stepped(guard, [1.0, -4.0, 100.0], clip_norm=10.0) == (pytest.approx(-7.0), -1)
    assert stepped(guard, [1.0, -4.0, 100.0], clip_norm=None) == (pytest.approx(-97.0), -1)
    assert stepped(guard, [1.0, -4.0, 100.0], clip_norm=None, clip_value=2.0) == (pytest.approx(-1.0), -1)
    for bad in (math.nan, math.inf):
        assert stepped(guard, [1.0, 1.0, bad, 1.0, 1.0, 1.0], clip_norm=10.0) == (pytest.approx(-2.0), 2)


def test_clipping_keeps_the_direction() -> None:
    weights = Weights(stack())
    for g in weights.gradients():
        g.normal_(generator=torch.Generator().manual_seed(1))
    before = [g.clone() for g in weights.gradients()]
    Guard(weights, Settings(clip_norm=0.5)).admit(torch.tensor(1.0))
    assert float(weights.gradient_norm()) == pytest.approx(0.5, rel=1e-5)
    shares = torch.cat([(a / b).reshape(-1) for a, b in zip(weights.gradients(), before, strict=True)])
    assert torch.allclose(shares, shares[0].expand_as(shares), rtol=1e-4)


# -- pace ---------------------------------------------------------------------------------------------------------------------


def loop(network: nn.Module, **knobs: object) -> Loop:
    data = text() if not isinstance(network, nn.Sequential) else classes()
    objective = "log" if isinstance(network, nn.Sequential) else "next-token"
    task = NetworkTask(network, training_loss(objective), "n")
    return Loop(task, data, None, settings=replace(BRIEF, **knobs).filled(data.rows), seed=0, layers=[])  # type: ignore[arg-type]


def test_rehearsing_changes_nothing() -> None:
    one = loop(reader())
    before, noise, stream = one.weights.copy(), one.noise.get_state(), torch.get_rng_state()
    assert rehearse(one) > 0.0
    assert all(torch.equal(a, b) for a, b in zip(before, one.weights.copy(), strict=True))
    assert torch.equal(noise, one.noise.get_state())
    assert torch.equal(stream, torch.get_rng_state())


def test_small_steps_take_one_thread_and_large_ones_what_is_faster(monkeypatch: pytest.MonkeyPatch) -> None:
    from assay.train import pace

    one, threads = loop(reader()), torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        for alone, together, chosen in ((0.001, 0.0001, 1), (1.0, 0.5, 2), (1.0, 0.95, 1)):
            torch.set_num_threads(2)
            taken = iter([alone, together])
            monkeypatch.setattr(pace, "rehearse", lambda _loop, taken=taken: next(taken))
            found, note = choose_threads(one, "auto")
            assert found == chosen
            assert ("1000.0 ms with 1 thread" in note) == (alone == 1.0)
        assert choose_threads(one, 7) == (7, "")
    finally:
        torch.set_num_threads(threads)


def test_compiling_is_weighed_against_what_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    from assay.train import pace

    assert choose_step(loop(stack())) == ("fused", "")
    assert choose_step(loop(reader())) == ("plain", "")
    kind, note = choose_step(loop(reader(), compile="auto"))
    assert (kind, "cannot win back" in note) == ("plain", True)
    compiled = []
    monkeypatch.setattr(torch, "compile", lambda network: compiled.append(network) or network)
    for fast, chosen in ((0.5, "compiled"), (2.0, "plain")):
        taken = iter([1.0, 0.0, fast])
        monkeypatch.setattr(pace, "rehearse", lambda _loop, steps=3, taken=taken: next(taken))
        assert choose_step(loop(reader(), compile="auto", epochs=100))[0] == chosen
    assert len(compiled) == 2


def test_a_network_that_cannot_be_compiled_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_network: nn.Module) -> nn.Module:
        def call(*_: object) -> None:
            raise RuntimeError("no compiler found")

        return call  # type: ignore[return-value]

    monkeypatch.setattr(torch, "compile", refuse)
    with pytest.raises(OptionError, match="no compiler found"):
        fit(reader(), "next-token", text(), settings=replace(BRIEF, compile="always"))


# -- layers and evidence ------------------------------------------------------------------------------------------------------


def test_layers_are_named_by_module_or_by_the_caller() -> None:
    network = nn.Sequential(nn.Conv1d(1, 2, 3), nn.ReLU(), nn.Flatten(), nn.Linear(4, 3), nn.LayerNorm(3))
    told = [(layer.name, layer.kind, layer.units, layer.activation is not None) for layer in layers_of(network)]
    assert told == [("0", "convolution", 2, True), ("3", "linear", 3, False), ("4", "norm", 3, False)]
    assert [layer.name for layer in layers_of(network, {"all": ["0.weight", "3.bias"]})] == ["all"]


def test_dead_units_of_a_strangers_network_are_seen() -> None:
    network = born(nn.Linear(5, 8), nn.ReLU(), nn.Linear(8, 3))
    with torch.no_grad():
        network[0].bias[:4] = -100.0
    run = fit(network, "log", classes(), settings=BRIEF)
    assert run.trace is not None
    assert run.trace.layers[0].dead_share[-1] == pytest.approx(0.5)


def test_opening_losses_are_those_of_the_best_constant() -> None:
    y = torch.tensor([0, 0, 0, 1])
    x = torch.zeros(4, 1)
    assert opening_loss(training_loss("log"), TensorData(x, y)) == pytest.approx(0.811278, abs=1e-6)
    assert opening_loss(training_loss("binary"), TensorData(x, y.float())) == pytest.approx(0.811278, abs=1e-6)
    assert opening_loss(training_loss("squared"), TensorData(x, y.float())) == pytest.approx(0.1875)
    assert opening_loss(training_loss("absolute"), TensorData(x, torch.stack([y, 2 * y], 1).float())) == pytest.approx(0.375)
    assert opening_loss(training_loss("next-token"), TokenData(torch.tensor([9, 0, 1, 0, 1]), 2)) == 1.0
    assert math.isnan(opening_loss(training_loss(nn.L1Loss()), TensorData(x, y.float())))


def test_orders_hang_on_the_seed_alone() -> None:
    assert torch.equal(order_of(9, 4), order_of(9, 4))
    assert not torch.equal(order_of(9, 4), order_of(9, 5))
    assert np.array_equal(np.sort(order_of(9, 4).numpy()), np.arange(9))
