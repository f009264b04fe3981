"""Assay's own loop under the watch: no number changes, and what is seen is what the loop itself tells."""

import pytest
import torch
from torch import nn

from assay.core.units import BITS_PER_NAT
from assay.face.loop_run import LoopRun
from assay.train import Settings, TensorData, fit
from assay.train.watched import WatchCallback


def data(rows: int, seed: int) -> TensorData:
    x = torch.randn(rows, 5, generator=torch.Generator().manual_seed(seed))
    return TensorData(x, (x[:, 0] > 0).long() + (x[:, 1] > 0).long())


def trained(callbacks=(), **settings):
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(5, 16), nn.ReLU(), nn.Linear(16, 3))
    knobs = Settings(**{"epochs": 4, "batch_rows": 32, "learning_rate": 0.01, "threads": 1, **settings})
    return fit(network, "log", data(256, 0), valid=data(64, 1), settings=knobs, callbacks=callbacks)


@pytest.mark.parametrize("optimiser", ["adam", "momentum", "rmsprop"])
@pytest.mark.parametrize("compiling", ["never", "auto"])
def test_a_watched_fit_gives_the_same_bits(optimiser, compiling):
    seen = WatchCallback()
    settings = {"optimiser": optimiser, "compile": compiling}
    watched, bare = trained([seen], **settings), trained(**settings)
    for a, b in zip(watched.network.parameters(), bare.network.parameters(), strict=True):
        assert torch.equal(a, b)
    assert seen.watch.troubles == ()


def test_what_is_seen_is_what_the_loop_tells(tmp_path):
    run = trained([WatchCallback(folder=tmp_path / "run")])
    seen = LoopRun(tmp_path / "run").evidence
    assert seen.steps == seen.planned_steps == 32
    assert seen.epoch_step == (8, 16, 24, 32)
    scale = 1.0 if seen.unit.startswith("bits") else BITS_PER_NAT
    assert [v * scale for v in seen.valid_loss] == pytest.approx(run.history.valid_loss, rel=1e-5)
    assert [v * scale for v in seen.early_loss] == pytest.approx(run.history.step_loss[:32], rel=1e-5)
    assert seen.groups[0].optimiser.startswith("Adam")
    assert all(p.moved for p in seen.parameters)
    assert [part.units for part in seen.parts] == [16, 3]


def test_a_rate_that_is_too_high_is_named():
    named = []
    trained([WatchCallback(on_finding=named.append)], optimiser="momentum", learning_rate=30.0, epochs=8, patience=8)
    assert {"lr-too-high", "nan-inf"} & {finding.name for finding in named}
