"""What follows from what: which findings a fault explains, and which of several leaders is told first."""

from __future__ import annotations

UNLEARNED = ("loss-stuck-at-prior", "underfitting", "rank-collapse", "plateau-vs-floor", "idle-layer", "attention-sink-or-uniform")
"""What any fault that keeps a network from learning looks like from outside."""

ROUGH = ("nan-inf", "exploding-gradient", "dead-relu", "saturated-activation", "oscillating-loss", "loss-spike", "vanishing-gradient")
"""What steps that are too large do."""

RATES = ("lr-too-high", "lr-too-low")

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
    "target-shape-broadcast": (*UNLEARNED, *ROUGH, "lr-too-low", "data-label-mismatch", "wrong-loss-for-output", "init-too-small"),
    "double-softmax": (*UNLEARNED, "vanishing-gradient", "lr-too-low", "wrong-loss-for-output", "data-label-mismatch", "init-too-small"),
    "wrong-loss-for-output": (*UNLEARNED, *ROUGH, *RATES, "data-label-mismatch", "overfitting", "init-too-small", "init-too-large"),
    "frozen-parameters": (*UNLEARNED, *ROUGH, *RATES, "data-label-mismatch", "embedding-never-updated", "stale-scheduler"),
    "forgot-zero-grad": (*UNLEARNED, *ROUGH, *RATES, "gradient-clipping-bites", "overfitting", "data-label-mismatch"),
    "forgot-train": ("overfitting", "memorising-layer", "oscillating-loss", "loss-spike"),
    "forgot-eval": ("train-valid-leak",),
    "unshuffled-data": (
        *UNLEARNED,
        *ROUGH,
        *RATES,
        "overfitting",
        "train-valid-leak",
        "data-label-mismatch",
        "memorising-layer",
        "init-too-small",
    ),
    "batchnorm-tiny-batch": (*UNLEARNED, *ROUGH, *RATES, "overfitting", "data-label-mismatch"),
    "dropout-too-high": (*UNLEARNED, *ROUGH, "lr-too-low", "train-valid-leak", "data-label-mismatch"),
    "stale-scheduler": (*UNLEARNED, "lr-too-low", "data-label-mismatch"),
    "duplicated-parameters-groups": (*ROUGH, "lr-too-high"),
    "embedding-never-updated": UNLEARNED,
    "data-label-mismatch": (*UNLEARNED, *ROUGH, "lr-too-low", "overfitting", "memorising-layer", "train-valid-leak", "init-too-small"),
    "underfitting": ("plateau-vs-floor", "idle-layer"),
    "loss-stuck-at-prior": ("underfitting", "plateau-vs-floor", "idle-layer"),
}
"""Rule -> rules whose findings follow from it."""

RANK: tuple[str, ...] = (
    "target-shape-broadcast",
    "double-softmax",
    "wrong-loss-for-output",
    "frozen-parameters",
    "forgot-zero-grad",
    "duplicated-parameters-groups",
    "stale-scheduler",
    "batchnorm-tiny-batch",
    "dropout-too-high",
    "unshuffled-data",
    "forgot-train",
    "forgot-eval",
    "embedding-never-updated",
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
    "data-label-mismatch",
    "saturated-activation",
    "dead-relu",
    "vanishing-gradient",
    "lr-too-low",
    "oscillating-loss",
    "overfitting",
    "loss-stuck-at-prior",
    "rank-collapse",
)
"""Leaders, the most specific first."""
