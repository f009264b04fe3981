"""Grounds: a family of networks on a task it can learn in a second, with the settings that do well there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from benchmarks.doctor import data
from benchmarks.doctor.data import Rows
from benchmarks.doctor.network import Attentive, Cnn, ResNet, Rnn, mlp


@dataclass(frozen=True, slots=True)
class Ground:
    """Where a fault is planted.

    Attributes:
        build: The network from knobs: width, depth and what its family knows.
        loss: Makes the loss function.
        rate, sgd_rate: Learning rates that do well, of Adam and of gradient descent with momentum .9.
        batch: Rows; 32 varies with the seed.
    """

    name: str
    rows: Callable[[], Rows]
    build: Callable[..., nn.Module]
    loss: Callable[[], Callable[..., Tensor]]
    width: int
    rate: float
    epochs: int
    sgd_rate: float = 0.02
    batch: int = 32


def token_loss() -> Callable[[Tensor, Tensor], Tensor]:
    """Cross-entropy of every next token."""

    def loss(out: Tensor, y: Tensor) -> Tensor:
        return torch.nn.functional.cross_entropy(out.flatten(0, 1), y.flatten())

    return loss


CLASSES, BINARY, NUMBERS = nn.CrossEntropyLoss, nn.BCEWithLogitsLoss, nn.MSELoss
SMS = {"vocab": 800, "inputs": 24}
GROUNDS: dict[str, Ground] = {}


def _enter(name: str, rows: Callable[[], Rows], build: Callable[..., nn.Module], *rest: Any, **more: Any) -> None:
    GROUNDS[name] = Ground(name, rows, build, *rest, **more)


_enter("mlp-digits", data.digits, partial(mlp, 64, 10), CLASSES, 48, 2e-3, 6, 0.05)
_enter("mlp-mnist", data.mnist, partial(mlp, 784, 10), CLASSES, 64, 1e-3, 5, 0.03)
_enter("mlp-cancer", data.cancer, partial(mlp, 30, 1), BINARY, 32, 2e-3, 14, 0.03)
_enter("mlp-housing", data.housing, partial(mlp, 8, 1), NUMBERS, 32, 3e-3, 4, 0.02)
_enter("mlp-rings", data.rings, partial(mlp, 2, 2), CLASSES, 24, 1e-2, 6, 0.1)
_enter("cnn-digits", data.digits, partial(Cnn, 8, 10), CLASSES, 8, 3e-3, 5, 0.03)
_enter("cnn-mnist", partial(data.mnist, small=True), partial(Cnn, 14, 10), CLASSES, 8, 2e-3, 3, 0.02)
_enter("cnn-even", data.even_digits, partial(Cnn, 8, 1), BINARY, 8, 3e-3, 5, 0.03)
_enter("cnn-ink", data.ink, partial(Cnn, 8, 1), NUMBERS, 8, 2e-3, 5, 0.01)
_enter("resnet-digits", data.digits, partial(ResNet, 8, 10), CLASSES, 8, 5e-3, 4, 0.1)
_enter("lstm-digits", data.digits, partial(Rnn, "lstm", 8, 10), CLASSES, 32, 5e-3, 5, 0.1)
_enter("gru-sms", data.sms, partial(Rnn, "gru", outputs=2, **SMS), CLASSES, 24, 5e-3, 4, 0.1)
_enter("gru-waves", data.waves, partial(Rnn, "gru", 1, 1), NUMBERS, 24, 5e-3, 2, 0.05)
_enter("rnn-recall", data.recall, partial(Rnn, "rnn", 8, 8), CLASSES, 32, 1e-3, 5, 0.02)
_enter("rnn2-recall", partial(data.recall, 20), partial(Rnn, "rnn", 8, 8, depth=2), CLASSES, 32, 1e-3, 5, 0.02)
_enter("rnn-waves", data.waves, partial(Rnn, "rnn", 1, 1), NUMBERS, 24, 3e-3, 2, 0.02)
_enter("rnn-sms", data.sms, partial(Rnn, "rnn", outputs=2, **SMS), CLASSES, 24, 3e-3, 4, 0.05)
_enter("transformer-sms", data.sms, partial(Attentive, 2, tokens=20, vocab=800), CLASSES, 24, 2e-3, 5, 0.02)
_enter("transformer-digits", data.digits, partial(Attentive, 10, tokens=8, inputs=8), CLASSES, 32, 3e-3, 5, 0.02)
_enter("lm-gru", data.shakespeare, partial(Rnn, "gru", 24, 65, vocab=65, every=True), token_loss, 32, 5e-3, 3, 0.5)
_enter("lm-transformer", data.shakespeare, partial(Attentive, 65, tokens=24, vocab=65, causal=True), token_loss, 32, 3e-3, 3, 0.05)
