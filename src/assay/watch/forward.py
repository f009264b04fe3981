"""The deep look: one forward pass of the training itself, operation by operation, without hooks on its modules.

For the time of that pass every PyTorch function goes through this file, so functional code is seen as well as modules, layers called more
than once, tied weights, and weights that are used by hand. Nothing that passes is changed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from assay.watch.activity import Activity, activations_of, alive_units, outputs_of, rows_of
from assay.watch.attention_look import AttentionLook, attended, attended_in_module

WITH_WEIGHTS = frozenset(
    f"{name}{ending}"
    for name, endings in {
        "conv": ("1d", "2d", "3d"),
        "conv_transpose": ("1d", "2d", "3d"),
        "embedding": ("", "_bag"),
        "lstm": ("", "_cell"),
        "gru": ("", "_cell"),
        "rnn_tanh": ("", "_cell"),
        "rnn_relu": ("", "_cell"),
        **dict.fromkeys(("linear", "bilinear", "einsum", "mul", "__mul__"), ("",)),
        **dict.fromkeys(("matmul", "__matmul__", "__rmatmul__", "mm", "bmm", "addmm", "baddbmm"), ("",)),
    }.items()
    for ending in endings
)
RECURRENT = frozenset(("lstm", "gru", "rnn_tanh", "rnn_relu"))
NORMS = frozenset(["batch_norm", "layer_norm", "group_norm", "instance_norm", "rms_norm", "native_layer_norm"])
ACTIVATIONS: Mapping[str, str] = {
    **dict.fromkeys(("relu", "relu_", "relu6", "threshold", "clamp_min", "hardtanh"), "relu"),
    **{n: n for n in ("leaky_relu", "elu", "gelu", "silu", "selu", "celu", "softplus", "mish", "prelu")},
    **dict.fromkeys(("tanh", "tanh_"), "tanh"),
    **dict.fromkeys(("sigmoid", "sigmoid_", "hardsigmoid"), "sigmoid"),
    **{n: n.replace("_", "-") for n in ("softmax", "log_softmax")},
}
DROPOUTS = frozenset(("dropout", "dropout1d", "dropout2d", "dropout3d", "feature_dropout", "alpha_dropout"))
SHAPING = ("flatten", "view", "reshape", "transpose", "permute", "contiguous", "unsqueeze", "squeeze", "t", "expand", "unflatten", "pad")
TAKING = ("max_pool1d", "max_pool2d", "avg_pool1d", "avg_pool2d", "adaptive_avg_pool1d", "adaptive_avg_pool2d", "mean", "max", "amax")
PASSED_ON = DROPOUTS.union(SHAPING, TAKING, ("__getitem__", "div", "__truediv__", "clone", "to", "float", "interpolate"))
ADDED = frozenset(["add", "__add__", "__radd__", "add_", "__iadd__"])
MOST_CALLS = 512


@dataclass
class Call:
    """One use of one layer in one forward pass.

    Attributes:
        layer: Its name.
        calls: Uses so far.
        activity: What was measured.
        gradient_norms: Of its outputs, filled in while the loss is carried back; the last use first.
    """

    layer: str
    order: int
    calls: int = 1
    activation: str = ""
    normed: bool = False
    residual: bool = False
    activity: Activity = field(default_factory=dict)
    alive: Tensor | None = None
    gradient_norms: list[tuple[int, Tensor]] = field(default_factory=list)


class ForwardLook(TorchFunctionMode):
    """Watches the functions of one forward pass.

    Args:
        owners: Identity of a parameter -> name of its layer.
        kinds: Layer -> kind.
    """

    def __init__(self, owners: Mapping[int, str], kinds: Mapping[str, str]) -> None:
        super().__init__()
        self.owners, self.kinds = owners, kinds
        self.calls: dict[str, Call] = {}
        self.attention: list[AttentionLook] = []
        self.norm_rows: list[tuple[int, int]] = []
        self.dropped: float = 0.0
        self.first_is_norm: bool | None = None
        self.fed: Tensor | None = None
        self.sequences: dict[str, Tensor] = {}
        self.failed: Exception | None = None
        self.last: Call | None = None
        self.out_activation = ""
        self._made: dict[int, Call] = {}
        self._bent: dict[int, str] = {}
        self._alive: list[Any] = []

    def __torch_function__(self, func: Callable[..., Any], types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        result = func(*args, **kwargs)
        if self.failed is None:
            try:
                with torch.no_grad():
                    self._see(getattr(func, "__name__", ""), args, kwargs, result)
            except Exception as problem:  # a failure of ours must not reach the training
                self.failed = problem
        return result

    # -- functions --------------------------------------------------------------------------------------------------------

    def _see(self, name: str, args: Sequence[Any], kwargs: Mapping[str, Any], result: Any) -> None:
        if name in ACTIVATIONS:
            self._bend(ACTIVATIONS[name], name, args, kwargs, result)
        elif name in NORMS:
            self._norm(name, args, kwargs, result)
        elif name in ADDED:
            self._add(args, result)
        elif name in WITH_WEIGHTS:
            self._layer(name, args, kwargs, result)
        elif name in ("scaled_dot_product_attention", "multi_head_attention_forward"):
            self._attend(name, args, kwargs, result)
        elif name in PASSED_ON:
            self._pass_on(name, args, kwargs, result)

    def _layer(self, name: str, args: Sequence[Any], kwargs: Mapping[str, Any], result: Any) -> None:
        tensors = [a for a in (*args, *kwargs.values()) if isinstance(a, Tensor)]
        lists = [t for a in args if isinstance(a, list | tuple) for t in a if isinstance(t, Tensor)]
        owner = next((self.owners[id(t)] for t in (*tensors, *lists) if id(t) in self.owners), None)
        out = result[0] if isinstance(result, tuple) else result
        if owner is None or not isinstance(out, Tensor) or not out.is_floating_point() or (name in ("mul", "__mul__") and out.ndim < 2):
            return
        fed = next((t for t in tensors if id(t) not in self.owners), None)
        if fed is None and name in RECURRENT:
            fed = tensors[0] if tensors else None
        self._note_layer(owner, name, fed, out)

    def _note_layer(self, owner: str, name: str, fed: Tensor | None, out: Tensor) -> None:
        call = self.calls.get(owner)
        if call is None:
            call = self.calls[owner] = Call(owner, len(self.calls))
            if self.first_is_norm is None:
                self.first_is_norm = False
            if self.fed is None and fed is not None and fed.is_floating_point():
                self.fed = fed.detach()
            if fed is not None and fed.is_floating_point():
                call.activity["input_rms"] = rows_of(fed).square().mean().sqrt()
            call.activity.update(outputs_of(out, is_image=name.startswith("conv")))
            if name in RECURRENT and fed is not None and fed.ndim == 3:
                self.sequences[owner] = fed.detach()
        else:
            call.calls += 1
        if out.requires_grad and call.calls <= MOST_CALLS:
            out.register_hook(self._gradient_seer(call, call.calls))
        self._hold(out, call)
        self.last = call

    def _gradient_seer(self, call: Call, number: int) -> Callable[[Tensor], None]:
        def see(gradient: Tensor) -> None:
            call.gradient_norms.append((number, torch.linalg.vector_norm(gradient.detach())))

        return see

    def _bend(self, kind: str, name: str, args: Sequence[Any], kwargs: Mapping[str, Any], result: Any) -> None:
        fed = args[0] if args and isinstance(args[0], Tensor) else kwargs.get("input")
        if not isinstance(result, Tensor) or not isinstance(fed, Tensor):
            return
        if kind == "softmax" and fed.ndim >= 3 and fed.shape[-1] > 1 and fed.shape[-2] > 1:
            seen = attended(self._near(), result.detach())
            if seen is not None:
                self.attention.append(seen)
                return
        call = self._made.get(id(fed)) or (self._made.get(id(result)) if name.endswith("_") else None)
        self._bent[id(result)] = kind
        self._alive.append(result)
        if call is None:
            return
        if not call.activation:
            call.activation = kind
            call.activity.update(activations_of(result.detach(), kind))
            if kind == "relu":
                call.alive = alive_units(result.detach())
        self._hold(result, call)

    def _norm(self, name: str, args: Sequence[Any], kwargs: Mapping[str, Any], result: Any) -> None:
        fed = args[0] if args else None
        if not isinstance(fed, Tensor) or not isinstance(result, Tensor):
            return
        if self.first_is_norm is None:
            self.first_is_norm = True
        if name == "batch_norm":
            self.norm_rows.append((fed.numel() // max(1, fed.shape[1]) if fed.ndim > 1 else fed.numel(), int(fed.shape[0])))
        given = (*args[1:], *kwargs.values())
        owner = next((self.owners[id(t)] for t in given if isinstance(t, Tensor) and id(t) in self.owners), None)
        if owner is not None and owner not in self.calls:
            seen = self.calls[owner] = Call(owner, len(self.calls), normed=True)
            seen.activity["input_rms"] = rows_of(fed).square().mean().sqrt()
        call = self._made.get(id(fed))
        if call is not None:
            call.normed = True
            self._hold(result, call)

    def _add(self, args: Sequence[Any], result: Any) -> None:
        tensors = [a for a in args[:2] if isinstance(a, Tensor)]
        calls = [self._made[id(t)] for t in tensors if id(t) in self._made]
        if not isinstance(result, Tensor) or not calls:
            return
        if len(tensors) == 2 and tensors[0].shape == tensors[1].shape and not any(id(t) in self.owners for t in tensors):
            for call in calls:
                call.residual = True
        self._hold(result, max(calls, key=lambda c: c.order))

    def _attend(self, name: str, args: Sequence[Any], kwargs: Mapping[str, Any], result: Any) -> None:
        if name == "multi_head_attention_forward":
            owner = next((self.owners[id(t)] for t in args if isinstance(t, Tensor) and id(t) in self.owners), self._near())
            seen = attended_in_module(owner, args, kwargs)
            out = result[0] if isinstance(result, tuple) else result
            if isinstance(out, Tensor):
                self._note_layer(owner, "attention", args[0], out)
        else:
            seen = attended(self._near(), None, args, kwargs)
        if seen is not None:
            self.attention.append(seen)

    def _pass_on(self, name: str, args: Sequence[Any], kwargs: Mapping[str, Any], result: Any) -> None:
        if name in DROPOUTS:
            share = kwargs.get("p", args[1] if len(args) > 1 else 0.5)
            is_on = kwargs.get("training", args[2] if len(args) > 2 else True)
            self.dropped = max(self.dropped, float(share) if is_on else 0.0)
        fed = args[0] if args and isinstance(args[0], Tensor) else kwargs.get("input")
        out = result[0] if isinstance(result, tuple) and result else result
        if isinstance(fed, Tensor) and isinstance(out, Tensor):
            if id(fed) in self._made:
                self._hold(out, self._made[id(fed)])
            if id(fed) in self._bent:
                self._bent[id(out)] = self._bent[id(fed)]
                self._alive.append(out)

    def _hold(self, tensor: Tensor, call: Call) -> None:
        self._made[id(tensor)] = call
        # an identity means nothing once its tensor is gone
        self._alive.append(tensor)

    def _near(self) -> str:
        return self.last.layer.rpartition(".")[0] if self.last is not None else ""

    # -- the end ----------------------------------------------------------------------------------------------------------

    def close(self, outputs: Any) -> None:
        """Let go of all tensors, once the pass is over."""
        if isinstance(outputs, Tensor):
            self.out_activation = self._bent.get(id(outputs), "")
        self._made, self._bent, self._alive = {}, {}, []
