"""MOD126 duplicated-parameters-groups."""

from __future__ import annotations

from collections.abc import Iterator

from assay.core.finding import Finding, Severity
from assay.core.loop_evidence import LoopEvidence
from assay.core.loop_parts import ParameterFacts
from assay.core.rule import rule
from assay.rules.wiring import listed, share_of_model


@rule("MOD126", "duplicated-parameters-groups", severity=Severity.WARNING, since="0.2")
def duplicated_parameters_groups(loop: LoopEvidence) -> Iterator[Finding]:
    """A parameter stands in several parameter groups or optimisers.

    Why it matters: It takes several steps for one gradient, at several rates, with several memories of its past: an effective rate that
        nobody set. Weight decay counts twice as well.
    How it is detected: Exactly: the number of groups, over all watched optimisers, that hold the tensor.
    Remedy: Give each parameter to one group; leave the head out of the body's group by its name.
    Limits: Optimisers that take turns on one tensor on purpose, as some adversarial trainings do, are named too.
    References: PyTorch, torch.optim, "Per-parameter options"; the count is the definition.
    """
    found = [p for p in loop.parameters if p.optimisers > 1]
    if not found:
        return
    most = max(p.optimisers for p in found)
    yield Finding(
        {"model": loop.model, "layer": found[0].layer or found[0].name},
        saw=f"{listed([p.name for p in found])} ({share_of_model(loop, found):.1%} of the model) in up to {most} parameter groups",
        expected="each parameter in 1 group of 1 optimiser",
        remedy=f"leave {found[0].name} out of all groups but one: [p for n, p in model.named_parameters() if n != {found[0].name!r}]",
    )


@duplicated_parameters_groups.bad
def one_bias_in_two_optimisers() -> LoopEvidence:
    parameters = (ParameterFacts("body.weight", "body", 4096), ParameterFacts("head.bias", "head", 10, optimisers=2))
    return LoopEvidence("net", "bits", 3.3, (), parameters=parameters)


@duplicated_parameters_groups.good
def one_group_each() -> LoopEvidence:
    return LoopEvidence("net", "bits", 3.3, (), parameters=(ParameterFacts("body.weight", "body", 4096),))
