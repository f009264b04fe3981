"""TRN120 plateau-vs-floor."""

from __future__ import annotations

from collections.abc import Iterator

from assay.core.finding import Finding, Severity
from assay.core.loop_evidence import LoopEvidence
from assay.core.loop_parts import FloorFacts
from assay.core.rule import rule
from assay.rules.course import course, levels
from assay.rules.example_training import falling, flat, training

SURE = 0.01
NOTHING = 0.2
WORTH = 0.1
FEWEST_ROWS = 100
FEWEST_STEPS = 100
STILL = 0.01


@rule("TRN120", "plateau-vs-floor", severity=Severity.NOTE, since="0.2")
def plateau_vs_floor(trace: LoopEvidence) -> Iterator[Finding]:
    """The loss has stopped falling: either it is at its noise floor, or it is stuck above it.

    Why it matters: At the floor more training buys nothing; above it the network or the steps are at fault, not the data.
    How it is detected: The second half of the training lies within 1 % of the loss of knowing nothing of the first's last quarter, and
        the recent batches have no trend beyond 3 standard errors. Then nearest neighbours in the inputs try to tell the model's
        residuals: p under .01 and at least a tenth of what the model leaves is a plateau; p over .2 is the floor.
    Remedy: On a plateau: more width, another rate, or features that the neighbours use and the model does not. At the floor: stop;
        only better inputs help.
    Limits: Neighbours find smooth relations in a few inputs; what they miss (parity, long sequences) is called floor.
    References: Stone 1977, Consistent Nonparametric Regression; Devroye et al. 2003, estimating the minimum mean squared error.
    """
    way, floor = course(trace), trace.floor
    if way is None or floor.rows < FEWEST_ROWS or trace.steps < FEWEST_STEPS or way.is_falling:
        return
    parts = levels(trace)
    if len(parts) < 8 or parts[3] - parts[-1] > STILL * abs(way.reference) or way.has_risen:
        return
    told = f"the loss has stayed at {way.now:.4g} {trace.unit} since step {trace.steps // 2:,}; neighbours in the inputs tell "
    share = f"{floor.residual_share:.1%} of what the model leaves ({floor.rows:,} rows, p {floor.residual_p:.2g})"
    if floor.residual_p < SURE and floor.residual_share > WORTH:
        yield Finding(
            {"model": trace.model, "step": trace.steps // 2},
            saw=told + share,
            expected=f"under {WORTH:.0%} at the floor of the noise: it is stuck above it",
            remedy="double the width of the hidden layers, or train at a third and at three times the rate",
        )
    elif floor.residual_p > NOTHING:
        yield Finding(
            {"model": trace.model, "step": trace.steps // 2},
            saw=told + share,
            expected=f"at least {WORTH:.0%} if anything were left to learn: it is at the floor of the noise",
            remedy="stop here; only inputs that tell more about the target lower the loss",
        )


@plateau_vs_floor.blind
def no_rows_kept(trace: LoopEvidence) -> str:
    return "" if trace.floor.rows >= FEWEST_ROWS else f"fewer than {FEWEST_ROWS} rows with targets and outputs were kept"


def _at_rest(share: float, p: float) -> LoopEvidence:
    return training(flat(0.7, 400), floor=FloorFacts(200, 0.5, 0.001, share, p, 0.3))


@plateau_vs_floor.bad
def stuck_above_the_floor() -> LoopEvidence:
    return _at_rest(0.11, 0.009)


@plateau_vs_floor.bad
def at_the_floor_of_the_noise() -> LoopEvidence:
    return _at_rest(0.0, 0.5)


@plateau_vs_floor.good
def still_on_its_way() -> LoopEvidence:
    return training(falling(1.0, 0.3), floor=FloorFacts(200, 0.5, 0.001, 0.3, 0.001, 0.3))


@plateau_vs_floor.good
def nobody_can_say() -> LoopEvidence:
    return _at_rest(0.05, 0.05)
