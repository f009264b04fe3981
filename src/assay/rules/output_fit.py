"""Do outputs, loss and targets belong together? Each way they may not is one function that tells it, or nothing."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from assay.core.loop_evidence import LoopEvidence
from assay.core.loop_parts import BatchFacts
from assay.core.units import entropy_bits
from assay.rules.course import course

WEIGHTED = frozenset({"linear", "conv", "matmul", "embedding", "recurrent", "attention"})
DISTANCES = {"squared": "squared error", "absolute": "absolute error", "huber": "Huber loss"}
RANGES = {"sigmoid": (0.0, 1.0), "softmax": (0.0, 1.0), "tanh": (-1.0, 1.0), "relu": (0.0, math.inf)}
TOUCH = 1e-4
OUT_OF_RANGE_SPREADS = 0.25
SLOW_FALL_SHARE = 0.25
EVEN_SHARE = 0.95
FEWEST_STEPS_TO_BE_SLOW = 40


@dataclass(frozen=True, slots=True)
class Misfit:
    """One way in which outputs, loss and targets do not belong together: what was seen, what is right, and the line to change."""

    saw: str
    expected: str
    remedy: str


def after_last_weights(chain: tuple[str, ...]) -> tuple[str, ...]:
    """The operations between the loss and the last layer with weights.

    Example:
        >>> after_last_weights(("nll", "log-softmax", "softmax", "linear", "relu"))
        ('nll', 'log-softmax', 'softmax')
    """
    stop = next((i for i, name in enumerate(chain) if name in WEIGHTED), len(chain))
    return chain[:stop]


def doubled(loop: LoopEvidence) -> str:
    """What the loss applies to outputs that went through it already, softmax or sigmoid; empty for neither."""
    out = loop.output
    chain = after_last_weights(out.loss_chain)
    if "log-softmax" in chain:
        inner = chain[chain.index("log-softmax") + 1 :]
        inner = inner[: inner.index("log")] if "log" in inner else inner
        is_doubled = "softmax" in inner
    else:
        is_doubled = out.loss == "cross-entropy" and _are_probabilities(loop)
    if is_doubled:
        return "softmax"
    return "sigmoid" if out.loss == "binary-logits" and (out.last_activation == "sigmoid" or "sigmoid" in chain) else ""


def _are_probabilities(loop: LoopEvidence) -> bool:
    out = loop.output
    in_range = out.minimum >= 0 and out.maximum <= 1 + TOUCH and out.maximum > 0
    return in_range and out.shape[-1:] != (1,) and (out.last_activation == "softmax" or out.sums_to_one)


def one_unit(loop: LoopEvidence) -> Misfit | None:
    """Cross-entropy or softmax over a single unit: the probability is always 1."""
    out = loop.output
    is_entropy = out.loss in ("cross-entropy", "nll") and out.shape[1:2] == (1,)
    is_softmax = out.last_activation in ("softmax", "log-softmax") and out.shape[-1:] == (1,)
    if not (is_entropy or is_softmax):
        return None
    saw = "cross-entropy over 1 output unit: its softmax is 1 for every row" if is_entropy else "softmax over 1 output unit: always 1"
    if loop.batch.target_kind == "numbers":
        return Misfit(saw, "squared error for number targets", "loss = torch.nn.functional.mse_loss(outputs.squeeze(1), targets)")
    classes = loop.batch.classes
    if classes > 2:
        return Misfit(saw, f"{classes} output units for {classes} classes", f"give the last layer {classes} output units")
    remedy = "no softmax, and loss = torch.nn.functional.binary_cross_entropy_with_logits(outputs.squeeze(1), targets.float())"
    return Misfit(saw, "2 output units, or 1 with binary cross-entropy", remedy)


def batch_axis(loop: LoopEvidence) -> Misfit | None:
    """Softmax over rows instead of classes."""
    if loop.output.sums_axis != 0:
        return None
    return Misfit("probabilities that sum to 1 over axis 0, the rows of the batch", "a sum of 1 in each row", "softmax(..., dim=-1)")


def not_logarithms(loop: LoopEvidence) -> Misfit | None:
    """A loss that takes log-probabilities is given something else."""
    out = loop.output
    chain = after_last_weights(out.loss_chain)
    name = {"nll": "negative log-likelihood", "kl": "Kullback-Leibler divergence"}.get(out.loss)
    is_log = "log" in chain or "log-softmax" in chain or out.last_activation == "log-softmax"
    if name is None or is_log or out.maximum <= TOUCH:
        return None
    given = "probabilities" if _are_probabilities(loop) else "raw outputs"
    saw = f"{name} of {given} between {out.minimum:.3g} and {out.maximum:.3g}"
    remedy = "log_softmax(outputs, dim=1) before it" + (", or cross_entropy on the raw outputs" if out.loss == "nll" else "")
    return Misfit(saw, "log-probabilities, which are at most 0", remedy)


def binary_for_many(loop: LoopEvidence) -> Misfit | None:
    """Binary cross-entropy where one of several classes is right, or with targets above 1."""
    batch = loop.batch
    if loop.output.loss not in ("binary", "binary-logits"):
        return None
    remedy = "loss = torch.nn.functional.cross_entropy(logits, class_index), logits being the outputs before any softmax or sigmoid"
    if batch.target_kind == "one-hot" and batch.classes >= 3:
        saw = f"binary cross-entropy over {batch.classes} classes of which one is right in every row"
        return Misfit(saw, "cross-entropy: classes that exclude each other share one probability", remedy)
    highest = batch.classes - 1.0 if batch.target_kind == "classes" else batch.target_max
    if highest > 1 + TOUCH:
        return Misfit(f"binary cross-entropy with targets up to {highest:g}", "targets between 0 and 1", remedy)
    return None


def distance_for_classes(loop: LoopEvidence) -> Misfit | None:
    """Squared or absolute error where the target is a class."""
    name, batch = DISTANCES.get(loop.output.loss), loop.batch
    if name is None:
        return None
    if batch.target_kind in ("classes", "one-hot") and batch.classes >= 3:
        remedy = f"loss = torch.nn.functional.cross_entropy(logits, class_index) with {batch.classes} output units"
        return Misfit(f"{name} against {batch.classes} classes", "cross-entropy: a class is no quantity", remedy)
    if _are_class_numbers(batch):
        remedy = f"loss = torch.nn.functional.cross_entropy(logits, targets.long()) with {batch.classes} output units"
        return Misfit(f"{name} against the numbers of {batch.classes} classes, about equally often", "cross-entropy", remedy)
    is_binary = batch.target_kind == "binary" or (batch.target_kind in ("classes", "one-hot") and batch.classes == 2)
    bend = loop.output.last_activation
    if is_binary and (bend in ("softmax", "relu", "tanh") or (bend == "sigmoid" and _falls_slowly(loop))):
        remedy = f"no {bend}, and loss = torch.nn.functional.binary_cross_entropy_with_logits(logits, targets)"
        slow = f": {loop.steps:,} steps won under {SLOW_FALL_SHARE:.0%} of the loss" if bend == "sigmoid" else ""
        saw = f"{name} of a {bend} output against 2 classes{slow}"
        return Misfit(saw, "cross-entropy, whose gradient does not vanish where the output is wrong and sure", remedy)
    return None


def _are_class_numbers(batch: BatchFacts) -> bool:
    """Whole numbers 0, 1, ... without a gap and all about as frequent: counts and grades have a shape, class numbers have none."""
    shares = [s for s in batch.class_share if s > 0]
    if (
        batch.target_kind != "numbers"
        or not 3 <= batch.classes <= 100
        or batch.target_max != batch.classes - 1
        or len(shares) < batch.classes
    ):
        return False
    return entropy_bits(shares) > EVEN_SHARE * math.log2(batch.classes)


def _falls_slowly(loop: LoopEvidence) -> bool:
    seen = course(loop)
    return seen is not None and seen.steps >= FEWEST_STEPS_TO_BE_SLOW and seen.reference - seen.now < SLOW_FALL_SHARE * seen.reference


def out_of_reach(loop: LoopEvidence) -> Misfit | None:
    """An output activation that cannot reach the number targets."""
    out, batch = loop.output, loop.batch
    bounds = RANGES.get(out.last_activation)
    if out.loss not in DISTANCES or batch.target_kind != "numbers" or bounds is None or batch.target_std <= 0:
        return None
    beyond = max(bounds[0] - batch.target_min, batch.target_max - bounds[1])
    if beyond <= OUT_OF_RANGE_SPREADS * batch.target_std:
        return None
    reach = f"at least {bounds[0]:g}" if math.isinf(bounds[1]) else f"between {bounds[0]:g} and {bounds[1]:g}"
    saw = f"targets between {batch.target_min:.4g} and {batch.target_max:.4g} for outputs of {out.last_activation}, {reach}"
    return Misfit(
        saw, "outputs that can reach every target", f"remove the {out.last_activation} after the last layer, or scale the targets"
    )


def bent_logits(loop: LoopEvidence) -> Misfit | None:
    """An activation between the last layer and a loss that takes logits."""
    out = loop.output
    bend = out.last_activation
    if out.loss not in ("cross-entropy", "binary-logits") or bend not in ("relu", "tanh", "sigmoid", "gelu", "silu", "elu"):
        return None
    kept = "logits cannot fall under 0, and a row with all of them at 0 learns nothing" if bend == "relu" else "logits cannot be sure"
    saw = f"outputs between {out.minimum:.3g} and {out.maximum:.3g} after {bend} before a loss that takes logits: {kept}"
    return Misfit(saw, "the last layer's outputs as they are", f"remove the {bend} after the last layer")


def below_zero(loop: LoopEvidence) -> Misfit | None:
    """A loss under 0 where none can be."""
    if not loop.output.negative_loss:
        return None
    low = min((w.low for w in loop.windows if math.isfinite(w.low)), default=-math.inf)
    saw = f"a loss of {low:.4g}, though {loop.output.loss or 'this loss'} is never under 0" if math.isfinite(low) else "a loss under 0"
    return Misfit(saw, "a loss of at least 0", "minimise the loss itself: look for a minus sign too many, and for targets outside 0 to 1")


CHECKS: tuple[Callable[[LoopEvidence], Misfit | None], ...] = (
    one_unit,
    batch_axis,
    not_logarithms,
    binary_for_many,
    distance_for_classes,
    out_of_reach,
    bent_logits,
    below_zero,
)


def misfit(loop: LoopEvidence) -> Misfit | None:
    """The first, most particular way in which outputs, loss and targets do not belong together.

    Example:
        >>> from assay.core.loop_parts import OutputFacts
        >>> seen = misfit(LoopEvidence("m", "bits", 1.0, (), output=OutputFacts(loss="cross-entropy", shape=(0, 1))))
        >>> seen.saw if seen else ""
        'cross-entropy over 1 output unit: its softmax is 1 for every row'
    """
    return next((found for check in CHECKS if (found := check(loop)) is not None), None)
