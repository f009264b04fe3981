"""Between gradient and step: is every number finite, and is the gradient too long?"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    from assay.train.optimiser import Optimiser
    from assay.train.settings import Settings
    from assay.train.weights import Weights


class NonFinite(Exception):
    """A loss or gradient is not finite."""

    def __init__(self, steps_ago: int = 0) -> None:
        super().__init__(steps_ago)
        self.steps_ago = steps_ago


class Guard:
    """Looks at each step's numbers on the processor, where reading one costs less than a kernel.

    Where nothing is clipped, only the loss is read: a gradient that is not finite shows in the next step's loss, and in the weights
    of its layer.

    Args:
        weights: Whose gradients.
        settings: With the limits.
        overflows: Infinite gradients are ordinary, as under a scaled loss, and the step will be skipped elsewhere.
    """

    def __init__(self, weights: Weights, settings: Settings, *, overflows: bool = False) -> None:
        self.weights, self.overflows = weights, overflows
        self.clip_norm, self.clip_value = settings.clip_norm, settings.clip_value

    def admit(self, loss: Tensor) -> None:
        """Let a step pass, its gradient clipped.

        Raises:
            NonFinite: something is not finite; where gradients are clipped, no weight has been touched.
        """
        if self.clip_norm is None and self.clip_value is None:
            if not math.isfinite(float(loss)):
                raise NonFinite
            return
        gradients = self.weights.gradients()
        total = float(self.weights.gradient_norm())
        if not math.isfinite(float(loss)) or not (math.isfinite(total) or self.overflows):
            raise NonFinite
        if self.clip_value is not None:
            torch._foreach_clamp_min_(gradients, -self.clip_value)
            torch._foreach_clamp_max_(gradients, self.clip_value)
            total = float(self.weights.gradient_norm())
        if self.clip_norm is not None and self.clip_norm < total < math.inf:
            torch._foreach_mul_(gradients, self.clip_norm / total)

    def settle(self) -> None:
        """Answer for all steps let pass.

        Raises:
            NonFinite: one of them was not finite.
        """

    def check_weights(self) -> None:
        """Look at the weights themselves, before they are told of or kept.

        Raises:
            NonFinite: one of them is not finite.
        """
        if not self.weights.are_finite():
            raise NonFinite


class DeferredGuard(Guard):
    """The same where reading a number would stop the device: flags stay there, and are read every few steps.

    From the first step that is not finite on, the optimiser's kernel moves no weight.
    """

    def __init__(self, weights: Weights, settings: Settings, optimiser: Optimiser) -> None:
        super().__init__(weights, settings)
        self._bad = torch.zeros((), device=weights.stepped[0].device)
        self._flags: list[Tensor] = []
        optimiser.heed(self._bad)

    def admit(self, loss: Tensor) -> None:
        gradients, total = self.weights.gradients(), self.weights.gradient_norm()
        self._bad.copy_(torch.maximum(self._bad, (~torch.isfinite(total + loss)).float()))
        self._flags.append(self._bad.clone())
        if self.clip_value is not None:
            torch._foreach_clamp_min_(gradients, -self.clip_value)
            torch._foreach_clamp_max_(gradients, self.clip_value)
            total = self.weights.gradient_norm()
        if self.clip_norm is not None:
            torch._foreach_mul_(gradients, (self.clip_norm / total).clamp(max=1.0))

    def settle(self) -> None:
        flags = torch.stack(self._flags).tolist() if self._flags else []
        self._flags.clear()
        if any(flags):
            raise NonFinite(steps_ago=len(flags) - flags.index(1.0))
