"""`assay watch` runs a stranger's script as Python does, and says beside it what goes wrong in its training."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import textwrap

import pytest
import torch

from assay.core.errors import OptionError
from assay.core.finding import Finding, Severity
from assay.face.api import load
from assay.face.cli import main
from assay.face.commands import parse
from assay.face.loop_run import LoopRun
from assay.face.script import run_script
from assay.face.terminal.layout import Paper
from assay.face.terminal.loop_view import LiveView, glance_lines, gradient_strip
from assay.watch.attach import watch
from assay.watch.glance import Glance, LayerGlance, glance

TRAIN = """
import argparse
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.last = nn.Linear(4, 16), nn.Linear(16, 2)

    def forward(self, x):
        return self.last(torch.relu(self.first(x)))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--lr", type=float, default=0.1)
    parser.add_argument("--workers", type=int, default=0)
    options = parser.parse_args()
    torch.manual_seed(0)
    x = torch.randn(320, 4)
    y = (x[:, 0] > 0).long()
    train = DataLoader(TensorDataset(x[:256], y[:256]), batch_size=32, shuffle=True, num_workers=options.workers)
    valid = DataLoader(TensorDataset(x[256:], y[256:]), batch_size=32)
    model = Net()
    optimizer = torch.optim.SGD(model.parameters(), lr=options.lr)
    loss_fn = nn.CrossEntropyLoss()
    for epoch in range(3):
        model.train()
        for xb, yb in train:
            optimizer.zero_grad()
            loss = loss_fn(model(xb), yb)
            loss.backward()
            optimizer.step()
        model.eval()
        with torch.no_grad():
            held_out = sum(loss_fn(model(xb), yb).item() for xb, yb in valid) / 2
    print("held-out", held_out)


if __name__ == "__main__":
    main()
"""
STEPS = """
import torch
torch.manual_seed(0)
x = torch.randn(64, 3)
{made}
for step in range({steps}):
    {loop}
"""


@pytest.fixture(autouse=True)
def no_trace_of_the_watch():
    yield
    assert not hasattr(torch.autograd.backward, "__wrapped__")
    assert not hasattr(torch.optim.Optimizer.__init__, "__wrapped__")
    assert not hasattr(torch.nn.functional.mse_loss, "__wrapped__")


@pytest.fixture
def script(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def write(text: str, name: str = "train.py") -> str:
        (tmp_path / name).write_text(textwrap.dedent(text), encoding="utf-8")
        return name

    return write


def steps(made: str, loop: str, n: int = 12) -> str:
    body = textwrap.indent(textwrap.dedent(loop).strip(), "    ").strip()
    return STEPS.format(made=textwrap.dedent(made).strip(), loop=body, steps=n)


# -- the script is run as ever ---------------------------------------------------------------------------------------------------------


def test_the_scripts_output_is_its_own_to_the_last_bit(script, capsys):
    file = script(TRAIN)
    assert main(["watch", "--out", "run", file, "--lr", "0.2"]) == 0
    watched = capsys.readouterr()
    assert run_script(LoopRun("run").folder / ".." / file, ["--lr", "0.2"]).status == 0
    assert capsys.readouterr().out == watched.out
    assert "assay watched Net: 24 steps, 3 epochs" in watched.err
    assert "kept in run; judge it again with: assay judge run" in watched.err


def test_epochs_and_held_out_losses_are_found(script, capsys):
    main(["watch", "--out", "run", script(TRAIN)])
    told = float(capsys.readouterr().out.split()[1])
    seen = LoopRun("run").evidence
    assert seen.epoch_step == (8, 16, 24)
    assert seen.valid_loss[-1] == pytest.approx(told * 1.4426950408889634)
    assert seen.batch.target_kind == "classes"
    assert LoopRun("run").manifest["command"] == "assay watch train.py"


def test_loaders_with_workers_are_followed(script):
    assert main(["watch", "--quiet", "--out", "run", script(TRAIN), "--workers", "1"]) == 0
    assert LoopRun("run").evidence.epoch_step == (8, 16, 24)


def test_options_of_the_script_are_not_those_of_assay():
    found = parse(["watch", "--overhead", "0.1", "train.py", "--out", "there", "--nonsense"])
    assert (found.script, found.out, found.arguments) == ("train.py", None, ["--out", "there", "--nonsense"])
    with pytest.raises(OptionError, match="no option '--nonsense' of assay watch"):
        parse(["watch", "--nonsense", "train.py"])
    with pytest.raises(OptionError, match=r"--overhead 3.0 is no share"):
        found = parse(["watch", "--overhead", "3", "train.py"])
        found.run(found)


# -- how it ends -----------------------------------------------------------------------------------------------------------------------

SQUARES = "net = torch.nn.Linear(3, 1); opt = torch.optim.SGD(net.parameters(), lr=0.05)"
STEP = """
opt.zero_grad()
loss = (net(x) - x.sum(1, keepdim=True)).square().mean()
loss.backward()
opt.step()
"""


def test_a_failure_of_the_script_is_told_as_python_does_and_what_was_seen_is_kept(script, capfd):
    file = script(steps(SQUARES, STEP + "if step == 6: raise ValueError('it broke')"))
    bare = subprocess.run([sys.executable, file], capture_output=True, text=True)
    assert main(["watch", "--out", "run", file]) == bare.returncode == 1
    told = capfd.readouterr().err
    assert told.startswith(bare.stderr)
    run = LoopRun("run")
    assert (run.state, run.evidence.steps) == ("failed", 7)


@pytest.mark.parametrize(("ending", "status"), [("raise SystemExit(3)", 3), ("raise SystemExit", 0), ("raise SystemExit('enough')", 1)])
def test_the_scripts_own_exit_status_is_passed_on(ending, status, script, capsys):
    assert main(["watch", "--out", "run", script(steps(SQUARES, STEP) + ending)]) == status
    assert ("enough\n" in capsys.readouterr().err) == (status == 1)


def test_an_interrupted_script_keeps_what_was_seen(script):
    assert main(["watch", "--out", "run", script(steps(SQUARES, STEP + "if step == 4: raise KeyboardInterrupt"))]) == 130
    assert (LoopRun("run").state, LoopRun("run").evidence.steps) == ("interrupted", 5)


def test_a_script_that_is_no_python_is_told_as_python_does(script, capsys):
    assert main(["watch", script("for\n")]) == 1
    assert "SyntaxError" in capsys.readouterr().err


def test_a_script_that_is_absent_is_refused(script, capsys):
    assert main(["watch", "absent.py"]) == 2
    assert "no file 'absent.py'" in capsys.readouterr().err


def test_a_script_without_a_training_says_so(script, capsys):
    assert main(["watch", "--out", "run", script("print('hello')")]) == 0
    told = capsys.readouterr()
    assert told.out == "hello\n"
    assert "the script made no torch.optim optimiser" in told.err


def test_a_run_is_not_replaced_silently(script, capsys):
    file = script(steps(SQUARES, STEP))
    assert main(["watch", "--out", "run", file]) == 0
    assert main(["watch", "--out", "run", file]) == 2
    assert "replace it by --overwrite" in capsys.readouterr().err
    assert main(["watch", "--out", "run", "--overwrite", file]) == 0
    assert main(["watch", "--out", file, file]) == 2


# -- what is found ---------------------------------------------------------------------------------------------------------------------


def test_a_fault_is_named_while_it_runs_with_a_diff_and_an_exit_status(script, tmp_path, capsys):
    text = steps(SQUARES, STEP.replace("opt.zero_grad()\n", ""), n=40)
    file = script(text)
    assert main(["watch", "--fix", "--fail-on", "error", "--out", "run", file]) == 1
    told = capsys.readouterr().err
    first, summary = told.split("assay watched Linear", 1)
    assert "forgot-zero-grad" in first
    assert "error forgot-zero-grad" in summary
    assert "named at step" in summary
    assert "+    opt.zero_grad()" in summary
    assert (tmp_path / file).read_text(encoding="utf-8") == text
    repaired = subprocess.run(["patch", "-s", "-p0", "-o", "-", file, "run/fix.diff"], capture_output=True, text=True)
    assert "    opt.zero_grad()\n    loss.backward()" in repaired.stdout


def test_it_is_judged_again_from_its_folder(script, capsys):
    main(["watch", "--quiet", "--out", "run", script(steps(SQUARES, STEP.replace("opt.zero_grad()\n", ""), n=40))])
    capsys.readouterr()
    assert main(["judge", "run", "--format", "json"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert "forgot-zero-grad" in [f["name"] for f in told["findings"]]
    assert [f.name for f in load("run").findings] == [f["name"] for f in told["findings"]]
    assert main(["ledger", "run"]) == 2
    assert "a watched training, which has no ledger" in capsys.readouterr().err


def test_several_models_are_watched_each_by_its_own_loss(script, capsys):
    made = """
    from torch import nn
    class Maker(nn.Linear): pass
    class Judge(nn.Linear): pass
    maker, judge, bce = Maker(4, 3), Judge(3, 1), nn.BCEWithLogitsLoss()
    first, second = torch.optim.Adam(maker.parameters(), 1e-3), torch.optim.Adam(judge.parameters(), 1e-3)
    """
    loop = """
    fake = maker(torch.randn(64, 4))
    loss = bce(judge(x), torch.ones(64, 1)) + bce(judge(fake.detach()), torch.zeros(64, 1))
    second.zero_grad(); loss.backward(); second.step()
    other = bce(judge(fake), torch.ones(64, 1))
    first.zero_grad(); other.backward(); first.step()
    if step == 0: print(loss.item(), other.item())
    """
    assert main(["watch", "--out", "run", script(steps(made, loop, n=24))]) == 0
    judged, made_ = map(float, capsys.readouterr().out.split())
    runs = {run.name: run.evidence for run in (LoopRun("run"), *LoopRun("run").others)}
    assert {name: seen.steps for name, seen in runs.items()} == {"Maker": 24, "Judge": 24}
    scale = 1.4426950408889634
    assert runs["Judge"].early_loss[0] == pytest.approx(judged * scale)
    assert runs["Maker"].early_loss[0] == pytest.approx(made_ * scale)
    assert main(["judge", "run"]) == 0


def test_two_optimisers_of_one_model_make_one_training(script):
    made = """
    net = torch.nn.Sequential(torch.nn.Linear(3, 8), torch.nn.Tanh(), torch.nn.Linear(8, 1))
    one, two = torch.optim.SGD(net[0].parameters(), lr=0.05), torch.optim.Adam(net[2].parameters(), lr=0.01)
    """
    loop = """
    one.zero_grad(); two.zero_grad()
    loss = (net(x) - x.sum(1, keepdim=True)).square().mean()
    loss.backward()
    one.step(); two.step()
    """
    main(["watch", "--quiet", "--out", "run", script(steps(made, loop))])
    seen = LoopRun("run").evidence
    assert (seen.steps, [g.optimiser for g in seen.groups]) == (12, ["SGD", "Adam"])
    assert LoopRun("run").others == ()


def test_pieces_of_a_batch_are_one_step(script, capsys):
    loop = """
    opt.zero_grad()
    whole = 0.0
    for part in x.chunk(4):
        loss = (net(part) - part.sum(1, keepdim=True)).square().mean() / 4
        loss.backward()
        whole += loss.item()
    opt.step()
    if step == 0: print(whole)
    """
    main(["watch", "--quiet", "--out", "run", script(steps(SQUARES, loop))])
    seen = LoopRun("run").evidence
    assert seen.steps == 12
    assert seen.early_loss[0] == pytest.approx(float(capsys.readouterr().out))


def test_closures_and_compiled_models_train_on(script):
    made = """
    inner = torch.nn.Linear(3, 1); net = torch.compile(inner, backend="eager")
    opt = torch.optim.LBFGS(net.parameters(), lr=0.1, max_iter=2)
    def closure():
        opt.zero_grad()
        loss = (net(x) - x.sum(1, keepdim=True)).square().mean()
        loss.backward()
        return loss
    """
    assert main(["watch", "--quiet", "--out", "run", script(steps(made, "opt.step(closure)"))]) == 0
    assert LoopRun("run").evidence.steps == 12


def test_a_script_may_watch_itself(script, capsys):
    text = steps(f"import assay\n{SQUARES}\nw = assay.watch(net, opt)", STEP + "w.step(loss)") + "print(w.steps)"
    assert main(["watch", "--quiet", "--out", "run", script(text)]) == 0
    assert capsys.readouterr().out == "12\n"


def test_a_fault_of_the_watch_ends_the_watching_alone(script, capsys, monkeypatch):
    from assay.watch import unattended

    monkeypatch.setattr(unattended, "root_of", lambda _parameters: 1 / 0)
    assert main(["watch", "--out", "run", script(steps(SQUARES, STEP) + "print('done')")]) == 0
    told = capsys.readouterr()
    assert told.out == "done\n"
    assert told.err.count("watching ended early, the script goes on: ZeroDivisionError") == 1


# -- the live view ---------------------------------------------------------------------------------------------------------------------


def test_the_live_view_shows_loss_layers_and_findings():
    finding = Finding({"layer": "last"}, "1", "2", name="dead-relu", severity=Severity.ERROR)
    layers = tuple(LayerGlance(f"block.{i}", (1e-4, 1e-3, 1e-2), 1e-3, 0.25) for i in range(40))
    seen = Glance("net", 1234, 0.5, "bits/example", 0.01, 0.013, layers, (finding,))
    lines = glance_lines(seen, Paper(100), most_layers=6)
    assert lines[0] == "net  step 1,234  loss 0.500 bits/example, rate 0.01; watching costs 1.3 %"
    assert sum("block." in line for line in lines) == 6
    assert any("block.0 " in line and "▁▅█" in line and "25%" in line for line in lines)
    assert any("block.39" in line for line in lines)
    assert lines[-2:] == ["... of 40 layers", "found so far: dead-relu at layer 'last'"]
    assert gradient_strip((float("nan"), 1.0), 0, 1, blocks=False) == " ."


def test_the_live_view_is_drawn_at_most_four_times_a_second_and_booked():
    model = torch.nn.Linear(2, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    out = io.StringIO()
    view = LiveView(out)
    with watch(model, optimizer) as w:
        w.on_step, w.on_close = view.show, lambda _watch: view.stop()
        for _ in range(20):
            loss = model(torch.ones(4, 2)).square().mean()
            loss.backward()
            optimizer.step()
            w.step(loss)
        before = glance(w)
    assert before.steps == 20
    assert [layer.name for layer in before.layers] == [""]
    assert out.getvalue().count("step ") <= 2
    assert w.troubles == ()


def test_nothing_is_drawn_where_there_is_no_terminal(script, capsys):
    assert main(["watch", "--live", "--out", "run", script(steps(SQUARES, STEP))]) == 0
    assert "\x1b" not in capsys.readouterr().err
    assert main(["watch", "--live", "--quiet", "x.py"]) == 2
