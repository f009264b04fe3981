"""Faults of the signal on its way: gradients that vanish or explode, units that are dead or pressed against their ends."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from benchmarks.doctor.case import Kit, fault
from benchmarks.doctor.network import Residual, mlp, weights


def he(model: nn.Module) -> nn.Module:
    """Weights drawn for ReLU."""
    for weight in weights(model):
        nn.init.kaiming_normal_(weight, nonlinearity="relu")
    return model


def chain(k: Kit, gain: float, act: type[nn.Module], depth: int = 50) -> nn.Sequential:
    """Many square layers, each an isometry times the gain."""
    model = mlp(k.rows.x[0].numel(), k.rows.outputs, width=32, depth=depth, act=act)
    for layer in model:
        if isinstance(layer, nn.Linear):
            nn.init.orthogonal_(layer.weight, gain=gain if layer.in_features == layer.out_features else 1.0)
            nn.init.zeros_(layer.bias)
    return model


@fault("vanishing-gradient", over=("mlp-digits", "cnn-digits", "mlp-housing"))
def many_sigmoid_layers(k: Kit) -> float:
    depth = 5 if k.ground.name.startswith("cnn") else k.by_seed(8, 7, 9)
    if k.repaired:
        return k.fit(he(k.network(depth=depth, act=nn.ReLU)))
    return k.fit(k.network(depth=depth, act=nn.Sigmoid))


@fault("vanishing-gradient", over=("mlp-mnist", "mlp-housing", "cnn-even"))
def sigmoid_layers_with_descent(k: Kit) -> float:
    depth = k.by_seed(5, 4, 5)
    model = k.network(depth=depth, act=nn.ReLU if k.repaired else nn.Sigmoid)
    for weight in weights(model):
        nn.init.xavier_normal_(weight)
    return k.fit(model, optimizer=k.sgd(model))


@fault("vanishing-gradient", "init-too-small", over=("mlp-digits", "mlp-cancer", "mlp-housing"))
def fifty_layers_of_nine_tenths(k: Kit) -> float:
    model = chain(k, 1.0 if k.repaired else 0.9, nn.Identity if k.seed % 2 else nn.Tanh)
    return k.fit(model, optimizer=k.sgd(model, 0.01), max_steps=150)


@fault("vanishing-gradient", over=("rnn-recall", "rnn2-recall"))
def recurrence_of_eight_tenths(k: Kit) -> float:
    model = k.network()
    for name, parameter in model.rnn.named_parameters():
        if name.startswith("weight_hh"):
            nn.init.orthogonal_(parameter, gain=0.8)
        elif name.startswith("bias"):
            nn.init.zeros_(parameter)
    if k.repaired:  # a recurrence that keeps its memory: isometry without bends
        model.rnn.nonlinearity = "relu"
        model.rnn.mode = "RNN_RELU"
        for name, parameter in model.rnn.named_parameters():
            if name.startswith("weight_hh"):
                nn.init.eye_(parameter)
            elif name.startswith("weight_ih"):
                nn.init.normal_(parameter, std=0.05)
    return k.fit(model, batch=32, epochs=4)


@fault("vanishing-gradient", "init-too-small", over=("mlp-digits", "mlp-mnist", "mlp-cancer"))
def deep_relu_of_small_gain(k: Kit) -> float:
    """Thirty ReLU layers drawn by Xavier: the signal's square halves at each."""
    model = mlp(k.rows.x[0].numel(), k.rows.outputs, width=32, depth=30)
    for weight in weights(model):
        nn.init.xavier_normal_(weight)
    for layer in model.modules():
        if isinstance(layer, nn.Linear):
            nn.init.zeros_(layer.bias)
    return k.fit(he(model) if k.repaired else model, optimizer=k.sgd(model, 0.005), max_steps=200)


@fault("exploding-gradient", "init-too-large", over=("mlp-digits", "mlp-cancer", "mlp-housing"))
def fifty_layers_of_eleven_tenths(k: Kit) -> float:
    model = chain(k, 1.0 if k.repaired else 1.1, nn.Identity)
    return k.fit(model, optimizer=k.sgd(model, 0.002), max_steps=150)


@fault("exploding-gradient", "init-too-large", over=("rnn-waves", "rnn-sms"))
def recurrence_above_one(k: Kit) -> float:
    model = k.network()
    model.rnn.nonlinearity, model.rnn.mode = "relu", "RNN_RELU"
    for name, parameter in model.rnn.named_parameters():
        if name.startswith("weight_hh"):
            nn.init.eye_(parameter)
            parameter.data *= 1.0 if k.repaired else k.by_seed(1.4, 1.5, 1.6)
        elif name.startswith("weight_ih"):
            nn.init.normal_(parameter, std=0.1)
    return k.fit(model, batch=32)


class Tower(nn.Module):
    """Residual blocks one on the other."""

    def __init__(self, inputs: int, outputs: int, depth: int, *, norm: bool) -> None:
        super().__init__()
        self.stem = nn.Linear(inputs, 32)
        self.blocks = nn.Sequential(*[Residual(32, norm=norm) for _ in range(depth)])
        self.head = nn.Linear(32, outputs)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.blocks(self.stem(x.flatten(1))))


@fault("exploding-gradient", "init-too-large", over=("mlp-digits", "mlp-housing", "mlp-mnist"))
def residual_blocks_without_norm(k: Kit) -> float:
    model = Tower(k.rows.x[0].numel(), k.rows.outputs, 18, norm=k.repaired)
    for block in model.blocks:
        nn.init.kaiming_normal_(block.up.weight)
        nn.init.kaiming_normal_(block.down.weight)
    return k.fit(model, optimizer=k.sgd(model, 1e-3), max_steps=150)


@fault("dead-relu", over=("mlp-digits", "cnn-digits", "mlp-housing"))
def negative_biases(k: Kit) -> float:
    model = k.network(depth=3)
    if not k.repaired:
        for layer in model.modules():
            if hidden(layer):
                nn.init.constant_(layer.bias, k.by_seed(-3.0, -5.0, -2.0))
    return k.fit(model)


def hidden(layer: nn.Module) -> bool:
    """A layer with more outputs than any head here."""
    return (isinstance(layer, nn.Linear) and layer.out_features > 10) or isinstance(layer, nn.Conv2d)


@fault("dead-relu", "lr-too-high", over=("mlp-digits", "cnn-mnist", "mlp-housing"))
def killed_by_one_step(k: Kit) -> float:
    model = k.network(depth=3)
    rate = 0.003 if k.repaired else k.by_seed(0.3, 0.3, 0.5)
    return k.fit(model, optimizer=torch.optim.Adam(model.parameters(), lr=rate))


@fault("dead-relu", over=("mlp-mnist", "mlp-cancer", "mlp-digits"))
def weights_all_negative(k: Kit) -> float:
    """Drawn from -1 to 0 where inputs are positive: the mistake of one sign."""
    model = k.network()
    first = next(m for m in model.modules() if isinstance(m, nn.Linear))
    bound = first.in_features**-0.5
    nn.init.uniform_(first.weight, -bound, bound if k.repaired else 0.0)
    return k.fit(model, prepare=lambda x: x - x.min())


@fault("saturated-activation", "init-too-large", over=("mlp-digits", "mlp-cancer", "mlp-mnist"))
def wide_weights_before_tanh(k: Kit) -> float:
    model = k.network(depth=3, act=nn.Tanh)
    for weight in weights(model)[:-1]:
        if k.repaired:
            nn.init.xavier_normal_(weight)
        else:
            nn.init.normal_(weight, std=1.0)
    return k.fit(model)


@fault("saturated-activation", over=("mlp-digits", "cnn-digits", "mlp-cancer"))
def biases_at_the_end_of_sigmoid(k: Kit) -> float:
    model = k.network(act=nn.Sigmoid)
    for layer in model.modules():
        if hidden(layer) and not k.repaired:
            nn.init.constant_(layer.bias, k.by_seed(8.0, -8.0, 6.0))
    return k.fit(model)


@fault("saturated-activation", "init-too-large", over=("lstm-digits", "gru-sms", "gru-waves"))
def gates_forced_open_or_shut(k: Kit) -> float:
    model = k.network()
    if not k.repaired:
        for name, parameter in model.rnn.named_parameters():
            if name.startswith("weight"):
                nn.init.uniform_(parameter, -6, 6)
    return k.fit(model)
