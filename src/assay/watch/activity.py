"""What a layer's outputs are like, measured on a few rows."""

from __future__ import annotations

import torch
from torch import Tensor

Activity = dict[str, Tensor]

MOST_ROWS = 64
MOST_PLACES = 16
MOST_UNITS = 256
UNITS_COMPARED = 32
FLAT_SLOPE = 0.05
FLAT_TANH = (1.0 - FLAT_SLOPE) ** 0.5
FLAT_SIGMOID = 0.5 * (1.0 - (1.0 - FLAT_SLOPE) ** 0.5)


def rows_of(tensor: Tensor) -> Tensor:
    """At most 64 rows, as float32."""
    return tensor.detach()[:MOST_ROWS].float() if tensor.ndim else tensor.detach().float().reshape(1)


def matrix_of(tensor: Tensor, *, is_image: bool) -> Tensor:
    """(samples, units) of an output: rows, and a few of their places or tokens; units are the channels of an image, else the last axis.

    Example:
        >>> matrix_of(torch.zeros(8, 3, 10, 10), is_image=True).shape, matrix_of(torch.zeros(8, 5), is_image=False).shape
        (torch.Size([128, 3]), torch.Size([8, 5]))
    """
    rows = rows_of(tensor)
    if rows.ndim == 1:
        return rows[:, None]
    if rows.ndim > 2:
        rows = rows.movedim(1, -1).flatten(1, -2) if is_image else rows.flatten(1, -2)
        step = max(1, rows.shape[1] // MOST_PLACES)
        rows = rows[:, ::step][:, :MOST_PLACES].flatten(0, 1)
    return rows[:, :MOST_UNITS]


def outputs_of(tensor: Tensor, *, is_image: bool) -> Activity:
    """Size, spread and likeness of outputs before their activation."""
    z = matrix_of(tensor, is_image=is_image)
    mean, spread = z.mean(dim=0), z.std(dim=0, correction=0)
    some = z[:, :UNITS_COMPARED]
    centred = some - some.mean(dim=0)
    lengths = torch.linalg.vector_norm(centred, dim=0)
    unit = centred / lengths.clamp(min=1e-12)
    n = max(1, int(some.shape[1]))
    likeness = (unit.t() @ unit).abs()
    among = (likeness.sum() - likeness.diagonal().sum()) / max(1, n * (n - 1))
    few = z[:: max(1, len(z) // UNITS_COMPARED)][:UNITS_COMPARED]
    arrows = few / torch.linalg.vector_norm(few, dim=1, keepdim=True).clamp(min=1e-12)
    m = max(1, len(few))
    alike = arrows @ arrows.t()
    between = (alike.sum() - alike.diagonal().sum()) / max(1, m * (m - 1))
    return {
        "output_rms": z.square().mean().sqrt(),
        "output_mean": mean.mean(),
        "output_spread": spread.mean(),
        "unit_similarity": among,
        "row_similarity": between,
    }


def activations_of(tensor: Tensor, kind: str) -> Activity:
    """Share of zeros, and of values on the flat ends of tanh and sigmoid."""
    a = rows_of(tensor)
    found = {"zero_share": (a == 0).float().mean()}
    if kind == "tanh":
        found["saturated_share"] = (a.abs() > FLAT_TANH).float().mean()
    elif kind == "sigmoid":
        found["saturated_share"] = ((a < FLAT_SIGMOID) | (a > 1.0 - FLAT_SIGMOID)).float().mean()
    return found


def alive_units(tensor: Tensor) -> Tensor:
    """Which units are over 0 on any row or place; channels are the units of images, the last axis else."""
    over = tensor.detach()[:MOST_ROWS] > 0
    if over.ndim in (4, 5):
        return over.movedim(1, -1).flatten(0, -2).any(dim=0)
    return over.flatten(0, -2).any(dim=0) if over.ndim > 1 else over
