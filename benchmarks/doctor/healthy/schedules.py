"""Healthy: optimisers, schedules, clipping and accumulation as they are meant."""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import lr_scheduler as schedules

from benchmarks.doctor.case import Kit, healthy
from benchmarks.doctor.faults.rate import pretrain
from benchmarks.doctor.loop import usual_score


@healthy("mlp-digits", "cnn-digits")
def cosine_to_zero(k: Kit) -> float:
    model = k.network()
    optimizer = torch.optim.Adam(model.parameters(), lr=k.ground.rate)
    loop = k.loop(model, optimizer=optimizer)
    steps = loop.epochs * -(-len(loop.rows.x) // loop.batch)
    loop.schedule = schedules.CosineAnnealingLR(optimizer, steps)
    return loop.run()


@healthy("resnet-digits", "mlp-digits")
def one_cycle_with_a_large_peak(k: Kit) -> float:
    model = k.network() if k.ground.name.startswith("resnet") else k.network(norm="batch")
    optimizer = k.sgd(model, 0.01)
    loop = k.loop(model, optimizer=optimizer)
    steps = loop.epochs * -(-len(loop.rows.x) // loop.batch)
    loop.schedule = schedules.OneCycleLR(optimizer, 0.3, total_steps=steps)
    return loop.run()


@healthy("mlp-mnist")
def warm_restarts(k: Kit) -> float:
    model = k.network()
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    return k.fit(model, optimizer=optimizer, schedule=schedules.CosineAnnealingWarmRestarts(optimizer, 60))


@healthy("transformer-digits", "lm-transformer")
def warmup_and_decay(k: Kit) -> float:
    model = k.network(depth=2)
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=0.01)
    schedule = schedules.LambdaLR(optimizer, lambda n: min(1.0, (n + 1) / 20) * max(0.05, 1 - n / 200))
    return k.fit(model, optimizer=optimizer, schedule=schedule, batch=32, max_steps=140)


@healthy("mlp-housing", "cnn-mnist")
def tenth_every_few_epochs(k: Kit) -> float:
    model = k.network()
    optimizer = torch.optim.Adam(model.parameters(), lr=k.ground.rate)
    return k.fit(model, optimizer=optimizer, schedule_epoch=schedules.StepLR(optimizer, 2, gamma=0.3))


class OnPlateau:
    """Stepped with no loss, as the loop calls it."""

    def __init__(self, optimizer: torch.optim.Optimizer) -> None:
        self.inner = schedules.ReduceLROnPlateau(optimizer, patience=1)
        self.epoch = 0

    def step(self) -> None:
        self.epoch += 1
        self.inner.step(1.0 / self.epoch)


@healthy("mlp-digits")
def lowered_on_a_plateau(k: Kit) -> float:
    model = k.network()
    optimizer = k.sgd(model)
    return k.fit(model, optimizer=optimizer, schedule_epoch=OnPlateau(optimizer))


@healthy("lm-gru", "lstm-digits", "transformer-digits", "mlp-mnist")
def clipped_at_one(k: Kit) -> float:
    """It bites now and then, above all at the start."""
    return k.fit(k.network(), clip=1.0)


@healthy("mlp-housing", "gru-waves")
def clipped_in_descent(k: Kit) -> float:
    model = k.network()
    return k.fit(model, optimizer=k.sgd(model), clip=2.0)


@healthy("mlp-digits", "cnn-mnist")
def four_batches_a_step(k: Kit) -> float:
    model = k.network()
    rate = 2 * k.ground.rate
    return k.fit(model, optimizer=torch.optim.Adam(model.parameters(), lr=rate), every=4, batch=8, zero="before", epochs=3)


@healthy("mlp-digits", "gru-sms", "cnn-digits")
def other_optimisers(k: Kit) -> float:
    model = k.network()
    made: Any = k.by_seed(torch.optim.RMSprop, torch.optim.NAdam, torch.optim.Adagrad)
    return k.fit(model, optimizer=made(model.parameters(), lr=0.02 if made is torch.optim.Adagrad else 2e-3))


@healthy("mlp-digits")
def several_groups(k: Kit) -> float:
    """No decay on biases, a smaller rate for the first layer."""
    model = k.network()
    bent = [p for p in model.parameters() if p.dim() > 1]
    groups = [
        {"params": bent[:1], "lr": 5e-4, "weight_decay": 0.01},
        {"params": bent[1:], "weight_decay": 0.01},
        {"params": [p for p in model.parameters() if p.dim() == 1], "weight_decay": 0.0},
    ]
    return k.fit(model, optimizer=torch.optim.AdamW(groups, lr=3e-3))


@healthy("mlp-digits", "cnn-digits", "mlp-mnist")
def frozen_pretrained_trunk(k: Kit) -> float:
    """Only the head is trained, on purpose: the trunk knows already."""
    model = k.network()
    pretrain(model, k.rows)
    head = [m for m in model.modules() if isinstance(m, nn.Linear)][-1]
    head.reset_parameters()
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    for parameter in head.parameters():
        parameter.requires_grad_(True)
    given = head.parameters() if k.seed % 2 else model.parameters()
    return k.fit(model, optimizer=torch.optim.Adam(given, lr=1e-2))


@healthy("resnet-digits")
def frozen_trunk_in_eval_mode(k: Kit) -> float:
    """Its batch norms keep their statistics, by purpose, while the head is trained."""
    model = k.network()
    pretrain(model, k.rows)
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(name.startswith("fc"))
    model.fc.reset_parameters()
    train = model.train

    def keep(mode: bool = True) -> nn.Module:
        train(mode)
        model.stem.eval()
        model.blocks.eval()
        return model

    model.train = keep  # type: ignore[method-assign]
    return k.fit(model, optimizer=torch.optim.Adam(model.fc.parameters(), lr=1e-2))


@healthy("cnn-digits", "mlp-mnist", "transformer-sms")
def fine_tuned_gently(k: Kit) -> float:
    """A small rate on weights that are good already: the loss hardly moves and need not."""
    model = k.network()
    pretrain(model, k.rows)
    return k.fit(model, optimizer=torch.optim.AdamW(model.parameters(), lr=k.by_seed(3e-5, 1e-4, 5e-5)), max_steps=150)


@healthy("mlp-digits")
def average_of_the_weights(k: Kit) -> float:
    """A copy follows beside, in no optimiser, and is the one that is validated."""
    model = k.network()
    average = copy.deepcopy(model).requires_grad_(False)

    class Followed:
        def step(self) -> None:
            for mine, its in zip(average.parameters(), model.parameters(), strict=True):
                mine.lerp_(its.detach(), 0.05)

    return k.fit(model, schedule=Followed())


@healthy("mlp-cancer")
def limited_memory_bfgs(k: Kit) -> float:
    model, rows, loss_fn = k.network(depth=1), k.rows, nn.BCEWithLogitsLoss()
    optimizer = torch.optim.LBFGS(model.parameters(), lr=0.5, max_iter=4)

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss: Tensor = loss_fn(model(rows.x), rows.y) + 1e-3 * sum(p.square().sum() for p in model.parameters())
        loss.backward()
        return loss

    with k.watch(model, optimizer, loss_fn, steps=40) as w:
        for _ in range(40):
            w.step(optimizer.step(closure))
    return usual_score(k.loop(model, optimizer=optimizer))


@healthy("mlp-digits")
def half_precision_forward(k: Kit) -> float:
    """Mixed precision as on a CPU: bfloat16 inside autocast."""

    class Mixed(nn.Module):
        def __init__(self, net: nn.Module) -> None:
            super().__init__()
            self.net = net

        def forward(self, x: Tensor) -> Tensor:
            with torch.autocast("cpu", dtype=torch.bfloat16):
                return self.net(x).float()

    return k.fit(Mixed(k.network()), max_steps=150)


@healthy("mlp-digits")
def loss_scaled_up(k: Kit) -> float:
    """Scaled by hand before the backward pass, gradients scaled back before the step."""
    model, rows = k.network(), k.rows
    optimizer, loss_fn = k.optimizer(model), nn.CrossEntropyLoss()
    with k.watch(model, optimizer, loss_fn, steps=200) as w:
        for _ in range(200):
            chosen = torch.randint(len(rows.x), (32,))
            x, y = rows.x[chosen], rows.y[chosen]
            optimizer.zero_grad()
            out = model(x)
            loss = loss_fn(out, y)
            (loss * 1024).backward()
            for p in model.parameters():
                p.grad /= 1024
            optimizer.step()
            w.step(loss, inputs=x, outputs=out, targets=y)
    return usual_score(k.loop(model, optimizer=optimizer))
