"""What follows from what: which findings a fault explains, and which of several leaders is told first."""

from __future__ import annotations

UNLEARNED = ("loss-stuck-at-prior", "underfitting", "rank-collapse", "plateau-vs-floor", "idle-layer", "attention-sink-or-uniform")
"""What any fault that keeps a network from learning looks like from outside."""

ROUGH = ("nan-inf", "exploding-gradient", "dead-relu", "saturated-activation", "oscillating-loss", "loss-spike", "vanishing-gradient")
"""What steps that are too large do."""

CONSEQUENCES: dict[str, tuple[str, ...]] = {
    "symmetric-init": (*UNLEARNED, "vanishing-gradient", "dead-relu", "lr-too-low", "init-too-small"),
    "init-too-large": (*UNLEARNED, *ROUGH, "lr-too-high", "gradient-clipping-bites"),
    "init-too-small": (*UNLEARNED, "vanishing-gradient", "lr-too-low"),
    "unnormalised-inputs": (*UNLEARNED, *ROUGH, "lr-too-high", "lr-too-low", "gradient-clipping-bites", "init-too-large"),
    "missing-warmup": (*UNLEARNED, *ROUGH, "lr-too-high"),
    "lr-too-high": (*UNLEARNED, *ROUGH),
    "exploding-gradient": (*UNLEARNED, "nan-inf", "dead-relu", "oscillating-loss", "loss-spike", "lr-too-high", "gradient-clipping-bites"),
    "nan-inf": (*UNLEARNED, "exploding-gradient", "loss-spike", "dead-relu", "lr-too-high"),
    "vanishing-gradient": (*UNLEARNED, "lr-too-low", "saturated-activation"),
    "dead-relu": (*UNLEARNED, "vanishing-gradient", "lr-too-low"),
    "saturated-activation": (*UNLEARNED, "vanishing-gradient", "lr-too-low"),
    "weight-decay-too-strong": (*UNLEARNED, "vanishing-gradient", "dead-relu", "oscillating-loss", "lr-too-high"),
    "gradient-clipping-bites": (*UNLEARNED, "lr-too-low"),
    "lr-too-low": UNLEARNED,
    "oscillating-loss": UNLEARNED,
    "overfitting": ("memorising-layer",),
}
"""Rule -> rules whose findings follow from it."""

RANK: tuple[str, ...] = (
    "symmetric-init",
    "unnormalised-inputs",
    "init-too-large",
    "init-too-small",
    "missing-warmup",
    "weight-decay-too-strong",
    "gradient-clipping-bites",
    "lr-too-high",
    "nan-inf",
    "exploding-gradient",
    "saturated-activation",
    "dead-relu",
    "vanishing-gradient",
    "lr-too-low",
    "oscillating-loss",
    "loss-stuck-at-prior",
    "rank-collapse",
)
"""Leaders, the most specific first."""
