"""Healthy: losses that fit their outputs, some of them unusual."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor, nn
from torch.nn import functional

from benchmarks.doctor import data
from benchmarks.doctor.case import Kit, healthy
from benchmarks.doctor.loop import usual_score
from benchmarks.doctor.network import mlp


@healthy("mlp-digits", "cnn-mnist")
def log_softmax_and_nll(k: Kit) -> float:
    return k.fit(nn.Sequential(k.network(), nn.LogSoftmax(dim=1)), loss_fn=nn.NLLLoss())


@healthy("mlp-cancer")
def sigmoid_and_binary_loss(k: Kit) -> float:
    return k.fit(nn.Sequential(k.network(), nn.Sigmoid()), loss_fn=nn.BCELoss())


@healthy("mlp-digits", "cnn-digits")
def smoothed_labels(k: Kit) -> float:
    return k.fit(k.network(), loss_fn=nn.CrossEntropyLoss(label_smoothing=k.by_seed(0.1, 0.2, 0.1)))


@healthy("mlp-digits")
def mixed_pairs(k: Kit) -> float:
    """Mixup: inputs and labels of two rows, blended; targets are shares."""
    model, rows = k.network(), k.rows
    optimizer = k.optimizer(model)
    onehot = functional.one_hot(rows.y, 10).float()
    with k.watch(model, optimizer, functional.cross_entropy, steps=220) as w:
        for _ in range(220):
            a, b = torch.randint(len(rows.x), (2, 32))
            share = float(torch.rand(()))
            x, y = share * rows.x[a] + (1 - share) * rows.x[b], share * onehot[a] + (1 - share) * onehot[b]
            optimizer.zero_grad()
            out = model(x)
            loss = functional.cross_entropy(out, y)
            loss.backward()
            optimizer.step()
            w.step(loss, x, out, y)
    return usual_score(k.loop(model, optimizer=optimizer))


@healthy("mlp-digits")
def many_labels_at_once(k: Kit) -> float:
    """Five yes-or-no questions of each digit."""

    def questions(y: Tensor) -> Tensor:
        return torch.stack([y % 2 == 0, y > 4, y % 3 == 0, (y == 1) | (y == 7), y == 8], 1).float()

    model = mlp(64, 5, width=48)
    score = lambda loop: float(((loop.model(loop.rows.x_valid) > 0) == (questions(loop.rows.y_valid) > 0.5)).float().mean())  # noqa: E731
    return k.fit(model, loss_fn=nn.BCEWithLogitsLoss(), target=questions, score=score, validation="none", told=True)


@healthy("mlp-housing")
def ninth_decile(k: Kit) -> float:
    """Quantile regression: nine of ten residuals end on one side, by purpose."""

    def pinball(out: Tensor, y: Tensor) -> Tensor:
        gap = y - out
        return torch.maximum(0.9 * gap, -0.1 * gap).mean()

    return k.fit(k.network(), loss_fn=pinball, score=lambda loop: 1.0, told=True)


@healthy("mlp-housing")
def outliers_under_huber(k: Kit) -> float:
    rows = k.rows
    y = rows.y.clone()
    y[torch.rand(len(y)) < 0.03] *= 15
    return k.fit(k.network(), rows=replace(rows, y=y), loss_fn=nn.HuberLoss(), told=True)


@healthy("mlp-housing")
def counts_under_poisson(k: Kit) -> float:
    rows = data.bike()
    rows = replace(rows, y=(rows.y / 20).round(), y_valid=(rows.y_valid / 20).round())
    return k.fit(mlp(8, 1, width=32), rows=rows, loss_fn=nn.PoissonNLLLoss(), score=lambda loop: 1.0, told=True)


@healthy("mlp-housing")
def spread_beside_the_mean(k: Kit) -> float:
    """Gaussian likelihood with its own spread: the loss goes below 0 and may."""

    def loss(out: Tensor, y: Tensor) -> Tensor:
        return functional.gaussian_nll_loss(out[:, :1], y * 0.1, functional.softplus(out[:, 1:]) + 1e-3)

    return k.fit(mlp(8, 2, width=32), loss_fn=loss, score=lambda loop: 1.0, validation="none")


@healthy("mlp-digits")
def pupil_of_a_teacher(k: Kit) -> float:
    """Distilled: the divergence from a teacher's softened shares, with log-shares as it asks."""
    from benchmarks.doctor.faults.rate import pretrain

    teacher, model, rows = mlp(64, 10, width=64), mlp(64, 10, width=24), k.rows
    pretrain(teacher, rows)
    teacher.requires_grad_(False).eval()
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    loss_fn = nn.KLDivLoss(reduction="batchmean")
    with k.watch(model, optimizer, loss_fn, steps=220) as w:
        for _ in range(220):
            x = rows.x[torch.randint(len(rows.x), (32,))]
            out = functional.log_softmax(model(x) / 2, 1)
            loss = loss_fn(out, functional.softmax(teacher(x) / 2, 1))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            w.step(loss)
    return usual_score(k.loop(model, optimizer=optimizer))


@healthy("cnn-digits")
def two_heads_and_two_losses(k: Kit) -> float:
    """Which digit, and where its ink lies."""
    from benchmarks.doctor.network import Cnn

    trunk = Cnn(8, 32)
    model = nn.ModuleDict({"trunk": trunk, "digit": nn.Linear(32, 10), "ink": nn.Linear(32, 1)})
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
    rows, ink = data.digits(), data.ink()
    with k.watch(model, optimizer, steps=160) as w:
        for _ in range(160):
            chosen = torch.randint(len(rows.x), (32,))
            h = torch.relu(trunk(rows.x[chosen]))
            loss = functional.cross_entropy(model["digit"](h), rows.y[chosen]) + 0.5 * functional.mse_loss(model["ink"](h), ink.y[chosen])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            w.step(loss)
    return -float(loss)


@healthy("mlp-cancer")
def margins_of_a_hinge(k: Kit) -> float:
    def hinge(out: Tensor, y: Tensor) -> Tensor:
        return (1 - out * (2 * y - 1)).clamp(min=0).mean()

    return k.fit(k.network(depth=1), loss_fn=hinge)


@healthy("mlp-cancer")
def yes_or_no_as_two_classes(k: Kit) -> float:
    rows = data.cancer()
    rows = replace(rows, y=rows.y[:, 0].long(), y_valid=rows.y_valid[:, 0].long(), kind="classes", outputs=2)
    return k.fit(mlp(30, 2, width=32), rows=rows, loss_fn=nn.CrossEntropyLoss())


@healthy("mlp-digits")
def weighted_classes(k: Kit) -> float:
    return k.fit(k.network(), loss_fn=nn.CrossEntropyLoss(weight=torch.linspace(0.5, 2, 10)))


@healthy("mlp-digits")
def loss_summed_over_rows(k: Kit) -> float:
    model = k.network()
    return k.fit(model, loss_fn=nn.CrossEntropyLoss(reduction="sum"), optimizer=torch.optim.SGD(model.parameters(), lr=0.002, momentum=0.9))
