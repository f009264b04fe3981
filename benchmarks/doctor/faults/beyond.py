"""Faults beyond the usual lists: layers that do nothing, heads that look at nothing, words never learned, rows seen before."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.lr_scheduler import LambdaLR, StepLR

from benchmarks.doctor.case import Kit, fault
from benchmarks.doctor.loop import Loop, reported
from benchmarks.doctor.network import mlp


class Numbered(nn.Module):
    """Reads the row's number beside its features."""

    def __init__(self, inputs: int, outputs: int, n_rows: int) -> None:
        super().__init__()
        self.by_number = nn.Embedding(n_rows, 16)
        self.net = mlp(inputs + 16, outputs, width=32)

    def forward(self, x: Tensor) -> Tensor:
        known = self.by_number(x[:, -1].long())
        return self.net(torch.cat([x[:, :-1], known], 1))


@fault("memorising-layer", "overfitting", over=("mlp-digits", "mlp-housing"))
def embedding_of_the_row_number(k: Kit) -> float:
    """An identifier is learned by heart; the twin drops the column."""
    rows = k.rows.fewer(500)
    rows = replace(rows, x=rows.x + 1.5 * torch.randn_like(rows.x), x_valid=rows.x_valid + 1.5 * torch.randn_like(rows.x_valid))
    n, m = len(rows.x), len(rows.x_valid)
    x = torch.cat([rows.x, torch.arange(n)[:, None].float()], 1)
    x_valid = torch.cat([rows.x_valid, torch.arange(n, n + m)[:, None].float()], 1)
    rows = replace(rows, x=x, x_valid=x_valid)
    model: nn.Module = Numbered(x.shape[1] - 1, rows.outputs, n + m)
    if k.repaired:
        model = nn.Sequential(Dropped(), mlp(x.shape[1] - 1, rows.outputs, width=32))
    held_out = (x_valid[:200], rows.y_valid[:200])
    rate = 3e-3 if k.repaired else 1e-2
    epochs = 8 if k.repaired else 20
    optimizer = torch.optim.Adam(model.parameters(), lr=rate)
    return k.fit(model, rows=rows, optimizer=optimizer, batch=32, epochs=epochs, watched={"held_out": held_out}, gives_loss_fn=True)


class Dropped(nn.Module):
    """All columns but the last."""

    def forward(self, x: Tensor) -> Tensor:
        return x[:, :-1]


class Bypassed(nn.Module):
    """A block whose share in the sum is 0 and cannot be learned."""

    def __init__(self, inputs: int, outputs: int, *, share: float) -> None:
        super().__init__()
        self.stem, self.head = nn.Linear(inputs, 32), nn.Linear(32, outputs)
        self.block = mlp(32, 32, width=64)
        self.share = share

    def forward(self, x: Tensor) -> Tensor:
        h = self.stem(x.flatten(1))
        return self.head(h + self.share * self.block(h))


@fault("idle-layer", "frozen-parameters", "vanishing-gradient", over=("mlp-digits", "mlp-housing", "mlp-mnist"), is_quiet=True)
def block_multiplied_by_zero(k: Kit) -> float:
    return k.fit(Bypassed(k.rows.x[0].numel(), k.rows.outputs, share=1.0 if k.repaired else k.by_seed(0.0, 1e-6, 0.0)))


class Heads(nn.Module):
    """Attention by hand, over tokens, with the scale of its scores as given; a shortcut or none."""

    def __init__(self, tokens: int, *, scale: float, depth: int = 1, shortcut: bool = True, vocab: int = 0, inputs: int = 0) -> None:
        super().__init__()
        self.embed = nn.Embedding(vocab, 32) if vocab else nn.Linear(inputs, 32)
        self.place = nn.Parameter(torch.randn(tokens, 32) * 0.3)
        self.attn = nn.ModuleList([nn.MultiheadAttention(32, 2, batch_first=True) for _ in range(depth)])
        self.head = nn.Linear(32, 2 if vocab else 10)
        self.scale, self.shortcut, self.inputs, self.tokens = scale, shortcut, inputs, tokens

    def forward(self, x: Tensor) -> Tensor:
        h = self.embed(x.reshape(len(x), self.tokens, self.inputs) if self.inputs else x) + self.place
        for attn in self.attn:
            a, _ = attn(h * self.scale, h * self.scale, h, need_weights=False)
            h = h + a if self.shortcut else a
        return self.head(h.mean(1))


def heads(k: Kit, **more: Any) -> Heads:
    return Heads(20, vocab=800, **more) if k.ground.name == "transformer-sms" else Heads(8, inputs=8, **more)


@fault("attention-sink-or-uniform", "attention-uniform", over=("transformer-sms", "transformer-digits"), is_quiet=True)
def scores_divided_to_nothing(k: Kit) -> float:
    return k.fit(heads(k, scale=1.0 if k.repaired else 1e-3, shortcut=False))


@fault("attention-sink-or-uniform", "attention-sink", over=("transformer-digits", "transformer-sms"), is_quiet=True)
def scores_not_scaled(k: Kit) -> float:
    return k.fit(heads(k, scale=1.0 if k.repaired else 30.0, shortcut=False))


@fault("rank-collapse", "vanishing-gradient", "loss-stuck-at-prior", over=("transformer-digits",))
def attention_without_shortcuts(k: Kit) -> float:
    return k.fit(heads(k, scale=1.0, depth=8, shortcut=k.repaired), batch=32, max_steps=100)


@fault("embedding-never-updated", "frozen-parameters", over=("gru-sms", "transformer-sms"), is_quiet=True)
def vocabulary_far_too_large(k: Kit) -> float:
    """Ids are hashed into a table of which nine tenths is never looked up."""
    model = k.network() if k.repaired else k.network(vocab=16_000)
    return k.fit(model)


@fault("train-valid-leak", over=("mlp-digits", "cnn-mnist", "mlp-housing"), is_quiet=True)
def validated_on_training_rows(k: Kit) -> float:
    """Validation rows are copies of training rows, whose training labels are noisy only there."""
    rows = k.rows.fewer(600)
    noisy = rows.x + 1.0 * torch.randn_like(rows.x)
    if k.repaired:
        return k.fit(k.network(), rows=replace(rows, x=noisy, x_valid=rows.x_valid + torch.randn_like(rows.x_valid)), score=reported)
    return k.fit(k.network(), rows=replace(rows, x=noisy, x_valid=rows.x[:300], y_valid=rows.y[:300]), epochs=20, score=reported)


@fault("duplicated-parameters-groups", "lr-too-high", over=("mlp-digits", "cnn-digits"), is_quiet=True)
def two_optimisers_on_the_same_weights(k: Kit) -> float:
    model = k.network()
    one = torch.optim.Adam(model.parameters(), lr=k.ground.rate)
    other = torch.optim.SGD(model.parameters(), lr=k.ground.sgd_rate)
    optimizers = [one] if k.repaired else [one, other]
    return k.fit(model, optimizer=Several(optimizers))


class Several(list):  # type: ignore[type-arg]
    """Optimisers that are stepped one after the other; a list, as the watcher takes several."""

    def step(self) -> None:
        for optimizer in self:
            optimizer.step()

    def zero_grad(self) -> None:
        for optimizer in self:
            optimizer.zero_grad()


@fault("loss-spike", "exploding-gradient", "lr-too-high", over=("mlp-digits", "cnn-digits", "mlp-housing"))
def one_batch_from_another_scale(k: Kit) -> float:
    """One file in the middle was never scaled."""
    rows = k.rows
    start = len(rows.x) // 2
    x = rows.x.clone()
    if not k.repaired:
        x[start : start + 12] *= 200
    model = k.network()
    return k.fit(model, rows=replace(rows, x=x), optimizer=k.sgd(model))


@fault("stale-scheduler", "lr-too-low", over=("mlp-digits", "cnn-mnist", "gru-waves"))
def warmup_never_stepped(k: Kit) -> float:
    """The schedule starts at a thousandth and nobody calls its step."""
    model = k.network()
    optimizer = torch.optim.Adam(model.parameters(), lr=k.ground.rate)
    schedule = LambdaLR(optimizer, lambda n: min(1.0, (n + 1) / 1000 if n < 1 else (n + 1) / 20))
    loop: Loop = k.loop(model, optimizer=optimizer)
    loop.kept = schedule  # type: ignore[attr-defined]
    loop.schedule = schedule if k.repaired else None
    return loop.run()


@fault("stale-scheduler", "lr-too-low", over=("mlp-mnist", "lstm-digits"))
def stepped_twice_an_epoch(k: Kit) -> float:
    """Both in the loop and in the epoch's end: the rate ends at nothing."""
    model = k.network()
    optimizer = torch.optim.Adam(model.parameters(), lr=k.ground.rate)
    schedule = StepLR(optimizer, 1, gamma=0.5)
    return k.fit(model, optimizer=optimizer, schedule=None if k.repaired else schedule, schedule_epoch=schedule)


@fault("embedding-never-updated", "frozen-parameters", over=("gru-sms", "transformer-sms"), is_quiet=True)
def embedding_left_out_of_the_optimiser(k: Kit) -> float:
    model = k.network()
    given = [p for name, p in model.named_parameters() if k.repaired or not name.startswith("embed")]
    return k.fit(model, optimizer=torch.optim.Adam(given, lr=k.ground.rate))
