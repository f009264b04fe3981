"""Faults of the first weights: all alike, far too large, far too small."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from benchmarks.doctor.case import Kit, fault
from benchmarks.doctor.faults.signal import he
from benchmarks.doctor.network import mlp, weights


def fill(model: nn.Module, value: float) -> nn.Module:
    """Every weight this one number, biases 0."""
    for parameter in model.parameters():
        nn.init.constant_(parameter, value if parameter.dim() > 1 else 0.0)
    return model


def spread(model: nn.Module, std: float) -> nn.Module:
    """Every weight matrix from one normal, biases 0."""
    for parameter in model.parameters():
        if parameter.dim() > 1:
            nn.init.normal_(parameter, std=std)
        else:
            nn.init.zeros_(parameter)
    return model


@fault("symmetric-init", over=("mlp-digits", "cnn-mnist", "lstm-digits"))
def weights_of_zero(k: Kit) -> float:
    model = k.network()
    return k.fit(model if k.repaired else fill(model, 0.0))


@fault("symmetric-init", over=("mlp-cancer", "cnn-digits", "mlp-digits"))
def weights_of_one_number(k: Kit) -> float:
    model = k.network()
    return k.fit(model if k.repaired else fill(model, k.by_seed(0.05, 0.1, 0.01)))


@fault("symmetric-init", over=("mlp-mnist", "mlp-housing", "gru-sms"))
def rows_copied_from_the_first(k: Kit) -> float:
    """Each unit of every hidden layer starts as a copy of its first."""
    model = k.network()
    if not k.repaired:
        with torch.no_grad():
            for weight in weights(model)[:-1] if k.ground.name != "gru-sms" else [*model.rnn.parameters()]:
                weight.copy_(weight[:1].expand_as(weight).clone())
            for layer in model.modules():
                if isinstance(layer, nn.Linear) and layer.out_features > 10:
                    layer.bias.zero_()
    return k.fit(model)


@fault("init-too-large", "exploding-gradient", over=("mlp-mnist", "mlp-digits", "mlp-cancer"))
def ten_layers_from_n_0_1(k: Kit) -> float:
    """The documents' table of first weights: N(0, 1), ten layers."""
    model = he(mlp(k.rows.x[0].numel(), k.rows.outputs, width=64, depth=9))
    if not k.repaired:
        spread(model, 1.0)
    return k.fit(model, max_steps=200)


@fault("init-too-large", over=("mlp-digits", "cnn-digits", "mlp-housing"))
def shallow_from_n_0_1(k: Kit) -> float:
    model = k.network()
    return k.fit(model if k.repaired else spread(model, k.by_seed(1.0, 1.0, 2.0)))


@fault("init-too-large", over=("mlp-mnist", "cnn-mnist", "gru-sms"))
def head_too_loud(k: Kit) -> float:
    """Only the last layer is drawn wide: the first predictions are certain and wrong."""
    model = k.network()
    head = [m for m in model.modules() if isinstance(m, nn.Linear)][-1]
    if not k.repaired:
        nn.init.normal_(head.weight, std=k.by_seed(8.0, 5.0, 10.0))
    return k.fit(model)


class Tied(nn.Module):
    """A language model whose head is its embedding."""

    def __init__(self, vocab: int, width: int, std: float) -> None:
        super().__init__()
        self.wte = nn.Embedding(vocab, width)
        self.rnn = nn.GRU(width, width, batch_first=True)
        self.ln = nn.LayerNorm(width)
        self.lm_head = nn.Linear(width, vocab, bias=False)
        self.lm_head.weight = self.wte.weight
        nn.init.normal_(self.wte.weight, std=std)

    def forward(self, x: Tensor) -> Tensor:
        return self.lm_head(self.ln(self.rnn(self.wte(x))[0]))


@fault("init-too-large", over=("lm-gru",))
def tied_embedding_from_n_0_1(k: Kit) -> float:
    """Torch draws embeddings with a spread of 1; as a head that is ten times too much."""
    return k.fit(Tied(65, k.by_seed(64, 96, 128), 0.05 if k.repaired else k.by_seed(1.0, 1.0, 2.0)))


@fault("init-too-small", "vanishing-gradient", over=("mlp-mnist", "mlp-digits", "mlp-housing"))
def ten_layers_from_n_0_001(k: Kit) -> float:
    """The documents' table of first weights: N(0, .001), ten layers."""
    model = he(mlp(k.rows.x[0].numel(), k.rows.outputs, width=64, depth=9))
    if not k.repaired:
        spread(model, 0.001)
    return k.fit(model, max_steps=200)


@fault("init-too-small", over=("mlp-digits", "cnn-digits", "lstm-digits"))
def tiny_weights_with_descent(k: Kit) -> float:
    model = k.network(depth=1) if k.ground.name.startswith("lstm") else k.network(depth=3)
    if not k.repaired:
        spread(model, k.by_seed(1e-4, 1e-3, 1e-3))
    return k.fit(model, optimizer=k.sgd(model))


@fault("init-too-small", over=("mlp-housing", "cnn-ink", "gru-waves"))
def tiny_weights_of_numbers(k: Kit) -> float:
    model = k.network() if k.ground.name.startswith("gru") else k.network(depth=3)
    if not k.repaired:
        spread(model, 1e-4)
    return k.fit(model, optimizer=k.sgd(model))
