"""MOD123 target-shape-broadcast."""

from __future__ import annotations

from collections.abc import Iterator

from assay.core.finding import Finding, Severity
from assay.core.loop_evidence import LoopEvidence
from assay.core.loop_parts import OutputFacts
from assay.core.rule import rule


@rule("MOD123", "target-shape-broadcast", severity=Severity.ERROR, since="0.2")
def target_shape_broadcast(loop: LoopEvidence) -> Iterator[Finding]:
    """Outputs and targets of different shapes were stretched against each other: every output was compared with every target.

    Why it matters: Against (rows, rows) instead of (rows,) each output is pulled to the mean of the batch's targets. The loss falls to
        the targets' variance and stays there, without any error message where the loss is written by hand.
    How it is detected: Exactly, by shapes: what the loss compared is larger than the outputs and than the targets.
    Remedy: Give both one shape: outputs.squeeze(1), or targets.unsqueeze(1).
    Limits: In a batch of one row both shapes compare alike. Where only one side is stretched, as one output for three targets, nothing
        is named. All pairs compared on purpose by subtraction, as in some contrastive losses, would be named.
    References: NumPy, General Broadcasting Rules; PyTorch warns in mse_loss for the same case.
    """
    out = loop.output
    if not out.broadcast_shape:
        return
    yield Finding(
        {"model": loop.model},
        saw=f"outputs {_said(out.shape)} and targets {_said(out.target_shape)} compared as {_said(out.broadcast_shape)}",
        expected=f"targets of the outputs' shape {_said(out.shape)}",
        remedy=_remedy(out),
    )


def _said(shape: tuple[int, ...]) -> str:
    """A shape with the batch axis by name; (rows, 1)."""
    words = ["rows" if n == 0 else str(n) for n in shape]
    return f"({', '.join(words)}{',' if len(words) == 1 else ''})"


def _remedy(out: OutputFacts) -> str:
    if len(out.shape) > len(out.target_shape):
        return f"loss = loss_fn(outputs.squeeze({len(out.shape) - 1}), targets), or targets.unsqueeze({len(out.shape) - 1})"
    return f"loss = loss_fn(outputs, targets.squeeze({max(1, len(out.target_shape) - 1)}))"


@target_shape_broadcast.blind
def no_shapes(loop: LoopEvidence) -> str:
    return "" if loop.output.shape else "no outputs were seen"


@target_shape_broadcast.bad
def a_column_against_a_vector() -> LoopEvidence:
    output = OutputFacts(loss="squared", shape=(0, 1), target_shape=(0,), broadcast_shape=(0, 0))
    return LoopEvidence("net", "squared error", 1.0, (), steps=1, output=output)


@target_shape_broadcast.bad
def a_vector_against_a_column() -> LoopEvidence:
    output = OutputFacts(loss="own", shape=(0,), target_shape=(0, 1), broadcast_shape=(0, 0))
    return LoopEvidence("net", "squared error", 1.0, (), steps=1, output=output)


@target_shape_broadcast.good
def shapes_that_differ_but_were_made_equal_before() -> LoopEvidence:
    output = OutputFacts(loss="squared", shape=(0, 1), target_shape=(0,))
    return LoopEvidence("net", "squared error", 1.0, (), steps=1, output=output)
