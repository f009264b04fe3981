"""Healthy: the usual trainings of every family, and the usual regularisers at strengths that people use."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor, nn

from benchmarks.doctor import data
from benchmarks.doctor.case import Kit, healthy
from benchmarks.doctor.faults.signal import Tower, he
from benchmarks.doctor.network import mlp, weights


@healthy("mlp-digits", "mlp-housing", "cnn-mnist", "lstm-digits", "gru-sms", "gru-waves", "transformer-sms", "lm-gru", "lm-transformer")
def as_it_comes(k: Kit) -> float:
    return k.fit(k.network())


@healthy("mlp-mnist", "cnn-digits", "resnet-digits", "transformer-digits", "mlp-cancer")
def descent_with_momentum(k: Kit) -> float:
    model = k.network()
    return k.fit(model, optimizer=k.sgd(model))


@healthy("mlp-digits", "mlp-mnist")
def shallow_sigmoid(k: Kit) -> float:
    return k.fit(k.network(depth=1, act=nn.Sigmoid))


@healthy("mlp-cancer", "mlp-digits")
def three_layers_of_tanh(k: Kit) -> float:
    model = k.network(depth=3, act=nn.Tanh)
    for weight in weights(model):
        nn.init.xavier_normal_(weight)
    return k.fit(model)


@healthy("mlp-digits", "cnn-mnist", "gru-sms")
def half_dropped(k: Kit) -> float:
    return k.fit(k.network(drop=0.5))


@healthy("mlp-digits", "transformer-digits")
def decay_of_a_tenth(k: Kit) -> float:
    model = k.network()
    return k.fit(model, optimizer=torch.optim.AdamW(model.parameters(), lr=k.ground.rate, weight_decay=0.1))


@healthy("mlp-mnist", "cnn-digits")
def light_decay_in_descent(k: Kit) -> float:
    model = k.network()
    return k.fit(model, optimizer=k.sgd(model, weight_decay=k.by_seed(5e-4, 1e-4, 1e-3)))


@healthy("mlp-digits", "cnn-digits", "mlp-housing")
def batch_norm_at_a_large_rate(k: Kit) -> float:
    model = k.network(norm="batch", depth=3)
    return k.fit(model, optimizer=k.sgd(model, {"mlp-housing": 0.05}.get(k.ground.name, 0.3)))


@healthy("mlp-digits", "mlp-cancer", "cnn-even")
def tiny_batches_with_layer_norm(k: Kit) -> float:
    rows = k.rows.fewer(800)
    return k.fit(k.network(norm="layer"), rows=rows, batch=k.by_seed(4, 2, 3), epochs=2)


@healthy("mlp-digits", "mlp-housing")
def one_row_a_batch(k: Kit) -> float:
    model = k.network()
    return k.fit(model, rows=k.rows.fewer(400), optimizer=torch.optim.SGD(model.parameters(), lr=0.01), batch=1, epochs=1)


@healthy("mlp-digits", "cnn-mnist", "mlp-cancer")
def three_labels_in_ten_wrong(k: Kit) -> float:
    rows = k.rows
    wrong = torch.rand(len(rows.y)) < 0.3
    y = rows.y.clone()
    y[wrong] = 1 - y[wrong] if rows.kind == "binary" else torch.randint(10, (int(wrong.sum()),))
    return k.fit(k.network(), rows=replace(rows, y=y), epochs=3)


@healthy("mlp-housing")
def large_targets(k: Kit) -> float:
    """Counts of hundreds as they are."""
    model = mlp(8, 1, width=48)
    return k.fit(model, rows=data.bike(), optimizer=torch.optim.Adam(model.parameters(), lr=0.02))


@healthy("mlp-housing")
def ordered_by_time_but_shuffled(k: Kit) -> float:
    rows = data.bike()
    rows = replace(rows, y=rows.y / 180, y_valid=rows.y_valid / 180)
    return k.fit(mlp(8, 1, width=32), rows=rows, told=True)


@healthy("mlp-housing", "mlp-cancer")
def linear_model(k: Kit) -> float:
    model = k.network(depth=0)
    return k.fit(model, optimizer=torch.optim.SGD(model.parameters(), lr=0.02))


@healthy("mlp-cancer")
def one_in_forty(k: Kit) -> float:
    """Rare positives, plain loss."""
    return k.fit(mlp(6, 1, width=32), rows=data.mammography(), batch=64, epochs=4)


@healthy("mlp-cancer")
def one_in_forty_weighted(k: Kit) -> float:
    loss = nn.BCEWithLogitsLoss(pos_weight=torch.tensor(40.0))
    return k.fit(mlp(6, 1, width=32), rows=data.mammography(), loss_fn=loss, batch=64, epochs=4)


@healthy("mlp-housing")
def noise_floor(k: Kit) -> float:
    """Half of the variance is noise; the floor is reached early and the training goes on."""
    x = torch.randn(2500, 6)
    y = x[:, :1] - 0.5 * x[:, 1:2] + torch.randn(2500, 1)
    rows = data.Rows(x[:2000], y[:2000], x[2000:], y[2000:], "numbers", 1)
    return k.fit(mlp(6, 1, width=24, depth=1), rows=rows, epochs=6)


@healthy("mlp-cancer", "mlp-digits")
def learned_to_zero(k: Kit) -> float:
    """Separable rows: the training loss goes to nothing, validation stays good."""
    model = k.network(width=64)
    return k.fit(model, optimizer=torch.optim.Adam(model.parameters(), lr=5e-3), epochs=k.ground.epochs)


@healthy("mlp-digits")
def one_batch_by_heart(k: Kit) -> float:
    """Memorised on purpose: can the network learn 32 rows at all?"""
    model = k.network()
    return k.fit(model, rows=k.rows.fewer(32), batch=32, epochs=150, validation="none")


@healthy("mlp-digits", "mlp-housing")
def first_norm_reads_raw_inputs(k: Kit) -> float:
    rows = data.digits(raw=True) if k.ground.name == "mlp-digits" else data.housing(raw=True)
    return k.fit(nn.Sequential(nn.BatchNorm1d(rows.x.shape[1]), k.network()), rows=rows)


@healthy("mlp-digits")
def pixels_from_0_to_1(k: Kit) -> float:
    raw = data.digits(raw=True)
    return k.fit(k.network(), rows=replace(raw, x=raw.x / 16, x_valid=raw.x_valid / 16))


@healthy("mlp-digits", "mlp-mnist")
def head_of_zeros(k: Kit) -> float:
    """A last layer of zeros is a good start: symmetry is broken below it."""
    model = k.network()
    nn.init.zeros_(model[-1].weight)
    nn.init.zeros_(model[-1].bias)
    return k.fit(model)


@healthy("mlp-digits", "mlp-housing")
def eighteen_residual_blocks(k: Kit) -> float:
    model = Tower(k.rows.x[0].numel(), k.rows.outputs, 18, norm=True)
    for block in model.blocks:
        nn.init.zeros_(block.down.weight)
    return k.fit(model, max_steps=200)


@healthy("mlp-mnist", "mlp-digits")
def twelve_plain_layers_from_he(k: Kit) -> float:
    return k.fit(he(k.network(depth=12)), max_steps=250)


@healthy("mlp-digits", "mlp-cancer")
def eight_layers_of_selu(k: Kit) -> float:
    model = k.network(depth=8, act=nn.SELU)
    for weight in weights(model):
        nn.init.normal_(weight, std=weight.shape[1] ** -0.5)
    return k.fit(model, max_steps=250)


@healthy("mlp-digits", "cnn-digits")
def bends_without_a_corner(k: Kit) -> float:
    return k.fit(k.network(act=k.by_seed(nn.GELU, nn.SiLU, nn.LeakyReLU), depth=3))


@healthy("mlp-digits", "mlp-rings")
def all_rows_in_one_batch(k: Kit) -> float:
    model = k.network()
    return k.fit(model, optimizer=torch.optim.Adam(model.parameters(), lr=5e-3), batch=2000, epochs=100, validation="none")


@healthy("mlp-rings")
def too_few_steps_to_be_good(k: Kit) -> float:
    """A short first try: falling still, nothing wrong."""
    return k.fit(k.network(), max_steps=70)


@healthy("mlp-digits")
def noisy_inputs(k: Kit) -> float:
    """Strong augmentation in training only: the validation loss is lower than the training loss."""
    model = k.network()

    def prepare(x: Tensor) -> Tensor:
        return x + torch.randn_like(x) if model.training else x

    return k.fit(model, prepare=prepare)


@healthy("mlp-housing", "mlp-mnist")
def huge_width(k: Kit) -> float:
    return k.fit(k.network(width=256, depth=1), max_steps=200)
