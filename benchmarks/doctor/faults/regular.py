"""Faults of restraint: too much dropout, decay and clipping."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from benchmarks.doctor.case import Kit, fault


@fault("dropout-too-high", over=("mlp-digits", "cnn-mnist", "lm-gru"))
def nine_of_ten_dropped(k: Kit) -> float:
    return k.fit(k.network(drop=0.1 if k.repaired else k.by_seed(0.9, 0.95, 0.92)))


@fault("dropout-too-high", over=("mlp-housing", "transformer-digits", "mlp-mnist"))
def dropout_of_eight_tenths_everywhere(k: Kit) -> float:
    return k.fit(k.network(depth=3, drop=0.1 if k.repaired else k.by_seed(0.85, 0.9, 0.8)), max_steps=200)


@fault("dropout-too-high", over=("lstm-digits", "cnn-digits"))
def keep_and_drop_mixed_up(k: Kit) -> float:
    """Dropout on the inputs and on the hidden layer with the share to keep in place of the share to drop."""
    share = 0.1 if k.repaired else 0.9
    model = nn.Sequential(nn.Dropout(share), k.network(drop=share))
    return k.fit(model)


@fault("weight-decay-too-strong", over=("mlp-digits", "cnn-mnist", "lstm-digits"))
def decay_in_descent(k: Kit) -> float:
    model = k.network()
    return k.fit(model, optimizer=k.sgd(model, weight_decay=1e-4 if k.repaired else k.by_seed(0.5, 0.3, 1.0)))


@fault("weight-decay-too-strong", over=("mlp-mnist", "transformer-digits", "gru-waves"))
def decoupled_decay_of_tens(k: Kit) -> float:
    model = k.network()
    decay = 0.01 if k.repaired else k.by_seed(30.0, 50.0, 40.0)
    return k.fit(model, optimizer=torch.optim.AdamW(model.parameters(), lr=k.ground.rate, weight_decay=decay))


@fault("weight-decay-too-strong", over=("mlp-housing", "cnn-digits", "gru-sms"))
def decay_through_adam(k: Kit) -> float:
    model = k.network()
    decay = 1e-5 if k.repaired else k.by_seed(0.5, 1.0, 0.3)
    return k.fit(model, optimizer=torch.optim.Adam(model.parameters(), lr=k.ground.rate, weight_decay=decay))


@fault("gradient-clipping-bites", over=("mlp-digits", "cnn-mnist", "gru-sms"))
def clipped_to_a_thousandth(k: Kit) -> float:
    model = k.network()
    return k.fit(model, optimizer=k.sgd(model), clip=5.0 if k.repaired else k.by_seed(1e-3, 3e-3, 1e-3))


@fault("gradient-clipping-bites", over=("mlp-housing", "lstm-digits", "cnn-digits"))
def numbers_clipped_to_nothing(k: Kit) -> float:
    model = k.network()
    return k.fit(model, optimizer=k.sgd(model), clip_value=1.0 if k.repaired else k.by_seed(1e-5, 3e-5, 1e-5))


@fault("gradient-clipping-bites", over=("mlp-mnist", "lm-gru"))
def clipped_before_the_gradients_are_averaged(k: Kit) -> float:
    """A loss summed over rows is clipped to the norm meant for a mean."""
    model = k.network()
    base = k.ground.loss()

    def loss(out: Tensor, y: Tensor) -> Tensor:
        return base(out, y) * (1.0 if k.repaired else len(y))

    rate = k.ground.sgd_rate
    return k.fit(model, loss_fn=loss, optimizer=k.sgd(model, rate, momentum=0.0), clip=5.0 if k.repaired else 0.01)
