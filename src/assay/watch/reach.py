"""How far back in time the gradient of a recurrent layer reaches."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from assay.watch.anatomy import LayerBirth
from assay.watch.forward import ForwardLook
from assay.watch.pending import Pending

ROWS = 4
MOST_STEPS = 256


def reach_of(seen: ForwardLook, layers: Sequence[LayerBirth], pending: Pending) -> None:
    """For each fused recurrent layer of a pass, carry the size of its last output back to its inputs, on a few rows.

    Its layers of weights are run once more on the inputs that they had, outside of the training: no weight's gradient is touched.
    """
    for layer in layers:
        fed = seen.sequences.get(layer.name)
        if fed is None or layer.module is None or not isinstance(layer.module, nn.RNNBase):
            continue
        norms = _profile(layer.module, fed)
        if norms is not None:
            pending.add_all([("reach", layer.name, i) for i in range(len(norms))], norms)


def _profile(module: nn.RNNBase, fed: Tensor) -> Tensor | None:
    rows_first = module.batch_first
    few = fed[:ROWS, -MOST_STEPS:] if rows_first else fed[-MOST_STEPS:, :ROWS]
    steps = few.shape[1] if rows_first else few.shape[0]
    if steps < 4 or module.bidirectional or not few.is_floating_point():
        return None
    devices = [few.device.index] if few.is_cuda else []
    with torch.enable_grad(), torch.random.fork_rng(devices=devices):
        inputs = few.detach().clone().requires_grad_()
        outputs = module.forward(inputs)[0]
        last = outputs[:, -1] if rows_first else outputs[-1]
        (gradient,) = torch.autograd.grad(last.square().sum(), inputs)
    axis = (0, 2) if rows_first else (1, 2)
    return gradient.double().square().sum(dim=axis).sqrt()
