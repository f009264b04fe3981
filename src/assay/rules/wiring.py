"""Which layers hold only random numbers, which parameters stand still and why, and how many names fit into a sentence."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum

from assay.core.loop_evidence import LoopEvidence
from assay.core.loop_parts import LayerLooks, ParameterFacts

FEWEST_LOOKS = 3
SURELY_TOLD = 1_024
WITHOUT_DRAW = frozenset({"norm", "other"})


class Stillness(Enum):
    """Why a parameter stands still: what was seen, and the line to change."""

    FOREIGN = (
        "no parameter group holds them, and the optimiser holds tensors that are not the model's",
        "build the optimiser from model.parameters() after the model has its last layers: optimizer = Optimizer(model.parameters(), ...)",
    )
    LEFT_OUT = (
        "no parameter group of the optimiser holds them",
        "optimizer.add_param_group({{'params': model.{layer}.parameters()}}), or build the optimiser from model.parameters()",
    )
    SWITCHED_OFF = ("requires_grad is False", "model.{layer}.requires_grad_(True)")
    CUT = (
        "the loss's graph does not reach them, though the forward pass goes through the layer",
        "take away what cuts the graph behind {layer}: .detach(), .data, .item(), numpy, argmax or torch.no_grad()",
    )
    UNREGISTERED = (
        "the loss depends on them, but model.parameters() does not list them",
        "register the layer: keep it in nn.ModuleList, nn.ModuleDict or an attribute of the model, not in a list or dict",
    )

    @property
    def seen(self) -> str:
        """What was seen, in words."""
        return self.value[0]

    @property
    def remedy(self) -> str:
        """The line to change, with {layer} to fill in."""
        return self.value[1]


def random_layers(loop: LoopEvidence) -> dict[str, LayerLooks]:
    """By name, the layers whose weights were drawn and hold nothing learned; norms, born at 1 and 0, are none of them."""
    return {p.name: p for p in loop.parts if p.birth_drawn and p.kind not in WITHOUT_DRAW}


def never_trained(loop: LoopEvidence) -> dict[Stillness, list[ParameterFacts]]:
    """Weights that no step has changed although they hold nothing learned, by the reason."""
    drawn = random_layers(loop)
    foreign = any(p.optimisers and not p.in_model and not p.in_graph for p in loop.parameters)
    found: dict[Stillness, list[ParameterFacts]] = {}
    for one in loop.parameters:
        why = None
        if one.in_model and not one.moved and one.layer in drawn and not _is_bias(one):
            why = _reason(one, foreign=foreign, called=drawn[one.layer].order >= 0)
        elif not one.in_model and one.in_graph and one.requires_grad and not one.optimisers and not one.moved:
            why = Stillness.UNREGISTERED
        if why is not None:
            found.setdefault(why, []).append(one)
    return {why: ones for why, ones in found.items() if why is Stillness.UNREGISTERED or not _are_learned(loop, ones)}


def _are_learned(loop: LoopEvidence, drawn: Sequence[ParameterFacts]) -> bool:
    """Whether what looks drawn is a few small tensors, which cannot be told from learned ones, among larger ones that are learned."""
    if max(p.size for p in drawn) >= SURELY_TOLD:
        return False
    matrices = {p.name for p in loop.parts if p.kind not in WITHOUT_DRAW}
    still = sum(p.size for p in loop.parameters if p.in_model and not p.moved and p.layer in matrices and not _is_bias(p))
    return sum(p.size for p in drawn) < still / 2


def _reason(one: ParameterFacts, *, foreign: bool, called: bool) -> Stillness | None:
    if not called:
        return None
    if not one.requires_grad:
        return Stillness.SWITCHED_OFF
    if one.in_graph is False:
        return Stillness.CUT
    if one.optimisers == 0:
        return Stillness.FOREIGN if foreign else Stillness.LEFT_OUT
    return None


def _is_bias(one: ParameterFacts) -> bool:
    return one.size < 2 or "bias" in one.name.rpartition(".")[2]


def share_of_model(loop: LoopEvidence, parameters: Sequence[ParameterFacts]) -> float:
    """Share of the model's numbers that these hold."""
    total = sum(p.size for p in loop.parameters if p.in_model)
    return sum(p.size for p in parameters) / total if total else 0.0


def listed(names: Sequence[str], most: int = 3) -> str:
    """Up to `most` names, and how many more there are.

    Example:
        >>> listed(("a", "b", "c", "d", "e"))
        'a, b, c and 2 more'
    """
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
