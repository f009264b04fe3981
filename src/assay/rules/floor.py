"""Is there anything left to learn? Reads the watcher's test of a plain learner on rows that it kept."""

from __future__ import annotations

from assay.core.loop_evidence import LoopEvidence

SURE_P = 0.01
FEWEST_ROWS = 100


def was_tested(loop: LoopEvidence) -> bool:
    """Enough rows were kept for the test to mean something."""
    return loop.floor.rows >= FEWEST_ROWS


def leaves_signal(loop: LoopEvidence, share: float) -> bool:
    """Inputs surely tell at least this share of what the model leaves."""
    return was_tested(loop) and loop.floor.residual_p <= SURE_P and loop.floor.residual_share >= share


def inputs_tell(loop: LoopEvidence) -> bool | None:
    """Inputs surely tell something of the targets; False: surely less than 2 %; None: not known."""
    if not was_tested(loop):
        return None
    if loop.floor.target_p <= SURE_P and loop.floor.target_share > 0:
        return True
    return False if loop.floor.target_share < 0.02 else None
