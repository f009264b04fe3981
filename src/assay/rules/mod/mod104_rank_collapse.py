"""MOD104 rank-collapse."""

from __future__ import annotations

from collections.abc import Iterator

from assay.core.finding import Finding, Severity
from assay.core.loop_evidence import LoopEvidence
from assay.core.loop_parts import LayerLooks
from assay.core.rule import rule
from assay.rules.course import course
from assay.rules.depth import hidden, name
from assay.rules.example_training import chain, falling, flat, steady, training
from assay.rules.series import head, middle, tail

ALIKE_UNITS = 0.95
ALIKE_ROWS = 0.999
FEWEST_UNITS = 8
FEWEST_LOOKS = 3


@rule("MOD104", "rank-collapse", severity=Severity.WARNING, since="0.2")
def rank_collapse(trace: LoopEvidence) -> Iterator[Finding]:
    """A hidden layer's units have become copies of one another, or all rows (tokens) look alike to it.

    Why it matters: What is behind such a layer sees one number in place of many; depth and width are paid for and not used.
    How it is detected: In the last three deep looks, in a hidden layer of at least 8 units: the mean absolute correlation between units
        over rows is over .95, or the mean cosine between rows is over .999; while the loss is within 5 % of knowing nothing.
    Remedy: A skip connection around each block and a norm before it; for attention never without its feed-forward part. Drawn anew
        at a smaller rate where the steps did it.
    Limits: Units may be alike where one number is all that there is to know; so a training that learns is never named. Units that were
        born alike are `symmetric-init`.
    References: Dong, Cordonnier and Loukas 2021, Attention is not all you need: pure attention loses rank; Martens et al. 2021.
    """
    way = course(trace)
    if way is None or not way.is_stuck or len(trace.deep_step) < FEWEST_LOOKS:
        return
    for part in hidden(trace):
        if part.units < FEWEST_UNITS or part.birth_twins > 0.25 or not (said := _collapsed(part)):
            continue
        yield Finding(
            {"model": trace.model, "layer": name(part), "step": trace.deep_step[-min(FEWEST_LOOKS, len(trace.deep_step))]},
            saw=f"{said}; loss {way.now:.4g} after {way.steps:,} steps, {way.reference:.4g} for knowing nothing",
            expected=f"correlations under {ALIKE_UNITS:g} and cosines under {ALIKE_ROWS:g}",
            remedy="x = x + block(norm(x)) around each block"
            if _from_birth(part)
            else "a tenth of the rate, and x = x + block(norm(x)) around each block",
        )
        return


def _collapsed(part: LayerLooks) -> str:
    units, rows = tail(part.unit_similarity, FEWEST_LOOKS), tail(part.row_similarity, FEWEST_LOOKS)
    if len(units) == FEWEST_LOOKS and min(units) > ALIKE_UNITS:
        first = middle(head(part.unit_similarity))
        return f"the {part.units} units of {name(part)} are correlated by {middle(units):.3f} over rows, {first:.3f} at first"
    if len(rows) == FEWEST_LOOKS and min(rows) > ALIKE_ROWS:
        return f"rows have a cosine of {middle(rows):.4f} in {name(part)}, {middle(head(part.row_similarity)):.4f} at first"
    return ""


def _from_birth(part: LayerLooks) -> bool:
    return middle(head(part.unit_similarity)) > ALIKE_UNITS or middle(head(part.row_similarity)) > ALIKE_ROWS


@rank_collapse.bad
def units_that_became_copies() -> LoopEvidence:
    return training(flat(0.99), parts=chain(3, unit_similarity=(0.2,) * 10 + (0.96,) * 10))


@rank_collapse.bad
def all_tokens_alike() -> LoopEvidence:
    return training(flat(0.99), parts=chain(3, row_similarity=steady(0.9991)))


@rank_collapse.good
def one_number_is_all_there_is() -> LoopEvidence:
    return training(falling(1.0, 0.1), parts=chain(3, unit_similarity=steady(0.97)))


@rank_collapse.good
def rows_of_a_deep_network_grow_alike() -> LoopEvidence:
    return training(flat(0.99), parts=chain(3, row_similarity=steady(0.976)))
