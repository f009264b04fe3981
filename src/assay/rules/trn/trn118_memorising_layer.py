"""TRN118 memorising-layer."""

from __future__ import annotations

from collections.abc import Iterator

from assay.core.finding import Finding, Severity
from assay.core.loop_evidence import LoopEvidence
from assay.core.rule import rule
from assay.rules.example_training import chain, falling, training

MOST = 0.25
FEWEST_LOOKS = 20


@rule("TRN118", "memorising-layer", severity=Severity.NOTE, since="0.2")
def memorising_layer(trace: LoopEvidence) -> Iterator[Finding]:
    """A layer's steps lower the loss on training rows and raise it on held-out ones.

    Why it matters: What it learned holds for the training rows alone; it is the place for dropout, decay or a smaller width.
    How it is detected: Each look books the first-order change of the loss that a layer's step makes, on training rows and on held-out
        rows. Named where, after 20 looks, a layer booked a rise on held-out rows, and it has at least a quarter of what all layers
        booked on training rows. At most the one with the largest rise is named.
    Remedy: Dropout behind that layer, weight decay for its group, fewer units, or an earlier stop.
    Limits: First order only, so it overstates what a large step brings. Early layers of a network that is later stopped at its best
        epoch may be named though the kept weights are sound.
    References: The booking is the definition; see Arpit et al. 2017, A Closer Look at Memorization in Deep Networks.
    """
    trained, held = dict(trace.trained_booked), dict(trace.held_out_booked)
    whole = -sum(min(0.0, change) for change in trained.values())
    if len(trace.look_step) < FEWEST_LOOKS or whole <= 0 or not held:
        return
    raised = [(held[layer], layer) for layer in held if held[layer] > 0 and -trained.get(layer, 0.0) > MOST * whole]
    if not raised:
        return
    rise, layer = max(raised)
    yield Finding(
        {"model": trace.model, "layer": layer or "the model itself"},
        saw=f"steps of {layer or 'the model itself'} lowered the loss on training rows by {-trained[layer]:.3g} and raised it on held-out "
        f"rows by {rise:.3g} {trace.unit}, in {len(trace.look_step)} looks",
        expected="a fall on both",
        remedy="nn.Dropout(0.3) behind it, or its own group with weight_decay=1e-2, or stop earlier",
    )


@memorising_layer.blind
def no_held_out_rows(trace: LoopEvidence) -> str:
    return "" if trace.held_out_booked else "no held-out rows were given"


def _booked(held: float) -> LoopEvidence:
    return training(
        falling(1.0, 0.1),
        parts=chain(3),
        trained_booked=(("layers.0", -1.0), ("layers.1", -1.0)),
        held_out_booked=(("layers.0", held), ("layers.1", -0.5)),
    )


@memorising_layer.bad
def a_layer_that_raises_what_is_held_out() -> LoopEvidence:
    return _booked(0.01)


@memorising_layer.good
def a_layer_that_carries_over_a_little() -> LoopEvidence:
    return _booked(-0.01)
