"""Proposed changes are small, change only what the finding names, and leave a script that is still Python."""

from __future__ import annotations

import ast

import pytest

from assay.core.finding import Finding
from assay.face.fix import Scene, propose

LOOP = """\
import torch
from torch import nn
from torch.utils.data import DataLoader

RATE = 0.5
train = DataLoader(data, batch_size=2)
valid = DataLoader(other, batch_size=64)
model = nn.Sequential(
    nn.Linear(8, 32),
    nn.Dropout(0.9),
    nn.Linear(32, 3),
    nn.Softmax(dim=1),
)
optimizer = torch.optim.Adam(model.parameters(), lr=RATE, weight_decay=0.5)
loss_fn = nn.NLLLoss()
for epoch in range(3):
    for xb, yb in train:
        out = model(xb)
        loss = loss_fn(out, yb)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 0.001)
        optimizer.step()
    with torch.no_grad():
        held_out = sum(loss_fn(model(x), y) for x, y in valid)
"""
SITES = {"optimiser": 14, "loader": 6, "loss": 19, "backward": 20, "step": 22, "held-out loss": 24}
NAMES = {"model": "model", "optimiser": "optimizer", "held-out model": "model"}


def changed(name: str, text: str = LOOP, remedy: str = "", **more) -> list[str]:
    """The changed lines of the one proposal for such a finding."""
    sites = {what: [("train.py", line)] for what, line in more.pop("sites", SITES).items()}
    scene = Scene("train.py", sites, {**NAMES, **more.pop("names", {})}, **more)
    (made,) = propose(text, scene, [Finding({}, "1", "2", remedy=remedy, name=name)])
    return [line for line in made.diff.splitlines() if line[0] in "+-" and not line.startswith(("+++", "---"))]


@pytest.mark.parametrize(
    ("name", "remedy", "expected"),
    [
        ("forgot-zero-grad", "", ["+        optimizer.zero_grad()"]),
        ("forgot-train", "", ["+        model.train()"]),
        ("forgot-eval", "", ["+        model.train()", "+    model.eval()"]),
        ("double-softmax", "", ["-    nn.Softmax(dim=1),"]),
        ("lr-too-high", "", ["-RATE = 0.5", "+RATE = 0.01"]),
        ("lr-too-low", "lr=0.002 in the optimiser", ["-RATE = 0.5", "+RATE = 0.002"]),
        ("oscillating-loss", "", []),
        ("target-shape-broadcast", "", ["-        loss = loss_fn(out, yb)", "+        loss = loss_fn(out, yb.view_as(out))"]),
        ("dropout-too-high", "nn.Dropout(p=0.2)", ["-    nn.Dropout(0.9),", "+    nn.Dropout(0.2),"]),
        ("wrong-loss-for-output", "loss_fn = nn.CrossEntropyLoss()", ["-loss_fn = nn.NLLLoss()", "+loss_fn = nn.CrossEntropyLoss()"]),
        ("overfitting", "more data, or weight decay", []),
    ],
)
def test_a_finding_changes_these_lines(name, remedy, expected):
    assert changed(name, remedy=remedy) == expected


@pytest.mark.parametrize(
    ("name", "before", "after"),
    [
        ("unshuffled-data", "DataLoader(data, batch_size=2)", "DataLoader(data, batch_size=2, shuffle=True)"),
        ("batchnorm-tiny-batch", "DataLoader(data, batch_size=2)", "DataLoader(data, batch_size=32)"),
        ("weight-decay-too-strong", "weight_decay=0.5", "weight_decay=0.005"),
        ("gradient-clipping-bites", "parameters(), 0.001", "parameters(), 1"),
    ],
)
def test_a_finding_changes_this_argument(name, before, after):
    gone, came = changed(name)
    assert before in gone
    assert came[1:] == gone[1:].replace(before, after)


def test_every_proposal_is_python_and_the_script_is_as_it_was_elsewhere(tmp_path):
    from assay.face.fix.propose import EDITORS
    from assay.face.fix.source import Source

    scene = Scene("train.py", {what: [("train.py", line)] for what, line in SITES.items()}, NAMES)
    for name, editors in EDITORS.items():
        source = Source(LOOP, "train.py")
        for editor in editors:
            after = source.edited(editor(source, Finding({}, "1", "2", name=name), scene))
            ast.parse(after)
            assert abs(len(after.splitlines()) - len(LOOP.splitlines())) <= 2


def test_the_default_of_an_option_is_changed():
    text = LOOP.replace("RATE = 0.5", "parser.add_argument('--lr', type=float, default=0.5)").replace("lr=RATE", "lr=options.lr")
    assert changed("lr-too-high", text)[1] == "+parser.add_argument('--lr', type=float, default=0.01)"


def test_parts_that_are_not_trained():
    part = LOOP.replace("Adam(model.parameters()", "Adam(model[2].parameters()").replace("Adam(model[2]", "Adam(model.head")
    assert "Adam(model.parameters()" in changed("frozen-parameters", part, remedy="give the optimizer model.parameters()")[1]
    net = "class Net(nn.Module):\n    def __init__(self):\n        self.layers = [nn.Linear(4, 4) for _ in range(3)]\n"
    listed = changed("frozen-parameters", net, remedy="keep layers in nn.ModuleList", sites={})
    assert listed[1] == "+        self.layers = nn.ModuleList([nn.Linear(4, 4) for _ in range(3)])"
    cut = "loss = loss_fn(model(x).detach(), y)\n"
    assert changed("frozen-parameters", cut, remedy="no detach on the way", sites={})[1] == "+loss = loss_fn(model(x), y)"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("out = F.softmax(net(x), dim=1)", "out = net(x)"),
        ("out = torch.softmax(net(x), 1)", "out = net(x)"),
        ("out = net(x).softmax(dim=1)", "out = net(x)"),
        ("out = torch.nn.functional.log_softmax(net(x), dim=1)", "out = net(x)"),
        ("self.last = nn.Softmax(dim=1)", "self.last = nn.Identity()"),
        ("layers = [nn.Linear(2, 2), nn.Softmax(1)]", "layers = [nn.Linear(2, 2)]"),
    ],
)
def test_a_softmax_goes_in_whatever_form(before, after):
    assert changed("double-softmax", before + "\n", sites={}) == [f"-{before}", f"+{after}"]


def test_what_is_not_sure_is_left_to_people():
    assert changed("double-softmax", "a = F.softmax(x, 1)\nb = F.softmax(y, 1)\n", sites={}) == []
    assert changed("wrong-loss-for-output", LOOP, remedy="nothing named") == []
    assert (
        changed("forgot-zero-grad", LOOP.replace("        optimizer.step()", "        a.step()\n        b.step()"), names={"optimiser": ""})
        == []
    )
    assert changed("lr-too-high", "if True\n", sites={}) == []
    assert propose(LOOP, Scene("train.py"), [Finding({}, "1", "2", name="lr-too-high")])[0].diff == ""


def test_lines_are_those_of_the_script_alone():
    scene = Scene("train.py", {"optimiser": [("library.py", 14)]}, NAMES)
    assert propose(LOOP, scene, [Finding({}, "1", "2", name="lr-too-high")])[0].diff == ""


def test_accents_before_a_change_do_not_move_it():
    text = "# größer\nprint('ü', 'é'); optimizer = SGD(net.parameters(), lr=1.0)  # ß\n"
    gone, came = changed("lr-too-high", text, sites={"optimiser": 2})
    assert came == gone.replace("lr=1.0", "lr=0.1").replace("-", "+", 1)
