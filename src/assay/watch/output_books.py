"""What is told of the outputs and the loss, from graphs and looks."""

from __future__ import annotations

import math

from torch import nn

from assay.core.loop_parts import OutputFacts
from assay.watch.graph import loss_kind
from assay.watch.recorder import Recorder

BY_NAME = {
    "CrossEntropyLoss": "cross-entropy",
    "cross_entropy": "cross-entropy",
    "NLLLoss": "nll",
    "nll_loss": "nll",
    "BCELoss": "binary",
    "binary_cross_entropy": "binary",
    "BCEWithLogitsLoss": "binary-logits",
    "binary_cross_entropy_with_logits": "binary-logits",
    "MSELoss": "squared",
    "mse_loss": "squared",
    "L1Loss": "absolute",
    "l1_loss": "absolute",
    "SmoothL1Loss": "huber",
    "smooth_l1_loss": "huber",
    "HuberLoss": "huber",
    "huber_loss": "huber",
    "KLDivLoss": "kl",
    "kl_div": "kl",
}
BENDS = ("softmax", "log-softmax", "sigmoid", "tanh", "relu", "leaky_relu", "elu", "softplus", "exp")
NEVER_NEGATIVE = ("cross-entropy", "nll", "binary", "binary-logits", "squared", "absolute", "huber")
SUM_GAP = 1e-4


def output_facts(recorder: Recorder) -> OutputFacts:
    """The outputs as the last pass showed them, the loss as its graph or its name tells it."""
    looks = recorder.looks
    chain = looks.graph.chain if looks.graph is not None else ()
    kind = loss_kind(chain)
    if kind in ("", "own"):
        kind = BY_NAME.get(_name_of(recorder.loss_fn), kind)
    seen = [look.output for look in looks.deep if look.output is not None]
    if not seen:
        return OutputFacts(loss=kind, loss_chain=chain, negative_loss=_is_negative(recorder, kind), detached=_is_detached(recorder))
    last = seen[-1]
    numbers = last.numbers
    sums = [o.numbers.get("sum_gap", math.inf) < SUM_GAP for o in seen if o.numbers]
    batch_sums = [o.numbers.get("batch_sum_gap", math.inf) < SUM_GAP for o in seen if o.numbers]
    is_wide = len(last.shape) >= 2 and last.shape[-1] > 1
    return OutputFacts(
        loss=kind,
        loss_chain=chain,
        last_activation=_activation(chain, last.activation),
        shape=last.shape,
        target_shape=last.target_shape,
        broadcast_shape=_broadcast(recorder, last.shape, last.target_shape),
        minimum=numbers.get("minimum", 0.0),
        maximum=numbers.get("maximum", 0.0),
        mean=numbers.get("mean", 0.0),
        spread=numbers.get("spread", 0.0),
        sums_to_one=is_wide and all(sums),
        sums_axis=0 if batch_sums and all(batch_sums) and not all(sums) else -1,
        negative_loss=_is_negative(recorder, kind),
        detached=_is_detached(recorder),
        spread_share=tuple(o.numbers.get("spread", math.nan) for o in seen),
        predicted_share=last.predicted,
    )


def _name_of(loss_fn: object) -> str:
    return type(loss_fn).__name__ if isinstance(loss_fn, nn.Module) else getattr(loss_fn, "__name__", "")


def _activation(chain: tuple[str, ...], seen: str) -> str:
    """What the outputs went through last: as the pass showed it, else the first bend behind the loss's own operations."""
    if seen:
        return seen
    own = 2 if chain[:1] == ("nll",) else 1
    for name in chain[own:]:
        if name in BENDS:
            return name
        if name not in ("shape", "clamp", "sub", "pow", "mean", "sum", "pick", "neg", "log"):
            return ""
    return ""


def _is_negative(recorder: Recorder, kind: str) -> bool:
    return kind in NEVER_NEGATIVE and recorder.losses.lowest < -1e-6


def _is_detached(recorder: Recorder) -> bool:
    looks = recorder.looks
    return looks.graphless > 0 and looks.graphs_read == 0


def _broadcast(recorder: Recorder, shape: tuple[int, ...], target: tuple[int, ...]) -> tuple[int, ...]:
    """What the loss compared, where that is larger than the outputs: (rows, 1) beside (rows,) makes (rows, rows)."""
    graph = recorder.looks.graph
    if graph is None or graph.outputs_size <= 0:
        return ()
    size = 1
    for n in graph.widest:
        size *= n
    return (
        graph.widest
        if graph.widest and size > graph.outputs_size and size % graph.outputs_size == 0 and _is_elementwise(graph.chain)
        else ()
    )


def _is_elementwise(chain: tuple[str, ...]) -> bool:
    return any(name in ("squared", "absolute", "huber", "sub", "binary", "binary-logits") for name in chain[:6])
