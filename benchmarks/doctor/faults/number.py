"""Faults that end in NaN or infinity, each born somewhere else."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor, nn

from benchmarks.doctor import data
from benchmarks.doctor.case import Kit, fault
from benchmarks.doctor.loop import Loop


@fault("nan-inf", over=("mlp-digits", "cnn-mnist", "lstm-digits"))
def log_of_a_probability_of_zero(k: Kit) -> float:
    """Cross-entropy written out by hand over sharp probabilities."""
    model = k.network()
    heat = k.by_seed(1000.0, 600.0, 2000.0)

    def loss(out: Tensor, y: Tensor) -> Tensor:
        if k.repaired:
            return nn.functional.cross_entropy(out, y)
        onehot = nn.functional.one_hot(y, out.shape[1]).float()
        return -(onehot * torch.log(torch.softmax(out * heat, 1))).sum(1).mean()

    return k.fit(model, loss_fn=loss)


@fault("nan-inf", over=("mlp-cancer", "cnn-even"))
def log_of_one_minus_one(k: Kit) -> float:
    """Binary cross-entropy by hand on a sigmoid that rounds to 1."""
    model = nn.Sequential(k.network(), nn.Sigmoid())
    floor = 1e-6 if k.repaired else 0.0

    def loss(p: Tensor, y: Tensor) -> Tensor:
        p = p.clamp(floor, 1 - floor)
        return -(y * torch.log(p) + (1 - y) * torch.log(1 - p)).mean()

    return k.fit(model, loss_fn=loss, optimizer=torch.optim.Adam(model.parameters(), lr=0.03))


@fault("nan-inf", over=("mlp-digits", "cnn-digits", "lstm-digits"))
def root_of_a_distance_of_zero(k: Kit) -> float:
    """Pairs of rows, some of them a row with itself: the root's slope at 0 is infinite."""
    model = k.network()
    floor = 1e-6 if k.repaired else 0.0
    rows = k.rows

    def loss(out: Tensor, y: Tensor) -> Tensor:
        other = torch.randint(len(out), (len(out),))
        distance = torch.sqrt((out - out[other]).square().sum(1) + floor)
        alike = (y == y[other]).float()
        return (alike * distance.square() + (1 - alike) * (3 - distance).clamp(min=0).square()).mean()

    def score(loop: Loop) -> float:
        loop.model.eval()
        with torch.no_grad():
            known, new = loop.model(rows.x[:600]), loop.model(rows.x_valid)
        if not torch.isfinite(new).all():
            return float("nan")
        return float((rows.y[:600][torch.cdist(new, known).argmin(1)] == rows.y_valid).float().mean())

    return k.fit(model, loss_fn=loss, score=score, validation="none")


@fault("nan-inf", over=("mlp-digits", "cnn-digits", "lstm-digits"))
def feature_without_spread(k: Kit) -> float:
    """Standardised by each pixel's own spread, which is 0 at the rim."""
    raw = data.digits(raw=True)
    mean, std = raw.x.mean(0), raw.x.std(0)
    return k.fit(k.network(), rows=raw, prepare=lambda x: (x - mean) / (std + 1e-1 if k.repaired else std))


@fault("nan-inf", over=("mlp-housing",))
def missing_values_left_in(k: Kit) -> float:
    rows = data.housing(missing=True)
    return k.fit(k.network(), rows=rows, prepare=lambda x: torch.nan_to_num(x) if k.repaired else x)


@fault("nan-inf", over=("mlp-digits", "cnn-digits", "gru-sms"))
def exponential_overflows(k: Kit) -> float:
    """Softmax by hand without taking off the largest logit, on logits in hundreds."""
    model = k.network()
    heat = k.by_seed(300.0, 500.0, 1000.0)

    def loss(out: Tensor, y: Tensor) -> Tensor:
        logits = out * heat
        if k.repaired:
            logits = out
        e = torch.exp(logits - (logits.max(1, keepdim=True).values if k.repaired else 0.0))
        return -torch.log((e / e.sum(1, keepdim=True))[torch.arange(len(y)), y] + 1e-9).mean()

    return k.fit(model, loss_fn=loss)


class Variational(nn.Module):
    """An autoencoder whose spread is the exponential of half a number that nothing bounds."""

    def __init__(self, inputs: int, *, bounded: bool, bias: float) -> None:
        super().__init__()
        self.enc = nn.Sequential(nn.Flatten(), nn.Linear(inputs, 48), nn.ReLU())
        self.mu, self.logvar = nn.Linear(48, 8), nn.Linear(48, 8)
        self.dec = nn.Sequential(nn.Linear(8, 48), nn.ReLU(), nn.Linear(48, inputs))
        self.bounded = bounded
        nn.init.constant_(self.logvar.bias, bias)

    def forward(self, x: Tensor) -> Tensor:
        h = self.enc(x)
        mu, logvar = self.mu(h), self.logvar(h)
        logvar = logvar.clamp(-8, 4) if self.bounded else logvar
        self.kl = 0.5 * (mu.square() + logvar.exp() - 1 - logvar).sum(1).mean()
        return self.dec(mu + torch.exp(0.5 * logvar) * torch.randn_like(mu))


@fault("nan-inf", "lr-too-high", "exploding-gradient", over=("mlp-digits",))
def spread_of_an_autoencoder_overflows(k: Kit) -> float:
    raw = data.digits(raw=True)
    model = Variational(64, bounded=k.repaired, bias=k.by_seed(0.0, 1.0, 2.0))

    def loss(out: Tensor, _: Tensor) -> Tensor:
        return (out - loop.seen).square().sum(1).mean() + model.kl

    def remember(x: Tensor) -> Tensor:
        loop.seen = x / 16 if k.repaired else x * 16  # type: ignore[attr-defined]
        return loop.seen

    def score(loop: Loop) -> float:
        return -float(loss(model(remember(raw.x_valid)), raw.y_valid))

    loop = k.loop(model, rows=raw, loss_fn=loss, prepare=remember, score=score, validation="none")
    loop.optimizer = torch.optim.Adam(model.parameters(), lr=2e-3 if k.repaired else 0.1)
    return loop.run()


@fault("lr-too-high", "nan-inf", over=("mlp-digits", "cnn-ink", "mlp-housing"))
def rate_of_a_thousand(k: Kit) -> float:
    model = k.network()
    return k.fit(model, optimizer=k.sgd(model, k.ground.sgd_rate if k.repaired else 1e3))


class MaskedMean(nn.Module):
    """Mean of the embeddings of known words; a text without any divides by 0."""

    def __init__(self, *, floored: bool) -> None:
        super().__init__()
        self.embed, self.floored = nn.Embedding(800, 24), floored
        self.net = nn.Sequential(nn.Linear(24, 24), nn.ReLU(), nn.Linear(24, 2))

    def forward(self, x: Tensor) -> Tensor:
        known = (x > 1).float()
        count = known.sum(1, keepdim=True)
        return self.net((self.embed(x) * known[:, :, None]).sum(1) / (count.clamp(min=1) if self.floored else count))


@fault("nan-inf", over=("gru-sms",))
def mean_over_no_words(k: Kit) -> float:
    rows = k.rows
    x = rows.x.clone()
    x[300 + 40 * k.seed :: 211] = 0  # empty messages, the first not at the first step
    return k.fit(MaskedMean(floored=k.repaired), rows=replace(rows, x=x))


class OwnAttention(nn.Module):
    """One head whose mask hides padding; an empty text hides every key."""

    def __init__(self, *, safe: bool) -> None:
        super().__init__()
        self.embed, self.qkv, self.head, self.safe = nn.Embedding(800, 24), nn.Linear(24, 72), nn.Linear(24, 2), safe

    def forward(self, x: Tensor) -> Tensor:
        q, key, v = self.qkv(self.embed(x)).chunk(3, dim=-1)
        scores = (q @ key.transpose(1, 2)) / 24**0.5
        scores = scores.masked_fill((x == 0)[:, None, :], -1e4 if self.safe else -torch.inf)
        return self.head((scores.softmax(-1) @ v).mean(1))


@fault("nan-inf", over=("transformer-sms",))
def attention_with_every_key_masked(k: Kit) -> float:
    rows = k.rows
    x = rows.x.clone()
    x[500 + 40 * k.seed :: 307] = 0
    return k.fit(OwnAttention(safe=k.repaired), rows=replace(rows, x=x))


@fault("nan-inf", over=("mlp-digits", "cnn-digits"))
def spread_over_a_batch_of_one(k: Kit) -> float:
    """Inputs standardised within the batch; the last batch of the epoch has one row."""
    rows = data.digits(raw=True).fewer(16 * 60 + 1)

    def prepare(x: Tensor) -> Tensor:
        return (x - x.mean(0)) / (x.std(0, unbiased=False) + 1 if k.repaired else x.std(0) + 1)

    return k.fit(k.network(), rows=rows, prepare=prepare, batch=16, epochs=3)


@fault("nan-inf", over=("mlp-housing", "cnn-ink"))
def root_of_a_negative(k: Kit) -> float:
    """The root of what is meant to be positive: predictions of the wrong sign have none."""
    model = k.network()

    def loss(out: Tensor, y: Tensor) -> Tensor:
        y = y - y.min() + 1.0
        return (torch.sqrt(torch.nn.functional.softplus(out) if k.repaired else out) - y.sqrt()).square().mean()

    return k.fit(model, loss_fn=loss, score=lambda loop: -float(loss(model(loop.rows.x_valid), loop.rows.y_valid)))
