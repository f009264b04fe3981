"""Each layer's series over the looks, from what the looks left."""

from __future__ import annotations

import math
from collections.abc import Hashable
from dataclasses import replace
from typing import Any

from assay.core.loop_parts import LayerLooks
from assay.watch.anatomy import LayerBirth
from assay.watch.looks import DEEP_NUMBERS
from assay.watch.recorder import Recorder


def layer_looks(recorder: Recorder) -> tuple[LayerLooks, ...]:
    """The layers in the data's way; those that no forward pass showed come last."""
    names = {id(t): n for n, t in recorder.named.items()}
    light = [numbers for _, numbers in recorder.looks.light]
    made = [_layer(recorder, layer, names, light) for layer in recorder.layers]
    orders = [layer.order for layer in made if layer.order >= 0]
    last = max((layer.order for layer in made if layer.kind != "norm"), default=-1)
    made = [replace(layer, is_last=layer.order == last >= 0) for layer in made]
    return tuple(sorted(made, key=lambda layer: layer.order if layer.order >= 0 else max(orders, default=0) + 1))


def _layer(recorder: Recorder, layer: LayerBirth, names: dict[int, str], light: list[dict[Hashable, float]]) -> LayerLooks:
    deep = recorder.looks.deep
    own = [names[id(p)] for p in layer.parameters if id(p) in names]
    weight = names.get(id(layer.weight), "")
    size = max(1, layer.weight.numel())
    seen = next((look.calls[layer.name] for look in reversed(deep) if layer.name in look.calls), None)

    def rms(what: str) -> tuple[float, ...]:
        return tuple(_root(n.get((what, weight), math.nan) / size) for n in light)

    def update(n: dict[Hashable, float]) -> float:
        moved = math.fsum(n.get(("step_square", name), 0.0) for name in own)
        before = math.fsum(n.get(("before_square", name), 0.0) for name in own)
        return math.sqrt(moved / before) if before > 0 and math.isfinite(moved) else (math.nan if not moved else math.inf)

    series: dict[str, Any] = {
        key: tuple(look.numbers.get(("deep", key, layer.name), math.nan) for look in deep) for key in (*DEEP_NUMBERS, "bias_mean")
    }
    series = {key: values for key, values in series.items() if any(not math.isnan(v) for v in values)}
    dead = tuple(shares.get(layer.name, math.nan) for shares in recorder.looks.dead)
    if any(not math.isnan(v) for v in dead):
        series["dead_share"] = dead
    return LayerLooks(
        name=layer.name,
        kind=layer.kind,
        order=seen.order if seen is not None else -1,
        units=layer.units,
        fan_in=layer.fan_in,
        activation=seen.activation if seen is not None else "",
        normed=(seen.normed if seen is not None else False) or layer.kind == "norm",
        residual=seen.residual if seen is not None else False,
        calls=seen.calls if seen is not None else 1,
        birth_weight_rms=layer.rms,
        birth_scale=layer.scale,
        birth_twins=layer.twins,
        birth_drawn=layer.is_drawn,
        gradient_rms=rms("gradient_square"),
        weight_rms=rms("weight_square"),
        update_ratio=tuple(update(n) for n in light),
        booked=tuple(math.fsum(n.get(("booked", name), 0.0) for name in own) for n in light),
        quiet_units=tuple(n.get(("quiet_units", layer.name), math.nan) for n in light),
        twin_units=tuple(n.get(("twin_units", layer.name), math.nan) for n in light),
        **series,
    )


def _root(value: float) -> float:
    return math.sqrt(value) if value >= 0 else math.nan
