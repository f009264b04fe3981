"""Following the proposed change repairs the training: a script with one planted fault is watched, patched and run again."""

from __future__ import annotations

import math
import subprocess

import pytest

from assay.face.cli import main
from assay.face.script import run_script

CLASSES = """\
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
x = torch.randn(640, 8)
y = (x[:, 0] > 0).long() + (x[:, 1] > 0).long()
train = DataLoader(TensorDataset(x[:512], y[:512]), batch_size=32, shuffle=True)
valid = DataLoader(TensorDataset(x[512:], y[512:]), batch_size=64)
model = nn.Sequential(nn.Linear(8, 32), nn.ReLU(), nn.Linear(32, 3))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
loss_fn = nn.CrossEntropyLoss()
for epoch in range(6):
    model.train()
    for xb, yb in train:
        optimizer.zero_grad()
        loss = loss_fn(model(xb), yb)
        loss.backward()
        optimizer.step()
    model.eval()
    with torch.no_grad():
        held_out = sum(loss_fn(model(xb), yb).item() for xb, yb in valid) / 2
model.eval()
with torch.no_grad():
    print(nn.functional.cross_entropy(model(x[512:]), y[512:]).item())
"""
NUMBERS = """\
import torch
from torch import nn

torch.manual_seed(0)
x = torch.randn(512, 8)
y = x[:, 0] * 2 + x[:, 1]
model = nn.Sequential(nn.Linear(8, 32), nn.Tanh(), nn.Linear(32, 1))
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
loss_fn = nn.MSELoss()
for step in range(150):
    rows = torch.randint(0, 512, (64,))
    outputs = model(x[rows])
    loss = loss_fn(outputs, y[rows])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
with torch.no_grad():
    print(((model(x).squeeze(-1) - y) ** 2).mean().item())
"""
SORTED = "x = x[((x[:, 0] > 0).long() + (x[:, 1] > 0).long()).argsort()]\ny = (x"
CLIPPED = "        nn.utils.clip_grad_norm_(model.parameters(), 0.001)\n        optimizer.step()"
LARGE = "".join(f"nn.init.normal_(model[{i}].weight, std=30.0)\n" for i in (0, 2)) + "optimizer = t"
PLANTED = {
    "forgot-zero-grad": [("        optimizer.zero_grad()\n", "")],
    "double-softmax": [("nn.Linear(32, 3))", "nn.Linear(32, 3), nn.Softmax(dim=1))")],
    "lr-too-high": [("lr=0.1, momentum=0.9", "lr=5.0")],
    "lr-too-low": [("lr=0.1, momentum=0.9", "lr=1e-4")],
    "unshuffled-data": [("y = (x", SORTED), ("batch_size=32, shuffle=True", "batch_size=32")],
    "weight-decay-too-strong": [("momentum=0.9", "momentum=0.9, weight_decay=0.5")],
    "gradient-clipping-bites": [("        optimizer.step()", CLIPPED), ("lr=0.1, momentum=0.9", "lr=0.05")],
    "batchnorm-tiny-batch": [("nn.ReLU()", "nn.BatchNorm1d(32), nn.ReLU()"), ("batch_size=32", "batch_size=2"), ("range(6)", "range(2)")],
    "frozen-parameters": [("SGD(model.parameters()", "SGD(model[2].parameters()"), ("range(6)", "range(3)")],
    "wrong-loss-for-output": [("nn.CrossEntropyLoss()", "nn.NLLLoss()")],
    "init-too-large": [("optimizer = t", LARGE)],
}


def planted(*changes: tuple[str, str]) -> str:
    text = CLASSES
    for was, is_now in changes:
        assert was in text
        text = text.replace(was, is_now, 1)
    return text


SCRIPTS = {"target-shape-broadcast": NUMBERS, **{name: planted(*changes) for name, changes in PLANTED.items()}}


@pytest.mark.filterwarnings("ignore:Using a target size")
@pytest.mark.parametrize("fault", SCRIPTS)
def test_the_proposed_change_repairs_the_training(fault, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    script = tmp_path / "train.py"
    script.write_text(SCRIPTS[fault], encoding="utf-8")
    assert main(["watch", "--quiet", "--fix", "--fail-on", "warning", "--out", "run", "train.py"]) == 1
    told = capsys.readouterr()
    assert fault in told.err.partition("proposed for")[0]
    assert f"proposed for {fault}" in told.err
    subprocess.run(["patch", "-s", "-p0", "-i", "run/fix.diff"], check=True)
    assert run_script(script, []).status == 0
    broken, repaired = float(told.out), float(capsys.readouterr().out)
    assert repaired < 0.9 * broken or math.isnan(broken) > math.isnan(repaired)
