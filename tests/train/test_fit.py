"""The loop on any module: it learns, by its seed alone, stops for its reasons, goes on bit for bit, and leaves an ordinary module."""

import copy
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from tests.train.nets import BRIEF, born, classes, line, reader, stack, text
from torch import nn

from assay.core.errors import InputError, OptionError, RunError
from assay.train import Moment, Run, Settings, TensorData, TokenData, fit
from assay.train.history import read_history
from assay.train.settings import OPTIMISERS, SCHEDULES


def weights(run: Run) -> np.ndarray:
    return np.concatenate([p.detach().numpy().ravel() for p in run.network.state_dict().values()])


def test_it_learns_classes_values_and_tokens_in_their_units() -> None:
    more = replace(BRIEF, epochs=30, learning_rate=0.02)
    run = fit(stack(), "log", classes(), valid=classes(seed=1), settings=more)
    assert (run.unit, run.stopped) == ("bits/row", "epochs")
    assert run.history.valid_loss[-1] < 0.5 * math.log2(3)
    assert fit(stack(outputs=1), "squared", line(), settings=more).history.train_loss[-1] < 0.3
    read = fit(reader(), "next-token", text(), settings=replace(more, epochs=60))
    assert read.unit == "bits/token"
    assert read.history.train_loss[-1] < 0.6 * math.log2(7)


def test_losses_are_of_the_network_in_evaluation_mode_and_whole() -> None:
    data = classes()
    run = fit(stack(), "log", data, valid=data, settings=BRIEF)
    with torch.no_grad():
        loss = nn.functional.cross_entropy(run.network(data.inputs), data.targets).item() / math.log(2)
    assert run.history.train_loss[-1] == pytest.approx(loss, rel=1e-6)
    assert run.best_loss == pytest.approx(loss, rel=1e-6)
    assert not run.network.training


@pytest.mark.parametrize("optimiser", OPTIMISERS)
def test_every_optimiser_learns(optimiser: str) -> None:
    settings = replace(BRIEF, epochs=12, optimiser=optimiser, learning_rate=0.1 if optimiser == "sgd" else 0.02)
    run = fit(stack(), "log", classes(), valid=classes(seed=1), settings=settings, watched=False)
    assert run.history.valid_loss[-1] < 0.8 * run.history.valid_loss[0]


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_every_schedule_learns(schedule: str) -> None:
    run = fit(
        stack(), "log", classes(), settings=replace(BRIEF, epochs=12, learning_rate=0.05, gamma=0.7, schedule=schedule), watched=False
    )
    assert run.history.train_loss[-1] < 0.8 * run.history.train_loss[0]


def test_one_seed_gives_one_run_and_leaves_torchs_stream_alone() -> None:
    networks, before = [reader(), reader(), reader()], torch.random.get_rng_state()
    first, again, other = (fit(n, "next-token", text(), settings=BRIEF, seed=seed) for n, seed in zip(networks, (0, 0, 1), strict=True))
    assert np.array_equal(weights(first), weights(again))
    assert first.trace == again.trace
    assert not np.array_equal(weights(first), weights(other))
    assert torch.equal(before, torch.random.get_rng_state())


def test_watching_changes_no_number() -> None:
    seen, unseen = (fit(reader(), "next-token", text(), settings=BRIEF, watched=watched) for watched in (True, False))
    assert np.array_equal(weights(seen), weights(unseen))
    assert unseen.trace is None
    assert seen.trace is not None
    assert [layer.name for layer in seen.trace.layers] == ["reader", "table", "norm", "mix"]
    assert seen.trace.opening == pytest.approx(math.log2(7), abs=0.05)


def test_the_module_is_an_ordinary_one_afterwards() -> None:
    network = reader()
    run = fit(network, "next-token", text(), settings=BRIEF)
    assert run.network is network
    assert network.out.weight is network.table.weight
    assert all(p.grad is None for p in network.parameters())
    pointers = [p.untyped_storage().nbytes() == p.numel() * p.element_size() for p in network.parameters()]
    assert all(pointers)
    twin = reader()
    twin.load_state_dict(network.state_dict())
    assert torch.equal(twin.eval()(text().tokens[None, :8])[0], network(text().tokens[None, :8])[0])
    assert int(network.steps) == 0
    torch.autograd.backward(network(text().tokens[None, :8])[0].sum())


def test_the_best_weights_are_put_back_and_snapshots_lead_to_them() -> None:
    settings = Settings(epochs=40, batch_rows=8, learning_rate=0.3, schedule="constant", patience=3, threads=1)
    noise = TensorData(classes(24).inputs, torch.randint(3, (24,), generator=torch.Generator().manual_seed(0)))
    run = fit(stack(), "log", noise, valid=classes(30, seed=1), settings=settings)
    assert run.stopped == "patience"
    assert len(run.history.valid_loss) == run.history.best + 3
    assert run.snapshots is not None
    assert run.snapshots.epochs[-1] == run.history.best
    flat = np.concatenate([p.detach().numpy().ravel() for p in run.network.parameters()])
    assert np.array_equal(run.snapshots.weights[-1], flat)
    assert np.array_equal(run.snapshots.weights[0], np.concatenate([p.detach().numpy().ravel() for p in stack().parameters()]))
    last = fit(stack(), "log", noise, valid=classes(30, seed=1), settings=replace(settings, restore=False))
    assert last.snapshots is not None
    assert last.snapshots.epochs[-1] == len(last.history.valid_loss)


# -- stopping -----------------------------------------------------------------------------------------------------------------


def test_steps_epochs_budget_and_callbacks_end_a_run() -> None:
    assert fit(stack(), "log", classes(), settings=replace(BRIEF, max_steps=7)).history.step == 7
    assert fit(stack(), "log", classes(), settings=replace(BRIEF, max_steps=7)).stopped == "steps"
    cut = fit(stack(), "log", classes(), settings=replace(BRIEF, epochs=1000), budget_seconds=0.0)
    assert (cut.stopped, cut.history.step, len(cut.history.train_loss)) == ("budget", 1, 1)
    moments: list[Moment] = []

    def stop(moment: Moment) -> str | None:
        moments.append(moment)
        return "stop" if moment.epoch == 2 else None

    run = fit(stack(), "log", classes(), valid=classes(seed=1), settings=BRIEF, callbacks=[stop])
    assert (run.stopped, run.history.epoch) == ("callback", 2)
    assert [(m.epoch, m.step, m.train_loss) for m in moments] == [(1, 6, run.history.train_loss[0]), (2, 12, run.history.train_loss[1])]


def test_evaluations_can_be_counted_in_steps() -> None:
    run = fit(stack(), "log", classes(), valid=classes(seed=1), settings=replace(BRIEF, evaluate_every=5))
    assert run.history.at_step == [5, 10, 15, 20, 24]
    assert run.history.at_epoch == [0, 1, 2, 3, 4]
    assert run.stopped == "epochs"
    assert run.history.step_number == list(range(24))


def test_ctrl_c_between_steps_keeps_everything(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    import os
    import signal

    # a shell's background jobs ignore Ctrl-C, and so would their tests
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    request.addfinalizer(lambda: signal.signal(signal.SIGINT, before))
    whole = fit(reader(), "next-token", text(), settings=BRIEF)
    network, steps = reader(), 0

    def press(_module: nn.Module, _inputs: object) -> None:
        nonlocal steps
        steps += network.training
        if steps == 6 and network.training:
            os.kill(os.getpid(), signal.SIGINT)

    hook = network.register_forward_pre_hook(press)
    cut = fit(network, "next-token", text(), settings=BRIEF, out=tmp_path / "r")
    hook.remove()
    assert (cut.stopped, cut.history.step) == ("interrupted", 6)
    again = fit(reader(), "next-token", text(), settings=BRIEF, out=tmp_path / "r", resume=True)
    assert np.array_equal(weights(again), weights(whole))
    assert again.trace == whole.trace


# -- going on -----------------------------------------------------------------------------------------------------------------

FULL = [
    {"optimiser": "adamw", "average": 0.9, "evaluate_every": 5},
    {"optimiser": "adam", "weight_decay": 0.1, "decay": "decoupled"},
    {"optimiser": "amsgrad", "weight_decay": 0.1, "schedule": "one-cycle"},
    {"optimiser": "nadam", "schedule": "cosine", "evaluate_every": 4},
    {"optimiser": "rmsprop", "schedule": "plateau", "period_epochs": 1, "momentum": 0.5},
    {"optimiser": "sgd", "schedule": "step", "accumulate": 3, "decay": "decoupled", "weight_decay": 0.1},
    {"optimiser": "momentum", "schedule": "exponential", "gamma": 0.5},
    {"optimiser": "nesterov", "schedule": "warmup-linear", "clip_value": 0.01, "precision": "bf16"},
    {"optimiser": "muon", "schedule": "constant"},
]


def interrupt(after: int) -> Callable[[Moment], None]:
    def press(moment: Moment) -> None:
        if moment.step >= after:
            raise KeyboardInterrupt

    return press


@pytest.mark.parametrize("knobs", FULL, ids=lambda knobs: knobs["optimiser"])
def test_a_resumed_run_equals_an_uninterrupted_one_bit_for_bit(knobs: dict[str, object], tmp_path: Path) -> None:
    settings = replace(BRIEF, learning_rate=0.01, **knobs)  # type: ignore[arg-type]
    whole = fit(reader(), "next-token", text(), valid=text(90), settings=settings, seed=3)
    cut = fit(reader(), "next-token", text(), valid=text(90), settings=settings, seed=3, out=tmp_path / "r", callbacks=[interrupt(8)])
    assert cut.stopped == "interrupted"
    again = fit(reader(), "next-token", text(), valid=text(90), settings=settings, seed=3, out=tmp_path / "r", resume=True)
    assert np.array_equal(weights(again), weights(whole))
    assert again.trace == whole.trace
    assert again.snapshots is not None
    assert whole.snapshots is not None
    assert np.array_equal(again.snapshots.weights, whole.snapshots.weights)
    lines = read_history(tmp_path / "r")
    assert [line["step"] for line in lines] == whole.history.at_step
    assert [line["train_loss"] for line in lines] == whole.history.train_loss


def test_more_budget_goes_on_where_the_last_one_ended(tmp_path: Path) -> None:
    whole = fit(stack(), "log", classes(), settings=BRIEF)
    fit(stack(), "log", classes(), settings=BRIEF, out=tmp_path / "r", budget_seconds=0.0)
    again = fit(stack(), "log", classes(), settings=BRIEF, out=tmp_path / "r", resume=True)
    assert again.stopped == "epochs"
    assert np.array_equal(weights(again), weights(whole))
    assert fit(stack(), "log", classes(), settings=BRIEF, out=tmp_path / "r", resume=True).history.step == 24


def test_another_training_is_refused_in_a_folder(tmp_path: Path) -> None:
    fit(stack(), "log", classes(), settings=BRIEF, out=tmp_path / "r")
    with pytest.raises(RunError, match="resume=True"):
        fit(stack(), "log", classes(), settings=BRIEF, out=tmp_path / "r")
    for changed, what in (
        ({"seed": 1}, "seed"),
        ({"settings": replace(BRIEF, epochs=5)}, "settings"),
        ({"data": classes(97)}, "rows"),
        ({"network": stack(hidden=9)}, "shape"),
    ):
        given = {"network": stack(), "data": classes(), "settings": BRIEF, **changed}
        with pytest.raises(RunError, match=f"other {what}"):
            fit(objective="log", out=tmp_path / "r", resume=True, **given)  # type: ignore[arg-type]
    with pytest.raises(OptionError, match="name the folder"):
        fit(stack(), "log", classes(), settings=BRIEF, resume=True)


def test_the_history_of_a_killed_run_is_readable(tmp_path: Path) -> None:
    fit(stack(), "log", classes(), valid=classes(seed=1), settings=BRIEF, out=tmp_path / "r")
    file = tmp_path / "r" / "history.jsonl"
    whole = read_history(tmp_path / "r")
    assert [line["evaluation"] for line in whole] == [1, 2, 3, 4]
    assert set(whole[0]["layers"]) == {"0", "2"}
    file.write_bytes(file.read_bytes()[:-20])
    assert read_history(tmp_path / "r") == whole[:3]


# -- the same numbers ---------------------------------------------------------------------------------------------------------


def plainly(network: nn.Module, data: TensorData, settings: Settings, steps: int = 24) -> np.ndarray:
    """The same training as a person would write it, in the loop's order."""
    from assay.core.seeds import seed_for

    optimiser = torch.optim.AdamW(network.parameters(), lr=0.01, weight_decay=0.0)
    for epoch in range(4):
        for batch in data.batches(16, seed_for(0, f"order {epoch}")):
            optimiser.zero_grad()
            torch.autograd.backward(nn.functional.cross_entropy(network(batch.inputs), batch.targets))
            nn.utils.clip_grad_norm_(network.parameters(), settings.clip_norm or math.inf)
            optimiser.step()
    return np.concatenate([p.detach().numpy().ravel() for p in network.parameters()])


def test_flat_and_fused_steps_equal_a_plain_loop() -> None:
    settings = replace(BRIEF, weight_decay=0.0, learning_rate=0.01, schedule="constant", clip_norm=0.5)
    expected = plainly(stack(), classes(), settings)
    assert np.allclose(weights(fit(stack(), "log", classes(), settings=settings)), expected, atol=1e-6)

    class Wrapped(nn.Module):  # no plain stack, so autograd does it
        def __init__(self) -> None:
            super().__init__()
            self.inner = stack()

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.inner(x)

    assert np.allclose(weights(fit(Wrapped(), "log", classes(), settings=settings)), expected, atol=1e-6)
    pieces = fit(stack(), "log", classes(), settings=replace(settings, accumulate=5))
    assert np.allclose(weights(pieces), expected, atol=1e-6)


def test_pieces_of_a_masked_batch_weigh_as_their_tokens_do() -> None:
    stream = torch.Generator().manual_seed(0)
    targets = torch.randint(0, 7, (32, 8), generator=stream)
    targets[torch.rand(32, 8, generator=stream) < 0.5] = -1
    data = TensorData(torch.randint(0, 7, (32, 8), generator=stream), targets)
    network = nn.Sequential(nn.Embedding(7, 4), nn.Linear(4, 7))
    whole, pieces = (fit(copy.deepcopy(network), "next-token", data, settings=replace(BRIEF, accumulate=n)) for n in (1, 3))
    assert np.allclose(weights(whole), weights(pieces), atol=1e-5)


def test_an_average_is_what_is_evaluated_and_kept() -> None:
    settings = replace(BRIEF, learning_rate=0.05, schedule="constant", average=0.9)
    plain, averaged = (fit(stack(), "log", classes(), settings=replace(settings, average=a)) for a in (None, 0.9))
    assert not np.array_equal(weights(plain), weights(averaged))
    with torch.no_grad():
        loss = nn.functional.cross_entropy(averaged.network(classes().inputs), classes().targets).item() / math.log(2)
    assert averaged.history.train_loss[-1] == pytest.approx(loss, rel=1e-6)


def test_row_weights_count_as_repeated_rows() -> None:
    data = classes(16)
    twice = TensorData(data.inputs, data.targets, torch.tensor([2.0] * 8 + [1.0] * 8))
    rows = torch.tensor([*range(16), *range(8)])
    repeated = TensorData(data.inputs[rows], data.targets[rows])
    whole = replace(BRIEF, batch_rows=24, epochs=20, schedule="constant")
    one, two = (fit(stack(), "log", d, settings=whole) for d in (twice, repeated))
    assert one.history.train_loss == pytest.approx(two.history.train_loss, rel=1e-4)


# -- bad input ----------------------------------------------------------------------------------------------------------------


def test_a_batch_larger_than_the_data_is_one_batch_with_a_note() -> None:
    run = fit(stack(), "log", classes(10), settings=replace(BRIEF, batch_rows=64))
    assert run.history.step == 4
    assert "a batch of 64 is larger than the data" in run.notes[0]


@pytest.mark.parametrize(
    ("network", "objective", "data", "text_of_error"),
    [
        (stack(), "log", TensorData(torch.zeros(0, 5), torch.zeros(0, dtype=torch.int64)), "0 examples"),
        (reader(), "next-token", TokenData(torch.zeros(1, dtype=torch.int64), 4), "0 examples"),
        (stack(), "log", TensorData(torch.zeros(4, 6), torch.zeros(4, dtype=torch.int64)), r"inputs of \(2, 6\)"),
        (stack(), "log", TensorData(torch.zeros(4, 5), torch.tensor([0, 1, 2, 3])), "0 to 3, the network has 3"),
        (stack(), "squared", TensorData(torch.zeros(4, 5), torch.zeros(4)), "would broadcast"),
        (stack(), "binary", TensorData(torch.zeros(4, 5), torch.zeros(4)), "would broadcast"),
        (nn.Sequential(nn.ReLU()), "log", TensorData(torch.zeros(4, 5), torch.zeros(4, dtype=torch.int64)), "0 of the network's"),
        (nn.Embedding(7, 7, sparse=True), "next-token", text(), "sparse=False"),
    ],
)
def test_data_that_do_not_fit_are_refused(network: nn.Module, objective: str, data: object, text_of_error: str) -> None:
    with pytest.raises(InputError, match=text_of_error):
        fit(network, objective, data, settings=BRIEF)  # type: ignore[arg-type]


def test_what_this_machine_cannot_do_is_refused() -> None:
    with pytest.raises(OptionError, match="fp16"):
        fit(stack(), "log", classes(), settings=replace(BRIEF, precision="fp16"))
    with pytest.raises(OptionError, match="no device 'tpu'"):
        fit(stack(), "log", classes(), settings=BRIEF, device="tpu")
    with pytest.raises(InputError, match=r"has no parameter '0\.wieght'"):
        fit(stack(), "log", classes(), settings=BRIEF, groups={"first": ["0.wieght"]})
    with pytest.raises(InputError, match="data is Tensor"):
        fit(stack(), "log", torch.zeros(3), settings=BRIEF)  # type: ignore[arg-type]


def test_a_number_that_is_not_finite_ends_a_run_before_it_reaches_a_weight() -> None:
    data = classes()
    assert isinstance(data.inputs, torch.Tensor)
    broken = data.inputs.clone()
    broken[40, 2] = math.inf
    for clip in (10.0, None):
        run = fit(stack(), "log", TensorData(broken, data.targets), settings=replace(BRIEF, clip_norm=clip))
        assert run.stopped == "nonfinite"
        assert run.history.nonfinite_where == "input column 'x2'"
        assert np.isfinite(weights(run)).all()


class Steep(torch.autograd.Function):
    """The identity, with an infinite slope where it is fed more than 2."""

    @staticmethod
    def forward(ctx: object, x: torch.Tensor) -> torch.Tensor:
        ctx.save_for_backward(x)  # type: ignore[attr-defined]
        return x.clone()

    @staticmethod
    def backward(ctx: object, slope: torch.Tensor) -> torch.Tensor:
        (x,) = ctx.saved_tensors  # type: ignore[attr-defined]
        return torch.where(x > 2.0, math.inf, slope)


class Cliff(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.last = born(nn.Linear(5, 5), std=0.8)[0], born(nn.Linear(5, 3))[0]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.last(Steep.apply(self.first(x)))  # type: ignore[no-untyped-call]


def test_an_infinite_gradient_is_named_with_its_layer_and_step_clipped_or_not() -> None:
    found = [fit(Cliff(), "log", classes(), settings=replace(BRIEF, clip_norm=clip)) for clip in (1e6, None)]
    for run in found:
        assert run.stopped == "nonfinite"
        assert run.history.nonfinite_where == "gradient of first"
        assert np.isfinite(weights(run)).all()
    assert found[0].history.nonfinite_step == found[1].history.nonfinite_step
