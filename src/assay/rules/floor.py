"""Is there anything left to learn? Reads the watcher's test of a plain learner on rows that it kept."""

from __future__ import annotations

import math

from assay.core.loop_evidence import LoopEvidence
from assay.rules.course import course

SURE_P = 0.01
FEWEST_ROWS = 100
NOTHING_SHARE = 0.1


def was_tested(loop: LoopEvidence) -> bool:
    """Enough rows were kept for the test to mean something."""
    return loop.floor.rows >= FEWEST_ROWS


def shortfall(loop: LoopEvidence) -> float:
    """Share of the best constant's loss that neighbours in the inputs win and the model, at present, does not; nan where unknown.

    The neighbours' share is of variance, the model's of its own loss; of squared error they are the same, and of code lengths the
    model's is the larger for equal knowledge of noisy targets, so that little is overlooked and nothing made up.
    """
    seen = course(loop)
    if seen is None or not was_tested(loop) or loop.floor.target_p > SURE_P or not loop.opening > 0:
        return math.nan
    # losses of softened targets never come near 0; what the model's outputs explain of the same rows does not mind
    known = max(seen.learned_share, loop.floor.model_share)
    return min(1.0, loop.floor.target_share) - known


def inputs_tell(loop: LoopEvidence) -> bool | None:
    """Inputs surely tell something of the targets; False: nothing that shows, and under a tenth; None: not known."""
    if not was_tested(loop):
        return None
    if loop.floor.target_p <= SURE_P:
        return True if loop.floor.target_share > 0 else None
    return False if loop.floor.target_share < NOTHING_SHARE else None
