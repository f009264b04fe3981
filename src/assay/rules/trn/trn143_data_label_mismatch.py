"""TRN143 data-label-mismatch."""

from __future__ import annotations

from collections.abc import Iterator

from assay.core.finding import Finding, Severity
from assay.core.loop_evidence import LoopEvidence, Window
from assay.core.loop_parts import BatchFacts, FloorFacts
from assay.core.rule import rule
from assay.rules.course import course
from assay.rules.floor import inputs_tell

FEWEST_STEPS = 40
FEWEST_STEPS_OF_TOKENS = 120
LEARNED_SHARE = 0.03


@rule("TRN143", "data-label-mismatch", severity=Severity.ERROR, since="0.2")
def data_label_mismatch(loop: LoopEvidence) -> Iterator[Finding]:
    """The targets have nothing to do with the inputs they stand beside.

    Why it matters: Inputs shuffled without their labels, a file list sorted another way than its table, labels off by a row: nothing can
        be learned but the rows by heart, and the optimiser is blamed.
    How it is detected: Nearest neighbours in the inputs tell under a tenth of the targets, with a p-value over .01 by shuffled targets, on
        100 rows and more; and the model agrees: after 40 steps (120 of tokens) it has won under 3 % of the
        opening loss, or wins on training rows what validation rows do not keep. Or all targets seen in a whole epoch are one and the same.
    Remedy: Show ten rows with their labels; shuffle inputs and labels with one permutation; join by a key, not by place.
    Limits: Relations that no neighbour shows (parity, order of tokens) look like none while the model has not learned them. True
        noise, where inputs know nothing, gives the same picture.
    References: Zhang et al. 2017, Understanding Deep Learning Requires Rethinking Generalization (random labels); Cover and Hart 1967.
    """
    constant = _constant_target(loop)
    if constant:
        yield Finding(
            {"model": loop.model}, saw=constant, expected="targets that differ", remedy="look at how the targets are read and cut"
        )
        return
    seen = course(loop)
    floor = loop.floor
    fewest = FEWEST_STEPS_OF_TOKENS if loop.batch.input_kind == "tokens" else FEWEST_STEPS
    if seen is None or loop.steps < fewest or inputs_tell(loop) is not False:
        return
    stuck = seen.learned_share < LEARNED_SHARE
    by_heart = bool(loop.valid_loss) and min(loop.valid_loss) > (1 - LEARNED_SHARE) * seen.reference
    if not (stuck or by_heart):
        return
    model = f"the model won {seen.learned_share:.1%} of the opening loss on training rows" + (
        ", nothing on validation rows" if by_heart else ""
    )
    yield Finding(
        {"model": loop.model},
        saw=f"neighbours in the inputs tell {max(0.0, floor.target_share):.1%} of the targets over {floor.rows:,} rows "
        f"(p {floor.target_p:.2f} of no relation); {model} in {loop.steps:,} steps",
        expected="inputs that tell something of their targets (p under 0.01)",
        remedy="order = torch.randperm(n); inputs, targets = inputs[order], targets[order]: one order for both; then look at ten pairs",
    )


def _constant_target(loop: LoopEvidence) -> str:
    batch = loop.batch
    enough = loop.epoch_step and batch.batches_seen >= 8 and batch.rows * batch.batches_seen >= 200
    if not enough:
        return ""
    if batch.target_kind in ("classes", "one-hot", "binary") and batch.classes == 1:
        return f"1 class in {batch.batches_seen} batches of {batch.rows} rows"
    if batch.target_kind == "numbers" and batch.target_min == batch.target_max:
        return f"the target {batch.target_min:g} alone in {batch.batches_seen} batches of {batch.rows} rows"
    return ""


@data_label_mismatch.blind
def not_tested(loop: LoopEvidence) -> str:
    return "" if loop.floor.rows or loop.batch.target_kind else "inputs, targets and outputs were not seen together"


def _loop(now: float, floor: FloorFacts, valid: tuple[float, ...] = (), batch: BatchFacts | None = None) -> LoopEvidence:
    windows = (Window(0, 60, now, 0.02, now, now),)
    recent, known = (now, now + 0.01) * 30, batch or BatchFacts()
    return LoopEvidence(
        "net",
        "bits",
        1.0,
        (),
        valid,
        steps=60,
        windows=windows,
        early_loss=recent,
        recent_loss=recent,
        floor=floor,
        batch=known,
        epoch_step=(59,),
    )


@data_label_mismatch.bad
def labels_shuffled_alone() -> LoopEvidence:
    return _loop(0.975, FloorFacts(rows=100, target_share=0.09, target_p=0.02))


@data_label_mismatch.bad
def learned_by_heart_only() -> LoopEvidence:
    return _loop(0.4, FloorFacts(rows=300, target_share=-0.01, target_p=0.6), valid=(1.1, 1.4))


@data_label_mismatch.bad
def one_class_in_a_whole_epoch() -> LoopEvidence:
    return _loop(0.01, FloorFacts(), batch=BatchFacts(rows=25, target_kind="classes", classes=1, batches_seen=8))


@data_label_mismatch.good
def noisy_labels() -> LoopEvidence:
    return _loop(0.99, FloorFacts(rows=700, target_share=0.02, target_p=0.01))


@data_label_mismatch.good
def a_relation_that_only_the_model_finds() -> LoopEvidence:
    return _loop(0.8, FloorFacts(rows=700, target_share=0.0, target_p=0.5), valid=(0.9, 0.85))
