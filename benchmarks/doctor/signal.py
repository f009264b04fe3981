"""The signals that rules put thresholds on, each as one number of a whole training."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable

from assay.core.loop_evidence import LoopEvidence
from assay.core.loop_parts import LayerLooks
from assay.rules.course import course
from assay.rules.depth import early_ratio, hidden, in_order, late_ratio, pushes, trained
from assay.rules.series import middle, seen, tail

Signal = Callable[[LoopEvidence], float]


def largest(values: Iterable[float]) -> float:
    """Of those that were seen, nan where none was."""
    return max(seen(values), default=math.nan)


def smallest(values: Iterable[float]) -> float:
    """Of those that were seen, nan where none was."""
    return min(seen(values), default=math.nan)


def late(field: str, only: Callable[[LayerLooks], bool] = lambda part: True) -> Signal:
    """The largest over layers of what the last looks showed in the middle."""
    return lambda t: largest(middle(tail(getattr(part, field), 5)) for part in t.parts if only(part))


def first_over_last(t: LoopEvidence) -> float:
    """Gradient over weight of the first trained layer, over that of the last."""
    pull = [middle(g / w for g, w in zip(p.gradient_rms, p.weight_rms, strict=False) if w > 0) for p in trained(in_order(t))]
    return pull[0] / pull[-1] if len(pull) > 1 and pull[-1] > 0 else math.nan


def growth(values: Iterable[float]) -> float:
    """The largest over the middle one."""
    known = [v for v in seen(values) if v > 0]
    return max(known) / middle(known) if known else math.nan


def booked_share(t: LoopEvidence) -> float:
    """What the least busy layer booked, as a share of all."""
    sums = [abs(math.fsum(seen(part.booked))) for part in trained(t.parts)]
    return min(sums) / math.fsum(sums) if sums and math.fsum(sums) > 0 else math.nan


def held_over_trained(t: LoopEvidence) -> float:
    """The smallest over layers of what was booked on held-out rows over what was booked on training rows."""
    held = dict(t.held_out_booked)
    return smallest(held[name] / booked for name, booked in t.trained_booked if name in held and booked)


def p_digits(p: float) -> float:
    """-log10 of a p-value, at most 300."""
    return -math.log10(max(p, 1e-300))


SIGNALS: dict[str, Signal] = {
    "overhead": lambda t: t.overhead,
    "light looks": lambda t: float(len(t.look_step)),
    "deep looks": lambda t: float(len(t.deep_step)),
    "learned share": lambda t: c.learned_share if (c := course(t)) else math.nan,
    "peak over birth": lambda t: c.peak / c.birth if (c := course(t)) and c.birth > 0 else math.nan,
    "birth over opening": lambda t: c.birth / c.opening if (c := course(t)) and c.opening > 0 else math.nan,
    "rises, largest window": lambda t: largest(w.rises for w in t.windows if w.steps >= 8),
    "spikes": lambda t: float(len(t.spikes)),
    "spike, deviations": lambda t: largest((s.loss - s.usual) / s.spread for s in t.spikes if s.spread > 0),
    "push at birth": lambda t: middle(pushes(t)[:3]),
    "push, largest": lambda t: largest(pushes(t)),
    "gradient growth": lambda t: growth(t.gradient_norm),
    "gradient first/last": first_over_last,
    "update ratio early": early_ratio,
    "update ratio late": late_ratio,
    "overshoot, middle": lambda t: middle(t.overshoot),
    "overshoot, late": lambda t: middle(tail(t.overshoot)),
    "turn, middle": lambda t: middle(t.turn),
    "agreement, middle": lambda t: middle(t.agreement),
    "gradient noise, late": lambda t: middle(tail(t.gradient_noise)),
    "clipped looks": lambda t: sum(f < 0.999 for f in seen(t.clip_factor)) / max(1, len(seen(t.clip_factor))),
    "clip factor, middle": lambda t: middle(t.clip_factor),
    "decay share": lambda t: largest(middle(g.decay_share) for g in t.groups),
    "kept gradient": lambda t: t.kept_gradient,
    "birth scale, largest": lambda t: largest(p.birth_scale for p in in_order(t)),
    "birth scale, smallest": lambda t: smallest(p.birth_scale for p in in_order(t)),
    "birth twins": lambda t: largest(p.birth_twins for p in hidden(t)),
    "twin units": late("twin_units", lambda part: not part.is_last),
    "quiet units": late("quiet_units", lambda part: not part.is_last and part.kind != "embedding"),
    "dead share": late("dead_share", lambda part: part.activation == "relu"),
    "zero share": late("zero_share", lambda part: part.activation == "relu"),
    "saturated share": late("saturated_share"),
    "unit similarity": late("unit_similarity", lambda part: not part.is_last),
    "row similarity": late("row_similarity", lambda part: not part.is_last),
    "input rms": lambda t: t.batch.input_rms,
    "fed rms": lambda t: t.batch.fed_rms,
    "feature rms, widest/narrowest": lambda t: (
        t.batch.widest_feature_rms / t.batch.narrowest_feature_rms if t.batch.narrowest_feature_rms else math.nan
    ),
    "order share": lambda t: t.batch.order_share,
    "order p, digits": lambda t: p_digits(t.batch.order_p),
    "floor: targets told": lambda t: t.floor.target_share if t.floor.rows else math.nan,
    "floor: residuals told": lambda t: t.floor.residual_share if t.floor.rows else math.nan,
    "floor: residual p, digits": lambda t: p_digits(t.floor.residual_p) if t.floor.rows else math.nan,
    "booked by the idlest layer": booked_share,
    "held-out over trained bookings": held_over_trained,
    "head entropy, largest": lambda t: largest(e for h in t.heads for e in (h.entropy[-1] if h.entropy else ())),
    "head sink, largest": lambda t: largest(s for h in t.heads for s in (h.sink[-1] if h.sink else ())),
    "recurrent factor, smallest": lambda t: smallest(middle(r.factor) for r in t.recurrent),
    "recurrent factor, largest": lambda t: largest(middle(r.factor) for r in t.recurrent),
    "eval steps": lambda t: t.modes.eval_steps,
    "norm rows": lambda t: float(t.modes.norm_rows or math.nan),
    "dropout": lambda t: t.modes.dropout,
    "output spread, late": lambda t: middle(tail(t.output.spread_share)),
    "parameters that never moved": lambda t: sum(not p.moved for p in t.parameters) / max(1, len(t.parameters)),
}
