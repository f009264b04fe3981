"""How a network is trained: optimiser, rates, averages, precision and patience, with defaults by task size and optimiser."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace

from assay.core.errors import OptionError, nearest

# rate: Adam's and AdamW's from small tables and digits; the others as their authors or PyTorch start them
USUAL_RATES = {
    "adamw": 2e-3,
    "adam": 1e-3,
    "amsgrad": 1e-3,
    "nadam": 2e-3,
    "rmsprop": 1e-3,
    "sgd": 0.1,
    "momentum": 0.1,
    "nesterov": 0.1,
    "muon": 2e-3,
}
OPTIMISERS = tuple(USUAL_RATES)
DECOUPLED = ("adamw", "muon")
USUAL_DECAY = 0.05
SCHEDULES = ("warmup-cosine", "warmup-linear", "constant", "step", "exponential", "cosine", "one-cycle", "plateau")
DECAYS = ("decoupled", "gradient")
PRECISIONS = ("float32", "bf16", "fp16")
SHARDINGS = ("auto", "always", "never")
COMPILATIONS = ("never", "auto", "always")


@dataclass(frozen=True)
class Settings:
    """The knobs of the loop.

    Attributes:
        learning_rate: Peak of the schedule; "auto" for the range test's suggestion, None for the optimiser's usual one.
        weight_decay: Decay of matrices and embeddings; vectors (biases, norms) are spared. None: 0.05 for AdamW and Muon, else 0.
        batch_rows: Rows a step; None for a size by the number of training rows.
        epochs: At most so many; None for a number by the number of training rows.
        patience: Evaluations without a better validation loss after which training ends; None for a quarter of the epochs.
        warm_share: Share of all steps in which the rate rises (warm-up schedules and one-cycle).
        clip_norm: Largest 2-norm of a gradient; far above a healthy one, it only breaks falls. None: not clipped.
        restore: Put the best evaluation's weights back at the end.
        optimiser: One of `OPTIMISERS`; "sgd" has no momentum, "momentum" sums past gradients (v = m v + g), "nesterov" looks ahead.
        decay: "decoupled" shrinks weights by rate x decay beside the step; "gradient" adds decay x weight to the gradient, which
            adaptive optimisers then rescale. None: decoupled for AdamW and Muon, gradient (PyTorch's own meaning) for the others.
        momentum: Of momentum, nesterov and muon, and RMSProp's (None: 0.9, 0.9, 0.95 and 0).
        betas: Decay of the averages of gradient and squared gradient; None: 0.9 and 0.999, for RMSProp's squares 0.9.
        epsilon: Added to the root of the squared gradients' average.
        schedule: One of `SCHEDULES`.
        floor_share: Where warm-up and cosine schedules end, as a share of the peak.
        gamma: Factor of "step", "exponential" (each epoch) and "plateau".
        period_epochs: Epochs between steps of "step" (None: a third of all), evaluations that "plateau" waits (None: 3).
        clip_value: Largest size of a gradient's entry; None: not clipped.
        accumulate: A step's batch goes through the network in so many pieces, for less memory; the step stays the same.
        average: Decay of an exponential moving average of the weights, such as 0.999, which is then evaluated and kept; None: none.
        precision: "bf16" computes in bfloat16 (autocast), "fp16" on CUDA only with a scaled loss; weights stay float32.
        compile: "always" compiles the network, "auto" where the measured time to come is worth the wait.
        max_steps: At most so many steps; None: no limit but `epochs`.
        evaluate_every: Steps between evaluations; None: each epoch.
        threads: Of the CPU; "auto" takes one for small steps and measures one against all for large ones.
        evaluated_rows: At most so many examples of a part are evaluated; None: all.
        measure_train: Evaluate training rows too; False: the mean of the step losses stands for their loss.
        shard: Of several processes each holds a part of every weight, for networks that do not fit one device: "auto" where they would
            take more than half of a CUDA device, "always", "never".
    """

    learning_rate: float | str | None = None
    weight_decay: float | None = None
    batch_rows: int | None = None
    epochs: int | None = None
    patience: int | None = None
    warm_share: float = 0.1
    clip_norm: float | None = 10.0
    restore: bool = True
    optimiser: str = "adamw"
    decay: str | None = None
    momentum: float | None = None
    betas: tuple[float, float] | None = None
    epsilon: float = 1e-8
    schedule: str = "warmup-cosine"
    floor_share: float = 0.01
    gamma: float = 0.1
    period_epochs: int | None = None
    clip_value: float | None = None
    accumulate: int = 1
    average: float | None = None
    precision: str = "float32"
    compile: str = "never"
    max_steps: int | None = None
    evaluate_every: int | None = None
    threads: int | str = "auto"
    evaluated_rows: int | None = 8_192
    measure_train: bool = True
    shard: str = "auto"

    def __post_init__(self) -> None:
        """Refuse what no training could mean."""
        _among("optimiser", self.optimiser, OPTIMISERS)
        _among("schedule", self.schedule, SCHEDULES)
        _among("precision", self.precision, PRECISIONS)
        _among("compile", self.compile, COMPILATIONS)
        _among("shard", self.shard, SHARDINGS)
        if self.decay is not None:
            _among("decay", self.decay, DECAYS)
            if self.decay == "gradient" and self.optimiser in DECOUPLED:
                raise OptionError(f"decay 'gradient' with {self.optimiser!r}, whose decay is decoupled; take optimiser 'adam'")
        for name in ("learning_rate", "threads"):
            value = getattr(self, name)
            if isinstance(value, str) and value != "auto":
                raise OptionError(f"{name} is {value!r}; accepted are numbers and 'auto'")
        self._check_sizes()

    def _check_sizes(self) -> None:
        for name in ("batch_rows", "epochs", "accumulate", "max_steps", "evaluate_every", "threads", "evaluated_rows", "period_epochs"):
            value = getattr(self, name)
            if isinstance(value, int) and value < 1:
                raise OptionError(f"{name} is {value}; accepted are whole numbers from 1")
        for name in ("learning_rate", "clip_norm", "clip_value", "epsilon"):
            value = getattr(self, name)
            if isinstance(value, int | float) and not (value > 0 and math.isfinite(value)):
                raise OptionError(f"{name} is {value:g}; accepted are numbers above 0")
        shares = [(name, getattr(self, name)) for name in ("momentum", "average", "warm_share", "floor_share")]
        for name, share in [*shares, *(("betas", beta) for beta in self.betas or ())]:
            if share is not None and not 0 <= share < 1:
                raise OptionError(f"{name} is {share:g}; accepted are numbers from 0 to below 1")
        if self.weight_decay is not None and not (self.weight_decay >= 0 and math.isfinite(self.weight_decay)):
            raise OptionError(f"weight_decay is {self.weight_decay:g}; accepted are numbers from 0")
        if not 0 < self.gamma <= 1:
            raise OptionError(f"gamma is {self.gamma:g}; accepted are numbers above 0 up to 1")

    @property
    def peak(self) -> float:
        """The peak learning rate, the optimiser's usual one where none is set."""
        return self.learning_rate if isinstance(self.learning_rate, int | float) else USUAL_RATES[self.optimiser]

    @property
    def decay_kind(self) -> str:
        """How weights decay: "decoupled" or "gradient"."""
        return self.decay or ("decoupled" if self.optimiser in DECOUPLED else "gradient")

    def filled(self, rows: int) -> Settings:
        """The same with every open knob set for so many training rows; "auto" stays.

        Example:
            >>> Settings().filled(120).batch_rows, Settings().filled(39_000).batch_rows
            (32, 512)
        """
        batch = self.batch_rows or min(512, max(32, 2 ** round(math.log2(max(rows, 1) / 64))))
        epochs = self.epochs or min(100, max(12, 800_000 // max(rows, 1)))
        if self.max_steps is not None and self.epochs is None:
            epochs = max(1, math.ceil(self.max_steps / max(1, math.ceil(rows / batch))))
        patience = self.patience if self.patience is not None else max(6, epochs // 4)
        rate = self.peak if self.learning_rate is None else self.learning_rate
        usual = USUAL_DECAY if self.optimiser in DECOUPLED else 0.0
        decay = self.weight_decay if self.weight_decay is not None else usual
        return replace(self, batch_rows=batch, epochs=epochs, patience=patience, learning_rate=rate, weight_decay=decay)

    def rate(self, step: int, steps: int) -> float:
        """The learning rate of a step (0-based) out of all steps planned."""
        warm = max(1, round(self.warm_share * steps))
        if step < warm:
            return self.peak * (step + 1) / warm
        along = (step - warm) / max(1, steps - warm)
        return self.peak * (0.01 + 0.99 * 0.5 * (1.0 + math.cos(math.pi * min(1.0, along))))


def _among(what: str, value: str, known: Iterable[str]) -> None:
    if value not in known:
        raise OptionError(f"no {what} {value!r}; {nearest(value, known)}")
