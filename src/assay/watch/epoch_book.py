"""Epochs, validations, and in which mode the model was when."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import nn

from assay.core.loop_parts import ModeFacts
from assay.watch.anatomy import Switches

VALIDATIONS_WATCHED = 3


class EpochBook:
    """Counts steps in evaluation mode, and forward passes in training mode from which nothing was learned.

    Only a model whose work differs between the modes gets a hook, and only until a few validations were seen.

    Args:
        model: The network as the loop calls it.
        switches: Its dropouts and batch norms.
    """

    def __init__(self, model: nn.Module, switches: Switches) -> None:
        self.switches, self.probe = switches, switches.probe
        self.steps: list[int] = []
        self.valid_loss: list[float] = []
        self.valid_metric: list[float] = []
        self.train_loss: list[float] = []
        self.eval_steps, self.last_training_step = 0, -1
        self.valid_seen = self.valid_in_training = 0
        self._training = self._evaluation = 0
        self._free_training = self._free_evaluation = 0
        self._handle: Any = None
        if self.probe is not None and getattr(model, "_compiled_call_impl", None) is None:
            self._handle = model.register_forward_pre_hook(self._see_forward)

    def _see_forward(self, _module: nn.Module, _args: Any) -> None:
        is_training = self.probe is not None and self.probe.training
        if torch.is_grad_enabled():
            self._training += is_training
            self._evaluation += not is_training
        else:
            self._free_training += is_training
            self._free_evaluation += not is_training

    def see_step(self, step: int) -> None:
        """Note one step of the training."""
        if self.probe is None:
            return
        if self.probe.training:
            self.last_training_step = step
        else:
            self.eval_steps += 1
        if self._free_training or self._free_evaluation:
            self._judge(self._free_training, self._free_evaluation)
        self._training = self._evaluation = 0

    def end(self, step: int, train_loss: float, valid_loss: float | None, valid_metric: float | None) -> None:
        """Close an epoch at this many steps."""
        self.steps.append(step)
        self.train_loss.append(train_loss)
        self.valid_loss.append(math.nan if valid_loss is None else valid_loss)
        self.valid_metric.append(math.nan if valid_metric is None else valid_metric)
        # passes since the last step were for validation, whether or not gradients were off
        training, evaluation = self._free_training + self._training, self._free_evaluation + self._evaluation
        if training or evaluation:
            self._judge(training, evaluation)
        self._training = self._evaluation = 0

    def _judge(self, training: int, evaluation: int) -> None:
        self.valid_seen += 1
        self.valid_in_training += training > evaluation
        self._free_training = self._free_evaluation = 0
        if self.valid_seen >= VALIDATIONS_WATCHED and not self.valid_in_training:
            self.close()

    def facts(self, steps: int) -> ModeFacts:
        """What was seen so far."""
        named = [f"{name} ({getattr(module, 'p', 0.0):g})" for name, module in self.switches.dropouts]
        largest = max((float(getattr(m, "p", 0.0)) for _, m in self.switches.dropouts), default=0.0)
        norms = [m for _, m in self.switches.norms]
        still = [m for m in norms if m.running_mean is not None and m.running_var is not None and not bool(m.running_mean.any())]
        still = [m for m in still if bool((m.running_var == 1).all())]  # type: ignore[union-attr]
        return ModeFacts(
            dropout=largest,
            dropout_layers=tuple(named[:20]),
            batch_norms=len(norms),
            eval_steps=self.eval_steps / steps if steps else 0.0,
            eval_since=self.last_training_step + 1 if self.eval_steps and self.last_training_step < steps - 1 else -1,
            valid_in_training=self.valid_in_training / self.valid_seen if self.valid_seen else math.nan,
            valid_seen=self.valid_seen,
            frozen_norms=len(still),
        )

    def close(self) -> None:
        """Take the hook away."""
        if self._handle is not None:
            self._handle.remove()
            self._handle = None
