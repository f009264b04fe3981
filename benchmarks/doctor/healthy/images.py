"""Healthy: image networks, autoencoders and other makers of images."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from benchmarks.doctor import data
from benchmarks.doctor.case import Kit, healthy
from benchmarks.doctor.loop import Loop
from benchmarks.doctor.network import Cnn, ResNet, mlp


@healthy("resnet-digits")
def residual_network_at_a_tenth(k: Kit) -> float:
    model = ResNet(8, 10, width=12, depth=2)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, weight_decay=5e-4)
    loop = k.loop(model, optimizer=optimizer, batch=64, epochs=7)
    loop.schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 7 * 21)
    return loop.run()


@healthy("resnet-digits")
def blocks_that_start_as_nothing(k: Kit) -> float:
    """The last norm of each block starts at 0."""
    return k.fit(ResNet(8, 10, depth=3, zero_gamma=True), batch=64)


@healthy("cnn-digits", "cnn-mnist")
def batch_norm_and_dropout(k: Kit) -> float:
    return k.fit(k.network(norm="batch", drop=0.3, depth=3))


@healthy("cnn-ink")
def where_the_ink_lies(k: Kit) -> float:
    return k.fit(k.network(), loss_fn=nn.SmoothL1Loss())


def pixels() -> data.Rows:
    raw = data.digits(raw=True)
    x, x_valid = raw.x / 16, raw.x_valid / 16
    return data.Rows(x, x, x_valid, x_valid, "numbers", 64)


@healthy("mlp-digits")
def autoencoder_of_sigmoids(k: Kit) -> float:
    """Pixels from 0 to 1 out of a sigmoid, squared error: as it should be."""
    model = nn.Sequential(mlp(64, 12, width=48, depth=1), nn.ReLU(), mlp(12, 64, width=48, depth=1), nn.Sigmoid())
    return k.fit(model, rows=pixels(), loss_fn=nn.MSELoss())


@healthy("mlp-digits")
def autoencoder_of_yes_and_no(k: Kit) -> float:
    model = nn.Sequential(mlp(64, 12, width=48, depth=1), nn.Tanh(), mlp(12, 64, width=48, depth=1), nn.Sigmoid())
    return k.fit(model, rows=pixels(), loss_fn=nn.BCELoss())


class Noised(nn.Module):
    """A variational autoencoder with its own loss kept beside."""

    def __init__(self) -> None:
        super().__init__()
        self.enc, self.mu, self.logvar = mlp(64, 48, width=48, depth=1), nn.Linear(48, 6), nn.Linear(48, 6)
        self.dec = mlp(6, 64, width=48, depth=1)

    def forward(self, x: Tensor) -> Tensor:
        h = torch.relu(self.enc(x))
        mu, logvar = self.mu(h), self.logvar(h)
        self.kl = 0.5 * (mu.square() + logvar.exp() - 1 - logvar).sum(1).mean()
        return self.dec(mu + torch.exp(0.5 * logvar) * torch.randn_like(mu))


@healthy("mlp-digits")
def variational_autoencoder(k: Kit) -> float:
    """The score is minus the bits that a row costs."""
    model = Noised()

    def loss(out: Tensor, x: Tensor) -> Tensor:
        return functional.binary_cross_entropy_with_logits(out, x, reduction="sum") / len(x) + model.kl

    score = lambda loop: -float(loss(loop.model(loop.rows.x_valid), loop.rows.x_valid))  # noqa: E731
    return k.fit(model, rows=pixels(), loss_fn=loss, score=score)


@healthy("mlp-digits")
def two_players(k: Kit) -> float:
    """A generator against a discriminator: neither loss falls for ever, and neither should."""
    x = pixels().x * 2 - 1
    net = nn.ModuleDict({"g": nn.Sequential(mlp(8, 64, width=64), nn.Tanh()), "d": mlp(64, 1, width=64, act=nn.LeakyReLU)})
    g, d = net["g"], net["d"]
    optimizers = [torch.optim.Adam(part.parameters(), lr=5e-4, betas=(0.5, 0.999)) for part in (g, d)]
    loss_fn = nn.BCEWithLogitsLoss()
    with k.watch(net, optimizers, steps=220) as w:
        for _ in range(220):
            real = x[torch.randint(len(x), (32,))]
            fake = g(torch.randn(32, 8))
            optimizers[1].zero_grad()
            loss_d = loss_fn(d(real), torch.full((32, 1), 0.9)) + loss_fn(d(fake.detach()), torch.zeros(32, 1))
            loss_d.backward()
            optimizers[1].step()
            optimizers[0].zero_grad()
            loss_g = loss_fn(d(fake), torch.ones(32, 1))
            loss_g.backward()
            optimizers[0].step()
            w.step(loss_g + loss_d.detach())
    return 1.0 if torch.isfinite(fake).all() else float("nan")


class Segmenter(nn.Module):
    """A class for each pixel."""

    def __init__(self) -> None:
        super().__init__()
        self.down, self.mid, self.up = nn.Conv2d(1, 8, 3, padding=1), nn.Conv2d(8, 8, 3, padding=1), nn.Conv2d(16, 3, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        a = torch.relu(self.down(x))
        b = torch.relu(self.mid(functional.max_pool2d(a, 2)))
        return self.up(torch.cat([a, functional.interpolate(b, scale_factor=2)], 1))


@healthy("cnn-digits")
def class_of_each_pixel(k: Kit) -> float:
    raw = data.digits(raw=True)
    shades = (raw.x.reshape(-1, 8, 8) / 5.5).long().clamp(max=2), (raw.x_valid.reshape(-1, 8, 8) / 5.5).long().clamp(max=2)
    base = data.digits().shaped(1, 8, 8)
    noisy = base.x + 0.4 * torch.randn_like(base.x), base.x_valid + 0.4 * torch.randn_like(base.x_valid)
    rows = data.Rows(noisy[0], shades[0], noisy[1], shades[1], "classes", 3)

    def score(loop: Loop) -> float:
        return float((loop.model(loop.rows.x_valid).argmax(1) == loop.rows.y_valid).float().mean())

    model = Segmenter()
    loop = k.loop(model, rows=rows, epochs=3, validation="none", score=score)
    return loop.run()


@healthy("cnn-mnist")
def two_views_brought_together(k: Kit) -> float:
    """Contrastive: each image finds its own noisy copy among those of the batch."""
    model, rows = Cnn(14, 16, width=8), k.rows
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
    with k.watch(model, optimizer, steps=110) as w:
        for _ in range(110):
            x = rows.x[torch.randint(len(rows.x), (32,))]
            a, b = (functional.normalize(model(x + 0.3 * torch.randn_like(x)), dim=1) for _ in range(2))
            loss = functional.cross_entropy(a @ b.T / 0.2, torch.arange(32))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            w.step(loss)
    return -float(loss)


@healthy("mlp-digits")
def anchors_and_their_like(k: Kit) -> float:
    model, rows = mlp(64, 8, width=48), k.rows
    optimizer, loss_fn = torch.optim.Adam(model.parameters(), lr=2e-3), nn.TripletMarginLoss(margin=1.0)
    by_class = [torch.nonzero(rows.y == c)[:, 0] for c in range(10)]
    with k.watch(model, optimizer, loss_fn, steps=200) as w:
        for _ in range(200):
            c = torch.randint(10, (32,))
            other = (c + torch.randint(1, 10, (32,))) % 10
            pick = [torch.stack([by_class[i][torch.randint(len(by_class[i]), ())] for i in which.tolist()]) for which in (c, c, other)]
            loss = loss_fn(*(model(rows.x[p]) for p in pick))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            w.step(loss)
    return -float(loss)
