"""From a recorder to the evidence that rules judge."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping
from dataclasses import replace
from typing import Any

from assay.core.loop_evidence import LoopEvidence
from assay.core.loop_parts import FloorFacts, HeadLooks, ModeFacts, ParameterFacts, TimeLooks
from assay.core.units import BITS_PER_NAT, entropy_bits
from assay.watch.floor import floor_of
from assay.watch.layer_books import layer_looks
from assay.watch.output_books import output_facts
from assay.watch.recorder import Recorder, has_moved

CODE_LENGTHS = ("cross-entropy", "nll", "binary", "binary-logits")


def evidence_of(recorder: Recorder, *, name: str, floor: FloorFacts | None = None, planned_steps: int = 0) -> LoopEvidence:
    """All that was seen of a training up to now.

    Args:
        recorder: That watches it.
        name: Of the model, for people.
        floor: What is left to learn, where it was asked.
        planned_steps: As the user said, 0 where not.
    """
    recorder.flush()
    looks, losses = recorder.looks, recorder.losses
    light = [numbers for _, numbers in looks.light]
    batch, output = recorder.feed.facts(), output_facts(recorder)
    scale = BITS_PER_NAT if output.loss in CODE_LENGTHS else 1.0
    windows = losses.windows()
    scaled = tuple(_scaled(w, scale) for w in windows)
    epochs = recorder.epochs
    modes = epochs.facts(recorder.steps)
    if looks.deep:
        modes = _with_look(modes, looks.deep)
    has_valid = _has_numbers(epochs.valid_loss)
    return LoopEvidence(
        model=name,
        unit="bits/example" if scale != 1.0 else "loss",
        opening=_opening(batch, output.loss) * (batch.rows if looks.graph is not None and looks.graph.is_summed else 1),
        train_loss=tuple(v * scale for v in epochs.train_loss),
        valid_loss=tuple(v * scale for v in epochs.valid_loss) if has_valid else (),
        step_loss=tuple(w.mean for w in scaled),
        step_number=tuple(w.step for w in scaled),
        learning_rate=_epoch_rates(recorder),
        steps_per_epoch=_steps_per_epoch(epochs.steps, recorder.steps),
        train_rows=batch.rows,
        nonfinite_step=losses.nonfinite_step,
        nonfinite_where=_where(recorder, batch.nonfinite_inputs, batch.nonfinite_targets),
        nonfinite_rows=batch.nonfinite_inputs,
        best_epoch=_best(epochs.valid_loss),
        stopped="nonfinite" if losses.nonfinite_step >= 0 else "",
        restored=False,
        birth=losses.early[0] * scale if losses.early else None,
        steps=recorder.steps,
        early_loss=tuple(v * scale for v in losses.early),
        windows=scaled,
        recent_loss=tuple(v * scale for v in losses.recent),
        spikes=tuple(_spike(s, scale) for s in losses.spikes),
        valid_metric=tuple(epochs.valid_metric) if _has_numbers(epochs.valid_metric) else (),
        epoch_step=tuple(epochs.steps),
        look_step=tuple(step for step, _ in looks.light),
        deep_step=tuple(look.step for look in looks.deep),
        **_gradient_series(recorder, light),
        kept_gradient=looks.kept_gradient,
        steps_without_gradient=looks.steps_without_gradient,
        parts=layer_looks(recorder),
        parameters=_parameters(recorder),
        groups=recorder.rates.facts(windows, _decay_shares(recorder, light)),
        batch=batch,
        output=output,
        modes=modes,
        floor=floor or FloorFacts(),
        heads=_heads(recorder),
        recurrent=_recurrent(recorder),
        **_bookings(recorder),
        overhead=recorder.governor.share,
        troubles=tuple(recorder.troubles),
        planned_steps=planned_steps,
    )


def _gradient_series(recorder: Recorder, light: list[dict[Hashable, float]]) -> dict[str, Any]:
    """What each light look says of the whole gradient and step."""
    plain = ("agreement", "overshoot", "turn", "gradient_noise", "nonfinite_gradients", "raw_gradient_norm")
    return {
        "gradient_norm": tuple(_root(_total(n, "gradient_square")) for n in light),
        "clip_factor": _clip_factors(recorder, light),
        **{name: _series(light, name) for name in plain},
    }


def _has_numbers(values: list[float]) -> bool:
    return any(not math.isnan(v) for v in values)


def _bookings(recorder: Recorder) -> dict[str, Any]:
    book = recorder.held_out
    return {} if book is None else {"held_out_booked": tuple(book.held_out()), "trained_booked": tuple(book.trained())}


def measured_floor(recorder: Recorder) -> FloorFacts:
    """Ask the rows that were kept whether anything is left to learn."""
    return floor_of(recorder.feed.kept(), output_facts(recorder).loss)


def _scaled(window: Any, scale: float) -> Any:
    return replace(window, mean=window.mean * scale, std=window.std * scale, low=window.low * scale, high=window.high * scale)


def _spike(spike: Any, scale: float) -> Any:
    return replace(spike, loss=spike.loss * scale, usual=spike.usual * scale, spread=spike.spread * scale)


def _with_look(modes: ModeFacts, deep: list[Any]) -> ModeFacts:
    rows = [(look.norm_rows, look.norm_batch) for look in deep if look.norm_rows]
    usual = sorted(rows)[len(rows) // 2] if rows else (0, 0)
    return replace(
        modes, norm_rows=usual[0], norm_batch=usual[1], dropout=max(modes.dropout, max((look.dropped for look in deep), default=0.0))
    )


def _opening(batch: Any, loss: str) -> float:
    """Loss of the best constant on the targets seen, nan where it cannot be told."""
    if loss in ("cross-entropy", "nll") and batch.target_kind in ("classes", "one-hot", "binary") and batch.classes > 1:
        return entropy_bits([s for s in batch.class_share if s > 0])
    if loss in ("binary", "binary-logits") and batch.target_kind == "binary":
        share = batch.target_mean
        return entropy_bits([share, 1.0 - share]) if 0 < share < 1 else 0.0
    if loss == "squared" and batch.target_kind in ("numbers", "binary", "one-hot", "multi-label"):
        if batch.target_kind == "one-hot":
            share = batch.class_share
            return math.fsum(s * (1 - s) for s in share) / max(1, len(share))
        return float(batch.target_std**2)
    return math.nan


def _epoch_rates(recorder: Recorder) -> tuple[float, ...]:
    return tuple(recorder.rates.at(step) for step in recorder.epochs.steps)


def _steps_per_epoch(ends: list[int], steps: int) -> int:
    if not ends:
        return 0
    return ends[0] if len(ends) == 1 else round((ends[-1] - ends[0]) / (len(ends) - 1)) or steps


def _best(valid: list[float]) -> int:
    known = [(v, i) for i, v in enumerate(valid) if math.isfinite(v)]
    return min(known)[1] if known else -1


def _total(numbers: Mapping[Hashable, float], what: str) -> float:
    return math.fsum(v for k, v in numbers.items() if isinstance(k, tuple) and k[0] == what and len(k) == 2 and not math.isnan(v))


def _root(value: float) -> float:
    return math.sqrt(value) if value >= 0 else math.nan


def _series(light: list[dict[Hashable, float]], name: str) -> tuple[float, ...]:
    return tuple(n.get((name,), math.nan) for n in light)


def _clip_factors(recorder: Recorder, light: list[dict[Hashable, float]]) -> tuple[float, ...]:
    """How much gradients were shortened between the backward pass and the step; unscaling, by a power of two, does not count."""
    factors = []
    for numbers in light:
        raw, taken = numbers.get(("raw_gradient_norm",), math.nan), numbers.get(("taken_gradient_norm",), math.nan)
        if not (raw > 0 and taken > 0 and math.isfinite(raw) and math.isfinite(taken)) or recorder.is_spread:
            factors.append(math.nan)
            continue
        factor = taken / raw
        power = math.log2(factor)
        is_unscaled = power < -3 and abs(power - round(power)) < 1e-3
        factors.append(1.0 if is_unscaled or factor > 0.999 else factor)
    return tuple(factors)


def _decay_shares(recorder: Recorder, light: list[dict[Hashable, float]]) -> list[list[float]]:
    """For each group and look, the decay's pull beside the gradient's (coupled) or beside the whole step (decoupled)."""
    by_id = {id(t): n for n, t in recorder.named.items()}
    shares: list[list[float]] = []
    for optimiser in recorder.optimisers:
        for group in optimiser.param_groups:
            decay = float(group.get("weight_decay") or 0.0)
            names = [by_id[id(p)] for p in group["params"] if id(p) in by_id]
            if not decay:
                shares.append([])
                continue
            decoupled = type(optimiser).__name__ == "AdamW" or bool(group.get("decoupled_weight_decay"))
            other, factor = ("step_square", decay * float(group["lr"])) if decoupled else ("gradient_square", decay)
            found = []
            for numbers in light:
                weights = math.fsum(numbers.get(("before_square", n), 0.0) for n in names)
                beside = math.fsum(numbers.get((other, n), 0.0) for n in names)
                found.append(factor * math.sqrt(weights) / math.sqrt(beside) if beside > 0 and weights >= 0 else math.nan)
            shares.append(found)
    return shares


def _parameters(recorder: Recorder) -> tuple[ParameterFacts, ...]:
    counts: dict[int, int] = {}
    for optimiser in recorder.optimisers:
        for group in optimiser.param_groups:
            for p in group["params"]:
                counts[id(p)] = counts.get(id(p), 0) + 1
    looks = recorder.looks
    light = [numbers for _, numbers in looks.light]
    known = {id(t) for t in recorder.named.values()}
    found = []
    for name, tensor in recorder.named.items():
        graded = [numbers.get(("graded", name), 0.0) for numbers in light]
        last = light[-1].get(("weight_square", name), 0.0) if light else 0.0
        found.append(
            ParameterFacts(
                name=name,
                layer=name.rpartition(".")[0],
                size=tensor.numel(),
                in_model=not name.startswith("not in the model"),
                requires_grad=bool(tensor.requires_grad),
                optimisers=counts.get(id(tensor), 0),
                in_graph=id(tensor) in looks.leaves if looks.graphs_read and not recorder.window.is_compiled else None,
                graded=math.fsum(graded) / len(graded) if graded else 0.0,
                moved=has_moved(recorder.birth[name], tensor),
                nonfinite=not math.isfinite(last),
            )
        )
    inputs_like = [t for i, t in looks.leaves.items() if i not in known and t.requires_grad and t.numel() > 1]
    strangers = [(t, counts.get(id(t), 0), t._version != looks.versions.get(id(t), t._version)) for t in inputs_like[:50]]
    return (*found, *(_stranger(t, n, moved=moved) for t, n, moved in strangers))


def _stranger(tensor: Any, optimisers: int, *, moved: bool) -> ParameterFacts:
    """A tensor that the loss's graph ends in, and the model does not have; another optimiser may move it."""
    name = f"not in the model, shape {tuple(tensor.shape)}"
    return ParameterFacts(name, "", tensor.numel(), in_model=False, optimisers=optimisers, in_graph=True, graded=1.0, moved=moved)


def _where(recorder: Recorder, bad_inputs: int, bad_targets: int) -> str:
    """Where the first number that is not finite was: inputs, targets, the output or gradient of a layer, or the loss."""
    looks = recorder.looks
    broken_gradient = next((n for _, n in looks.light if n.get(("nonfinite_gradients",), 0.0)), None)
    if recorder.losses.nonfinite_step < 0 and broken_gradient is None:
        return ""
    if bad_inputs:
        return "inputs"
    if bad_targets:
        return "targets"
    for look in looks.deep:
        broken = [(c.order, n) for n, c in look.calls.items() if not math.isfinite(look.numbers.get(("deep", "output_rms", n), 0.0))]
        before = [n for s, n in looks.light if s < look.step]
        if broken:
            weights = before[-1].get(("nonfinite_weights",), 0.0) if before else 0.0
            if not weights:
                return f"output of {min(broken)[1] or 'the model'}"
            break
    if broken_gradient is not None:
        layers = [layer.name for layer in recorder.layers if _is_broken(recorder, layer.name, broken_gradient)]
        if layers:
            return f"gradient of {layers[-1] or 'the model'}"
    return "loss"


def _is_broken(recorder: Recorder, layer: str, numbers: Mapping[Hashable, float]) -> bool:
    own = [name for name in recorder.named if name.rpartition(".")[0] == layer]
    return any(not math.isfinite(numbers.get(("gradient_square", name), 0.0)) for name in own)


def _heads(recorder: Recorder) -> tuple[HeadLooks, ...]:
    by_place: dict[tuple[int, str], tuple[int, list[tuple[float, ...]], list[tuple[float, ...]]]] = {}
    for look in recorder.looks.deep:
        for i, head in enumerate(look.attention):
            n = int(head.entropy.numel())
            entropy = tuple(look.numbers.get(("entropy", i, h), math.nan) for h in range(n))
            sink = tuple(look.numbers.get(("sink", i, h), math.nan) for h in range(n))
            kept = by_place.setdefault((i, head.layer), (head.tokens, [], []))
            kept[1].append(entropy)
            kept[2].append(sink)
    return tuple(HeadLooks(layer, tokens, tuple(e), tuple(s)) for (_, layer), (tokens, e, s) in sorted(by_place.items()))


def _recurrent(recorder: Recorder) -> tuple[TimeLooks, ...]:
    kinds = {layer.name: type(layer.module).__name__.lower() for layer in recorder.layers}
    found: dict[str, tuple[int, list[float], list[float]]] = {}
    for look in recorder.looks.deep:
        profiles: dict[str, dict[int, float]] = {}
        for key, value in look.numbers.items():
            if isinstance(key, tuple) and key[0] in ("reach", "unrolled"):
                profiles.setdefault(str(key[1]), {})[int(key[2])] = value
        for name, norms in profiles.items():
            ordered = [norms[i] for i in sorted(norms)]
            factor, reach = _factor(ordered)
            if not math.isnan(factor):
                kept = found.setdefault(name, (len(ordered), [], []))
                kept[1].append(factor)
                kept[2].append(reach)
    return tuple(
        TimeLooks(name, kinds.get(name, "rnn") if kinds.get(name) in ("rnn", "gru", "lstm") else "unrolled", tokens, tuple(f), tuple(r))
        for name, (tokens, f, r) in found.items()
    )


def _factor(norms: list[float]) -> tuple[float, float]:
    """Change of the gradient's size for each step back (geometric mean), and first over last; from norms in the order of time."""
    if len(norms) < 4 or not norms[-1] > 0 or not all(math.isfinite(n) for n in norms):
        return math.nan, math.nan
    first = max(norms[0], 1e-300)
    return (first / norms[-1]) ** (1.0 / (len(norms) - 1)), first / norms[-1]
