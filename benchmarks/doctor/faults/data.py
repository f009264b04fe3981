"""Faults of the data: their order, their scale, their labels, and how much of them there is for how large a network."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor, nn

from benchmarks.doctor import data
from benchmarks.doctor.case import Kit, fault
from benchmarks.doctor.data import Rows
from benchmarks.doctor.network import Rnn, mlp


def by_target(rows: Rows) -> Rows:
    """Training rows in the order of their targets."""
    order = rows.y.reshape(-1).argsort(stable=True)
    return replace(rows, x=rows.x[order], y=rows.y[order])


def moved(rows: Rows, change: Callable[[Tensor], Tensor]) -> Rows:
    """All inputs through this."""
    return replace(rows, x=change(rows.x), x_valid=change(rows.x_valid))


@fault("unshuffled-data", over=("mlp-digits", "cnn-mnist", "lstm-digits"))
def sorted_by_class(k: Kit) -> float:
    return k.fit(k.network(), rows=by_target(k.rows), order="shuffled" if k.repaired else "given", told=True)


@fault("unshuffled-data", over=("cnn-ink", "mlp-housing", "gru-waves"))
def sorted_by_value(k: Kit) -> float:
    return k.fit(k.network(), rows=by_target(k.rows), order="shuffled" if k.repaired else "given", told=True)


@fault("unshuffled-data", over=("mlp-rings", "gru-sms", "cnn-even"))
def one_class_after_the_other(k: Kit) -> float:
    """Two folders read one after the other."""
    model = k.network()
    return k.fit(model, rows=by_target(k.rows), optimizer=k.sgd(model), order="shuffled" if k.repaired else "given", told=True)


@fault("unnormalised-inputs", over=("mlp-mnist", "cnn-mnist"))
def raw_pixels(k: Kit) -> float:
    raw = data.mnist(raw=True, small=k.ground.name == "cnn-mnist")
    model = k.network()
    return k.fit(model, rows=k.rows if k.repaired else raw, optimizer=k.sgd(model))


@fault("unnormalised-inputs", over=("mlp-housing",))
def raw_table(k: Kit) -> float:
    """Longitude beside population: one feature in ones, another in thousands."""
    return k.fit(k.network(), rows=data.housing(raw=not k.repaired))


@fault("unnormalised-inputs", over=("mlp-cancer",))
def raw_measurements(k: Kit) -> float:
    rows = data.cancer() if k.repaired else data.cancer_raw()
    model = k.network()
    return k.fit(model, rows=rows, optimizer=k.sgd(model) if k.seed else k.optimizer(model))


@fault("unnormalised-inputs", over=("mlp-digits", "mlp-cancer", "mlp-housing"))
def one_huge_feature(k: Kit) -> float:
    """One column holds something like a time stamp."""
    scale = 1.0 if k.repaired else k.by_seed(1e4, 1e5, 3e3)

    def change(x: Tensor) -> Tensor:
        return torch.cat([x[:, :-1], x[:, -1:] * scale + (scale if scale > 1 else 0.0)], 1)

    return k.fit(k.network(), rows=moved(k.rows, change))


@fault("unnormalised-inputs", over=("mlp-digits", "cnn-digits", "gru-waves"))
def far_from_zero(k: Kit) -> float:
    """A spread of 1 around 100."""
    away = 0.0 if k.repaired else k.by_seed(100.0, 60.0, 200.0)
    model = k.network()
    return k.fit(model, rows=moved(k.rows, lambda x: x + away), optimizer=k.sgd(model))


@fault("unnormalised-inputs", "saturated-activation", over=("mlp-digits", "mlp-mnist", "mlp-cancer"))
def raw_inputs_into_tanh(k: Kit) -> float:
    model = k.network(act=k.by_seed(nn.Tanh, nn.Sigmoid, nn.Tanh))
    return k.fit(model, rows=k.rows if k.repaired else moved(k.rows, lambda x: x * 60 + 60))


@fault("unnormalised-inputs", "saturated-activation", over=("gru-waves", "lstm-digits"))
def series_in_thousands(k: Kit) -> float:
    return k.fit(k.network(), rows=k.rows if k.repaired else moved(k.rows, lambda x: x * 500 + 4000))


def mislaid(k: Kit, wrong: Callable[[Rows], Rows]) -> Rows:
    return k.rows if k.repaired else wrong(k.rows)


@fault("data-label-mismatch", over=("mlp-digits", "cnn-mnist", "gru-sms"))
def inputs_shuffled_apart_from_labels(k: Kit) -> float:
    def wrong(rows: Rows) -> Rows:
        return replace(rows, x=rows.x[torch.randperm(len(rows.x))])

    return k.fit(k.network(), rows=mislaid(k, wrong), told=True)


@fault("data-label-mismatch", over=("mlp-cancer", "lstm-digits", "cnn-digits"))
def labels_one_row_on(k: Kit) -> float:
    """A header line was skipped in one of two files."""
    return k.fit(k.network(), rows=mislaid(k, lambda rows: replace(rows, y=rows.y.roll(1, 0))), told=True)


@fault("data-label-mismatch", over=("mlp-housing", "cnn-ink", "gru-waves"))
def numbers_joined_by_the_wrong_key(k: Kit) -> float:
    def wrong(rows: Rows) -> Rows:
        return replace(rows, y=rows.y[torch.randperm(len(rows.y))])

    return k.fit(k.network(), rows=mislaid(k, wrong), told=True)


@fault("data-label-mismatch", over=("mlp-mnist", "transformer-sms"))
def shuffled_inside_each_batch(k: Kit) -> float:
    """Augmentation draws a new order of the images and forgets the labels."""
    return k.fit(k.network(), prepare=lambda x: x if k.repaired else x[torch.randperm(len(x))], told=True)


@fault("loss-stuck-at-prior", "unnormalised-inputs", over=("mlp-mnist", "cnn-mnist", "mlp-digits"))
def scaled_down_twice(k: Kit) -> float:
    """Divided by 255 once in the data set and once more in the loop."""
    model = k.network()
    return k.fit(model, optimizer=k.sgd(model), prepare=lambda x: x if k.repaired else x / 255 / 10)


@fault("loss-stuck-at-prior", "data-label-mismatch", over=("mlp-digits", "cnn-digits", "lstm-digits"))
def inputs_blank(k: Kit) -> float:
    """The loader fills every row with the same image."""
    return k.fit(k.network(), prepare=lambda x: x if k.repaired else k.rows.x[:1].expand_as(x).clone(), told=True)


class Pooled(nn.Module):
    """Pools over an axis: features if right, the batch if wrong."""

    def __init__(self, net: nn.Module, outputs: int, *, over_batch: bool) -> None:
        super().__init__()
        self.net, self.head, self.over_batch = net, nn.Linear(outputs, outputs), over_batch

    def forward(self, x: Tensor) -> Tensor:
        h = torch.relu(self.net(x))
        return self.head(h.mean(0, keepdim=True).expand_as(h) if self.over_batch else h)


@fault("loss-stuck-at-prior", "data-label-mismatch", "rank-collapse", over=("mlp-digits", "cnn-mnist", "gru-sms"))
def pooled_over_the_batch(k: Kit) -> float:
    return k.fit(Pooled(k.network(), k.rows.outputs, over_batch=not k.repaired), told=True)


@fault("overfitting", over=("mlp-digits", "cnn-mnist", "gru-sms"))
def few_rows_and_many_epochs(k: Kit) -> float:
    n = k.by_seed(60, 80, 100)
    model = k.network()
    rows = k.rows if k.repaired else k.rows.fewer(n)
    optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
    return k.fit(model, rows=rows, optimizer=optimizer, batch=20 if not k.repaired else 64, epochs=6 if k.repaired else 50)


@fault("overfitting", over=("mlp-housing", "mlp-mnist", "transformer-sms"))
def wide_network_on_few_rows(k: Kit) -> float:
    model = k.network(width=128 if k.ground.name.startswith("mlp") else 32)
    rows = k.rows if k.repaired else k.rows.fewer(k.by_seed(60, 50, 80))
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    return k.fit(model, rows=rows, optimizer=optimizer, batch=64 if k.repaired else 16, epochs=5 if k.repaired else 45)


@fault("overfitting", over=("mlp-cancer", "mlp-digits", "cnn-digits"))
def labels_learned_by_heart(k: Kit) -> float:
    """A third of the labels is wrong, and the network is large enough to learn them too."""
    rows = k.rows.fewer(300)
    flipped = torch.rand(len(rows.y)) < 0.33
    y = rows.y.clone()
    y[flipped] = 1 - y[flipped] if rows.kind == "binary" else torch.randint(10, (int(flipped.sum()),))
    optimizer_rate = 3e-3
    model = k.network(width=32 if k.ground.name.startswith("cnn") else 160)
    optimizer = torch.optim.Adam(model.parameters(), lr=optimizer_rate)
    return k.fit(model, rows=replace(rows, y=y), optimizer=optimizer, batch=32, epochs=3 if k.repaired else 30)


@fault("underfitting", "loss-stuck-at-prior", over=("mlp-rings",))
def line_between_rings(k: Kit) -> float:
    return k.fit(k.network(depth=2 if k.repaired else 0), told=True)


@fault("underfitting", over=("mlp-digits", "mlp-housing", "mlp-mnist"))
def neck_of_one_unit(k: Kit) -> float:
    inputs, outputs = k.rows.x[0].numel(), k.rows.outputs
    model = mlp(inputs, outputs, width=32 if k.repaired else 1, depth=2, act=nn.Tanh)
    return k.fit(model, told=True, epochs=k.ground.epochs + 2)


@fault("underfitting", over=("lstm-digits", "lm-gru"))
def memory_of_two_numbers(k: Kit) -> float:
    if k.ground.name == "lm-gru":
        return k.fit(Rnn("gru", 24, 65, vocab=65, every=True, width=32 if k.repaired else 2), told=True)
    return k.fit(Rnn("lstm", 8, 10, width=32 if k.repaired else 1), told=True)


@fault("underfitting", "loss-stuck-at-prior", over=("cnn-digits", "cnn-mnist"))
def one_channel_and_a_wide_pool(k: Kit) -> float:
    side = 8 if k.ground.name == "cnn-digits" else 14
    width, places = (8, 4) if k.repaired else (1, 1)
    net = nn.Sequential(
        nn.Flatten(),
        nn.Unflatten(1, (1, side, side)),
        nn.Conv2d(1, width, 3, padding=1),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(places),
        nn.Flatten(),
        nn.Linear(width * places**2, 10),
    )
    return k.fit(net, told=True)
