"""Faults of the loss: softmax twice, a loss that does not fit the outputs, shapes that broadcast."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from benchmarks.doctor.case import Kit, fault
from benchmarks.doctor.loop import Loop, usual_score


class Ends(nn.Module):
    """A network whose forward pass ends in one more function."""

    def __init__(self, net: nn.Module, last: str, dim: int = 1) -> None:
        super().__init__()
        self.net, self.last, self.dim = net, last, dim

    def forward(self, x: Tensor) -> Tensor:
        out = self.net(x)
        return out if not self.last else functional.softmax(out, dim=self.dim) if self.last == "softmax" else getattr(torch, self.last)(out)


def onehot(k: Kit, y: Tensor) -> Tensor:
    return functional.one_hot(y, k.rows.outputs).float()


@fault("double-softmax", over=("mlp-digits", "cnn-mnist", "gru-sms"), is_quiet=True)
def softmax_layer_before_cross_entropy(k: Kit) -> float:
    model = k.network()
    return k.fit(model if k.repaired else nn.Sequential(model, nn.Softmax(dim=1)))


@fault("double-softmax", over=("lstm-digits", "mlp-mnist", "transformer-digits"), is_quiet=True)
def softmax_in_forward(k: Kit) -> float:
    model = Ends(k.network(), "" if k.repaired else "softmax")
    return k.fit(model, loss_fn=functional.cross_entropy)


@fault("double-softmax", over=("cnn-digits", "lm-gru"))
def softmax_with_descent(k: Kit) -> float:
    model = Ends(k.network(), "" if k.repaired else "softmax", dim=-1)
    return k.fit(model, optimizer=k.sgd(model))


@fault("double-softmax", "wrong-loss-for-output", over=("mlp-cancer", "cnn-even"), is_quiet=True)
def sigmoid_before_logits_loss(k: Kit) -> float:
    model = k.network()
    model = model if k.repaired else nn.Sequential(model, nn.Sigmoid())
    return k.fit(model, epochs=k.ground.epochs // 2)


@fault("wrong-loss-for-output", "double-softmax", over=("mlp-digits", "cnn-mnist", "lstm-digits"), is_quiet=True)
def sigmoid_before_cross_entropy(k: Kit) -> float:
    model = k.network()
    return k.fit(model if k.repaired else nn.Sequential(model, nn.Sigmoid()), told=True)


@fault("wrong-loss-for-output", over=("mlp-digits", "cnn-digits", "lstm-digits"))
def class_number_as_a_regression(k: Kit) -> float:
    """One output, squared error against 0 to 9."""
    if k.repaired:
        return k.fit(k.network())
    model = nn.Sequential(k.network(), nn.Linear(10, 1))
    return k.fit(model, loss_fn=nn.MSELoss(), target=lambda y: y.float()[:, None], told=True)


@fault("wrong-loss-for-output", over=("mlp-mnist", "cnn-mnist", "transformer-digits"), is_quiet=True)
def squared_error_on_logits(k: Kit) -> float:
    model = k.network()
    if k.repaired:
        return k.fit(model, optimizer=k.sgd(model), max_steps=150)
    return k.fit(model, optimizer=k.sgd(model), loss_fn=nn.MSELoss(), target=lambda y: onehot(k, y), max_steps=150, told=True)


@fault("wrong-loss-for-output", over=("mlp-digits", "cnn-digits", "gru-sms"), is_quiet=True)
def squared_error_on_softmax(k: Kit) -> float:
    model = k.network()
    if k.repaired:
        return k.fit(model, optimizer=k.sgd(model))
    softened = nn.Sequential(model, nn.Softmax(dim=1))
    return k.fit(softened, optimizer=k.sgd(model), loss_fn=nn.MSELoss(), target=lambda y: onehot(k, y), told=True)


@fault("wrong-loss-for-output", over=("mlp-mnist", "cnn-digits", "lstm-digits"), is_quiet=True)
def binary_loss_on_softmax(k: Kit) -> float:
    model = k.network()
    if k.repaired:
        return k.fit(model, optimizer=k.sgd(model))
    softened = nn.Sequential(model, nn.Softmax(dim=1))
    return k.fit(softened, optimizer=k.sgd(model), loss_fn=nn.BCELoss(), target=lambda y: onehot(k, y), told=True)


@fault("wrong-loss-for-output", over=("mlp-cancer", "cnn-even"))
def cross_entropy_of_one_output(k: Kit) -> float:
    """The softmax of one number is 1: the loss is 0 from the start."""
    return k.fit(k.network(), loss_fn=nn.BCEWithLogitsLoss() if k.repaired else nn.CrossEntropyLoss(), told=True)


@fault("wrong-loss-for-output", over=("mlp-digits", "cnn-digits", "lstm-digits"), is_quiet=True)
def nll_on_raw_logits(k: Kit) -> float:
    model = k.network()
    return k.fit(model if not k.repaired else nn.Sequential(model, nn.LogSoftmax(dim=1)), loss_fn=nn.NLLLoss(), told=True)


@fault("wrong-loss-for-output", over=("mlp-mnist", "cnn-mnist", "gru-sms"), is_quiet=True)
def nll_on_probabilities(k: Kit) -> float:
    """The logarithm is forgotten: the loss is minus the probability."""
    model = k.network()
    last = nn.LogSoftmax(dim=1) if k.repaired else nn.Softmax(dim=1)
    return k.fit(nn.Sequential(model, last), loss_fn=nn.NLLLoss(), optimizer=k.sgd(model), told=True)


@fault("wrong-loss-for-output", over=("mlp-housing", "cnn-ink", "gru-waves"))
def sigmoid_for_unbounded_numbers(k: Kit) -> float:
    return k.fit(Ends(k.network(), "" if k.repaired else "sigmoid"), told=True)


@fault("wrong-loss-for-output", over=("mlp-housing", "gru-waves", "cnn-ink"))
def relu_for_numbers_of_both_signs(k: Kit) -> float:
    return k.fit(Ends(k.network(), "" if k.repaired else "relu"), told=True)


@fault("wrong-loss-for-output", over=("cnn-ink", "mlp-housing", "gru-waves"))
def tanh_for_numbers_up_to_ten(k: Kit) -> float:
    return k.fit(Ends(k.network(), "" if k.repaired else "tanh"), target=lambda y: 3 * y + 5, told=True, score=shifted)


def shifted(loop: Loop) -> float:
    """Explained variance where targets are three times and five more."""
    from dataclasses import replace

    moved = replace(loop.rows, y_valid=3 * loop.rows.y_valid + 5)
    return usual_score(replace(loop, rows=moved))


@fault("wrong-loss-for-output", "dead-relu", over=("mlp-digits", "cnn-mnist", "transformer-digits"))
def relu_on_logits(k: Kit) -> float:
    model = k.network()
    return k.fit(model if k.repaired else nn.Sequential(model, nn.ReLU()), told=True)


@fault("wrong-loss-for-output", over=("cnn-mnist", "mlp-digits", "transformer-digits"))
def absolute_error_on_classes(k: Kit) -> float:
    if k.repaired:
        return k.fit(k.network())
    model = nn.Sequential(k.network(), nn.Linear(10, 1))
    return k.fit(model, loss_fn=nn.L1Loss(), target=lambda y: y.float()[:, None], told=True)


@fault("wrong-loss-for-output", "double-softmax", over=("mlp-digits", "cnn-digits", "gru-sms"), is_quiet=True)
def softmax_over_the_batch(k: Kit) -> float:
    """dim=0: columns sum to 1, rows do not."""

    def loss(p: Tensor, y: Tensor) -> Tensor:
        return functional.nll_loss(torch.log(p + 1e-9), y)

    return k.fit(Ends(k.network(), "softmax", dim=1 if k.repaired else 0), loss_fn=loss, told=True)


@fault("wrong-loss-for-output", over=("mlp-digits", "cnn-mnist", "lstm-digits"), is_quiet=True)
def divergence_without_logarithm(k: Kit) -> float:
    model = k.network()
    last = nn.LogSoftmax(dim=1) if k.repaired else nn.Softmax(dim=1)
    return k.fit(
        nn.Sequential(model, last),
        loss_fn=nn.KLDivLoss(reduction="batchmean"),
        optimizer=k.sgd(model),
        target=lambda y: onehot(k, y) * 0.9 + 0.01,
        told=True,
    )


@fault("wrong-loss-for-output", over=("mlp-cancer", "cnn-even"), is_quiet=True)
def squared_error_on_a_relu_of_yes_or_no(k: Kit) -> float:
    model = k.network()
    if k.repaired:
        return k.fit(model)
    return k.fit(Ends(model, "relu"), loss_fn=nn.MSELoss(), optimizer=k.sgd(model, 0.1), told=True)


@fault("target-shape-broadcast", over=("mlp-housing", "cnn-ink", "gru-waves"))
def column_against_row(k: Kit) -> float:
    """Outputs (batch, 1), targets (batch): every prediction is compared with every target."""
    return k.fit(k.network(), target=(lambda y: y) if k.repaired else (lambda y: y[:, 0]), told=True)


@fault("target-shape-broadcast", over=("gru-waves", "mlp-housing", "cnn-ink"))
def row_against_column(k: Kit) -> float:
    """Outputs squeezed, targets a column, Huber or absolute loss."""

    class Squeezed(nn.Module):
        def __init__(self, net: nn.Module) -> None:
            super().__init__()
            self.net = net

        def forward(self, x: Tensor) -> Tensor:
            return self.net(x).squeeze(-1)

    loss = k.by_seed(nn.SmoothL1Loss(), nn.L1Loss(), nn.MSELoss())
    return k.fit(Squeezed(k.network()), loss_fn=loss, target=(lambda y: y[:, 0]) if k.repaired else (lambda y: y), told=True)


@fault("target-shape-broadcast", over=("mlp-housing", "cnn-ink", "gru-waves"))
def broadcast_in_a_loss_by_hand(k: Kit) -> float:
    """No warning of torch's here: ((prediction - target) ** 2).mean()."""

    def loss(out: Tensor, y: Tensor) -> Tensor:
        return ((out - y) ** 2).mean()

    return k.fit(k.network(), loss_fn=loss, target=(lambda y: y) if k.repaired else (lambda y: y[:, 0]), told=True)


@fault("target-shape-broadcast", over=("mlp-cancer", "cnn-even"))
def yes_or_no_broadcast(k: Kit) -> float:
    def loss(out: Tensor, y: Tensor) -> Tensor:
        return (functional.softplus(out) - out * y).mean()

    return k.fit(k.network(), loss_fn=loss, target=(lambda y: y) if k.repaired else (lambda y: y[:, 0]), told=True)
