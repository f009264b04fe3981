"""Healthy: loops and networks that look strange to a watcher."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import DataLoader, TensorDataset, WeightedRandomSampler

from benchmarks.doctor import data
from benchmarks.doctor.case import Kit, healthy
from benchmarks.doctor.loop import usual_score
from benchmarks.doctor.network import mlp


@healthy("mlp-digits")
def policy_by_its_rewards(k: Kit) -> float:
    """REINFORCE on a bandit of digits: the loss means little, swings, and is negative."""
    model, rows = k.network(), k.rows
    optimizer, baseline, hits = torch.optim.Adam(model.parameters(), lr=3e-3), 0.1, 0.0
    with k.watch(model, optimizer, steps=300) as w:
        for _ in range(300):
            chosen = torch.randint(len(rows.x), (64,))
            policy = torch.distributions.Categorical(logits=model(rows.x[chosen]))
            action = policy.sample()
            reward = (action == rows.y[chosen]).float()
            loss = -(policy.log_prob(action) * (reward - baseline)).mean()
            baseline, hits = 0.9 * baseline + 0.1 * float(reward.mean()), float(reward.mean())
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            w.step(loss)
    return hits


class Sometimes(nn.Module):
    """Blocks that are skipped at random while training."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.head = nn.Linear(64, 32), nn.Linear(32, 10)
        self.blocks = nn.ModuleList([mlp(32, 32, width=32, depth=1) for _ in range(4)])

    def forward(self, x: Tensor) -> Tensor:
        h = torch.relu(self.stem(x))
        for block in self.blocks:
            if not self.training or float(torch.rand(())) > 0.3:
                h = h + block(h)
        return self.head(h)


@healthy("mlp-digits")
def blocks_skipped_at_random(k: Kit) -> float:
    return k.fit(Sometimes())


class Shared(nn.Module):
    """One layer called five times."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.core, self.head = nn.Linear(64, 32), nn.Linear(32, 32), nn.Linear(32, 10)

    def forward(self, x: Tensor) -> Tensor:
        h = self.stem(x)
        for _ in range(5):
            h = h + 0.5 * torch.tanh(self.core(h))
        return self.head(h)


@healthy("mlp-digits")
def one_layer_called_five_times(k: Kit) -> float:
    return k.fit(Shared())


class Experts(nn.Module):
    """A gate over three experts, and a learned temperature: a parameter of one number."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = nn.Linear(64, 3)
        self.experts = nn.ModuleList([mlp(64, 10, width=24, depth=1) for _ in range(3)])
        self.heat = nn.Parameter(torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        share = self.gate(x).softmax(1)
        return torch.stack([e(x) for e in self.experts], 2).mul(share[:, None]).sum(2) * self.heat.exp()


@healthy("mlp-digits")
def experts_under_a_gate(k: Kit) -> float:
    return k.fit(Experts())


class WithSpare(nn.Module):
    """Has a head for later that this training does not use, and says so by freezing it."""

    def __init__(self) -> None:
        super().__init__()
        self.body, self.head, self.later = mlp(64, 32, width=32, depth=1), nn.Linear(32, 10), nn.Linear(32, 5)
        self.later.requires_grad_(False)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(torch.relu(self.body(x)))


@healthy("mlp-digits")
def spare_head_frozen(k: Kit) -> float:
    return k.fit(WithSpare())


@healthy("mlp-digits")
def loader_that_balances(k: Kit) -> float:
    """A sampler draws rare classes more often, rows come again."""
    rows = data.digits()
    keep = (rows.y > 4) | (torch.rand(len(rows.y)) < 0.2)
    x, y = rows.x[keep], rows.y[keep]
    drawn = WeightedRandomSampler((1.0 / torch.bincount(y).float()[y]).tolist(), 3200)
    model = k.network()
    optimizer, loss_fn = torch.optim.Adam(model.parameters(), lr=2e-3), nn.CrossEntropyLoss()
    with k.watch(model, optimizer, loss_fn, steps=200) as w:
        for _ in range(2):
            for xb, yb in DataLoader(TensorDataset(x, y), batch_size=32, sampler=drawn):
                optimizer.zero_grad()
                out = model(xb)
                loss = loss_fn(out, yb)
                loss.backward()
                optimizer.step()
                w.step(loss, xb, out, yb)
            w.end_epoch()
    return usual_score(k.loop(model, optimizer=optimizer))


@healthy("mlp-digits")
def penalty_on_the_hidden_units(k: Kit) -> float:
    """Sparse by purpose: most hidden units are 0 on most rows."""
    first, last = nn.Linear(64, 96), nn.Linear(96, 10)
    model = nn.Sequential(first, nn.ReLU(), last)
    optimizer, rows = torch.optim.Adam(model.parameters(), lr=2e-3), k.rows
    with k.watch(model, optimizer, steps=250) as w:
        for _ in range(250):
            chosen = torch.randint(len(rows.x), (32,))
            h = model[1](first(rows.x[chosen]))
            out = last(h)
            loss = functional.cross_entropy(out, rows.y[chosen]) + 2e-3 * h.abs().sum(1).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            w.step(loss)
    return usual_score(k.loop(model, optimizer=optimizer))


@healthy("mlp-housing")
def integer_steps_as_numbers(k: Kit) -> float:
    """The value of a house in ten steps, learned as a number: an order is an order."""

    def steps(y: Tensor) -> Tensor:
        return (y * 2 + 5).round().clamp(0, 10)

    return k.fit(k.network(), target=steps, score=lambda loop: 1.0)


@healthy("mlp-digits", "cnn-digits")
def network_grown_halfway(k: Kit) -> float:
    """After some steps the head is replaced and given to the optimiser, as it should be."""
    model, rows = k.network(), k.rows
    optimizer, loss_fn = torch.optim.Adam(model.parameters(), lr=2e-3), nn.CrossEntropyLoss()
    with k.watch(model, optimizer, loss_fn, steps=200) as w:
        for n in range(200):
            if n == 80:
                name = "head" if hasattr(model, "head") else str(len(model) - 1)
                old = getattr(model, name)
                setattr(model, name, nn.Linear(old.in_features, old.out_features))
                optimizer.add_param_group({"params": list(getattr(model, name).parameters())})
            chosen = torch.randint(len(rows.x), (32,))
            x, y = rows.x[chosen], rows.y[chosen]
            optimizer.zero_grad()
            out = model(x)
            loss = loss_fn(out, y)
            loss.backward()
            optimizer.step()
            w.step(loss, x, out, y)
    return usual_score(k.loop(model, optimizer=optimizer))
