"""TRN114 missing-warmup."""

from __future__ import annotations

import math
from collections.abc import Iterator

from assay.core.finding import Finding, Severity
from assay.core.loop_evidence import LoopEvidence
from assay.core.loop_parts import GroupFacts
from assay.core.rule import rule
from assay.rules.course import course
from assay.rules.depth import highest_rate, in_order, is_adaptive
from assay.rules.example_training import chain, falling, flat, group, training
from assay.rules.series import head, middle, seen

TOO_FAR = 2.0
LARGE_STEP = 0.02
LEARNED = 0.1
LARGE_PULL = 0.2
FEWEST_BLOCKS = 4
FEWEST_STEPS = 30


@rule("TRN114", "missing-warmup", severity=Severity.WARNING, since="0.2")
def missing_warmup(trace: LoopEvidence) -> Iterator[Finding]:
    """The first steps are far larger than the later ones should be: no warm-up where one is needed, or Adam without bias correction.

    Why it matters: The first gradients are the least typical; large steps along them put a deep network where it never leaves.
    How it is detected: Without bias correction: Adam's first step moves each weight by (1 - beta 1) / sqrt(1 - beta 2) rates in
        place of one, 3.16 at the usual betas; named where the first step moved weights (root mean square) by over twice the rate and
        within a third of that number. Without warm-up: a network with attention, or 4 blocks with norms and skips, at full rate from
        the first step of an adaptive optimiser, whose layers moved by over 2 % of their size a step in the first looks, and of whose loss
        less than a tenth is gone.
    Remedy: Let the rate rise from near 0 over the first 2 / (1 - beta 2) steps or 5 % of the training; correct both averages by
        1 / (1 - beta^t).
    Limits: A rate that is simply too high looks the same until one tries a warm-up; both are named then.
    References: Kingma and Ba 2015, Adam, section 3; Xiong et al. 2020, On Layer Normalization in the Transformer Architecture;
        Ma and Yarats 2021, On the adequacy of untuned warmup for adaptive optimization.
    """
    bias = next((found for one in trace.groups if (found := _uncorrected(trace, one))), None)
    if bias:
        yield bias
        return
    way = course(trace)
    if way is None or trace.steps < FEWEST_STEPS or not is_adaptive(trace) or _rises(trace) or not _is_delicate(trace):
        return
    step = middle(middle(head(part.update_ratio)) for part in in_order(trace))
    if not (step > LARGE_STEP and (way.is_stuck or way.has_risen) and way.learned_share < LEARNED):
        return
    rate = highest_rate(trace)
    yield Finding(
        {"model": trace.model, "step": 0},
        saw=f"layers moved by {step:.1%} of their size a step from the first step on"
        + (f", at a rate of {rate:.3g}" if rate > 0 else "")
        + f" without any rise; loss {way.now:.4g} after {way.steps:,} steps, {way.reference:.4g} for knowing nothing",
        expected=f"under {LARGE_STEP:.0%} in the first steps of a network with {len(trace.heads)} attention layers, or a rate that rises",
        remedy="scheduler = torch.optim.lr_scheduler.LinearLR(optimizer, 0.01, 1.0, total_iters=5 % of the steps), "
        "or norms before each block, x + block(norm(x))",
    )


def _uncorrected(trace: LoopEvidence, one: GroupFacts) -> Finding | None:
    kind = one.optimiser.lower()
    other = kind.startswith(("rms", "lion", "ada")) and "adam" not in kind
    if not (0 < one.second_momentum < 1) or other or middle(head(one.decay_share, 1)) > LARGE_PULL:
        return None
    wrong = (1 - one.momentum) / math.sqrt(1 - one.second_momentum)
    rate = next(iter(seen(one.learning_rate)), 0.0)
    if not (rate > 0 and wrong > TOO_FAR and trace.look_step and trace.look_step[0] == 0):
        return None
    moved = middle(part.update_ratio[0] * part.weight_rms[0] for part in trace.parts if part.update_ratio and part.weight_rms) / rate
    if not (moved > TOO_FAR and abs(moved / wrong - 1) < 1 / 3):
        return None
    return Finding(
        {"model": trace.model, "step": 0},
        saw=f"the first step of {one.optimiser} moved weights by {moved:.3g} times the rate of {rate:.3g}",
        expected=f"1 time the rate; {wrong:.3g} is (1 - {one.momentum:g}) / sqrt(1 - {one.second_momentum:g}): no bias correction",
        remedy="m_hat = m / (1 - beta1**t); v_hat = v / (1 - beta2**t), or torch.optim.Adam",
    )


def _rises(trace: LoopEvidence) -> bool:
    return any(len(seen(g.learning_rate)) > 1 and seen(g.learning_rate)[0] < 0.7 * max(seen(g.learning_rate)) for g in trace.groups)


def _is_delicate(trace: LoopEvidence) -> bool:
    blocks = sum(part.residual for part in trace.parts)
    return bool(trace.heads) or any(part.kind == "attention" for part in trace.parts) or blocks >= FEWEST_BLOCKS


@missing_warmup.bad
def adam_without_bias_correction() -> LoopEvidence:
    parts = chain(3, update_ratio=(3.1e-3 / 0.18,) * 20)
    return training(falling(1.0, 0.5), parts=parts, groups=group(1e-3, "MyAdam", momentum=0.9, second_momentum=0.999))


@missing_warmup.bad
def a_deep_network_at_full_rate() -> LoopEvidence:
    parts = chain(8, residual=True, update_ratio=(0.021,) * 20)
    return training(flat(0.99), parts=parts, groups=group(5e-3, "Adam", momentum=0.9, second_momentum=0.999))


@missing_warmup.good
def the_same_that_learns() -> LoopEvidence:
    parts = chain(8, residual=True, update_ratio=(0.021,) * 20)
    return training(falling(1.0, 0.5), parts=parts, groups=group(5e-3, "Adam", momentum=0.9, second_momentum=0.999))
