"""The looks at a training so far, as numbers on the host, thinned when they become many."""

from __future__ import annotations

import math
import weakref
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor

from assay.watch.anatomy import LayerBirth
from assay.watch.attention_look import AttentionLook
from assay.watch.forward import Call, ForwardLook
from assay.watch.graph import Graph, read_graph
from assay.watch.pending import Pending
from assay.watch.reach import reach_of

MOST_LOOKS = 256
FIRST_KEPT = 48
ACTIVE_LOOKS = 3
DEEP_NUMBERS = (
    "input_rms",
    "output_rms",
    "output_mean",
    "output_spread",
    "zero_share",
    "saturated_share",
    "unit_similarity",
    "row_similarity",
)


@dataclass
class OutputLook:
    """The model's outputs of one pass: shapes at once, numbers once they are fetched."""

    shape: tuple[int, ...] = ()
    target_shape: tuple[int, ...] = ()
    activation: str = ""
    numbers: dict[str, float] = field(default_factory=dict)
    predicted: tuple[float, ...] = ()


@dataclass
class DeepLook:
    """One forward pass."""

    step: int
    graph: Graph | None
    has_no_graph: bool
    output: OutputLook | None
    calls: dict[str, Call]
    attention: Sequence[AttentionLook]
    norm_rows: int
    norm_batch: int
    dropped: float
    numbers: dict[Hashable, float] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        step: int,
        loss: Any,
        output: Tensor | None,
        target: Tensor | None,
        seen: ForwardLook | None,
        layers: Sequence[LayerBirth],
        pending: Pending,
    ) -> DeepLook:
        """Put what is to be fetched of a pass into `pending`, and keep the rest."""
        graph = read_graph(loss, output) if isinstance(loss, Tensor) else None
        look = cls(step, graph, isinstance(loss, Tensor) and loss.grad_fn is None, None, {}, (), 0, 0, 0.0)
        if output is not None and output.ndim and output.is_floating_point():
            look.output = _see_output(output.detach(), target, pending)
            look.output.activation = seen.out_activation if seen is not None else ""
        if seen is None:
            return look
        look.calls, look.attention, look.dropped = seen.calls, seen.attention, seen.dropped
        if seen.norm_rows:
            look.norm_rows, look.norm_batch = min(seen.norm_rows)
        biases = {layer.name: layer.bias for layer in layers if layer.bias is not None and layer.kind != "norm"}
        for name, call in seen.calls.items():
            for key, value in call.activity.items():
                pending.add(("deep", key, name), value)
            if name in biases:
                pending.add(("deep", "bias_mean", name), biases[name].detach().float().mean())
            if call.calls >= 4 and len(call.gradient_norms) >= 4:
                ordered = torch.stack([n for _, n in sorted(call.gradient_norms, key=lambda pair: pair[0])]).double()
                pending.add_all([("unrolled", name, i) for i in range(len(ordered))], ordered)
        for i, head in enumerate(seen.attention):
            pending.add_all([("entropy", i, h) for h in range(len(head.entropy))], head.entropy)
            pending.add_all([("sink", i, h) for h in range(len(head.sink))], head.sink)
        reach_of(seen, layers, pending)
        return look


def _see_output(output: Tensor, target: Tensor | None, pending: Pending) -> OutputLook:
    shape = (0, *output.shape[1:])
    target_shape = (0, *target.shape[1:]) if target is not None and target.ndim else ()
    rows = output.reshape(len(output), -1).float() if output.ndim else output.reshape(1, 1)
    pending.add(("out", "minimum"), rows.min())
    pending.add(("out", "maximum"), rows.max())
    pending.add(("out", "mean"), rows.mean())
    pending.add(("out", "spread"), rows.std(dim=0, correction=0).mean())
    last = output.float()
    pending.add(("out", "sum_gap"), (last.sum(dim=-1) - 1.0).abs().amax())
    pending.add(("out", "batch_sum_gap"), (last.sum(dim=0) - 1.0).abs().amax())
    if output.ndim == 2 and 1 < output.shape[1] <= 100:
        pending.add_all([("predicted", c) for c in range(output.shape[1])], torch.softmax(last, dim=1).mean(dim=0))
        pending.add(("out", "top_share"), torch.bincount(last.argmax(dim=1), minlength=output.shape[1]).max() / len(last))
    return OutputLook(shape, target_shape)


class Looks:
    """All looks; each light one is a dict of numbers, each deep one a `DeepLook`."""

    def __init__(self) -> None:
        self.light: list[tuple[int, dict[Hashable, float]]] = []
        self.deep: list[DeepLook] = []
        self.dead: list[dict[str, float]] = []
        self.fresh: list[tuple[float, float, float]] = []
        self.stepless = 0
        self.graphless = 0
        self.steps_without_gradient = 0
        self._leaves: dict[int, weakref.ref[Tensor]] = {}
        self.versions: dict[int, int] = {}
        self.graph: Graph | None = None
        self.graphs_read = 0
        self._alive: list[dict[str, Tensor]] = []

    def add_light(self, step: int, numbers: Mapping[Hashable, float], *, fired: bool) -> None:
        """Keep a light look, where an optimiser stepped at all."""
        if not fired:
            return
        self.stepless = 0
        self.light.append((step, dict(numbers)))
        if not any(v for k, v in numbers.items() if isinstance(k, tuple) and k[0] == "graded"):
            self.steps_without_gradient += 1
        if ("fresh_distance",) in numbers:
            self.fresh.append((numbers["fresh_distance",], numbers["kept_distance",], numbers["old_size",]))
        if len(self.light) > MOST_LOOKS:
            self.light = self.light[:FIRST_KEPT] + self.light[FIRST_KEPT::2]

    def add_deep(self, look: DeepLook, numbers: Mapping[Hashable, float]) -> None:
        """Keep a deep look with the numbers that were fetched for it."""
        look.numbers = {k: v for k, v in numbers.items() if isinstance(k, tuple) and k[0] in _DEEP_KEYS}
        if look.graph is not None:
            self.graph, self.graphs_read = replace(look.graph, leaves=()), self.graphs_read + 1
            known = self.leaves
            for tensor in look.graph.leaves:
                if id(tensor) not in known:
                    self._leaves[id(tensor)], self.versions[id(tensor)] = weakref.ref(tensor), tensor._version
            look.graph = None
        if look.output is not None:
            look.output.numbers = {str(k[1]): v for k, v in look.numbers.items() if isinstance(k, tuple) and k[0] == "out"}
            look.output.predicted = tuple(v for k, v in look.numbers.items() if isinstance(k, tuple) and k[0] == "predicted")
        self.graphless += look.has_no_graph
        self.dead.append(self._dead(look))
        self.deep.append(look)
        if len(self.deep) > MOST_LOOKS:
            self.deep = self.deep[:FIRST_KEPT] + self.deep[FIRST_KEPT::2]
            self.dead = self.dead[:FIRST_KEPT] + self.dead[FIRST_KEPT::2]

    def _dead(self, look: DeepLook) -> dict[str, float]:
        """Share of units that were on in none of the last looks, by layer."""
        self._alive = [*self._alive, {n: c.alive for n, c in look.calls.items() if c.alive is not None}][-ACTIVE_LOOKS:]
        shares = {}
        for name, call in look.calls.items():
            if call.alive is None:
                continue
            masks = [one[name] for one in self._alive if name in one and one[name].shape == call.alive.shape]
            shares[name] = float((~torch.stack(masks).any(dim=0)).double().mean())
            call.alive = None
        for call in look.calls.values():
            call.activity, call.gradient_norms = {}, []
        return shares

    @property
    def leaves(self) -> dict[int, Tensor]:
        """The tensors that graphs ended in and that are still there, by identity: weights stay, a batch is gone when its step is."""
        there = {key: held() for key, held in self._leaves.items()}
        return {key: tensor for key, tensor in there.items() if tensor is not None}

    @property
    def kept_gradient(self) -> float:
        """Share of the looks at which an old gradient lay under the new one, of those that could tell."""
        able = [(f, k) for f, k, old in self.fresh if old > 1e-3 and math.isfinite(f) and math.isfinite(k)]
        return sum(k < 1e-3 and f > 1e-3 for f, k in able) / len(able) if able else 0.0


_DEEP_KEYS = ("deep", "unrolled", "entropy", "sink", "out", "predicted", "reach")
