"""MOD124 batchnorm-tiny-batch."""

from __future__ import annotations

import math
from collections.abc import Iterator

from assay.core.finding import Finding, Severity
from assay.core.loop_evidence import LoopEvidence
from assay.core.loop_parts import ModeFacts
from assay.core.rule import rule

FEWEST_ROWS = 8


@rule("MOD124", "batchnorm-tiny-batch", severity=Severity.WARNING, since="0.2")
def batchnorm_tiny_batch(loop: LoopEvidence) -> Iterator[Finding]:
    """Batch norm divides by a spread that it estimates from a handful of rows.

    Why it matters: The spread of n values is known to 1 / sqrt(2 (n - 1)) of itself: 71 % for two rows, 41 % for four, 27 % for eight. A
        row's output then depends on which rows came with it, and what was learned does not hold with the running averages of evaluation.
    How it is detected: Rows of a batch, times the root of the places that a convolution adds (neighbouring places tell much the same),
        are under 8 for the batch norm that sees fewest, while it is in training mode.
    Remedy: Norms that look at one row: nn.GroupNorm for images, nn.LayerNorm else; or larger batches.
    Limits: The number of places that count is a rule of thumb. A last, shorter batch of an epoch does not count.
    References: Wu and He 2018, Group Normalization, figure 1 and table 4; Ioffe 2017, Batch Renormalization.
    """
    modes = loop.modes
    rows, places = modes.norm_batch, modes.norm_rows / max(1, modes.norm_batch)
    if not modes.batch_norms or rows < 1 or modes.eval_steps >= 1.0:
        return
    counted = rows * math.sqrt(max(1.0, places))
    if counted >= FEWEST_ROWS:
        return
    unsure = f"known to {1 / math.sqrt(2 * (modes.norm_rows - 1)):.0%} of itself" if modes.norm_rows > 1 else "not known at all"
    over = f" and {places:.0f} places" if places > 1 else ""
    yield Finding(
        {"model": loop.model},
        saw=f"{modes.batch_norms} batch norms in batches of {rows} rows{over}: a spread {unsure} at best",
        expected=f"at least {FEWEST_ROWS} rows, where it is known to 27 %",
        remedy="nn.GroupNorm(groups, channels) in place of each BatchNorm2d, nn.LayerNorm(width) of each BatchNorm1d; or larger batches",
    )


@batchnorm_tiny_batch.blind
def norm_not_seen(loop: LoopEvidence) -> str:
    return "no forward pass through batch norm was seen" if loop.modes.batch_norms and not loop.modes.norm_batch else ""


def _loop(rows: int, places: int = 1, **modes: float) -> LoopEvidence:
    facts = ModeFacts(batch_norms=2, norm_rows=rows * places, norm_batch=rows, **modes)  # type: ignore[arg-type]
    return LoopEvidence("net", "bits", 1.0, (), steps=1, modes=facts)


@batchnorm_tiny_batch.bad
def seven_rows() -> LoopEvidence:
    return _loop(7)


@batchnorm_tiny_batch.bad
def two_images_of_three_by_three() -> LoopEvidence:
    return _loop(2, 9)


@batchnorm_tiny_batch.good
def eight_rows() -> LoopEvidence:
    return _loop(8)


@batchnorm_tiny_batch.good
def two_images_of_sixteen_places_and_more() -> LoopEvidence:
    return _loop(2, 16)


@batchnorm_tiny_batch.good
def norms_kept_at_what_they_learned_elsewhere() -> LoopEvidence:
    return _loop(2, eval_steps=1.0)
