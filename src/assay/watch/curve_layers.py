"""The layers of a scikit-learn MLP as a watcher sees them: its weights at the end, and one forward pass."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from assay.core.loop_parts import LayerLooks, ParameterFacts

if TYPE_CHECKING:
    from numpy.typing import NDArray

ACTIVATION = {"identity": "", "logistic": "sigmoid", "tanh": "tanh", "relu": "relu"}
SATURATED = {"tanh": 2.18, "sigmoid": 4.36}
"""Beyond this the slope is under 5 % of its steepest: 1 - tanh(z)^2 = .05, and twice that for the sigmoid."""


def network_layers(fitted: Any, rows: NDArray[np.float64] | None) -> tuple[LayerLooks, ...]:
    """Each layer's size, its weights at the end, and what it does with some rows.

    Args:
        fitted: An `MLPClassifier` or `MLPRegressor` after `fit`.
        rows: Inputs (rows, features), or None for no forward pass.
    """
    made = []
    last = len(fitted.coefs_) - 1
    hidden = ACTIVATION.get(fitted.activation, fitted.activation)
    fed = rows
    for i, (weight, bias) in enumerate(zip(fitted.coefs_, fitted.intercepts_, strict=True)):
        bend = hidden if i < last else ""
        looks: dict[str, Any] = {}
        if fed is not None:
            with np.errstate(all="ignore"):
                before = fed @ weight + bias
                looks, fed = _look(fed, before, bend), _bent(before, bend)
        made.append(
            LayerLooks(
                _name(i),
                "linear",
                order=i,
                units=weight.shape[1],
                fan_in=weight.shape[0],
                activation=bend or _output(fitted, i == last),
                is_last=i == last,
                weight_rms=(_rms(weight),),
                bias_mean=(float(bias.mean()),) if rows is not None else (),
                **looks,
            )
        )
    return tuple(made)


def network_parameters(fitted: Any) -> tuple[ParameterFacts, ...]:
    """Each weight matrix and bias."""
    made = []
    for i, pair in enumerate(zip(fitted.coefs_, fitted.intercepts_, strict=True)):
        for name, values in zip(("weight", "bias"), pair, strict=True):
            made.append(ParameterFacts(f"{_name(i)}.{name}", _name(i), values.size, nonfinite=not bool(np.isfinite(values).all())))
    return tuple(made)


def _name(i: int) -> str:
    return f"coefs_[{i}]"


def _output(fitted: Any, is_last: bool) -> str:
    kind = getattr(fitted, "out_activation_", "identity")
    return {"logistic": "sigmoid", "softmax": "softmax"}.get(kind, "") if is_last else ""


def _look(fed: NDArray[np.float64], before: NDArray[np.float64], bend: str) -> dict[str, tuple[float, ...]]:
    after = _bent(before, bend)
    saturated = float((np.abs(before) > SATURATED[bend]).mean()) if bend in SATURATED else 0.0
    return {
        "input_rms": (_rms(fed),),
        "output_rms": (_rms(before),),
        "output_spread": (float(before.std(axis=0).mean()),),
        "output_mean": (float(before.mean()),),
        "zero_share": (float((after == 0).mean()) if bend == "relu" else 0.0,),
        "dead_share": (float((after == 0).all(axis=0).mean()) if bend == "relu" else 0.0,),
        "saturated_share": (saturated,),
        "unit_similarity": (_similarity(after),),
    }


def _bent(z: NDArray[np.float64], bend: str) -> NDArray[np.float64]:
    bent: NDArray[np.float64] = z
    if bend == "relu":
        bent = np.maximum(z, 0.0)
    elif bend == "tanh":
        bent = np.tanh(z)
    elif bend == "sigmoid":
        bent = 1.0 / (1.0 + np.exp(-z))
    return bent


def _rms(values: NDArray[np.float64]) -> float:
    return float(np.sqrt(np.mean(np.square(values)))) if values.size else math.nan


def _similarity(after: NDArray[np.float64]) -> float:
    """Mean absolute correlation between units over rows; nan where fewer than two of them move."""
    moves = after[:, after.std(axis=0) > 1e-12]
    if moves.shape[1] < 2 or len(moves) < 3:
        return math.nan
    r = np.abs(np.corrcoef(moves, rowvar=False))
    n = len(r)
    return float((r.sum() - n) / (n * (n - 1)))
