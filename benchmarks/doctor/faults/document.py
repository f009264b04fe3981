"""The experiments of the documents that Assay was asked to show: five on MNIST, and the table of first weights."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from benchmarks.doctor.case import Kit, fault, healthy


class SimpleNN(nn.Module):
    """784, a hidden layer of 128, 10: weights from He, Xavier or all zero, biases zero."""

    def __init__(self, activation: nn.Module, init: str) -> None:
        super().__init__()
        self.flatten, self.fc1, self.activation, self.fc2 = nn.Flatten(), nn.Linear(784, 128), activation, nn.Linear(128, 10)
        for layer in (self.fc1, self.fc2):
            nn.init.zeros_(layer.bias)
            if init == "he":
                nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
            elif init == "xavier":
                nn.init.xavier_normal_(layer.weight)
            else:
                nn.init.zeros_(layer.weight)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc2(self.activation(self.fc1(self.flatten(x))))


@healthy("mlp-mnist")
def experiment_1_correct_setup(k: Kit) -> float:
    return k.fit(SimpleNN(nn.ReLU(), "he"), batch=64)


@fault("symmetric-init", "loss-stuck-at-prior", over=("mlp-mnist",))
def experiment_2_zero_initialisation(k: Kit) -> float:
    return k.fit(SimpleNN(nn.ReLU(), "he" if k.repaired else "zeros"), batch=64)


@fault("lr-too-high", "nan-inf", over=("mlp-mnist",))
def experiment_3_rate_of_ten(k: Kit) -> float:
    model = SimpleNN(nn.ReLU(), "he")
    return k.fit(model, optimizer=torch.optim.SGD(model.parameters(), lr=0.05 if k.repaired else 10.0), batch=64)


@healthy("mlp-mnist")
def experiment_4_sigmoid_in_a_shallow_network(k: Kit) -> float:
    """Slower than ReLU, and nothing is wrong with it."""
    return k.fit(SimpleNN(nn.Sigmoid(), "xavier"), batch=64)


@fault("symmetric-init", "loss-stuck-at-prior", over=("mlp-mnist",))
def war_story_of_zeros_in_a_yes_or_no_network(k: Kit) -> float:
    """The loss stayed at .69: every weight had been set to 0."""
    model = nn.Sequential(nn.Flatten(), nn.Linear(784, 64), nn.ReLU(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 1))
    if not k.repaired:
        for parameter in model.parameters():
            nn.init.zeros_(parameter)
    return k.fit(
        model,
        optimizer=torch.optim.Adam(model.parameters(), lr=1e-3),
        loss_fn=nn.BCEWithLogitsLoss(),
        target=lambda y: (y == 3).float()[:, None],
        score=lambda loop: -float(nn.functional.binary_cross_entropy_with_logits(model(loop.rows.x_valid), loop.target(loop.rows.y_valid))),
    )


def ten_layers(k: Kit, gain: float) -> float:
    from benchmarks.doctor.network import mlp, weights

    model = mlp(784, 10, width=64, depth=9)
    for weight in weights(model):
        nn.init.normal_(weight, std=(gain / weight.shape[1]) ** 0.5)
    return k.fit(model, batch=64)


@healthy("mlp-mnist")
def ten_layers_from_he(k: Kit) -> float:
    return ten_layers(k, 2.0)


@fault("symmetric-init", over=("mlp-mnist",))
def ten_layers_of_zeros(k: Kit) -> float:
    return ten_layers(k, 2.0 if k.repaired else 0.0)
