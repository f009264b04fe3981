"""Faults of the step: rates, schedules, momentum, warm-up."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import nn
from torch.optim.lr_scheduler import ExponentialLR, LambdaLR

from benchmarks.doctor.case import Kit, fault
from benchmarks.doctor.data import Rows
from benchmarks.doctor.network import Attentive


@fault("lr-too-high", "nan-inf", over=("mlp-mnist", "cnn-mnist", "cnn-digits"))
def descent_at_ten(k: Kit) -> float:
    """The documents' third experiment: plain descent, rate 10."""
    model = k.network()
    return k.fit(model, optimizer=k.sgd(model, 0.1 if k.repaired else 10.0, momentum=0.0))


@fault("lr-too-high", over=("mlp-digits", "lstm-digits", "cnn-even"))
def adam_at_a_tenth(k: Kit) -> float:
    model = k.network(depth=3) if not k.ground.name.startswith("lstm") else k.network()
    rate = k.ground.rate if k.repaired else k.by_seed(0.2, 0.3, 0.15)
    return k.fit(model, optimizer=torch.optim.Adam(model.parameters(), lr=rate))


@fault("lr-too-high", "missing-warmup", over=("transformer-digits", "lm-transformer"))
def adam_too_fast_for_attention(k: Kit) -> float:
    model = k.network(depth=2)
    rate = 2e-3 if k.repaired else k.by_seed(0.1, 0.08, 0.15)
    return k.fit(model, optimizer=torch.optim.Adam(model.parameters(), lr=rate), batch=32, max_steps=120)


@fault("lr-too-high", "nan-inf", "exploding-gradient", over=("mlp-housing", "cnn-ink", "gru-waves"))
def squared_error_diverges(k: Kit) -> float:
    model = k.network()
    rate = k.ground.sgd_rate if k.repaired else (2.0 if k.ground.name.startswith("gru") else k.by_seed(1.0, 0.7, 1.5))
    return k.fit(model, optimizer=k.sgd(model, rate))


@fault("lr-too-high", "oscillating-loss", over=("mlp-digits", "cnn-digits", "resnet-digits"))
def momentum_of_ninety_nine(k: Kit) -> float:
    """Momentum raised from .9 without lowering the rate: ten times the step."""
    model = k.network()
    rate = k.by_seed(0.15, 0.1, 0.2)
    return k.fit(model, optimizer=k.sgd(model, rate / 2 if k.repaired else rate * 2, momentum=0.5 if k.repaired else 0.99))


@fault("lr-too-high", over=("mlp-digits", "cnn-mnist", "gru-sms"))
def rate_grows_each_step(k: Kit) -> float:
    """A schedule that multiplies by more than 1."""
    model = k.network()
    optimizer = torch.optim.Adam(model.parameters(), lr=k.ground.rate)
    schedule = ExponentialLR(optimizer, 0.995 if k.repaired else k.by_seed(1.05, 1.04, 1.08))
    return k.fit(model, optimizer=optimizer, schedule=schedule)


@fault("lr-too-high", "nan-inf", over=("mlp-housing", "gru-waves"))
def line_beyond_its_limit(k: Kit) -> float:
    """A rate above 2 over the largest curvature: each step overshoots the valley by more than the last."""
    model = k.network(depth=0) if k.ground.name == "mlp-housing" else nn.Sequential(nn.Flatten(), nn.Linear(20, 1))
    rate = 0.05 if k.ground.name == "mlp-housing" else 0.01
    return k.fit(model, optimizer=k.sgd(model, rate if k.repaired else rate * 25, momentum=0.0), batch=256, epochs=10)


@fault("lr-too-high", over=("mlp-digits", "cnn-digits"))
def fine_tuning_with_a_first_rate(k: Kit) -> float:
    """Weights that know the task already are trained on at a rate that throws them away."""
    model = k.network()
    pretrain(model, k.rows)
    rate = 3e-4 if k.repaired else k.by_seed(0.2, 0.15, 0.3)
    return k.fit(model, optimizer=torch.optim.Adam(model.parameters(), lr=rate), epochs=3)


def pretrain(model: nn.Module, rows: Rows, steps: int = 150) -> None:
    """Train the network beforehand, unwatched."""
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    model.train()
    for _ in range(steps):
        chosen = torch.randint(len(rows.x), (64,))
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(rows.x[chosen]), rows.y[chosen]).backward()
        optimizer.step()


@fault("lr-too-low", over=("mlp-digits", "cnn-mnist", "gru-waves"))
def descent_at_a_millionth(k: Kit) -> float:
    model = k.network()
    rate = k.ground.sgd_rate if k.repaired else k.by_seed(1e-6, 1e-5, 1e-5)
    return k.fit(model, optimizer=k.sgd(model, rate))


@fault("lr-too-low", over=("mlp-housing", "lstm-digits", "transformer-sms"))
def adam_at_a_millionth(k: Kit) -> float:
    model = k.network()
    rate = k.ground.rate if k.repaired else k.by_seed(1e-6, 1e-7, 3e-6)
    return k.fit(model, optimizer=torch.optim.Adam(model.parameters(), lr=rate))


@fault("lr-too-low", "stale-scheduler", over=("mlp-digits", "cnn-digits", "lm-gru"))
def epoch_decay_stepped_each_batch(k: Kit) -> float:
    """Gamma .7 is meant for epochs; after 40 batches the rate is a millionth of what it was."""
    model = k.network()
    optimizer = torch.optim.Adam(model.parameters(), lr=k.ground.rate)
    schedule = ExponentialLR(optimizer, k.by_seed(0.7, 0.8, 0.6))
    return k.fit(model, optimizer=optimizer, **{"schedule_epoch" if k.repaired else "schedule": schedule})


@fault("lr-too-low", over=("mlp-mnist", "transformer-digits"))
def warmup_longer_than_the_training(k: Kit) -> float:
    model = k.network()
    optimizer = torch.optim.Adam(model.parameters(), lr=k.ground.rate)
    warm = 20 if k.repaired else 200_000
    return k.fit(model, optimizer=optimizer, schedule=LambdaLR(optimizer, lambda n: min(1.0, (n + 1) / warm)))


class UncorrectedAdam(torch.optim.Optimizer):
    """Adam written from memory: the moments start at 0 and nobody corrects for it."""

    def __init__(
        self, parameters: Iterable[nn.Parameter], lr: float, *, corrected: bool, betas: tuple[float, float] = (0.9, 0.999)
    ) -> None:
        super().__init__(parameters, {"lr": lr, "betas": betas, "eps": 1e-8})
        self.corrected = corrected

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        for group in self.param_groups:
            b1, b2 = group["betas"]
            for p in group["params"]:
                if p.grad is None:
                    continue
                state = self.state[p]
                if not state:
                    state["m"], state["v"], state["t"] = torch.zeros_like(p), torch.zeros_like(p), 0
                state["t"] += 1
                state["m"].mul_(b1).add_(p.grad, alpha=1 - b1)
                state["v"].mul_(b2).addcmul_(p.grad, p.grad, value=1 - b2)
                m, v = state["m"], state["v"]
                if self.corrected:
                    m, v = m / (1 - b1 ** state["t"]), v / (1 - b2 ** state["t"])
                p.addcdiv_(m, v.sqrt().add_(group["eps"]), value=-group["lr"])


@fault("missing-warmup", "lr-too-high", over=("transformer-digits", "mlp-digits", "lstm-digits"))
def adam_without_bias_correction(k: Kit) -> float:
    """Steps over 3 times too long at first, longer with a slower second moment."""
    model = k.network(depth=2)
    rate = {"transformer-digits": 1e-2, "mlp-digits": 2e-2, "lstm-digits": 2e-2}[k.ground.name]
    optimizer = UncorrectedAdam(model.parameters(), rate, corrected=k.repaired, betas=(0.9, 0.9999))
    return k.fit(model, optimizer=optimizer, max_steps=150)


@fault("missing-warmup", "lr-too-high", over=("transformer-digits", "transformer-sms"))
def norm_after_attention_without_warmup(k: Kit) -> float:
    rows = k.rows
    shape = {"tokens": 20, "vocab": 800} if k.ground.name == "transformer-sms" else {"tokens": 8, "inputs": 8}
    model = Attentive(rows.outputs, **shape, width=32, depth=4, norm_first=False)
    optimizer = torch.optim.Adam(model.parameters(), lr=k.by_seed(1e-2, 8e-3, 1.2e-2))
    warm = 80 if k.repaired else 1
    return k.fit(model, optimizer=optimizer, schedule=LambdaLR(optimizer, lambda n: min(1.0, (n + 1) / warm)), batch=32, max_steps=120)


@fault("oscillating-loss", "lr-too-high", over=("mlp-housing", "mlp-digits", "cnn-ink"))
def steps_across_the_valley(k: Kit) -> float:
    """All rows in one batch at a rate at the edge: the loss goes up and down for ever."""
    model = k.network()
    rate = {"mlp-housing": 0.9, "cnn-ink": 0.5, "mlp-digits": 1.3}[k.ground.name]
    batch = 4000
    return k.fit(model, optimizer=k.sgd(model, rate / 8 if k.repaired else rate, momentum=0.0), batch=batch, epochs=120, validation="none")


@fault("oscillating-loss", "lr-too-high", over=("cnn-digits", "mlp-mnist", "lstm-digits"))
def adam_with_a_short_memory(k: Kit) -> float:
    model = k.network()
    rate = k.ground.rate if k.repaired else k.ground.rate * k.by_seed(25, 20, 30)
    betas = (0.9, 0.999) if k.repaired else (0.0, 0.5)
    return k.fit(model, optimizer=torch.optim.Adam(model.parameters(), lr=rate, betas=betas))
