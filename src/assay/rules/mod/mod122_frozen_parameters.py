"""MOD122 frozen-parameters."""

from __future__ import annotations

from collections.abc import Iterator

from assay.core.finding import Finding, Severity
from assay.core.loop_evidence import LoopEvidence
from assay.core.loop_parts import LayerLooks, OutputFacts, ParameterFacts
from assay.core.rule import rule
from assay.rules.wiring import FEWEST_LOOKS, listed, never_trained, share_of_model


@rule("MOD122", "frozen-parameters", severity=Severity.ERROR, since="0.2")
def frozen_parameters(loop: LoopEvidence) -> Iterator[Finding]:
    """Weights that hold nothing but random numbers are never trained.

    Why it matters: The layer passes noise on for good. The loss still falls, since the other layers make what they can of it, so that
        nothing but the accuracy shows it. A layer that is not registered is not saved either.
    How it is detected: Exactly, from each tensor: that no step has changed it, and why: no parameter group holds it; it asks for no
        gradient; the loss's graph does not reach it though the forward pass does; or the graph reaches a tensor that is not among the
        model's parameters and that no optimiser moves. Only layers whose weights look as they were drawn count: layers that were
        learned elsewhere and are frozen on purpose do not. All weights at once: the loss has no graph, or gradients are gone at the step.
    Remedy: By cause: build the optimiser from model.parameters() after the last change to the model; requires_grad_(True); no detach,
        .data, numpy or no_grad on the way; keep layers in nn.ModuleList, not in a list.
    Limits: Layers frozen at random on purpose (random features) are named. Layers drawn by another law than PyTorch's and then frozen
        cannot be told from learned ones, and are not. A layer never called is not named.
    References: PyTorch, issues 14467 and 75943 by their symptoms; the test is the definition.
    """
    yield from _everything(loop)
    if len(loop.look_step) < FEWEST_LOOKS:
        return
    for cause, found in never_trained(loop).items():
        names = [p.name for p in found]
        numbers = sum(p.size for p in found)
        of_model = f" ({share_of_model(loop, found):.1%} of the model)" if found[0].in_model else ""
        yield Finding(
            {"model": loop.model, "layer": found[0].layer or found[0].name},
            saw=f"{listed(names)}: {numbers:,} numbers{of_model} unchanged after {loop.steps:,} steps: {cause.seen}",
            expected="every randomly drawn weight moved by the optimiser",
            remedy=cause.remedy.format(layer=found[0].layer or "layer", names=listed(names)),
        )


def _everything(loop: LoopEvidence) -> Iterator[Finding]:
    if loop.output.detached:
        saw = f"a loss without a graph in {loop.steps:,} steps: no parameter can get a gradient"
        remedy = "compute the loss from the model's outputs: no .item(), .detach(), .data, numpy or torch.no_grad() between"
    elif loop.steps >= 10 and loop.steps_without_gradient > loop.steps / 2:
        saw = f"no gradient in any parameter at {loop.steps_without_gradient:,} of {loop.steps:,} steps of the optimiser"
        remedy = "call optimizer.zero_grad() before loss.backward() or after optimizer.step(), not between; call loss.backward()"
    else:
        return
    yield Finding({"model": loop.model}, saw=saw, expected="a gradient at every step", remedy=remedy)


def _loop(parameter: ParameterFacts, *, drawn: bool = True) -> LoopEvidence:
    other = ParameterFacts("head.weight", "head", 640)
    parts = (LayerLooks("body", "linear", order=0, birth_drawn=drawn), LayerLooks("head", "linear", order=1, birth_drawn=True))
    return LoopEvidence("net", "bits", 3.3, (), steps=12, look_step=(0, 4, 8), parts=parts, parameters=(parameter, other))


@frozen_parameters.bad
def not_in_the_optimiser() -> LoopEvidence:
    return _loop(ParameterFacts("body.weight", "body", 4096, optimisers=0, moved=False))


@frozen_parameters.bad
def asks_for_no_gradient() -> LoopEvidence:
    return _loop(ParameterFacts("body.weight", "body", 4096, requires_grad=False, graded=0.0, moved=False))


@frozen_parameters.bad
def cut_from_the_graph() -> LoopEvidence:
    return _loop(ParameterFacts("body.weight", "body", 4096, in_graph=False, graded=0.0, moved=False))


@frozen_parameters.bad
def not_registered() -> LoopEvidence:
    name = "not in the model, shape (10, 5)"
    return _loop(ParameterFacts(name, "", 50, in_model=False, optimisers=0, in_graph=True, moved=False))


@frozen_parameters.bad
def gradients_zeroed_between_backward_and_step() -> LoopEvidence:
    return LoopEvidence("net", "bits", 3.3, (), steps=10, steps_without_gradient=10)


@frozen_parameters.bad
def no_graph_at_all() -> LoopEvidence:
    return LoopEvidence("net", "bits", 3.3, (), steps=1, output=OutputFacts(detached=True))


@frozen_parameters.good
def a_backbone_learned_elsewhere() -> LoopEvidence:
    return _loop(ParameterFacts("body.weight", "body", 4096, requires_grad=False, optimisers=0, graded=0.0, moved=False), drawn=False)


@frozen_parameters.good
def moved_by_an_optimiser_that_is_not_watched() -> LoopEvidence:
    return _loop(ParameterFacts("body.weight", "body", 4096, optimisers=0))
