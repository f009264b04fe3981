"""TRN101 nan-inf."""

from __future__ import annotations

import math
from collections.abc import Iterator

from assay.core.finding import Finding, Severity
from assay.core.loop_evidence import LoopEvidence
from assay.core.loop_parts import BatchFacts, ParameterFacts
from assay.core.rule import rule
from assay.core.trace_evidence import TraceEvidence
from assay.rules.example_training import chain, falling, training
from assay.rules.nonfinite import born_nonfinite


@rule("TRN101", "nan-inf", severity=Severity.ERROR, since="0.1")
def nan_inf(trace: TraceEvidence) -> Iterator[Finding]:
    """A loss, a gradient or an input of the training is not a finite number.

    Why it matters: One NaN in a gradient makes every weight NaN at the next step; what the loop then saves is noise that
        predicts with a straight face. A non-finite input does the same to every row of its batch.
    How it is detected: An exact test of the loss and of the gradient's norm in every step, before the optimiser moves a weight,
        and of the number inputs of all training rows as the first layer is fed them. The place is the first of: an input
        column, the loss, the layer nearest the output whose gradient is not finite. In a watched loop also the weights, the outputs
        and the targets; the cause is the inputs or targets where they hold such values, the rate where the loss had grown threefold or
        layers moved by over half of their size before, else the operation at that place.
    Remedy: An input column: fill or drop its NaN and infinities before the network. The loss: look at the target, and take
        logarithms of clipped values. A gradient: lower the learning rate tenfold, then look at divisions and square roots near 0.
    Limits: It names where the first non-finite number was seen, which may lie after the operation that made it. Assay's own
        MLP fills holes before the first layer, so there an input cannot be the cause.
    References: IEEE 754 arithmetic; the count is the definition.
    """
    if isinstance(trace, LoopEvidence):
        yield from born_nonfinite(trace)
        return
    if trace.nonfinite_step >= 0:
        epoch = trace.nonfinite_step // max(1, trace.steps_per_epoch) + 1
        yield Finding(
            {"model": trace.model, "step": trace.nonfinite_step, "epoch": epoch},
            saw=f"a value that is not finite in {trace.nonfinite_where or 'the loss'} at step {trace.nonfinite_step:,} (epoch {epoch})",
            expected=f"finite losses and gradients in all steps; {len(trace.train_loss)} whole epochs were finite before",
            remedy=_remedy(trace.nonfinite_where),
        )
    elif trace.nonfinite_rows > 0:
        yield Finding(
            {"model": trace.model, "rows_count": trace.nonfinite_rows},
            saw=f"{trace.nonfinite_rows:,} of {trace.train_rows:,} training rows with an input that is not finite",
            expected="0 rows",
            remedy="fill or drop what is not finite before the network",
        )
    else:
        wrong = [i for i, loss in enumerate(trace.train_loss) if not math.isfinite(loss)]
        if wrong:
            yield Finding(
                {"model": trace.model, "epoch": wrong[0] + 1},
                saw=f"a training loss that is not finite after epoch {wrong[0] + 1}",
                expected=f"a finite loss after each of {len(trace.train_loss)} epochs",
                remedy=_remedy("loss"),
            )


def _remedy(where: str) -> str:
    if where.startswith("input column"):
        return f"fill or drop what is not finite in {where.removeprefix('input ')}"
    if where.startswith("gradient"):
        return "lower the learning rate tenfold; then look for divisions, roots and logarithms near 0 in that layer"
    return "look at the target for values that are not finite; then lower the learning rate tenfold"


@nan_inf.bad
def the_very_first_gradient() -> TraceEvidence:
    return TraceEvidence("mlp", "bits/row", 1.0, (), nonfinite_step=0, nonfinite_where="gradient of hidden 1", stopped="nonfinite")


@nan_inf.bad
def one_row_of_a_million_fed_an_infinity() -> TraceEvidence:
    return TraceEvidence("mlp", "bits/row", 1.0, (0.9, 0.8), (0.9, 0.8), train_rows=1_000_000, nonfinite_rows=1)


@nan_inf.bad
def a_strangers_last_loss() -> TraceEvidence:
    return TraceEvidence("stranger", "bits/row", 1.0, (0.9, float("nan")))


@nan_inf.good
def a_loss_that_is_huge_but_finite() -> TraceEvidence:
    return TraceEvidence("mlp", "squared error/row", 1e30, (1e38, 9e37), (1e38, 1e38), steps_per_epoch=10, train_rows=100)


@nan_inf.bad
def one_input_of_a_watched_loop() -> TraceEvidence:
    return training(falling(1.0, 0.5), parts=chain(3), batch=BatchFacts(rows=32, nonfinite_inputs=1))


@nan_inf.bad
def one_weight_of_a_watched_loop() -> TraceEvidence:
    return training(falling(1.0, 0.5), parameters=(ParameterFacts("layers.0.weight", "layers.0", 64, nonfinite=True),))


@nan_inf.good
def a_step_that_a_gradient_scaler_skipped() -> TraceEvidence:
    return training(falling(1.0, 0.5), nonfinite_step=0, nonfinite_where="gradient of layers.0", nonfinite_gradients=(9.0, 0.0))
