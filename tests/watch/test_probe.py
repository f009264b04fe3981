import numpy as np
import pytest
import torch
from tests.train.tables import part, two_classes
from torch import nn

from assay.model.mlp import Mlp, Shape
from assay.objective.loss import LOSSES
from assay.train.ladder import fit_model
from assay.train.settings import Settings
from assay.watch.probe import Layer, Probe, input_traces, nonfinite_place


def test_watching_changes_no_number_of_the_training() -> None:
    rows = two_classes(400)
    plain, watched = (
        fit_model(
            Mlp(Shape(hidden=(16, 8))),
            part(rows, 0, 300),
            part(rows, 300, 400),
            loss=LOSSES["log"],
            classes=2,
            seed=0,
            settings=Settings(epochs=5, batch_rows=32),
            watched=one,
        )
        for one in (False, True)
    )
    assert isinstance(plain.model, Mlp)
    assert isinstance(watched.model, Mlp)
    assert np.array_equal(plain.model.flat(), watched.model.flat())
    assert plain.trace is not None
    assert watched.trace is not None
    assert plain.trace.train_loss == watched.trace.train_loss
    assert plain.trace.layers == ()
    assert [layer.name for layer in watched.trace.layers] == ["embeddings", "text", "hidden 1", "hidden 2", "output"]


def strangers() -> tuple[nn.Sequential, Probe, torch.Tensor]:
    """A network that Assay did not make, and a probe on it."""
    torch_stream = torch.Generator().manual_seed(0)
    network = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 1))
    with torch.no_grad():
        for p in network.parameters():
            p.copy_(torch.randn(p.shape, generator=torch_stream))
    rows = torch.randn(40, 3, generator=torch_stream)
    layers = [
        Layer("first", "linear", 4, tuple(network[0].parameters()), network[1]),
        Layer("last", "linear", 1, tuple(network[2].parameters())),
    ]
    return network, Probe(layers, lambda: network(rows), steps_per_epoch=8), rows


def test_norms_and_ratios_are_what_they_say() -> None:
    network, probe, rows = strangers()
    loss = network(rows).square().mean()
    torch.autograd.backward(loss)
    before = [p.detach().clone() for p in network[0].parameters()]
    gradient = float(torch.cat([p.grad.ravel() for p in network[0].parameters() if p.grad is not None]).norm())
    probe.before_step()
    torch.optim.SGD(network.parameters(), lr=0.1).step()
    probe.after_step(loss)
    probe.end_epoch()
    first = probe.traces()[0]
    size = float(torch.cat([p.ravel() for p in before]).norm())
    assert first.gradient_norm == pytest.approx((gradient,), rel=1e-5)
    assert first.update_ratio == pytest.approx((0.1 * gradient / size,), rel=1e-4)
    assert first.weight_norm == pytest.approx((float(torch.cat([p.ravel() for p in network[0].parameters()]).detach().norm()),), rel=1e-5)
    assert probe.step_loss == [pytest.approx(loss.item())]
    assert (first.activation, probe.traces()[1].activation) == ("relu", "")


def test_dead_units_are_counted() -> None:
    network, probe, rows = strangers()
    with torch.no_grad():
        network[0].bias[:3] = -1e3
        network[0].bias[3] = 1e3
    probe.after_step(network(rows).mean())
    probe.end_epoch()
    assert probe.traces()[0].dead_share == (0.75,)
    assert probe.traces()[1].dead_share == (0.0,)
    assert not network[1]._forward_hooks


def test_long_trainings_keep_at_most_500_evenly_spaced_losses() -> None:
    _, probe, _ = strangers()
    for _ in range(7):
        for i in range(300):
            probe.after_step(torch.tensor(float(i)))
        probe.end_epoch()
    gaps = set(np.diff(probe.step_number).tolist())
    assert 250 < len(probe.step_loss) <= 500
    assert len(gaps) == 1
    assert probe.step_loss[1] == probe.step_number[1] % 300


def test_a_probe_goes_on_from_its_state() -> None:
    network, probe, rows = strangers()
    probe.after_step(network(rows).mean())
    probe.end_epoch()
    _, other, _ = strangers()
    other.resume(probe.state())
    assert other.traces() == probe.traces()
    assert other.step_loss == probe.step_loss


def test_inputs_are_told_as_they_are_fed() -> None:
    fed = torch.tensor([[1.0, 10.0], [3.0, 10.0]])
    age, year = input_traces(["age", "year"], fed)
    assert (age.mean, age.std, age.minimum, age.maximum) == (2.0, 1.0, 1.0, 3.0)
    assert (year.name, year.std) == ("year", 0.0)


def test_the_place_of_a_nan_is_named() -> None:
    network, probe, rows = strangers()
    torch.autograd.backward(network(rows).mean())
    fine, bad = torch.tensor(1.0), torch.tensor(float("nan"))
    names = ["x", "y", "z"]
    assert nonfinite_place(probe.layers, bad, rows, names) == "loss"
    network[0].weight.grad[0, 0] = float("inf")
    assert nonfinite_place(probe.layers, fine, rows, names) == "gradient of first"
    rows[3, 1] = float("nan")
    assert nonfinite_place(probe.layers, fine, rows, names) == "input column 'y'"
