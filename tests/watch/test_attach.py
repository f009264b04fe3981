"""The watch around a stranger's loop: it changes nothing, survives everything, leaves nothing behind, and reads what happened."""

import gc
import math

import pytest
import torch
from torch import nn

import assay
from assay.core.errors import OptionError
from assay.core.loop_evidence import LoopEvidence

ROWS = 256


class Functional(nn.Module):
    """As many people write it: activations as functions, one layer used twice."""

    def __init__(self):
        super().__init__()
        self.first, self.twice, self.last = nn.Linear(8, 16), nn.Linear(16, 16), nn.Linear(16, 3)

    def forward(self, x):
        h = torch.relu(self.first(x))
        return self.last(torch.tanh(self.twice(torch.tanh(self.twice(h)))))


class Words(nn.Module):
    def __init__(self, kind=nn.LSTM):
        super().__init__()
        self.table, self.cell, self.head = nn.Embedding(20, 8), kind(8, 12, batch_first=True), nn.Linear(12, 3)

    def forward(self, tokens):
        return self.head(self.cell(self.table(tokens))[0][:, -1])


class Attending(nn.Module):
    def __init__(self):
        super().__init__()
        self.table = nn.Embedding(20, 16)
        layer = nn.TransformerEncoderLayer(16, 2, 32, dropout=0.1, batch_first=True)
        self.body, self.head = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False), nn.Linear(16, 3)

    def forward(self, tokens):
        return self.head(self.body(self.table(tokens)).mean(1))


def images():
    return nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Dropout(0.3), nn.Linear(4 * 36, 3))


NETWORKS = {"functional": Functional, "lstm": Words, "gru": lambda: Words(nn.GRU), "attention": Attending, "images": images}


def rows_for(name, stream):
    targets = torch.randint(0, 3, (ROWS,), generator=stream)
    if name == "functional":
        return torch.randn(ROWS, 8, generator=stream), targets
    if name == "images":
        return torch.randn(ROWS, 1, 8, 8, generator=stream), targets
    return torch.randint(0, 20, (ROWS, 10), generator=stream), targets


def trained(name, *, watched, optimiser=torch.optim.AdamW, steps=40, accumulate=1):
    """Final weights of a short training, the state of the random stream behind it, and the watch."""
    torch.manual_seed(0)
    model = NETWORKS[name]()
    x, y = rows_for(name, torch.Generator().manual_seed(1))
    optimizer = optimiser(model.parameters(), lr=0.01)
    loss_fn = nn.CrossEntropyLoss()
    w = assay.watch(model, optimizer, loss_fn) if watched else None
    for step in range(steps):
        model.train()
        rows = torch.randint(0, ROWS, (16,))
        loss = loss_fn(model(x[rows]), y[rows])
        (loss / accumulate).backward()
        if (step + 1) % accumulate == 0:
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            optimizer.zero_grad()
        if w is not None:
            w.step(loss)
        if step % 20 == 19:
            model.eval()
            with torch.no_grad():
                valid = loss_fn(model(x), y)
            if w is not None:
                w.end_epoch(float(valid), 0.5)
    if w is not None:
        w.close()
    return [p.detach().clone() for p in model.state_dict().values()], torch.get_rng_state(), w, model


@pytest.mark.parametrize("name", NETWORKS)
def test_no_bit_of_the_training_changes(name):
    bare, stream, _, _ = trained(name, watched=False)
    weights, after, w, _ = trained(name, watched=True)
    assert all(torch.equal(a, b) for a, b in zip(bare, weights, strict=True))
    assert torch.equal(stream, after)
    assert w.troubles == ()


@pytest.mark.parametrize("optimiser", [torch.optim.SGD, torch.optim.Adam, torch.optim.RMSprop])
def test_any_optimiser_and_gathered_gradients(optimiser):
    bare, *_ = trained("functional", watched=False, optimiser=optimiser, accumulate=4)
    weights, _, w, _ = trained("functional", watched=True, optimiser=optimiser, accumulate=4)
    assert all(torch.equal(a, b) for a, b in zip(bare, weights, strict=True))
    assert w.evidence().look_step
    assert w.troubles == ()


def hooks_of(model):
    kinds = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks")
    on_modules = [h for m in model.modules() for k in kinds for h in getattr(m, k)]
    return on_modules + [h for p in model.parameters() for h in p._backward_hooks or ()]


def test_it_leaves_no_hook_behind():
    *_, model = trained("attention", watched=True)
    assert hooks_of(model) == []


def test_evidence_says_what_happened():
    *_, w, _ = trained("images", watched=True)
    evidence = w.evidence()
    assert LoopEvidence.from_json(evidence.to_json()).to_json() == evidence.to_json()
    assert evidence.steps == 40
    assert evidence.epoch_step == (20, 40)
    assert evidence.output.loss == "cross-entropy"
    assert evidence.unit == "bits/example"
    assert evidence.batch.target_kind == "classes"
    assert 1.4 < evidence.opening <= math.log2(3) + 1e-9
    assert [part.kind for part in evidence.parts] == ["conv", "norm", "linear"]
    assert evidence.parts[0].activation == "relu"
    assert evidence.modes.valid_in_training == 0.0
    assert evidence.modes.norm_batch == 16
    assert all(p.optimisers == 1 and p.moved and p.in_graph for p in evidence.parameters)


def test_functions_and_layers_used_twice_are_seen():
    *_, w, _ = trained("functional", watched=True)
    parts = {part.name: part for part in w.evidence().parts}
    assert [parts[n].activation for n in ("first", "twice", "last")] == ["relu", "tanh", ""]
    assert parts["twice"].calls == 2
    assert parts["last"].is_last


def test_heads_and_reach_are_seen():
    *_, w, _ = trained("attention", watched=True)
    heads = w.evidence().heads
    assert len(heads) == 2
    assert all(0.0 < e <= 1.0 for e in heads[0].entropy[0])
    *_, w, _ = trained("lstm", watched=True)
    (reach,) = w.evidence().recurrent
    assert (reach.kind, reach.tokens) == ("lstm", 10)
    assert 0.0 < reach.factor[0] < 1.0


def test_an_exception_in_the_loop_keeps_what_was_seen():
    model = nn.Linear(4, 2)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"), assay.watch(model, optimizer) as w:
        for step in range(10):
            loss = model(torch.ones(8, 4 if step < 6 else 5)).square().mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            w.step(loss)
    assert w.steps == 6
    assert w.evidence().steps == 6
    assert hooks_of(model) == []
    assert not torch.overrides._get_current_function_mode_stack()


def test_a_failure_of_the_watch_itself_is_told_once_and_the_training_goes_on(monkeypatch):
    from assay.watch.forward import ForwardLook

    def broken(*_):
        raise ZeroDivisionError("planted")

    monkeypatch.setattr(ForwardLook, "_see", broken)
    weights, _, w, _ = trained("functional", watched=True)
    bare, *_ = trained("functional", watched=False)
    assert all(torch.equal(a, b) for a, b in zip(bare, weights, strict=True))
    assert w.troubles == ("ZeroDivisionError: planted",)


def test_gradients_that_nobody_cleared_are_seen():
    torch.manual_seed(0)
    model = nn.Linear(4, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-3)
    with assay.watch(model, optimizer) as w:
        for _ in range(20):
            loss = (model(torch.randn(16, 4)) - 1.0).square().mean()
            loss.backward()
            optimizer.step()
            w.step(loss)
    assert w.evidence().kept_gradient == 1.0
    assert "forgot-zero-grad" in {f.name for f in w.findings}


def test_two_optimisers_that_take_turns():
    torch.manual_seed(0)
    maker, judge = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 4)), nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 1))
    both = nn.ModuleList([maker, judge])
    optimizers = [torch.optim.Adam(m.parameters(), lr=1e-3) for m in (maker, judge)]
    loss_fn = nn.BCEWithLogitsLoss()
    with assay.watch(both, optimizers) as w:
        for _ in range(30):
            real, made = torch.randn(16, 4) + 1.0, maker(torch.randn(16, 4))
            optimizers[1].zero_grad()
            told = loss_fn(judge(real), torch.ones(16, 1)) + loss_fn(judge(made.detach()), torch.zeros(16, 1))
            told.backward()
            optimizers[1].step()
            optimizers[0].zero_grad()
            fooled = loss_fn(judge(made), torch.ones(16, 1))
            fooled.backward()
            optimizers[0].step()
            w.step(told + fooled)
    evidence = w.evidence()
    assert w.troubles == ()
    assert evidence.kept_gradient == 0.0
    assert all(p.moved for p in evidence.parameters)


def test_held_out_rows_show_who_memorises():
    torch.manual_seed(0)
    x, y = torch.randn(64, 30), torch.randint(0, 2, (64,))
    model = nn.Sequential(nn.Linear(30, 64), nn.ReLU(), nn.Linear(64, 2))
    optimizer, loss_fn = torch.optim.Adam(model.parameters(), lr=0.01), nn.CrossEntropyLoss()
    with assay.watch(model, optimizer, loss_fn, held_out=(torch.randn(64, 30), torch.randint(0, 2, (64,)))) as w:
        for _ in range(60):
            optimizer.zero_grad()
            loss = loss_fn(model(x), y)
            loss.backward()
            optimizer.step()
            w.step(loss, inputs=x, targets=y)
    evidence = w.evidence()
    assert sum(v for _, v in evidence.trained_booked) < -0.1
    assert sum(v for _, v in evidence.held_out_booked) > 0.0
    assert all(p.grad is not None for p in model.parameters())


@pytest.mark.parametrize(
    ("model", "optimizer", "message"),
    [
        ("net", None, "model is str"),
        (nn.Linear(2, 1), "adam", "optimizer is str"),
        (nn.ReLU(), [], "give a torch.optim.Optimizer"),
    ],
)
def test_bad_use_is_told(model, optimizer, message):
    with pytest.raises(OptionError, match=message):
        assay.watch(model, optimizer)


def test_watching_twice_is_told_and_allowed_after_closing():
    model = nn.Linear(2, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with assay.watch(model, optimizer), pytest.raises(OptionError, match="watched already"):
        assay.watch(model, optimizer)
    assay.watch(model, optimizer).close()


def test_steps_without_a_backward_pass_are_no_crash():
    model = nn.Linear(2, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with assay.watch(model, optimizer) as w:
        for _ in range(80):
            w.step(0.5)
    assert w.steps == 80
    assert w.troubles == ()
    assert w.evidence().look_step == ()


def test_memory_of_a_long_training_stays_small():
    model = nn.Linear(4, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-4)
    x = torch.randn(8, 4)
    with assay.watch(model, optimizer, overhead=0.5) as w:
        for _ in range(3_000):
            optimizer.zero_grad()
            loss = model(x).square().mean()
            loss.backward()
            optimizer.step()
            w.step(loss)
    evidence = w.evidence()
    assert len(evidence.windows) <= 257
    assert sum(window.steps for window in evidence.windows) == 3_000
    assert len(evidence.look_step) <= 257
    gc.collect()


def test_inputs_that_ask_for_a_gradient_are_no_lost_weights_and_are_let_go():
    torch.manual_seed(0)
    model = nn.Linear(6, 2)
    optimizer, loss_fn = torch.optim.SGD(model.parameters(), lr=0.1), nn.CrossEntropyLoss()
    with assay.watch(model, optimizer, loss_fn) as w:
        for _ in range(30):
            x = torch.randn(16, 6, requires_grad=True)
            loss = loss_fn(model(x), (x[:, 0] > 0).long())
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            w.step(loss)
        del x, loss
    assert [p.name for p in w.evidence().parameters] == ["weight", "bias"]
    assert "frozen-parameters" not in {f.name for f in w.findings}


def test_layers_in_a_plain_list_are_seen_beside_the_model():
    torch.manual_seed(0)
    hidden = [nn.Linear(6, 8)]
    model = nn.Linear(8, 2)
    optimizer, loss_fn = torch.optim.SGD(model.parameters(), lr=0.1), nn.CrossEntropyLoss()
    with assay.watch(model, optimizer, loss_fn) as w:
        for _ in range(30):
            x = torch.randn(16, 6)
            loss = loss_fn(model(torch.relu(hidden[0](x))), (x[:, 0] > 0).long())
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            w.step(loss)
    assert sum(not p.in_model for p in w.evidence().parameters) == 2
    assert "frozen-parameters" in {f.name for f in w.findings}
