"""Faults of the wiring: parameters that nothing trains, modes that nobody switches, gradients that nobody clears."""

from __future__ import annotations

import copy
from dataclasses import replace

import torch
from torch import Tensor, nn

from benchmarks.doctor.case import Kit, fault
from benchmarks.doctor.loop import reported
from benchmarks.doctor.network import Cnn, mlp


def head_of(model: nn.Module) -> nn.Linear:
    return [m for m in model.modules() if isinstance(m, nn.Linear)][-1]


@fault("frozen-parameters", over=("mlp-digits", "cnn-mnist", "lstm-digits"))
def only_the_head_in_the_optimiser(k: Kit) -> float:
    model = k.network()
    given = model.parameters() if k.repaired else head_of(model).parameters()
    return k.fit(model, optimizer=torch.optim.Adam(given, lr=k.ground.rate))


@fault("frozen-parameters", over=("mlp-mnist", "cnn-digits", "gru-sms"))
def asks_for_no_gradient_one_layer_too_far(k: Kit) -> float:
    """Everything but the last bias is frozen by an index that is off."""
    model = k.network()
    if not k.repaired:
        for parameter in list(model.parameters())[:-1]:
            parameter.requires_grad_(False)
    return k.fit(model, optimizer=torch.optim.Adam(model.parameters(), lr=k.ground.rate))


class Listed(nn.Module):
    """Layers kept in a plain list, which a module does not look into."""

    def __init__(self, inputs: int, outputs: int, width: int, *, registered: bool) -> None:
        super().__init__()
        layers = [nn.Linear(inputs, width), nn.Linear(width, width), nn.Linear(width, width)]
        self.layers = nn.ModuleList(layers) if registered else layers
        self.out = nn.Linear(width, outputs)

    def forward(self, x: Tensor) -> Tensor:
        x = x.flatten(1)
        for layer in self.layers:
            x = torch.relu(layer(x))
        return self.out(x)


@fault("frozen-parameters", over=("mlp-digits", "mlp-housing", "mlp-mnist"))
def layers_in_a_plain_list(k: Kit) -> float:
    return k.fit(Listed(k.rows.x[0].numel(), k.rows.outputs, 32, registered=k.repaired))


class Cut(nn.Module):
    """Two halves; the way back from the second to the first is cut."""

    def __init__(self, first: nn.Module, second: nn.Module, how: str) -> None:
        super().__init__()
        self.first, self.second, self.how = first, second, how

    def forward(self, x: Tensor) -> Tensor:
        if self.how == "no_grad":
            with torch.no_grad():
                h = self.first(x)
        else:
            h = self.first(x)
        return self.second(h.detach() if self.how == "detach" else h.data if self.how == "data" else h)


@fault("frozen-parameters", over=("mlp-digits", "mlp-cancer", "mlp-mnist"))
def detached_in_the_middle(k: Kit) -> float:
    inputs = k.rows.x[0].numel()
    first = nn.Sequential(mlp(inputs, 4, width=32), nn.Tanh())
    return k.fit(Cut(first, mlp(4, k.rows.outputs, width=32, depth=1), "" if k.repaired else k.by_seed("detach", "data", "no_grad")))


@fault("frozen-parameters", over=("cnn-digits", "cnn-mnist"))
def convolutions_under_no_grad(k: Kit) -> float:
    side = 8 if k.ground.name == "cnn-digits" else 14
    trunk = nn.Sequential(Cnn(side, 6, depth=2), nn.Tanh())
    return k.fit(Cut(trunk, nn.Linear(6, 10), "" if k.repaired else k.by_seed("no_grad", "detach", "data")))


@fault("frozen-parameters", over=("mlp-digits", "cnn-digits", "gru-sms"))
def optimiser_made_before_the_head_was_replaced(k: Kit) -> float:
    model = k.network()
    optimizer = torch.optim.Adam(model.parameters(), lr=k.ground.rate)
    if isinstance(model, nn.Sequential):
        model[-1] = nn.Linear(model[-1].in_features, model[-1].out_features)
        model[-3] = nn.Linear(model[-3].in_features, model[-3].out_features)
    elif isinstance(model, Cnn):
        model.head = nn.Linear(model.head.in_features, model.head.out_features)
        model.conv[1] = nn.Conv2d(model.conv[1].in_channels, model.conv[1].out_channels, 3, padding=1)
    else:
        model.fc = nn.Linear(model.fc.in_features, model.fc.out_features)
        model.embed = nn.Embedding(800, 24)
    if k.repaired:
        optimizer = torch.optim.Adam(model.parameters(), lr=k.ground.rate)
    return k.fit(model, optimizer=optimizer)


@fault("frozen-parameters", over=("mlp-cancer", "lstm-digits", "cnn-even"))
def optimiser_of_another_copy(k: Kit) -> float:
    """The model was copied after the optimiser had been made: the copy is never stepped."""
    first = k.network()
    optimizer = torch.optim.Adam(first.parameters(), lr=k.ground.rate)
    return k.fit(first if k.repaired else copy.deepcopy(first), optimizer=optimizer)


@fault("forgot-zero-grad", over=("mlp-digits", "cnn-mnist", "lstm-digits"))
def gradients_never_cleared(k: Kit) -> float:
    model = k.network()
    return k.fit(model, optimizer=k.sgd(model), zero="before" if k.repaired else "never")


@fault("forgot-zero-grad", over=("mlp-housing", "gru-sms", "cnn-even"))
def gradients_never_cleared_under_adam(k: Kit) -> float:
    model = k.network()
    return k.fit(model, optimizer=torch.optim.Adam(model.parameters(), lr=5e-3), zero="after" if k.repaired else "never")


@fault("forgot-zero-grad", over=("mlp-mnist", "cnn-digits"))
def gradients_cleared_once_an_epoch(k: Kit) -> float:
    model = k.network()
    return k.fit(model, optimizer=k.sgd(model), zero="before" if k.repaired else "epoch")


@fault("forgot-eval", over=("mlp-digits", "cnn-mnist", "mlp-housing"))
def validated_with_dropout_on(k: Kit) -> float:
    model = k.network(drop=0.5)
    return k.fit(model, validation="eval" if k.repaired else "train", score=reported)


@fault("forgot-eval", over=("cnn-digits", "mlp-cancer", "resnet-digits"), is_quiet=True)
def validated_with_batch_norm_training(k: Kit) -> float:
    model = k.network() if k.ground.name.startswith("resnet") else k.network(norm="batch")
    rows = replace(k.rows, x_valid=k.rows.x_valid[:150], y_valid=k.rows.y_valid[:150])
    return k.fit(model, rows=rows, validation="eval" if k.repaired else "train", score=reported)


@fault("forgot-train", over=("mlp-digits", "cnn-mnist", "gru-sms"), is_quiet=True)
def never_back_to_training_with_dropout(k: Kit) -> float:
    model = k.network(drop=0.4)
    return k.fit(model, validation="eval" if k.repaired else "stay")


@fault("forgot-train", over=("cnn-digits", "mlp-housing", "resnet-digits"), is_quiet=True)
def never_back_to_training_with_batch_norm(k: Kit) -> float:
    model = k.network() if k.ground.name.startswith("resnet") else k.network(norm="batch")
    return k.fit(model, validation="eval" if k.repaired else "stay")


@fault("batchnorm-tiny-batch", over=("mlp-digits", "mlp-cancer", "mlp-housing"))
def batch_norm_over_two_rows(k: Kit) -> float:
    model = k.network(norm="layer" if k.repaired else "batch")
    return k.fit(model, rows=k.rows.fewer(418 if k.ground.name == "mlp-cancer" else 700), batch=2, epochs=1)


@fault("batchnorm-tiny-batch", over=("mlp-mnist", "mlp-digits"))
def batch_norm_over_three_rows(k: Kit) -> float:
    model = k.network(norm="batch")
    rows = k.rows.fewer(396)
    return k.fit(model, rows=rows, batch=33 if k.repaired else 3, epochs=12 if k.repaired else 3)


class NormedHead(nn.Module):
    """Convolutions, a linear layer, then a batch norm that has only the rows to average over."""

    def __init__(self, side: int, outputs: int, *, norm: type[nn.Module]) -> None:
        super().__init__()
        self.side, self.conv = side, nn.Conv2d(1, 8, 3, padding=1, stride=2)
        self.fc, self.norm, self.head = nn.Linear(8 * (side // 2) ** 2, 24), norm(24), nn.Linear(24, outputs)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.relu(self.conv(x.reshape(-1, 1, self.side, self.side)))
        return self.head(torch.relu(self.norm(self.fc(x.flatten(1)))))


@fault("batchnorm-tiny-batch", over=("cnn-digits", "cnn-mnist", "cnn-ink"))
def batch_norm_over_two_images(k: Kit) -> float:
    norm = nn.LayerNorm if k.repaired else nn.BatchNorm1d
    model = NormedHead(14 if k.ground.name == "cnn-mnist" else 8, k.rows.outputs, norm=norm)
    return k.fit(model, rows=k.rows.fewer(700), batch=2, epochs=1)
